"""EF1: the monitor stays out of the way (Popek and Goldberg, efficiency)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.outcome import Failure, Ground, Outcome, excluded
from pgcheck.checker.campaign.pairs.property import Property


def ef1(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """The monitor emulates no instruction that the policy lets run, and reflects as many traps as the bare machine takes.

    Misses of shadow tables, accesses to memory that the monitor keeps to itself and virtual states that it interprets are counted
    apart (Popek and Goldberg, efficiency).
    """
    case = cases[0]
    machines = ground.pair()
    machines.load(case)
    end = machines.bare.run(case.steps)
    log = machines.oracle.log
    if excluded(end.exit):
        return Outcome(tuple(log), excluded=True)
    machines.guest.run(case.steps)
    statistics = machines.guests[0].monitor.statistics
    found, interpreted = Counter[str](), statistics.count("interpreted")
    for (row, reason), count in statistics.interventions.items():
        if reason == "emulated" and row not in machines.policy.traps:
            seen = f"{count} times emulated, and is to run on the processor"
            return Outcome(tuple(log), failure=Failure("EF1", case.steps, row, (), "emulated", seen))
        if reason in ("reflected", "ended"):
            found[row.partition(":")[0]] += count
    trapped = Counter(t.instruction for t in log if t.function)
    for instruction in sorted({*found, *trapped} if not interpreted else ()):
        if found[instruction] != trapped[instruction]:
            seen = f"{found[instruction]} times reflected, {trapped[instruction]} traps on the bare machine"
            return Outcome(tuple(log), failure=Failure("EF1", case.steps, instruction, (), "reflected", seen))
    return Outcome(tuple(log))


EF1: Final = Property(
    "EF1",
    ef1,
    title="the monitor steps in exactly where it must",
    claim="the monitor emulates no instruction that the policy lets run, and reflects as many traps as the bare machine takes",
    order=30,
)
