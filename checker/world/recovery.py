"""What a delivery leaves of the guest's state: read back from the state that it ends in, or lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.model import Model
from pgcheck.checker.world.arrival import Arrival, Stored
from pgcheck.checker.world.slices import Copied, Place, ReadBack, Slice, bits, read_back
from pgcheck.isa.idl.state import ArrayLeaf, Leaf
from pgcheck.isa.terms import (
    TRUE,
    Term,
    constant,
    disjunction,
    eq,
    extract,
    land,
    lnot,
    mk,
    rewrite,
    select,
    walk,
)

MOST_ELEMENTS = 256  # of an array that a delivery changes


@dataclass(frozen=True, slots=True)
class Kept:
    """A value of the guest's that is read back so, the slices proved; `fixed` are parts that are the same in every user state."""

    back: ReadBack
    fixed: tuple[tuple[int, int, int], ...]

    @property
    def moved(self) -> bool:
        """Whether it is read back from elsewhere."""
        return str(self) != f"{self.back.target.name} <- {self.back.target.name}"

    @property
    def always(self) -> bool:
        """Whether it is read back by the same copies, whatever has come."""
        return all(len(s.copies) == 1 for s in self.back.slices)

    def __str__(self) -> str:
        name, slices = self.back.target.name, self.back.slices
        shown = [str(self.back) if len(slices) < 3 else f"{name} <- {slices[0]} .. {slices[-1]}"] if slices else []
        return ", ".join([*shown, *(f"{name}[{high}:{low}] is {value:#x}" for high, low, value in self.fixed)])


@dataclass(frozen=True, slots=True)
class Lost:
    """A value of the guest's of which two user states, alike in all that is the monitor's, end in one state; `pair` is a model of both."""

    target: Place
    pair: Model
    other: Term

    def shown(self, arrival: Arrival) -> str:
        """The two user states, as far as they tell."""
        one, two = self.pair.values([bits(self.target.term), bits(self.other)])
        names = [t.name.text for t in arrival.payload]
        payload = zip(names, self.pair.values([bits(t) for t in arrival.payload]), strict=True)
        given = "".join(f" with {n} = {v:#x}" if k == 0 else f", {n} = {v:#x}" for k, (n, v) in enumerate(payload))
        return (
            f"{arrival.name}{given} takes {self.target.name} = {one:#x} and {self.target.name} = {two:#x} to one state"
        )


def recovered(arrival: Arrival, evidence: Evidence) -> Iterator[Kept | Lost]:
    """How each value of the guest's that a delivery changes is read back, or that it is lost.

    Raises Undecided where no two states end alike, and yet no copy of bits tells them apart.
    """
    read = reader(arrival, evidence)
    for target in targets(arrival):
        back = read(target)
        fixed = tuple(f for part in back.missing if (f := _fixed(arrival, target, part, evidence)) is not None)
        yield Kept(back, fixed) if len(fixed) == len(back.missing) else _lost(arrival, back, evidence)


def saved(arrival: Arrival, evidence: Evidence) -> tuple[int, ...]:
    """The positions of the arguments that a delivery saves whole."""
    read = reader(arrival, evidence)
    return tuple(k for k, t in enumerate(arrival.payload) if not read(Place(str(t.name), t)).missing)


def reader(arrival: Arrival, evidence: Evidence) -> Callable[[Place], ReadBack]:
    """What reads a value off the state after a delivery, by copies that are proved."""
    places = list(_places(arrival))
    settled: dict[Term, Term | None] = {TRUE: TRUE}

    def settle(guard: Term) -> Term | None:
        if guard not in settled:
            settled[guard] = _settled(arrival, guard, evidence)
        return settled[guard]

    def read(target: Place) -> ReadBack:
        back = read_back(target, places, settle)
        if back.missing and (whole := _whole(arrival, target, evidence)) is not None:
            back = ReadBack(target, (whole,), ())
        if evidence.possible([*arrival.given, lnot(back.proof())], f"{arrival.label}:recovery of {target.name}"):
            raise Undecided(arrival.label, f"the copy {back} does not hold what it was read off to hold")
        return back

    return read


