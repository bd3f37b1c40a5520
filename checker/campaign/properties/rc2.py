"""RC2: for one step of a guest the monitor does a bounded amount of work."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.outcome import Failure, Ground, Outcome
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.models.engine import Engine, VmExit
from pgcheck.models.state import State, Surroundings

STUTTERS: Final = 80


def rc2(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """For one step of a guest the monitor enters the processor a bounded number of times, whatever its tables look like."""
    case = cases[0]
    machines = ground.pair(case)
    machines.load(case)
    counting = _Counting(machines.host.engine)
    guest = machines.guest
    with machines.hosted_by(counting):
        for _ in range(case.steps):
            done = guest.clock
            counting.entered = 0
            stop = machines.run(guest, 1)
            if counting.entered > STUTTERS:
                seen = f"{counting.entered} entries into the processor for one step"
                return Outcome((), failure=Failure("RC2", done, "", (), "stutters", seen))
            if stop.exit is not None:
                break
    return Outcome((), taken=guest.clock)


class _Counting:
    """An engine that counts how often it is entered."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.entered = engine, 0

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        self.entered += 1
        return self.engine.run(state, surroundings, budget, intercept)


RC2: Final = Property(
    "RC2",
    rc2,
    title="the monitor does a bounded amount of work for a step",
    claim="for one step of a guest the monitor enters the processor a bounded number of times",
    subject=(("direct",), ("exit",)),
    order=20,
)
