"""Emitted expressions evaluated on terms, as Python means them."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NoReturn, TypeVar

from pgcheck.checker.generated import integers
from pgcheck.checker.generated.idioms import ite, meant
from pgcheck.checker.generated.integers import Number, Unknown, chosen, known, shifted, unsigned
from pgcheck.checker.generated.traced import Flow, Traced
from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import FALSE, OPERATORS, TRUE, Term, conjunction, land, lnot, lor, mask, mk, select
from pgcheck.models.symbolic import NEXT_PC

T = TypeVar("T")
NEXT: Final = "R.next"
_BINARY: Final[Mapping[type[ast.operator], Callable[[Number, Number], Number]]] = {
    ast.Add: integers.add,
    ast.Sub: integers.sub,
    ast.Mult: integers.mul,
    ast.FloorDiv: integers.divided,
    ast.Mod: integers.remainder,
    ast.BitAnd: integers.conjoined,
    ast.BitOr: integers.united,
    ast.BitXor: integers.differing,
    ast.LShift: integers.left,
    ast.RShift: integers.right,
}
_MODULO: Final[Mapping[type[ast.operator], str]] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.BitAnd: "and",
    ast.BitXor: "xor",
}
_COMPARED: Final[Mapping[type[ast.cmpop], tuple[str, bool, bool]]] = {
    ast.Lt: ("lt", False, False),
    ast.LtE: ("le", False, False),
    ast.Gt: ("lt", True, False),
    ast.GtE: ("le", True, False),
    ast.Eq: ("eq", False, False),
    ast.NotEq: ("eq", False, True),
}


@dataclass(slots=True)
class Expressions(ABC):
    """Evaluates expressions on the state of `done`; `escapes` are what must not be: (what, when)."""

    machine: Machine
    done: Traced
    escapes: list[tuple[str, Term]] = field(default_factory=list)
    nested: int = 0
    """How many conditions the evaluation is under, within one expression."""

    @abstractmethod
    def call(self, call: ast.Call) -> list[Number]:
        """The results of a call."""

    @property
    def flow(self) -> Flow:
        flow = self.done.frame
        assert isinstance(flow, Flow)
        return flow

    def escape(self, what: str, when: Term) -> None:
        """Note what must not be on the current path."""
        here = land(conjunction(self.done.path), land(self.flow.alive, when))
        if here is not FALSE:
            self.escapes.append((what, here))

    def fitted(self, number: Number, width: int, what: str) -> Term:
        """A number as a vector of `width` bits, which it has to be."""
        self.escape(f"{what} is no number of {width or 1} bits", number.beyond(width))
        return number.modulo(width) if width else number.truth

    def array(self, name: str) -> ArrayLeaf:
        return self.machine.state.arrays[name]

    def index(self, leaf: ArrayLeaf, place: ast.expr) -> Term:
        return self.fitted(self.number(place), leaf.index_width, f"an index of {leaf.name}")

    @contextmanager
    def under(self, guard: Term) -> Iterator[None]:
        """What is evaluated only where `guard` holds."""
        self.done.path.append(guard)
        self.nested += 1
        yield
        self.nested -= 1
        self.done.path.pop()

    def either(self, guard: Term, a: Callable[[], T], b: Callable[[], T], join: Callable[[Term, T, T], T]) -> T:
        """One of two values, of which only one is evaluated."""
        if guard.is_constant:
            return a() if guard is TRUE else b()
        with self.under(guard):
            first = a()
        with self.under(lnot(guard)):
            return join(guard, first, b())

    def truth(self, node: ast.expr) -> Term:
        """Whether an expression is true."""
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return lnot(self.truth(inner))
            case ast.BoolOp(op=op, values=values):
                found = self.truth(values[0])
                for value in values[1:]:
                    further = partial(self.truth, value)
                    if isinstance(op, ast.And):
                        found = self.either(found, further, lambda: FALSE, _and)
                    else:
                        found = self.either(found, lambda: TRUE, further, _or)
                return found
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.either(self.truth(test), lambda: self.truth(body), lambda: self.truth(orelse), ite)
            case ast.Compare(left=left, ops=ops, comparators=values):
                numbers = [self.number(value) for value in (left, *values)]
                return conjunction(_compared(op, a, b) for op, a, b in zip(ops, numbers, numbers[1:], strict=False))
        return self.number(node).truth

    def number(self, node: ast.expr) -> Number:
        """The integer that an expression is."""
        match node:
            case ast.Constant(value=bool() | int() as value):
                return known(int(value))
            case ast.Name(id=name):
                found = self.flow.numbers.get(name)
                if found is None:
                    raise Unknown(f"the variable {name}, which may be unbound")
                return found
            case ast.Subscript(value=ast.Name(id="S"), slice=ast.Constant(value=str(name))):
                return unsigned(self.flow.state[name])
            case ast.Subscript(
                value=ast.Subscript(value=ast.Name(id="S"), slice=ast.Constant(value=str(name))), slice=at
            ):
                leaf = self.array(name)
                index = self.index(leaf, at)
                self.done.indexed(name, index, write=False)
                return unsigned(select(self.flow.state[name], index))
            case ast.Attribute() if ast.unparse(node) == NEXT:
                return unsigned(self.flow.state[NEXT_PC])
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return integers.negative(self.number(inner))
            case ast.UnaryOp(op=ast.Invert(), operand=inner):
                return integers.inverted(self.number(inner))
            case ast.UnaryOp(op=ast.Not()) | ast.Compare():
                return Number(self.truth(node), 0, 1)
            case ast.BoolOp(op=op, values=values):
                return self.junction(op, self.number(values[0]), values[1:])
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.either(self.truth(test), lambda: self.number(body), lambda: self.number(orelse), chosen)
            case ast.BinOp():
                return self.binary(node)
            case ast.Call(func=ast.Attribute(value=ast.Subscript(value=ast.Name(id="OPERATORS")), attr="python")):
                return self.operator(node)
            case ast.Call() if not self.nested:
                results = self.call(node)
                if len(results) == 1:
                    return results[0]
        unknown(node)

    def junction(self, op: ast.boolop, first: Number, rest: Sequence[ast.expr]) -> Number:
        """`and` and `or` give the operand that decides."""
        if not rest:
            return first
        following = lambda: self.junction(op, self.number(rest[0]), rest[1:])  # noqa: E731
        if isinstance(op, ast.And):
            return self.either(first.truth, following, lambda: first, chosen)
        return self.either(first.truth, lambda: first, following, chosen)

    def binary(self, node: ast.BinOp) -> Number:
        for masked, other in ((node.right, node.left), (node.left, node.right)):
            if isinstance(node.op, ast.BitAnd) and isinstance(masked, ast.Constant) and isinstance(masked.value, int):
                width = masked.value.bit_length()
                if masked.value > 0 and masked.value == mask(width):
                    return unsigned(self.modulo(other, width))
        operator = _BINARY.get(type(node.op))
        if operator is None:
            unknown(node.op)
        a, b = self.number(node.left), self.number(node.right)
        if isinstance(node.op, (ast.FloorDiv, ast.Mod)):
            self.escape("a division by 0", lnot(b.truth))
        return operator(a, b)

    def modulo(self, node: ast.expr, width: int) -> Term:
        """An expression modulo 2**width, which sums, products, shifts to the left and bitwise operators are of their parts."""
        match node:
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _MODULO:
                return meant(_MODULO[type(op)], width, self.modulo(left, width), self.modulo(right, width))
            case ast.BinOp(left=left, op=ast.LShift(), right=right):
                places = self.number(right)
                if places.low < 0:
                    raise Unknown("a shift by what may be negative")
                return shifted(self.modulo(left, width), places, left=True)
            case ast.BinOp(left=left, op=ast.RShift(), right=ast.Constant(value=int(places))):
                return integers.bits_from(self.number(left), places, width)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return mk("neg", width, self.modulo(inner, width))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.either(
                    self.truth(test), lambda: self.modulo(body, width), lambda: self.modulo(orelse, width), ite
                )
        return self.number(node).modulo(width)

    def operator(self, node: ast.Call) -> Number:
        """A row of the operator table."""
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Subscript(slice=ast.Constant(value=str(op)))),
                args=[ast.Constant(value=int(width)), ast.Tuple(elts=widths), data, *args],
            ) if op in OPERATORS and ast.unparse(data) == "None":
                wide = [w.value for w in widths if isinstance(w, ast.Constant) and isinstance(w.value, int)]
                given = [
                    self.fitted(self.number(a), w, f"an argument of {op}") for a, w in zip(args, wide, strict=True)
                ]
                return unsigned(mk(op, width, *given))
        unknown(node)


def _and(guard: Term, a: Term, b: Term) -> Term:
    return land(guard, a)


def _or(guard: Term, a: Term, b: Term) -> Term:
    return lor(guard, b)


def _compared(op: ast.cmpop, a: Number, b: Number) -> Term:
    if type(op) not in _COMPARED:
        unknown(op)
    name, turned, negated = _COMPARED[type(op)]
    found = integers.compared(name, *((b, a) if turned else (a, b)))
    return lnot(found) if negated else found


def unknown(node: ast.AST) -> NoReturn:
    """Python that is not known here. Raises Unknown."""
    text = ast.unparse(node) if isinstance(node, (ast.expr, ast.stmt)) else ""
    raise Unknown(f"{type(node).__name__} {text[:60]}".strip())