def _settled(arrival: Arrival, guard: Term, evidence: Evidence) -> Term | None:
    """A condition: TRUE where it always holds, None where it never does, or where the monitor cannot tell."""
    if not evidence.possible([*arrival.given, lnot(guard)], f"{arrival.label}:always"):
        return TRUE
    told = arrival.is_monitors(guard) and evidence.possible([*arrival.given, guard], f"{arrival.label}:ever")
    return guard if told else None


def targets(arrival: Arrival) -> Iterator[Place]:
    """The guest's values that a delivery may change, memory aside: what it stores there is the monitor's own."""
    for name, leaf in arrival.machine.state.leaves.items():
        if name in arrival.guests and name != arrival.machine.state.memory and not _untouched(arrival, name):
            yield from (p for p in _values(leaf, arrival.pre[name]) if _held(arrival, leaf, p) is not p.term)


def _untouched(arrival: Arrival, name: str) -> bool:
    return arrival.post[name] is arrival.pre[name]


def _held(arrival: Arrival, leaf: Leaf, place: Place) -> Term:
    """What a value of a leaf has become."""
    after = arrival.post[leaf.name]
    return select(after, place.term.args[1]) if isinstance(leaf, ArrayLeaf) else after


def _values(leaf: Leaf, term: Term) -> Iterator[Place]:
    """A leaf, or the elements of one that can be written."""
    if not isinstance(leaf, ArrayLeaf):
        yield Place(leaf.name, term)
        return
    if leaf.size > MOST_ELEMENTS:
        raise Undecided(leaf.name, f"a delivery changes an array of more than {MOST_ELEMENTS} elements")
    hardwired = {place for place, _ in leaf.hardwired}
    for k in range(leaf.size):
        if k not in hardwired:
            yield Place(f"{leaf.name}[{k}]", select(term, constant(leaf.index_width, k)))


def _places(arrival: Arrival) -> Iterator[Place]:
    """What holds bits after a delivery: leaves that keep what they hold, and the words that it has stored."""
    for name, leaf in arrival.machine.state.leaves.items():
        small = not isinstance(leaf, ArrayLeaf) or leaf.size <= MOST_ELEMENTS
        if small and not leaf.volatile:
            afterwards = (p.term for p in _values(leaf, leaf.term))
            yield from (
                Place(p.name, p.term, r) for p, r in zip(_values(leaf, arrival.post[name]), afterwards, strict=True)
            )
        if isinstance(leaf, ArrayLeaf) and name != arrival.machine.state.memory and not leaf.volatile:
            yield from _written(arrival, leaf)
    for s in arrival.stored:
        yield Place(_cell(arrival, s.address), s.value, _unit(arrival, s.address))


def _unit(arrival: Arrival, address: Term) -> Term:
    """A unit of memory, as it is read."""
    space = arrival.machine.state
    return select(space.leaves[space.memory].term, address)


def _written(arrival: Arrival, leaf: ArrayLeaf) -> Iterator[Place]:
    """The elements of an array that are written at indices which the monitor knows."""
    after = arrival.post[leaf.name]
    for part in walk([after]):
        if part.op == "store" and arrival.is_monitors(index := part.args[1]):
            yield Place(f"{leaf.name}[{index.leaf or '...'}]", select(after, index), select(leaf.term, index))


# ---- values that are copied whole, though not by copies of their bits


def _whole(arrival: Arrival, target: Place, evidence: Evidence) -> Slice | None:
    """The whole of a value where it was, or in a run of stored units, a constant more or less; proved."""
    width = bits(target.term).width
    for place in _candidates(arrival, target):
        word = bits(place.term)
        zero = rewrite([word], lambda t, _: constant(t.width, 0) if t is target.term else None)[0]
        if zero is word or not zero.is_constant:
            continue
        found = Slice(0, width, (Copied(TRUE, place, 0, zero.value),))
        wrong = lnot(ReadBack(target, (found,), ()).proof())
        if not evidence.possible([*arrival.given, wrong], f"{arrival.label}:{target.name} copied whole"):
            return found
    return None


