"""Native memory: what the address of a cell is of, by what it is the sum of."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pgcheck.checker.generated.integers import Unknown
from pgcheck.isa.terms import TRUE, Term, constant, extract, land, lnot, mask, mk, variable
from pgcheck.isa.terms.names import FREE, Name
from pgcheck.models.native.lowering.layout import CONTEXTS, Layout, Region

WORD: Final = 64
BASES: Final = ("ram", "tlb", "hash")
"""Numbers of the header that are where something lies."""
Sum = tuple[int, dict[Term, int]]


def held(name: str) -> Term:
    """A number of the header that the engine has set."""
    return variable(WORD, Name(FREE, f"$ {name}"))


@dataclass(frozen=True, slots=True)
class Spot:
    """What lies somewhere: `kind` says of what, `name` which, `index` the element."""

    kind: str
    name: str = ""
    index: Term | None = None
    at: int = 0


@dataclass(frozen=True)
class Cells:
    """The cells of a layout."""

    layout: Layout

    @cached_property
    def places(self) -> dict[int, Spot]:
        """What has a place of its own."""
        layout = self.layout
        found = {p.at: Spot("header", n) for n, p in layout.header.items()}
        found |= {p.at: Spot("limit", str(n)) for n, p in layout.limits.items()}
        found |= {p.at: Spot("leaf", n) for n, p in layout.scalars.items()}
        found |= {p.at: Spot("accessed", str(i)) for i, p in enumerate(layout.accessed)}
        for name, places in (("argument", layout.arguments), ("value", (layout.value,)), ("sink", (layout.sink,))):
            for i, place in enumerate(places):
                found |= {
                    at: Spot(name, str(i), at=at - place.at) for at in range(place.at, place.at + place.bits // 8, 8)
                }
        return found

    @cached_property
    def regions(self) -> list[tuple[str, Region]]:
        layout = self.layout
        others = {"$quiet": layout.quiet, "$code": layout.code, "$dirty": layout.dirty}
        others |= {"$log": layout.log, "$filled": layout.filled, "$walked": layout.walked}
        return [*layout.arrays.items(), *others.items()]

    def spots(self, offset: Term, guard: Term = TRUE) -> Iterator[tuple[Term, Spot]]:
        """What lies at a distance from the block's start, and when. Raises Unknown."""
        try:
            found = self.spot(offset)
        except Unknown:
            chosen = next((t for t in _inside(offset) if t.op == "ite"), None)
            if chosen is None:
                raise
            for side, test in ((1, chosen.args[0]), (2, lnot(chosen.args[0]))):
                yield from self.spots(_replaced(offset, chosen, chosen.args[side]), land(guard, test))
            return
        yield guard, found

    def spot(self, offset: Term) -> Spot:
        """What lies at a distance from the block's start. Raises Unknown."""
        base, atoms = linear(offset, WORD)
        for name in BASES:
            if atoms.pop(held(name), 0):
                return self._based(name, base, atoms)
        if not atoms:
            return self._fixed(base)
        void = self.layout.tlb.at + self.layout.table(CONTEXTS)
        if void <= base < self.layout.tlb.end:
            return Spot("void")
        for name, region in self.regions:
            if region.at <= base < region.end:
                return Spot("element", name, self._index(region, base - region.at, atoms))
        raise Unknown(f"an address of native memory, {base} and {len(atoms)} parts")

    def _fixed(self, at: int) -> Spot:
        found = self.places.get(at)
        if found is not None:
            return found
        for name, region in self.regions:
            if region.at <= at < region.end and not (at - region.at) % region.size:
                return Spot("element", name, constant(region.bits or 1, (at - region.at) // region.size))
        raise Unknown(f"byte {at} of native memory")

    def _index(self, region: Region, start: int, atoms: dict[Term, int]) -> Term:
        """An index as one of the region's bits. Raises Unknown for one that may lead out of it."""
        if any(n % region.size for n in (start, *atoms.values())):
            raise Unknown("an address between two elements")
        number = start // region.size, {atom: factor // region.size for atom, factor in atoms.items()}
        most = number[0] + sum(largest(atom) * factor for atom, factor in number[1].items())
        if most >> region.bits:
            raise Unknown("an index that is not cut to its region")
        return total(number, max(region.bits, 1))

    def _based(self, name: str, base: int, atoms: dict[Term, int]) -> Spot:
        if name == "ram":
            size = self.layout.ram.size
            for atom, factor in atoms.items():
                inside = _cut(atom)
                if inside is not None and factor == size and len(atoms) == 1 and not base:
                    return Spot("ram", index=inside)
            raise Unknown("an address of guest memory that is not cut to it")
        index = constant(WORD, base & -8 if name == "tlb" else base)
        at = 0
        if name == "tlb":
            words = 8 << self.layout.words
            at, index = base % words, constant(WORD, base - base % words)
        else:
            at, index = base % 16, constant(WORD, base - base % 16)
        for atom, factor in sorted(atoms.items(), key=lambda item: repr(item[0])):
            wide = mk("zext", WORD, atom) if atom.width < WORD else atom
            index = mk("add", WORD, index, mk("mul", WORD, wide, constant(WORD, factor)))
        return Spot(name, index=index, at=at)


def _cut(atom: Term) -> Term | None:
    """The number that is cut to guest memory, if one is."""
    size = held("ram_mask")
    if atom.op != "and" or size not in atom.args:
        return None
    return atom.args[1] if atom.args[0] is size else atom.args[0]


def _inside(term: Term) -> Iterator[Term]:
    """What a sum is made of, through changes of width, the outermost first."""
    todo = deque([term])
    while todo:
        node = todo.popleft()
        yield node
        if node.op in ("add", "sub", "mul", "zext", "extract", "concat", "shl"):
            todo += node.args


def _replaced(term: Term, old: Term, new: Term) -> Term:
    if term is old:
        return new
    if term.op not in ("add", "sub", "mul", "zext", "extract", "concat", "shl"):
        return term
    return mk(term.op, term.width, *(_replaced(a, old, new) for a in term.args), data=term.data)


def largest(term: Term) -> int:
    """The most that a number can be."""
    match term.op:
        case "const":
            return term.value
        case "zext":
            return largest(term.args[0])
        case "and":
            return min(map(largest, term.args))
        case "ite":
            return max(largest(a) for a in term.args[1:])
        case "concat":
            low = term.args[1].width
            return largest(term.args[0]) << low | largest(term.args[1])
        case "add" | "mul":
            a, b = map(largest, term.args)
            found = a + b if term.op == "add" else a * b
            return min(found, mask(term.width)) if found <= mask(term.width) else mask(term.width)
        case "extract":
            high, low = term.bounds
            return min(mask(term.width), largest(term.args[0]) >> low)
        case "lshr" if term.args[1].is_constant:
            return largest(term.args[0]) >> min(term.args[1].value, term.width)
    return mask(term.width or 1)


def linear(term: Term, width: int) -> Sum:
    """A number modulo 2**width as a constant and multiples of atoms."""
    base, atoms = _linear(term, width)
    return base & mask(width), {a: f & mask(width) for a, f in atoms.items() if f & mask(width)}


def _linear(term: Term, width: int) -> Sum:
    match term.op:
        case "const":
            return term.value, {}
        case "add" | "sub" if term.width >= width:
            a, b = (_linear(t, width) for t in term.args)
            return _added(a, b, 1 if term.op == "add" else -1)
        case "neg" if term.width >= width:
            return _added((0, {}), _linear(term.args[0], width), -1)
        case "mul" if term.width >= width and any(t.is_constant for t in term.args):
            factor, other = sorted(term.args, key=lambda t: not t.is_constant)
            return _added((0, {}), _linear(other, width), factor.value)
        case "shl" if term.width >= width and term.args[1].is_constant:
            return _added((0, {}), _linear(term.args[0], width), 1 << min(term.args[1].value, width))
        case "zext" if term.args[0].width >= width or _small(term.args[0]):
            return _linear_below(term.args[0], width)
        case "extract" if term.bounds[1] == 0 and term.width >= width:
            return _linear(term.args[0], width)
        case "concat" if term.width >= width or _small(term):
            high, low = term.args
            upper = _linear_below(high, width) if _small(high) or high.width >= width else None
            if high.op == "extract" and high.bounds[1] == 0 and term.width >= width:
                upper = _linear(high.args[0], width - low.width) if high.args[0].width >= width - low.width else upper
            if upper is None:
                upper = 0, {high: 1}
            return _added(_linear_below(low, width), upper, 1 << low.width)
        case "and" if term.width >= width and any(t.is_constant and t.value == mask(width) for t in term.args):
            return _linear(next(t for t in term.args if not t.is_constant), width)
    return 0, {term: 1}


def _small(term: Term) -> bool:
    """Whether what a number is the sum of does not wrap, so that it may be read at any width."""
    return (
        term.op in ("const", "concat")
        or term.op == "zext"
        or (term.op in ("add", "mul") and _exact(term) <= mask(term.width))
        or (term.op == "extract" and term.bounds[1] == 0 and _exact(term.args[0]) <= mask(term.width))
    )


def _exact(term: Term) -> int:
    """The most that a number is, without a wrap."""
    if term.op in ("add", "mul"):
        a, b = map(_exact, term.args)
        return a + b if term.op == "add" else a * b
    if term.op in ("sub", "neg"):
        return 1 << 1 << term.width
    return largest(term)


def _linear_below(term: Term, width: int) -> Sum:
    """Of a number that is read at more bits than it has."""
    if term.width >= width:
        return _linear(term, width)
    if term.op == "extract" and _small(term):
        return _linear_below(term.args[0], width) if term.args[0].width < width else _linear(term.args[0], width)
    if term.op in ("add", "mul") and _small(term):
        if term.op == "add":
            a, b = (_linear_below(t, width) for t in term.args)
            return _added(a, b, 1)
        if any(t.is_constant for t in term.args):
            factor, other = sorted(term.args, key=lambda t: not t.is_constant)
            return _added((0, {}), _linear_below(other, width), factor.value)
    if term.op == "zext":
        return _linear_below(term.args[0], width)
    if term.op == "concat":
        high, low = term.args
        return _added(_linear_below(low, width), _linear_below(high, width), 1 << low.width)
    return (term.value, {}) if term.is_constant else (0, {term: 1})


def _added(a: Sum, b: Sum, factor: int) -> Sum:
    atoms = dict(a[1])
    for atom, many in b[1].items():
        atoms[atom] = atoms.get(atom, 0) + factor * many
    return a[0] + factor * b[0], atoms


def total(number: Sum, width: int) -> Term:
    """A sum as a number of a width."""
    found = constant(width, 0)
    for atom, factor in number[1].items():
        part = extract(atom, width - 1, 0) if atom.width >= width else mk("zext", width, atom)
        part = part if factor == 1 else mk("mul", width, part, constant(width, factor))
        found = mk("add", width, found, part)
    return mk("add", width, found, constant(width, number[0]))
