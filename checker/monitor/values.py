"""Values with which the monitor's own Python runs on terms: integers that are terms, and the paths that their comparisons open.

A comparison of such values is a decision; the code is run once for every sequence of decisions that can be made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, TypeVar

from pgcheck.isa.idl.state import ArrayLeaf, Leaf
from pgcheck.isa.terms import (
    TRUE,
    Name,
    Term,
    conjunction,
    constant,
    eq,
    extract,
    ite,
    lnot,
    mk,
    select,
    store,
    variable,
)
from pgcheck.isa.terms.names import INDEX
from pgcheck.models.state import Cells

T = TypeVar("T")
_POISON = -(1 << 200)
MAX_PATHS = 4096


class TooManyPaths(Exception):
    """The code under proof has more ways than are followed."""


@dataclass(slots=True)
class _Run:
    """One run: the decisions to be made, and those made, each with its condition; `forced` ones had no other side."""

    prefix: tuple[bool, ...]
    taken: list[bool] = field(default_factory=list)
    forced: set[int] = field(default_factory=set)
    conditions: list[Term] = field(default_factory=list)
    known: dict[Term, bool] = field(default_factory=dict)


_current: list[_Run] = []
_possible: list[Callable[[list[Term]], bool] | None] = []


@dataclass(frozen=True, slots=True)
class Path(Generic[T]):
    """One way through the code: what was decided, and what came of it."""

    conditions: tuple[Term, ...]
    known: dict[Term, bool]
    outcome: T


def decide(condition: Term) -> bool:
    """Take one side of a condition; a constant, or what is known on this path, leaves no choice."""
    if condition.is_constant:
        return condition is TRUE
    if condition.op == "lnot":
        return not decide(condition.args[0])
    run = _current[-1]
    if condition in run.known:
        return run.known[condition]
    place = len(run.taken)
    possible = _possible[-1]
    if place < len(run.prefix):
        choice = run.prefix[place]
    elif possible is None:
        choice = True
    else:
        choice = possible([*run.conditions, condition])
        if not choice or not possible([*run.conditions, lnot(condition)]):
            run.forced.add(place)
    run.taken.append(choice)
    run.conditions.append(condition if choice else lnot(condition))
    run.known[condition] = choice
    return choice


def paths(code: Callable[[], T], possible: Callable[[list[Term]], bool] | None = None) -> Iterator[Path[T]]:
    """Every way through `code`, which starts afresh at each call; `possible` leaves out conditions that cannot be met.

    Raises TooManyPaths.
    """
    todo: list[tuple[bool, ...]] = [()]
    for _ in range(MAX_PATHS):
        if not todo:
            return
        run = _Run(todo.pop())
        _current.append(run)
        _possible.append(possible)
        try:
            outcome = code()
        finally:
            _current.pop()
            _possible.pop()
        todo += [
            (*run.taken[:place], not run.taken[place])
            for place in range(len(run.prefix), len(run.taken))
            if place not in run.forced
        ]
        yield Path(tuple(run.conditions), run.known, outcome)
    raise TooManyPaths(f"more than {MAX_PATHS} paths")


class Symbolic(int):
    """An unknown integer: a term read as two's complement, as wide as the value needs.

    It is an `int`, so that code for integers takes it; its own value means nothing. Equality and order decide; a dictionary
    compares keys by deciding too, since all have one hash.
    """

    term: Term
    origin: Term | None

    def __new__(cls, term: Term, origin: Term | None = None) -> Symbolic:
        made = int.__new__(cls, _POISON)
        made.term, made.origin = term, origin
        return made

    @classmethod
    def of(cls, term: Term) -> Symbolic:
        """The unsigned (or truth) value of a term."""
        return _unsigned(term)

    def bits(self, width: int) -> Term:
        """The low `width` bits; width 0 is whether the value is not 0."""
        if self.origin is not None and self.origin.width == width:
            return self.origin
        if width == 0:
            return lnot(eq(self.term, constant(self.term.width, 0)))
        return extract(wide(self.term, max(width, self.term.width)), width - 1, 0)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return f"<{self.term!r}>"

    def __bool__(self) -> bool:
        return decide(self.bits(0))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, int):
            return False
        if isinstance(other, Symbolic) and self.term is other.term:
            return True
        return decide(_same_value(*_alike(self, other)))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: int) -> bool:
        return decide(mk("slt", 0, *_alike(self, other)))

    def __le__(self, other: int) -> bool:
        return decide(mk("sle", 0, *_alike(self, other)))

    def __gt__(self, other: int) -> bool:
        return decide(mk("slt", 0, *_alike(other, self)))

    def __ge__(self, other: int) -> bool:
        return decide(mk("sle", 0, *_alike(other, self)))

    def __add__(self, other: int) -> Symbolic:
        return _wider("add", self, other)

    def __radd__(self, other: int) -> Symbolic:
        return _wider("add", other, self)

    def __sub__(self, other: int) -> Symbolic:
        return _wider("sub", self, other)

    def __rsub__(self, other: int) -> Symbolic:
        return _wider("sub", other, self)

    def __and__(self, other: int) -> Symbolic:
        if not isinstance(other, Symbolic):
            if other > 0 and not other & other + 1:
                ones = other.bit_length()
                return Symbolic(mk("zext", ones + 1, extract(wide(self.term, ones), ones - 1, 0)))
            zeros = (-other).bit_length() - 1
            if other < 0 and -other == 1 << zeros and 0 < zeros < self.term.width:
                return Symbolic(_shifted(extract(self.term, self.term.width - 1, zeros), zeros))
        return _same("and", self, other)

    def __or__(self, other: int) -> Symbolic:
        return _same("or", self, other)

    def __xor__(self, other: int) -> Symbolic:
        return _same("xor", self, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> Symbolic:
        return Symbolic(mk("not", self.term.width, self.term))

    def __neg__(self) -> Symbolic:
        return _wider("sub", 0, self)

    def __lshift__(self, other: int) -> Symbolic:
        count = _plain(other)
        return Symbolic(_shifted(self.term, count))

    def __rshift__(self, other: int) -> Symbolic:
        count = min(_plain(other), self.term.width - 1)
        return Symbolic(extract(self.term, self.term.width - 1, count))

    def __mul__(self, other: int) -> Symbolic:
        factor = _term(_plain(other))
        width = self.term.width + factor.width
        return Symbolic(mk("mul", width, wide(self.term, width), wide(factor, width)))

    __rmul__ = __mul__

    def __index__(self) -> int:
        raise TypeError("an unknown integer has no number")

    __int__ = __index__

    def _unsupported(self, *_: object) -> int:
        raise TypeError("an operation on an unknown integer that has no meaning in terms")

    for _name in ("floordiv", "rfloordiv", "mod", "rmod", "pow", "rlshift", "rrshift"):
        vars()[f"__{_name}__"] = _unsupported


@lru_cache(maxsize=1 << 16)
def _unsigned(term: Term) -> Symbolic:
    bit = ite(term, constant(1, 1), constant(1, 0)) if term.width == 0 else term
    return Symbolic(mk("zext", bit.width + 1, bit), term)


class Whole:
    """All that an unknown array holds, where code looks at the `fill` of an array: equality decides at one index of the leaf's own."""

    __slots__ = ("leaf", "term")

    def __init__(self, leaf: ArrayLeaf, term: Term) -> None:
        self.leaf, self.term = leaf, term

    def __eq__(self, other: object) -> bool:
        theirs = (
            other.term if isinstance(other, Whole) else self.leaf.holding(other) if isinstance(other, int) else None
        )
        if theirs is None:
            raise TypeError("an unknown array compared with something else")
        if self.term is theirs:
            return True
        index = variable(self.leaf.index_width, Name(INDEX, self.leaf.name))
        return decide(eq(select(self.term, index), select(theirs, index)))

    __hash__ = None  # type: ignore[assignment]


