"""What has come: whether the state after a delivery tells which of two deliveries, or of two payloads of one, led there.

It need not where both are read back alike. A monitor that holds the guest's state takes one step of the virtual machine, whatever it was
that trapped; and an interrupt that is taken for a trap costs no more than that. It has to where the state is read back differently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

from pgcheck.checker.questions.copies import differ
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.world.arrival import Arrival, set_outside
from pgcheck.checker.world.placing import chosen, monitors
from pgcheck.checker.world.recovery import Kept
from pgcheck.checker.world.slices import Piece, pieces
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    conjunction,
    disjunction,
    eq,
    land,
    lnot,
    lor,
    renamed,
    rewrite,
    select,
    walk,
)
from pgcheck.isa.terms.names import PARAMETER, READ


@dataclass(frozen=True, slots=True)
class Recovery:
    """How what has moved of the guest's state is read back after a delivery, by copies and in words.

    `always` if the same copies are read whatever the payload. `handed`, if where the instruction was is read off what the trap hands over:
    whether that says it, and where, over the arguments.
    """

    arrival: Arrival
    kept: tuple[Kept, ...]
    words: str
    always: bool
    handed: tuple[Term, Term] | None = None

    @property
    def where(self) -> tuple[Term, Term]:
        """Whether it is known where the instruction was, and that it was there then."""
        if self.handed is None:
            return TRUE, TRUE
        located, where = self.handed
        return located, lor(lnot(located), eq(self.arrival.pre[self.arrival.machine.state.pc], where))

    def alike(self, other: Recovery) -> bool:
        """Whether the monitor need not know which of the two has come."""
        return self.always and other.always and self.words == other.words


@dataclass(frozen=True)
class Pair:
    """Two deliveries from two user states, alike in all that is the monitor's."""

    one: Arrival
    other: Arrival

    @cached_property
    def _still(self) -> frozenset[str]:
        """What neither changes, and the memory."""
        both = [(self.one.pre, self.one.post), (self.other.pre, self.other.post)]
        memory = self.one.machine.state.memory
        return frozenset(n for n in self.one.post if n == memory or all(post[n] is pre[n] for pre, post in both))

    def second(self, terms: Sequence[Term]) -> list[Term]:
        """Terms over the state before the other delivery, and over what is handed to it."""
        outside = set_outside(self.one.machine) - self._still

        def another(term: Term, _: tuple[Term, ...]) -> Term | None:
            name = term.free
            theirs = name is not None and (name.space in (PARAMETER, READ) or term.leaf in outside)
            return renamed(term, name.tried(1)) if name is not None and theirs else None

        return rewrite(self.other.second(terms, self._still), another)

    @cached_property
    def given(self) -> tuple[Term, ...]:
        """Both are made, and end in one state in which the monitor's handlers for different entries are different ones."""
        return (*self.one.given, *self.second(self.other.given), self._alike, self._handlers)

    def apart(self, but: frozenset[str] = frozenset()) -> Term:
        """The guest's state was not the same before, in other leaves than `but`."""
        moved = sorted(self.one.guests - self._still - but)
        theirs = self.second([self.other.pre[n] for n in moved])
        leaves = self.one.machine.state.leaves
        return disjunction(differ(leaves[n], self.one.pre[n], t) for n, t in zip(moved, theirs, strict=True))

    @cached_property
    def _alike(self) -> Term:
        leaves = self.one.machine.state.leaves
        moved = [n for n in leaves if n not in self._still and not leaves[n].volatile]
        theirs = self.second([self.other.post[n] for n in moved])
        wrong = [differ(leaves[n], self.one.post[n], t) for n, t in zip(moved, theirs, strict=True)]
        memory = self.one.machine.state.memory
        held, too = self.one.post[memory], self.second([self.other.post[memory]])[0]
        stored = [
            *((s.guard, s.address) for s in self.one.stored),
            *(tuple(self.second([s.guard, s.address])) for s in self.other.stored),
        ]
        wrong += [land(guard, lnot(eq(select(held, place), select(too, place)))) for guard, place in stored]
        return lnot(disjunction(wrong))

    @cached_property
    def _handlers(self) -> Term:
        """Where the two lead by entries that the monitor fills, to one address only by one entry, if it has enough addresses for that."""
        pc = self.one.machine.state.pc
        ours = self.one.post[pc]
        theirs = self.second([self.other.post[pc]])[0]
        entries = [p for p in (*pieces(ours), *pieces(theirs)) if _is_entry(self.one, p.source)]
        if not _enough(entries):
            return TRUE
        same = [
            lor(lnot(land(a.guard, b.guard)), _one_entry(a.source, b.source))
            for a in pieces(ours)
            for b in pieces(theirs)
            if (a.at, a.width) == (b.at, b.width) and (_is_entry(self.one, a.source) and _is_entry(self.one, b.source))
        ]
        return lor(lnot(eq(ours, theirs)), conjunction(same))


