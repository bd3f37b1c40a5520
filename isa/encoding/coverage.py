"""That no two encodings accept the same units, and how much of the first unit they take.

Both are decided on terms over the units (`unit0`, `unit1`, ... after the prefixes) and the prefix operands, by propagation and search:
exact and without a solver; a pair that is too hard is handed to the caller as `Undecided`. An encoding that is the beginning of
another overlaps it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import combinations, product
from operator import or_
from typing import Final, TypeAlias

from pgcheck.isa import terms
from pgcheck.isa.encoding import units
from pgcheck.isa.encoding.codec import Decoder
from pgcheck.isa.encoding.encoding import Decode, Encoding
from pgcheck.isa.terms import Name, Term, knownbits
from pgcheck.isa.terms.knownbits import Bits
from pgcheck.isa.terms.names import FREE

_BUDGET: Final = 2000
_FEW: Final = 4096  # pairs that are looked at one by one sooner than split
_SAMPLE: Final = 32
_Numbered: TypeAlias = list[tuple[int, int, int]]
"""Encodings by number, each with the (mask, value) of its literal bits."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two encodings that both accept `units`."""

    a: str
    b: str
    units: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Undecided:
    """Two encodings that overlap iff `accepts_a` and `accepts_b` can hold together."""

    a: str
    b: str
    accepts_a: Term
    accepts_b: Term


