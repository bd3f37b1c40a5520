"""What lowered code can do, found without running it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache, reduce
from typing import Final

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term, local, mk, parameter, substitute, variable, walk
from pgcheck.isa.terms.ir import Block, Do, If, Raise, Return, SetElement, SetLeaf, SetLocal, SetNext, Store
from pgcheck.isa.terms.reads import bound_calls, terms_of


@dataclass(frozen=True, slots=True)
class Effects:
    """What a piece of code can do: leaves it reads and writes, exits it raises, and whether it does the rest."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    exits: frozenset[str] = frozenset()
    volatile: bool = False
    free: bool = False
    """Asks for a value of a nondeterministic site."""
    loads: bool = False
    stores: bool = False
    moves: bool = False
    """Sets where execution goes on."""

    def __or__(self, other: Effects) -> Effects:
        return Effects(*(getattr(self, f.name) | getattr(other, f.name) for f in fields(self)))


NOTHING: Final = Effects()


@cache
def _of_node(term: Term) -> Effects:
    """What a node does itself, calls aside."""
    if (leaf := term.leaf) is not None:
        return Effects(reads=frozenset((leaf,)))
    match term.op:
        case "volatile":
            return Effects(reads=frozenset((term.about,)), volatile=True)
        case "undefined" | "choice":
            return Effects(free=True)
        case "load":
            return Effects(loads=True)
    return NOTHING


class Facts:
    """The effects of the functions of a machine, with all that they call; a terminator's body is no part of the call that raises it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._functions: dict[str, Effects] = {}
        self._ends: dict[str, bool] = {}

    def function(self, name: str) -> Effects:
        known = self._functions.get(name)
        if known is None:
            known = self._functions[name] = self.block(self.machine.code.functions[name].body)
        return known

    def terms(self, terms: Iterable[Term]) -> Effects:
        found = NOTHING
        for term in walk(terms):
            effects = self.function(term.about) if term.op == "call" else _of_node(term)
            if effects is not NOTHING:
                found |= effects
        return found

    def block(self, block: Block) -> Effects:
        found = self.terms(terms_of(block))
        for name in bound_calls(block):
            found |= self.function(name)
        return reduce(Effects.__or__, (e for e in map(self._statement, block) if e is not NOTHING), found)

    def _statement(self, statement: object) -> Effects:
        match statement:
            case SetLeaf(leaf, _) | SetElement(leaf, _, _):
                return Effects(writes=frozenset((leaf,)))
            case SetNext():
                return Effects(moves=True)
            case Store():
                return Effects(stores=True)
            case Raise(function, _, _):
                return Effects(exits=frozenset((function,)))
            case If(_, then, orelse):
                inner = map(self._statement, (*then, *orelse))
                return reduce(Effects.__or__, (e for e in inner if e is not NOTHING), NOTHING)
        return NOTHING

    def returns(self, name: str) -> bool:
        """Whether a call of a function can come back."""
        known = self._ends.get(name)
        if known is None:
            known = self._ends[name] = not self.ends(self.machine.code.functions[name].body)
        return known

    def ends(self, block: Block) -> bool:
        """Whether a block surely ends in an exit."""
        for statement in block:
            match statement:
                case Raise():
                    return True
                case Do(call) if call.op == "call" and not self.returns(call.about):
                    return True
                case If(_, then, orelse) if self.ends(then) and self.ends(orelse):
                    return True
                case Return():
                    return False
                case If() if returning(statement):
                    return False
                case _:
                    pass
        return False


def returning(statement: If) -> bool:
    """Whether a return stands somewhere in a statement."""
    return any(
        isinstance(s, Return) or (isinstance(s, If) and returning(s)) for s in (*statement.then, *statement.orelse)
    )


class Mixed(Exception):
    """The result depends on the low bits of the address otherwise than by carrying them."""


class PageLinear:
    """Whether a function maps pages to pages.

    That is: for fixed other arguments and fixed state, if it comes back for one address of a page of 2**shift units and stores nothing, then it
    does for every address of the page, each result the same but for the offset of the address that it ends in, if it is `carried`. Shown on the
    code: no condition, load or call that comes back depends on the offset.
    """

    def __init__(self, facts: Facts, name: str, position: int, shift: int) -> None:
        self.facts, self.shift, self.count = facts, shift, 0
        function = facts.machine.code.functions[name]
        given, width = function.parameters[position]
        self.carried: tuple[bool, ...] = ()
        self.low = variable(shift, "offset")
        address = mk("concat", width, variable(width - shift, "page"), self.low)
        known = {local(w, n): parameter(w, n) for n, w in function.parameters}
        known[local(width, given)] = address
        try:
            self._block(function.body, known)
            self.holds = True
        except Mixed:
            self.holds = False

    def _fresh(self, width: int) -> Term:
        self.count += 1
        return variable(width, f"found{self.count}")

    def _term(self, term: Term, known: Mapping[Term, Term]) -> Term:
        """`term` under `known`, with fresh variables for what it finds in memory and by calls."""
        memo: dict[Term, Term] = {}
        for node in walk([term]):
            if node.op in ("call", "load"):
                self._free(substitute(node.args, dict(known), memo))
                memo[node] = self._fresh(node.width)
        return substitute([term], dict(known), memo)[0]

    def _free(self, terms: Iterable[Term]) -> None:
        if any(t is self.low for t in walk(terms)):
            raise Mixed

    def _block(self, block: Block, known: dict[Term, Term]) -> bool:
        """Follow a block, updating `known`; whether its end can be reached."""
        for statement in block:
            match statement:
                case If(condition, then, orelse):
                    self._free([self._term(condition, known)])
                    first, second = dict(known), dict(known)
                    goes = self._block(then, first), self._block(orelse, second)
                    if not any(goes):
                        return False
                    self._join(known, first if goes[0] else second, second if goes[1] else first)
                case Do(call) if call.op == "call" and not self.facts.returns(call.about):
                    return False
                case Raise():
                    return False
                case Return(results) if results:
                    found = tuple([self._carries(self._term(result, known)) for result in results])
                    if self.carried not in ((), found):
                        raise Mixed
                    self.carried = found
                    return False
                case SetLocal(name, value):
                    known[local(value.width, name)] = self._term(value, known)
                case Do(call):
                    self._term(call, known)
                case Store():
                    pass
                case _:
                    raise Mixed
        return True

    def _join(self, known: dict[Term, Term], first: Mapping[Term, Term], second: Mapping[Term, Term]) -> None:
        for name in {*first, *second}:
            a, b = first.get(name), second.get(name)
            if a is None or b is None:
                self._free([t for t in (a, b) if t is not None])
                known[name] = self._fresh(name.width)
            elif a is b:
                known[name] = a
            else:
                self._free((a, b))
                known[name] = self._fresh(name.width)

    def _carries(self, value: Term) -> bool:
        """Whether a result ends in the offset; where it does not it must not depend on it."""
        end = value
        while end.op in ("concat", "zext"):
            if end.op == "concat":
                self._free([end.args[0]])
            end = end.args[-1]
        if end is not self.low:
            self._free([value])
        return end is self.low
