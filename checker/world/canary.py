"""Made-up deliveries that a premise must refute: one that forgets a value of the guest's, one that the guest leads, one that stores where it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.world.arrival import Arrival
from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.terms import TRUE, Term, constant, eq, lnot, select, store
from pgcheck.isa.terms.reads import free_leaves
from pgcheck.models.symbolic import resized


@dataclass(frozen=True, slots=True)
class Canary:
    """A delivery that leaves alone a value of the guest's, which may be another than 0 and goes nowhere else; `index` of an array."""

    arrival: Arrival
    leaf: str
    index: Term | None
    value: Term

    @property
    def forgetting(self) -> Arrival:
        """The value is 0 afterwards."""
        before, zero = self.arrival.pre[self.leaf], constant(self.value.width, 0)
        after = zero if self.index is None else store(before, self.index, zero)
        return replace(self.arrival, post={**self.arrival.post, self.leaf: after})

    @property
    def led(self) -> Arrival:
        """The monitor goes on where the value says."""
        pc = self.arrival.machine.state.pc
        return replace(self.arrival, post={**self.arrival.post, pc: self._as_wide_as(self.arrival.post[pc])})

    @property
    def straying(self) -> Arrival:
        """A unit is stored where the value says."""
        return replace(
            self.arrival,
            stored=tuple(replace(s, guard=TRUE, address=self._as_wide_as(s.address)) for s in self.arrival.stored[:1]),
        )

    def _as_wide_as(self, term: Term) -> Term:
        return resized(self.value, term.width)


def canary(arrivals: list[Arrival], evidence: Evidence) -> Canary | None:
    """Of the first delivery that leaves something alone; None where each moves all that is the guest's."""
    return next((c for a in arrivals for c in _left_alone(a) if _varies(c, evidence)), None)


def noticed(label: str, findings: object) -> None:
    """A premise is to find something wrong with a made-up delivery. Raises Undecided if it does not: then nothing is proved."""
    if not findings:
        raise Undecided(label, "a made-up delivery that is wrong is not noticed, so the check is untested")


def _left_alone(arrival: Arrival) -> Iterator[Canary]:
    state = arrival.machine.state
    for name in sorted(arrival.guests - {state.pc, state.memory}):
        leaf, before = state.leaves[name], arrival.pre[name]
        elsewhere = [t for n, t in arrival.post.items() if n != name] + [
            t for s in arrival.stored for t in (s.guard, s.value)
        ]
        if arrival.post[name] is not before or not leaf.width or name in free_leaves(elsewhere):
            continue
        if isinstance(leaf, ArrayLeaf):
            last = constant(leaf.index_width, leaf.size - 1)
            yield Canary(arrival, name, last, select(before, last))
        else:
            yield Canary(arrival, name, None, before)


def _varies(one: Canary, evidence: Evidence) -> bool:
    """The value may be another than 0 where the delivery is made."""
    return evidence.possible(
        [*one.arrival.given, lnot(eq(one.value, constant(one.value.width, 0)))], f"{one.arrival.label}:canary"
    )
