"""RC3: the schedule is fair, and accounts are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.outcome import Failure, Ground, Outcome, excluded
from pgcheck.checker.campaign.pairs.property import Property

GUESTS = 3


@dataclass(frozen=True, slots=True)
class End:
    """Where the bare machine is after a budget: how many steps it took, and whether it stopped."""

    steps: int
    stopped: bool


def rc3(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """Guests take turns of one quantum, none more than its budget or its quota, and each that stops is given once, with its account."""
    cases = [replace(case, events=(), writes=()) for case in cases]
    first = cases[0]
    budget, quantum = first.steps, stride or first.turns[0]
    quotas = [case.turns[1] * 2 if case.turns[2] % 2 else None for case in cases]
    machines = ground.pair(first, guests=GUESTS, lean=True)
    ends, blocks = list[End](), 0
    for case in cases:
        machines.load(case)
        stop = machines.bare.run(budget)
        if excluded(stop.exit):
            return Outcome((), excluded=True)
        ends.append(End(machines.bare.clock, stop.exit is not None))
        blocks += machines.blocks()
    machines.clear()
    for guest, case, quota in zip(machines.guests, cases, quotas, strict=True):
        machines.start(guest.computer, case)
        guest.quota = quota
    stopped = [g.name for g in machines.vmm.run(budget, quantum)]
    schedule = _Schedule(ends, quotas, budget, quantum)
    expected = schedule.run()
    names = [machines.guests[k].name for k in expected]
    wrong = "" if stopped == names else f"{', '.join(stopped) or 'none'} stop, not {', '.join(names) or 'none'}"
    for guest, steps in zip(machines.guests, schedule.used, strict=True):
        if (guest.used, guest.computer.clock) != (steps, steps):
            wrong = wrong or f"{guest.name} used {guest.used} steps and took {guest.computer.clock}, not {steps}"
        if (guest.stopped is None) != (guest.name not in names) or (guest.stopped and guest.stopped.steps != steps):
            wrong = wrong or f"{guest.name} stopped with {guest.stopped}"
    taken = sum(schedule.used)
    if wrong:
        seen = f"{wrong}: budget {budget}, quantum {quantum}, quotas {quotas}"
        return Outcome((), taken=taken, failure=Failure("RC3", budget, "", (), "schedule", seen))
    return Outcome((), taken=taken, events={"turn": schedule.turns, "quota": schedule.spent, "block": blocks})


class _Schedule:
    """What the schedule of some guests must come to: steps `used`, whole `turns`, and quotas `spent`."""

    def __init__(self, ends: Sequence[End], quotas: Sequence[int | None], budget: int, quantum: int) -> None:
        self.ends, self.quotas, self.budget, self.quantum = ends, quotas, budget, quantum
        self.used, self.given, self.over = [0] * len(ends), [0] * len(ends), [False] * len(ends)
        self.turns = self.spent = 0

    def run(self) -> list[int]:
        """The guests that stop, in order."""
        stopped: list[int] = []
        while not all(self.over):
            stopped += [k for k in range(len(self.ends)) if not self.over[k] and self._turn(k)]
        return stopped

    def _turn(self, k: int) -> bool:
        """One turn of a guest; whether it stops."""
        end, quota = self.ends[k], self.quotas[k]
        turn = min(self.quantum, self.budget - self.given[k])
        self.given[k] += turn
        room = min(turn, (self.budget if quota is None else quota) - self.used[k])
        left = end.steps - self.used[k]
        spent = self.used[k] + room == quota
        stops = (end.stopped and left < room) or spent
        self.used[k] += min(room, left) if end.stopped else room
        self.turns += not stops
        self.spent += spent
        self.over[k] = stops or self.given[k] == self.budget
        return stops


RC3: Final = Property(
    "RC3",
    rc3,
    title="guests take turns, and none more than is its due",
    claim="guests take turns of one quantum, none more than its budget or its quota, and each that stops is given once, with its account",
    subject=(("turn",), ("quota",)),
    order=20,
    guests=GUESTS,
    cases=GUESTS,
)
