"""Copies of bits: a term as slices of what no operator makes, and a value read back off the terms that it was copied to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pgcheck.isa.terms import FALSE, TRUE, Term, constant, disjunction, eq, extract, ite, land, lnot, mk

MOST_PIECES: Final = 4096


@dataclass(frozen=True, slots=True)
class Piece:
    """Where `guard` holds, `width` bits of a term from `at` on are those of `source`, `plus` more, from `low` on.

    A source is a variable, an element, a loaded word, or an answer from outside; a Boolean has one bit.
    """

    guard: Term
    at: int
    width: int
    source: Term
    low: int = 0
    plus: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """What holds bits, as a term: a leaf, an element of one, a stored word; `name` is what people call it.

    `read` is the same as a term over the state afterwards, but for addresses, which are over what is known before.
    """

    name: str
    term: Term
    read: Term | None = None


@dataclass(frozen=True, slots=True)
class Copied:
    """Where `guard` holds, the bits of a place from `at` on, less `plus`."""

    guard: Term
    place: Place
    at: int
    plus: int = 0


@dataclass(frozen=True, slots=True)
class Slice:
    """`width` bits from `low` on of a value, and where they are copied to; one of `copies` is there in every state."""

    low: int
    width: int
    copies: tuple[Copied, ...]

    @property
    def value(self) -> Term:
        """The bits, held by the places that have a copy."""
        return self._chosen(lambda place: place.term)

    @property
    def reading(self) -> Term | None:
        """The bits, as they are read afterwards; None if it is not said how a place is."""
        if any(copy.place.read is None for copy in self.copies):
            return None
        return self._chosen(lambda place: place.read or place.term)

    def _chosen(self, held: Callable[[Place], Term]) -> Term:
        *others, last = self.copies
        result = self._read(last, held)
        for copy in reversed(others):
            result = ite(copy.guard, self._read(copy, held), result)
        return result

    def _read(self, copy: Copied, of: Callable[[Place], Term]) -> Term:
        held = extract(bits(of(copy.place)), copy.at + self.width - 1, copy.at)
        return mk("add", self.width, held, constant(self.width, -copy.plus)) if copy.plus else held

    def __str__(self) -> str:
        return " or ".join(dict.fromkeys(self._shown(c) for c in self.copies))

    def _shown(self, copy: Copied) -> str:
        whole = copy.at == 0 and self.width == bits(copy.place.term).width
        shown = copy.place.name if whole else f"{copy.place.name}[{copy.at + self.width - 1}:{copy.at}]"
        less = copy.plus if copy.plus < 1 << (self.width - 1) else copy.plus - (1 << self.width)
        return shown if not less else f"{shown} - {less}" if less > 0 else f"{shown} + {-less}"


@dataclass(frozen=True, slots=True)
class ReadBack:
    """How a value is read off the places that its bits were copied to; `missing` are the (high, low) that no place holds."""

    target: Place
    slices: tuple[Slice, ...]
    missing: tuple[tuple[int, int], ...]

    def proof(self) -> Term:
        """The slices are what the value holds there."""
        value = bits(self.target.term)
        wrong = (lnot(eq(extract(value, s.low + s.width - 1, s.low), s.value)) for s in self.slices)
        return lnot(disjunction(wrong))

    def __str__(self) -> str:
        width = bits(self.target.term).width
        shown = []
        for s in self.slices:
            part = self.target.name if s.width == width else f"{self.target.name}[{s.low + s.width - 1}:{s.low}]"
            shown.append(f"{part} <- {s}")
        return ", ".join(shown)


def bits(term: Term) -> Term:
    """A Boolean as one bit; any other term as it is."""
    return ite(term, constant(1, 1), constant(1, 0)) if term.width == 0 else term


def pieces(term: Term) -> Iterator[Piece]:
    """The copies that a term is made of; bits that are computed otherwise are in none. At most MOST_PIECES are looked for."""
    count = 0
    todo = [(TRUE, bits(term), bits(term).width - 1, 0, 0)]
    while todo and count < MOST_PIECES:
        guard, here, high, low, at = todo.pop()
        count += 1
        match here.op:
            case "concat":
                middle = here.args[1].width
                if low < middle:
                    todo.append((guard, here.args[1], min(high, middle - 1), low, at))
                if high >= middle:
                    skipped = max(middle - low, 0)
                    todo.append((guard, here.args[0], high - middle, max(low - middle, 0), at + skipped))
            case "zext" | "sext":
                inner = here.args[0]
                if low < inner.width:
                    todo.append((guard, inner, min(high, inner.width - 1), low, at))
            case "extract":
                base = here.bounds[1]
                todo.append((guard, here.args[0], base + high, base + low, at))
            case "ite" if _is_bit(here):
                yield Piece(guard, at, 1, here.args[0])
            case "ite":
                for when, side in ((here.args[0], here.args[1]), (lnot(here.args[0]), here.args[2])):
                    if (both := land(guard, when)) is not FALSE:
                        todo.append((both, side, high, low, at))
            case "and" | "or" | "xor" if here.args[1].is_constant:
                kept = here.args[1].value if here.op == "and" else ~here.args[1].value
                for top, bottom in _runs(kept, high, low):
                    todo.append((guard, here.args[0], top, bottom, at + bottom - low))
            case "add" if here.args[1].is_constant and low == 0:
                yield from (
                    Piece(guard, at, high + 1, p.source, 0, here.args[1].value & ((1 << (high + 1)) - 1))
                    for p in _whole(here.args[0], high + 1)
                )
            case "var" | "select" | "uf":
                yield Piece(guard, at, high - low + 1, here, low)


def _is_bit(term: Term) -> bool:
    """The term is a free Boolean as one bit."""
    condition, one, zero = term.args
    plain = term.width == 1 and condition.op in ("var", "uf")
    return plain and one.is_constant and zero.is_constant and (one.value, zero.value) == (1, 0)


def _whole(term: Term, width: int) -> Iterator[Piece]:
    """The low `width` bits of a term, if they are one copy of a source's lowest."""
    found = [p for p in pieces(extract(term, width - 1, 0)) if (p.low, p.width, p.plus) == (0, width, 0)]
    yield from (p for p in found if p.guard is TRUE)


