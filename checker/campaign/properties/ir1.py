"""IR1: interrupts come when the bare machine takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.lockstep import shown, stopped
from pgcheck.checker.campaign.pairs.outcome import Ground, Outcome, excluded, failed
from pgcheck.checker.campaign.pairs.pair import difference
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.models.engine import pending


def ir1(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """Under the same interrupt lines both machines take the same interrupts, at the same steps, from the same places."""
    case = cases[0]
    machines = ground.pair(case)
    machines.load(case)
    bare, guest, log = machines.bare, machines.guest, machines.oracle.log
    while (done := bare.clock) < case.steps:
        due = [pending(c.machine, c.state, c.surroundings) for c in (bare, guest)]
        if due[0] != due[1]:
            return failed("IR1", log, done, "pending", f"{due[0]} bare, {due[1]} monitored")
        expected = machines.run(bare, 1)
        if excluded(expected.exit):
            return Outcome(tuple(log), excluded=True)
        found = machines.run(guest, 1)
        what = stopped(expected, found) or difference(machines, bare, guest)
        if not what and bare.interrupts != guest.interrupts:
            what = "interrupts"
        if what:
            return failed("IR1", log, done, what, shown(machines, what, expected, found))
        if expected.exit is not None:
            break
    return Outcome(tuple(log))


IR1: Final = Property(
    "IR1",
    ir1,
    title="interrupts come when the bare machine takes them",
    claim="under the same interrupt lines both take the same interrupts at the same steps",
    subject=(("interrupt",),),
    order=60,
)
