"""Every way a row ends in one mode, each with the condition for it: completion, traps by cause, and what else ends a step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

from pgcheck.checker.traps.condition import atoms
from pgcheck.isa.idl.types import Enum
from pgcheck.isa.machine.claims import COMPLETES
from pgcheck.isa.machine.machine import Instruction, Machine, Row
from pgcheck.isa.machine.once import once
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    apply,
    conjunction,
    constant,
    disjunction,
    eq,
    land,
    lnot,
    lor,
    operand,
    parameter,
    rewrite,
    select,
    substitute,
)
from pgcheck.isa.terms.ir import BUILTIN_EXITS, EXECUTE, HALT, TRANSLATE
from pgcheck.isa.terms.reads import free_leaves
from pgcheck.models.symbolic import FAULT, Execution, Exit, initial, perform

TRAPS: Final = "traps"
FEW: Final = 8  # atoms of what a fault of translation asks of the state


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """What a trap is: its terminator, the values of that's enum arguments by name, and its kind."""

    function: str
    members: tuple[str, ...] = ()
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.function}({', '.join(self.members)})"

    def called(self, name: str) -> bool:
        """Whether a name means this cause: that of the terminator, of the enum values, or both."""
        return name in (str(self), self.function, *self.members)


@dataclass(frozen=True, slots=True, order=True)
class Way:
    """A way to end: `what` it is, and for a trap the causes; several are those of a translation's fault, of which memory decides."""

    what: str
    causes: tuple[Cause, ...] = ()

    def __str__(self) -> str:
        return " | ".join(map(str, self.causes)) or self.what


@dataclass(frozen=True, slots=True)
class Step:
    """A step in one mode: the condition of each way to end, what is known of state and operands, and when each CSR is read and written."""

    ways: Mapping[Way, Term]
    known: tuple[Term, ...]
    accessed: Mapping[str, Term]


class _Watched(Execution):
    """An execution that notes on which path it calls some functions."""

    def __init__(self, machine: Machine, mode: Term, operands: Mapping[str, Term], watched: frozenset[str]) -> None:
        super().__init__(machine, {**initial(machine), machine.modes.leaf: mode}, operands)
        self.watched = watched
        self.called: dict[str, Term] = {}

    def element(self, term: Term) -> Term:
        """An element as the array has it: of those that are hardwired that is among what is known."""
        leaf = self.machine.state.arrays[term.args[0].name.text]
        if not leaf.hardwired:
            return super().element(term)
        index = self.value(term.args[1])
        self.in_range(leaf, index)
        self.indexed(leaf.name, index, write=False)
        return select(self.frame.state[leaf.name], index)

    def call(self, name: str, args: tuple[Term, ...]) -> tuple[Term, ...]:
        if name in self.watched:
            here = land(conjunction(self.path), self.frame.alive)
            self.called[name] = lor(self.called.get(name, FALSE), here)
        return super().call(name, args)


def step(
    machine: Machine, instruction: Instruction, row: Row, mode: int, watched: frozenset[str] = frozenset()
) -> Step:
    """The step of a row that starts in a mode; `watched` are functions of which it is said when a step that completes has called them."""
    fixed = constant(machine.state.leaves[machine.modes.leaf].width, mode)
    operands = {
        name: constant(bits.width, row.value)
        if name == row.operand and row.value is not None
        else operand(bits.width, name)
        for name, bits in instruction.operands.items()
    }
    run = _Watched(machine, fixed, operands, watched)
    perform(run, instruction.body, instruction.length, instruction.encoding_term)
    chosen = operand(instruction.operands[row.operand].width, row.operand) if row.operand else TRUE
    canonical = (
        substitute([instruction.canonical], {chosen: operands[row.operand]})[0]
        if row.operand
        else instruction.canonical
    )
    others = frozenset(eq(chosen, constant(chosen.width, v)) for v in row.others)
    alive, *accessed = _faulting(machine, [run.frame.alive, *run.called.values()], others)
    ways = {Way(COMPLETES): alive}
    for way, guard in _ends(machine, run.exits, others):
        ways[way] = lor(ways.get(way, FALSE), guard)
    known = (*assumed(machine, mode), *_hardwired(machine), canonical, *map(lnot, sorted(others, key=str)))
    when = {name: land(alive, term) for name, term in zip(run.called, accessed, strict=True)}
    return Step({w: g for w, g in ways.items() if g is not FALSE}, tuple(t for t in known if t is not TRUE), when)


def assumed(machine: Machine, mode: int) -> tuple[Term, ...]:
    """What is known of every state in a mode: it is legal."""
    fixed = constant(machine.state.leaves[machine.modes.leaf].width, mode)
    lawful = (
        Execution(machine, {**initial(machine), machine.modes.leaf: fixed}, {}, cuts=False).value(t)
        for t in machine.legal
    )
    return tuple(t for t in lawful if t is not TRUE)