def _runs(ones: int, high: int, low: int) -> Iterator[tuple[int, int]]:
    """The (high, low) of the runs of ones between two bits."""
    position = low
    while position <= high:
        start = position
        while position <= high and ones >> position & 1:
            position += 1
        if position > start:
            yield position - 1, start
        position += 1


def read_back(target: Place, places: Sequence[Place], settle: Callable[[Term], Term | None]) -> ReadBack:
    """How the value `target`, which is a source, is read off `places`.

    `settle` gives TRUE for a condition that always holds, the condition itself if whoever reads back can tell whether it holds, else None.
    """
    found: list[tuple[Piece, Copied]] = []
    for place in places:
        for p in pieces(place.term):
            if p.source is target.term and (guard := settle(p.guard)) is not None:
                found.append((p, Copied(guard, place, p.at, p.plus)))
    width = bits(target.term).width
    slices: list[Slice] = []
    missing: list[tuple[int, int]] = []
    position = 0
    while position < width:
        best = _from(position, found, settle)
        if best is not None:
            slices.append(best)
            position += best.width
            continue
        missing.append((position, position))
        position += 1
    return ReadBack(target, tuple(slices), tuple(_joined(missing)))


def _from(position: int, found: Sequence[tuple[Piece, Copied]], settle: Callable[[Term], Term | None]) -> Slice | None:
    """The longest slice from a position on, the fewest copies first; an offset carries from the lowest bit only."""
    here = [
        (p.low + p.width - position, Copied(c.guard, c.place, p.at + position - p.low, c.plus))
        for p, c in found
        if p.low <= position < p.low + p.width and (not c.plus or position == 0)
    ]
    always = [(length, copy) for length, copy in here if copy.guard is TRUE]
    if always:
        length, copy = max(always, key=lambda one: one[0])
        return Slice(position, length, (copy,))
    copies = tuple({c.guard: c for _, c in here}.values())
    if not copies or settle(disjunction(c.guard for c in copies)) is not TRUE:
        return None
    return Slice(position, min(length for length, _ in here), copies)


def _joined(ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Neighbouring (high, low) as one."""
    current: tuple[int, int] | None = None
    for high, low in ranges:
        if current is not None and low == current[0] + 1:
            current = (high, current[1])
            continue
        if current is not None:
            yield current
        current = (high, low)
    if current is not None:
        yield current