@dataclass(frozen=True, slots=True)
class Overlaps:
    """The pairs of a set of encodings that overlap, or may; all other pairs are disjoint."""

    found: tuple[Overlap, ...]
    undecided: tuple[Undecided, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """Of the `of` values of the first unit, how many can begin an encoding and how many are prefixes."""

    encodings: int
    prefixes: int
    of: int


def overlaps(encodings: Mapping[str, Encoding], budget: int = _BUDGET) -> Overlaps:
    """Compare each pair that literal bits do not tell apart; `budget` bounds the nodes of the search for one pair."""
    found: list[Overlap] = []
    undecided: list[Undecided] = []
    predicates = lru_cache(maxsize=None)(lambda name: accepts(encodings[name]))
    names = list(encodings)
    literals = [(number, *_literal(encoding)) for number, encoding in enumerate(encodings.values())]
    for first, second in sorted(_alike(literals, literals)):
        a, b = names[first], names[second]
        try:
            common = next(knownbits.search((predicates(a), predicates(b)), {}, budget), None)
        except knownbits.Exhausted:
            undecided.append(Undecided(a, b, predicates(a), predicates(b)))
            continue
        if common is not None:
            found.append(Overlap(a, b, _example(encodings[a], encodings[b], common)))
    return Overlaps(tuple(found), tuple(undecided))


def _alike(some: _Numbered, others: _Numbered) -> Iterator[tuple[int, int]]:
    """The pairs of numbers, the smaller first and each once, one of either list, whose literal bits nothing tells apart.

    Both lists are split by a bit that tells many of them apart, and only parts that the bit does not tell apart are looked at together,
    so what is told apart is not looked at pair by pair. The lists are one and the same, or have no number in common.
    """
    bit = 0
    if len(some) * len(others) > _FEW:
        bit = _telling(_sample(some), _sample(others)) or _telling(some, others)
    if not bit:
        pairs = combinations(some, 2) if some is others else product(some, others)
        for (i, mask_i, value_i), (j, mask_j, value_j) in pairs:
            if not mask_i & mask_j & (value_i ^ value_j):
                yield (i, j) if i < j else (j, i)
        return
    here = _split(some, bit)
    there = here if some is others else _split(others, bit)
    for (x, left), (y, right) in product(enumerate(here), enumerate(there)):
        if left and right and {x, y} != {0, 1} and (some is not others or x <= y):
            yield from _alike(left, right)


def _split(literals: _Numbered, bit: int) -> tuple[_Numbered, _Numbered, _Numbered]:
    """Those in which a bit is 0, is 1, and is free."""
    parts: tuple[_Numbered, _Numbered, _Numbered] = [], [], []
    for literal in literals:
        _, mask, value = literal
        parts[2 if not mask & bit else 1 if value & bit else 0].append(literal)
    return parts


def _sample(literals: _Numbered) -> _Numbered:
    return literals[:: -(-len(literals) // _SAMPLE)]


def _telling(some: _Numbered, others: _Numbered) -> int:
    """The bit that tells most pairs apart, one of either list; 0 if none does."""
    best = most = 0
    left = reduce(or_, (mask for _, mask, _ in some), 0) & reduce(or_, (mask for _, mask, _ in others), 0)
    while left:
        bit = left & -left
        left ^= bit
        (zeros, ones, _), (other_zeros, other_ones, _) = (
            map(len, _split(literals, bit)) for literals in (some, others)
        )
        if (told := zeros * other_ones + ones * other_zeros) > most:
            best, most = bit, told
    return best


def accepts(encoding: Encoding) -> Term:
    """The predicate on `unit0`, `unit1`, ... and the prefix operands that holds iff the encoding decodes these units."""
    decode = encoding.decode
    last = max((i for i, step in enumerate(encoding.steps) if _matters(encoding, i)), default=-1)
    start = {terms.variable(o.width, name): terms.constant(o.width, 0) for name, o in encoding.operands.items()}
    prefixes: list[Term] = []
    for name, row in decode.prefixes.items():
        width = decode.prefix_width(name)
        var, values = terms.variable(width, name), {0, *row.values()} if name in encoding.prefixes else {0}
        start[var] = var
        if len(values) < 1 << width:
            prefixes.append(terms.disjunction(terms.eq(var, terms.constant(width, v)) for v in sorted(values)))

    def accept(step: int, unit: int, operands: Mapping[Term, Term]) -> Term:
        if step > last:
            return units.applied(encoding.when, operands)
        here = encoding.steps[step]
        word = units.word(decode, unit, here.units)
        held = {terms.variable(slot.width, slot.name): units.held(slot, word) for slot in here.slots}
        rest = accept(step + 1, unit + here.units, {**operands, **held})
        present = terms.land(terms.conjunction(units.matched(word, here.mask, here.value)), rest)
        if here.when is terms.TRUE:
            return present
        return terms.ite(units.applied(here.when, operands), present, accept(step + 1, unit, operands))

    return terms.land(terms.conjunction(prefixes), accept(0, 0, start))


def _matters(encoding: Encoding, step: int) -> bool:
    """Whether a step has literal bits or an operand that the encoding demands something of."""
    demanded = {v.name.text for v in terms.walk([encoding.when]) if v.op == "var"}
    return encoding.steps[step].mask != 0 or any(slot.name in demanded for slot in encoding.steps[step].slots)


def _literal(encoding: Encoding) -> Bits:
    """The (mask, value) of the units that are always there, unit 0 lowest."""
    mask = value = at = 0
    for step in encoding.steps:
        if step.when is not terms.TRUE:
            break
        literal = zip(*(encoding.decode.split(w, step.units) for w in (step.mask, step.value)), strict=True)
        for m, v in literal:
            mask, value, at = mask | m << at, value | v << at, at + encoding.decode.unit
    return mask, value


def _example(a: Encoding, b: Encoding, common: Mapping[Name, Bits]) -> tuple[int, ...]:
    """The units of the longer of two encodings that both accept what `common` says, its free bits being 0."""
    decode = a.decode
    chosen = {name: common.get(Name(FREE, name), (0, 0))[1] for name in decode.prefixes}
    head = tuple(
        next(u for u, v in row.items() if v == chosen[name]) for name, row in decode.prefixes.items() if chosen[name]
    )

    def fetch(k: int) -> int:
        return head[k] if k < len(head) else common.get(units.unit(decode, k - len(head)).name, (0, 0))[1]

    read = [Decoder({"": encoding}, decode).decode(fetch) for encoding in (a, b)]
    return max((decoded.units for decoded in read if decoded is not None), key=len, default=head)


def claimed(encodings: Mapping[str, Encoding], decode: Decode) -> Claim:
    """How much of the first unit is taken, as far as literals and conditions that read nothing else tell."""
    cubes = [cube for encoding in encodings.values() for cube in _first_unit(encoding)]
    prefixes = {unit for row in decode.prefixes.values() for unit in row}
    return Claim(_union(cubes, decode.unit), len(prefixes), 1 << decode.unit)


def _first_unit(encoding: Encoding) -> list[Bits]:
    """Disjoint (mask, value) pairs of the first unit that the encoding accepts for some following units."""
    first = units.unit(encoding.decode, 0)
    parts = [
        part
        for part in knownbits.conjuncts(accepts(encoding))
        if all(v is first for v in terms.walk([part]) if v.op == "var")
    ]
    try:
        return [known.get(first.name, (0, 0)) for known in knownbits.search(parts, {}, _BUDGET)]
    except knownbits.Exhausted:
        mask = terms.mask(encoding.decode.unit)
        literal = _literal(encoding)
        return [(literal[0] & mask, literal[1] & mask)]


def _union(cubes: Sequence[Bits], free: int) -> int:
    """The number of values of `free` bits that some (mask, value) pair admits; bits already split on are out of the masks."""
    if not cubes:
        return 0
    if any(not mask for mask, _ in cubes):
        return 1 << free
    used = 0
    for mask, _ in cubes:
        used |= mask
    bit = 1 << used.bit_length() - 1
    halves = (
        {(mask & ~bit, value & ~bit) for mask, value in cubes if not mask & bit or value & bit == wanted}
        for wanted in (0, bit)
    )
    return sum(_union(list(half), free - 1) for half in halves)
