"""ISO1: no guest sees what another does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.outcome import Failure, Ground, Outcome
from pgcheck.checker.campaign.pairs.pair import Pair
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.models.computer.computer import Computer
from pgcheck.models.engine import VmExit
from pgcheck.models.state import copied

View = tuple[object, ...]


def iso1(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """Of two runs in which guest A is the same and guest B differs, A has the same view: state, memory, clock, stops."""
    first, *others = cases
    machines = ground.pair(first, guests=2)
    views = [_together(machines, first, other, stride) for other in others]
    if views[0] != views[1]:
        place = next(k for k, (a, b) in enumerate(zip(*views, strict=True)) if a != b)
        names = (*machines.machine.state.leaves, "memory", "clock", "stops")
        failure = Failure("ISO1", first.steps, "", (), names[place], "differs with what the other guest does")
        return Outcome((), failure=failure)
    return Outcome((), taken=sum(g.computer.clock for g in machines.guests))


def _together(machines: Pair, first: Case, other: Case, stride: int | None) -> View:
    """The view of guest A after it has run by turns with guest B."""
    machines.clear()
    guests = [g.computer for g in machines.guests]
    for guest, case in zip(guests, (first, other), strict=True):
        machines.start(guest, case)
    stops: list[list[VmExit]] = [[], []]
    left = [first.steps, other.steps]
    turn = 0
    while any(left):
        for which, case in enumerate((first, other)):
            steps = min(left[which], stride or case.turns[turn % len(case.turns)])
            if steps:
                stop = machines.run(guests[which], steps)
                machines.events["turn"] += stop.exit is None
                stops[which].append(stop)
                left[which] = 0 if stop.exit is not None else left[which] - steps
        turn += 1
    guest = guests[0]
    ended = tuple((s.exit.function, s.exit.args) for s in stops[0] if s.exit is not None)
    return (*copied(guest.state).values(), _memory(guest), guest.clock, ended)


def _memory(guest: Computer) -> object:
    ram = guest.bus.ram
    step = min(64, ram.size)
    return tuple(ram.load(at, step) for at in range(ram.base, ram.base + ram.size, step))


ISO1: Final = Property(
    "ISO1",
    iso1,
    title="what one guest does shows in no other",
    claim="of two runs in which guest A is the same and guest B is not, A sees the same",
    subject=(("turn",), ("direct",)),
    order=40,
    guests=2,
    cases=3,
)