def _candidates(arrival: Arrival, target: Place) -> Iterator[Place]:
    """What may hold the whole of a value."""
    for name, leaf in arrival.machine.state.leaves.items():
        if name in arrival.guests and arrival.pre[name] in (target.term, *target.term.args[:1]):
            yield Place(target.name, _held(arrival, leaf, target), target.term)
    unit, width = arrival.machine.state.memory_unit, bits(target.term).width
    if width % unit == 0:
        yield from _runs(arrival, width // unit)


def _runs(arrival: Arrival, count: int) -> Iterator[Place]:
    """The words of `count` neighbouring units that have been stored."""
    by_base: dict[Term | None, dict[int, Stored]] = {}
    for s in arrival.stored:
        base, offset = _parted(s.address)
        by_base.setdefault(base, {})[offset] = s
    for units in by_base.values():
        for first in sorted(units):
            if all(first + k in units for k in range(count)):
                run = [units[first + k] for k in range(count)]
                ordered = run if arrival.machine.state.big_endian else run[::-1]
                word, read = _joined([u.value for u in ordered]), _joined([_unit(arrival, u.address) for u in ordered])
                yield Place(_cell(arrival, units[first].address), word, read)


def _joined(units: Sequence[Term]) -> Term:
    return reduce(lambda high, low: mk("concat", high.width + low.width, high, low), units)


def _cell(arrival: Arrival, address: Term) -> str:
    """A stored unit, as people write it."""
    base, offset = _parted(address)
    memory = arrival.machine.state.memory
    if base is None:
        return f"{memory}[{offset:#x}]"
    inner = base.args[0] if base.op == "extract" else base
    far = offset - (1 << address.width) if offset >> (address.width - 1) else offset
    return f"{memory}[{inner.leaf or '...'}{f'{far:+}' if far else ''}]"


def _parted(address: Term) -> tuple[Term | None, int]:
    """What an address is made of, and the constant that is added."""
    if address.is_constant:
        return None, address.value
    if address.op == "add" and address.args[1].is_constant:
        return address.args[0], address.args[1].value
    return address, 0


# ---- what no place holds


def _fixed(arrival: Arrival, target: Place, part: tuple[int, int], evidence: Evidence) -> tuple[int, int, int] | None:
    """A part of a value, and its value where that is the same in every user state."""
    high, low = part
    value = extract(bits(target.term), high, low)
    some = evidence.model(arrival.given, f"{arrival.label}:a user state")
    if some is None:
        return (high, low, 0)
    (only,) = some.values([value])
    other = lnot(eq(value, constant(value.width, only)))
    return (
        None
        if evidence.possible([*arrival.given, other], f"{arrival.label}:{target.name} fixed")
        else (high, low, only)
    )


def _lost(arrival: Arrival, back: ReadBack, evidence: Evidence) -> Lost:
    """Two user states that differ in what no place holds, and end alike."""
    target, memory = back.target, arrival.machine.state.memory
    alike = frozenset(n for n in arrival.post if n == memory or _untouched(arrival, n))
    both = [*arrival.given, *arrival.second(arrival.given, alike), _ends_alike(arrival, alike)]
    (other,) = arrival.second([target.term], alike)
    one, two = bits(target.term), bits(other)
    differ = disjunction(lnot(eq(extract(one, h, low), extract(two, h, low))) for h, low in back.missing)
    pair = evidence.model([*both, differ], f"{arrival.label}:{target.name} lost")
    if pair is None:
        reason = f"{arrival.name} loses no {target.name}, yet no copy of bits reads it back"
        raise Undecided(f"{arrival.label}:{target.name}", reason)
    return Lost(target, pair, other)


def _ends_alike(arrival: Arrival, alike: frozenset[str]) -> Term:
    """The delivery from the two states ends in one."""
    machine, memory = arrival.machine, arrival.machine.state.memory
    ends: list[Term] = []
    for name, leaf in machine.state.leaves.items():
        if name not in alike:
            ends += [p.term for p in _values(leaf, arrival.post[name])]
    wrong = [lnot(eq(a, b)) for a, b in zip(ends, arrival.second(ends, alike), strict=True) if a is not b]
    one, two = arrival.post[memory], arrival.second([arrival.post[memory]], alike)[0]
    for s in _both(arrival, alike):
        wrong.append(land(s.guard, lnot(eq(select(one, s.address), select(two, s.address)))))
    return lnot(disjunction(wrong))


def _both(arrival: Arrival, alike: frozenset[str]) -> Sequence[Stored]:
    """What the delivery stores from either state."""
    first = arrival.stored
    second = [Stored(*arrival.second([s.guard, s.address, s.value], alike)) for s in first]
    return [*first, *second]