class Array(Cells):
    """An unknown array: no elements apart, and everything in its `fill`."""

    def __init__(self, leaf: ArrayLeaf, term: Term) -> None:
        super().__init__()
        self.leaf, self.term = leaf, term
        self.fill = Whole(leaf, term)  # type: ignore[assignment]

    def copy(self) -> Array:
        return Array(self.leaf, self.term)

    def __setitem__(self, index: int, value: int) -> None:
        width = self.leaf.index_width
        self.term = store(self.term, bits(index, width), bits(value, self.leaf.element_width))
        self.fill = Whole(self.leaf, self.term)  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cells) and not other and self.fill == other.fill

    __hash__ = None

    def __missing__(self, index: int) -> int:
        width = self.leaf.index_width
        return Symbolic.of(
            select(self.term, index.bits(width) if isinstance(index, Symbolic) else constant(width, index))
        )


def unequal(pairs: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    """The names of the pairs that differ; one decision where none does."""
    same = {name: _same_value(*_alike(a, b)) for name, (a, b) in pairs.items()}
    if not decide(conjunction(same.values())):
        yield from (name for name, term in same.items() if not decide(term))


def value(leaf: Leaf, term: Term) -> int | Cells:
    """The value of a leaf that a term stands for."""
    return Array(leaf, term) if isinstance(leaf, ArrayLeaf) else Symbolic.of(term)


def term_of(leaf: Leaf, held: int | Cells) -> Term:
    """The term that a value of a leaf stands for."""
    match held:
        case Array():
            return held.term
        case Cells():
            if held:
                raise TypeError(f"{leaf.name} was given single elements")
            return leaf.holding(held.fill)
        case Symbolic():
            return held.bits(leaf.width)
        case _:
            return constant(leaf.width, held)


def bits(number: int, width: int) -> Term:
    """The low bits of a number, known or not."""
    return number.bits(width) if isinstance(number, Symbolic) else constant(width, number)


def wide(term: Term, width: int) -> Term:
    """`term` sign-extended to `width`."""
    return term if term.width >= width else mk("sext", width, term)


def _shifted(term: Term, count: int) -> Term:
    """`term` with `count` zeros behind it."""
    return mk("concat", term.width + count, term, constant(count, 0)) if count else term


def _zeros(term: Term) -> int:
    """How many bits at the end of a term are 0, as it is written."""
    if term.is_constant:
        return (term.value & -term.value).bit_length() - 1 if term.value else term.width - 1
    match term.op:
        case "concat" if term.args[1].is_constant and not term.args[1].value:
            return term.args[1].width
        case "sext" | "zext":
            return min(_zeros(term.args[0]), term.args[0].width - 1)
    return 0


def _same_value(a: Term, b: Term) -> Term:
    """Equality of two terms of one width, written so that the same question is the same term."""
    zeros = min(_zeros(a), _zeros(b), a.width - 1)
    if zeros > 0:
        a, b = extract(a, a.width - 1, zeros), extract(b, b.width - 1, zeros)
    while (
        a.op == b.op
        and a.op in ("add", "sub", "sext", "zext")
        and a.args[1:] == b.args[1:]
        and a.args[0].width == b.args[0].width
    ):
        if a.op in ("add", "sub") and a.args[0].width != a.width:
            break
        a, b = a.args[0], b.args[0]
    return eq(a, b)


def _plain(number: int) -> int:
    if isinstance(number, Symbolic):
        raise TypeError("a shift by an unknown number, or a product of two")
    return number


def _term(number: int) -> Term:
    return number.term if isinstance(number, Symbolic) else constant(number.bit_length() + 1, number)


def _alike(a: int, b: int) -> tuple[Term, Term]:
    """Both as terms of one width; two leaves of one sort are compared as they are."""
    if isinstance(a, Symbolic) and isinstance(b, Symbolic) and a.origin is not None and b.origin is not None:
        if a.origin.width == b.origin.width == 0:
            return a.origin, b.origin
    x, y = _term(a), _term(b)
    width = max(x.width, y.width)
    return wide(x, width), wide(y, width)


def _wider(op: str, a: int, b: int) -> Symbolic:
    x, y = _term(a), _term(b)
    width = max(x.width, y.width) + 1
    x, y = wide(x, width), wide(y, width)
    zeros = min(_zeros(x), _zeros(y), width - 1)
    if zeros > 0:
        high = width - zeros
        x, y = extract(x, width - 1, zeros), extract(y, width - 1, zeros)
        return Symbolic(_shifted(mk(op, high, x, y), zeros))
    return Symbolic(mk(op, width, x, y))


def _same(op: str, a: int, b: int) -> Symbolic:
    x, y = _term(a), _term(b)
    width = max(x.width, y.width)
    return Symbolic(mk(op, width, wide(x, width), wide(y, width)))