def confusion(recoveries: Sequence[Recovery], evidence: Evidence) -> str:
    """Two deliveries, in words, after which the monitor cannot know what state the guest was in; "" where there are none. Raises Undecided."""
    wrong = {}
    for one, other in combinations_with_replacement(recoveries, 2):
        if not one.alike(other):
            pair = Pair(one.arrival, other.arrival)
            wrong[f"{one.arrival.name} and {other.arrival.name}"] = conjunction(
                [*pair.given, _otherwise(one, other, pair)]
            )
    return _not_told(wrong, recoveries[0].arrival, evidence) if wrong else ""


def shows(arrival: Arrival, k: int, evidence: Evidence) -> bool:
    """Whether the state after a delivery tells the value of an argument that the trap hands over. Raises Undecided."""
    pair = Pair(arrival, arrival)
    argument = arrival.payload[k]
    other = lnot(eq(argument, pair.second([argument])[0]))
    return not _not_told({arrival.name: conjunction([*pair.given, other])}, arrival, evidence)


def _otherwise(one: Recovery, other: Recovery, pair: Pair) -> Term:
    """The guest's state was not the same, or is not read off the state alone."""
    if one is other:
        return pair.apart(frozenset() if one.handed is None else frozenset({one.arrival.machine.state.pc}))
    located, there = one.where
    located_too, there_too = pair.second(other.where)
    return conjunction([there, there_too, lor(lnot(land(located, located_too)), pair.apart())])


def _not_told(wrong: Mapping[str, Term], first: Arrival, evidence: Evidence) -> str:
    """The first of what goes wrong whatever the monitor chooses, all together if it can be none of them alone."""
    left = {name: term for name, term in wrong.items() if evidence.possible([term], f"{first.label}:told")}
    if not left:
        return ""
    right = lnot(disjunction(left.values()))
    if chosen(evidence, right, conjunction(first.given), monitors(first), f"{first.label}:told apart"):
        return ""
    return next(iter(left))


def _is_entry(arrival: Arrival, source: Term) -> bool:
    """A leaf of the monitor's, an entry in a table of its own, or a word of memory at an address of its own."""
    return arrival.is_monitors(source) and (source.leaf is not None or source.op in ("select", "uf"))


def _enough(entries: Sequence[Piece]) -> bool:
    """The bits that come from entries have as many values as there are entries."""
    if not entries:
        return False
    count = sum(
        1 << sum(t.width for t in walk([e]) if t.free and t.free.space == PARAMETER)
        for e in {p.source for p in entries}
    )
    by_place = {(p.at, p.width) for p in entries}
    return count <= 1 << sum(width for _, width in by_place)


def _one_entry(one: Term, other: Term) -> Term:
    """Two entries are the same one."""
    if one is other:
        return TRUE
    if one.op == other.op == "select" and one.args[0] is other.args[0]:
        return eq(one.args[1], other.args[1])
    if one.op == other.op == "uf" and one.name == other.name:
        return conjunction(eq(a, b) for a, b in zip(one.args, other.args, strict=True))
    return FALSE