def said(machine: Machine, instruction: Instruction, condition: Term, mode: int) -> Term:
    """A condition of the specification over state and operands, in a mode."""
    operands = {name: operand(bits.width, name) for name, bits in instruction.operands.items()}
    fixed = constant(machine.state.leaves[machine.modes.leaf].width, mode)
    return _Watched(machine, fixed, operands, frozenset()).value(condition)


def _hardwired(machine: Machine) -> Iterator[Term]:
    """That elements which read as constants are these."""
    for leaf in machine.state.arrays.values():
        for index, value in leaf.hardwired:
            held = select(leaf.term, constant(leaf.index_width, index))
            yield eq(held, constant(held.width, value))


def _ends(machine: Machine, exits: list[Exit], others: frozenset[Term]) -> Iterator[tuple[Way, Term]]:
    """The ways of the exits, with their conditions; one way may come several times."""
    for e in exits:
        guard, *args = _faulting(machine, [e.guard, *e.args], others)
        if e.function == TRANSLATE:
            yield Way(TRAPS, faults(machine, tuple(args))), guard
        elif e.function in BUILTIN_EXITS:
            yield Way(e.function), guard
        else:
            for way, when in ends(machine, e.function, tuple(args)):
                yield way, land(guard, when)


def ends(machine: Machine, function: str, args: tuple[Term, ...]) -> Iterator[tuple[Way, Term]]:
    """The ways that a terminator with this payload is, with the condition on the payload."""
    rule = machine.code.exits[function]
    named = [(k, t) for k, (_, t) in enumerate(rule.parameters) if isinstance(t, Enum)]
    for members in product(*(t.members.items() for _, t in named)):
        when = conjunction(
            eq(args[k], constant(args[k].width, value)) for (k, _), (_, value) in zip(named, members, strict=True)
        )
        if when is FALSE:
            continue
        values = {k: value for (k, _), (_, value) in zip(named, members, strict=True)}
        kind = dict(rule.kinds).get(values[rule.selector], rule.kind) if rule.selector in values else rule.kind
        if kind in (EXECUTE, HALT):
            yield Way(f"{kind}s", (Cause(function, tuple(n for n, _ in members), kind),)), when
        else:
            yield Way(TRAPS, (Cause(function, tuple(n for n, _ in members), kind),)), when


# ---- faults of translation


class _Walk(Execution):
    """The translation's own body, that notes on which paths memory is read first."""

    read: Term = FALSE

    def load(self, address: Term, width: int) -> Term:
        here = land(conjunction(self.path), self.frame.alive)
        if not _loads(self.machine, here):
            self.read = lor(self.read, here)
        return super().load(address, width)


def _walked(machine: Machine, args: tuple[Term, ...]) -> _Walk:
    assert machine.code.translation is not None
    walk = _Walk(machine, initial(machine), {}, cuts=False)
    walk.call(machine.code.translation.function, args)
    return walk


@once
def _causes(machine: Machine, args: tuple[Term | None, ...]) -> tuple[Cause, ...]:
    """The causes of a translation that is asked with these arguments, of which None are any."""
    assert machine.code.translation is not None
    named = machine.code.functions[machine.code.translation.function].parameters
    free = tuple(parameter(w, n) if a is None else a for a, (n, w) in zip(args, named, strict=True))
    exits = (e for e in _walked(machine, free).exits if e.function in machine.code.exits)
    return tuple(sorted({way.causes[0] for e in exits for way, _ in ends(machine, e.function, e.args) if way.causes}))


def faults(machine: Machine, args: tuple[Term, ...]) -> tuple[Cause, ...]:
    """The causes that a fault of translation may have, asked with these arguments."""
    return _causes(machine, tuple(a if a.is_constant else None for a in args)) or (Cause(TRANSLATE, (), "memory"),)


@once
def _fault(machine: Machine, args: tuple[Term, ...]) -> Term:
    """When translation faults: as its body says where that reads no memory, else the oracle's answer, where the body can fault at all."""
    walk, oracle = _walked(machine, args), apply(0, FAULT, *args)
    guards = [e.guard for e in walk.exits]
    apart = [g for g in guards if not _loads(machine, g)]
    when = disjunction([walk.read, *apart])
    if len(atoms(when)) > FEW:
        return oracle
    exact = walk.read is FALSE and len(apart) == len(guards)
    return when if exact else land(when, oracle)


def _loads(machine: Machine, term: Term) -> bool:
    return machine.state.memory in free_leaves([term])


def _faulting(machine: Machine, terms: list[Term], others: frozenset[Term]) -> list[Term]:
    """Terms in which translation faults where its own body can, and what is in `others` is false."""

    def replace(term: Term, args: tuple[Term, ...]) -> Term | None:
        if term.op == "uf" and term.name == FAULT:
            return _fault(machine, args)
        return FALSE if term in others else None

    return rewrite(terms, replace)
