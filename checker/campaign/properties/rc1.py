"""RC1: the monitor stays in charge of the processor (Popek and Goldberg, resource control)."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.outcome import Ground, Outcome, excluded, failed
from pgcheck.checker.campaign.pairs.pair import Pair
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.isa.machine.schemes import Bounds
from pgcheck.isa.terms.ir import HALT
from pgcheck.models.engine import VmExit
from pgcheck.models.state import State, Surroundings


def rc1(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """A guest is stopped when its time is up, and when it stops the processor is the monitor's: it runs, with its control state."""
    case = cases[0]
    machines = ground.pair(case)
    machines.load(case)
    bare, guest, log = machines.bare, machines.guest, machines.oracle.log
    step = stride or min(case.turns)
    guarded = _Guarded(machines)
    done = turns = 0
    with machines.hosted_by(guarded):
        while done < case.steps:
            count = min(step, case.steps - done)
            end = machines.run(bare, count)
            if excluded(end.exit):
                return Outcome(tuple(log), excluded=True)
            before = guest.clock
            try:
                stop = machines.run(guest, count)
            except Exception as error:  # a monitor must not fail, whatever a guest does
                return failed("RC1", log, done, type(error).__name__, str(error))
            if guest.clock - before > count or stop.steps > count:
                return failed("RC1", log, done, "quantum", f"{stop.steps} steps of {count}")
            if guarded.lost:
                return failed("RC1", log, done, guarded.lost, "the monitor has lost it")
            if end.exit is not None or stop.exit is not None:
                break
            done += count
            turns += 1
    return Outcome(tuple(log), events={"turn": turns})


class _Guarded:
    """An engine after which somebody looks whether the processor is still the monitor's; `lost` is the first thing that is not.

    The mode, and what the policy fixes, has the monitor's value; all other control state is as the guest was entered with it.
    """

    def __init__(self, machines: Pair) -> None:
        self.engine, self.own, self.lost = machines.host.engine, machines.vmm.division.own, ""
        self.roots = _roots(machines)
        self.always = {machines.machine.modes.leaf, *machines.policy.fixed} - self.roots

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        entered = {name: value if name in self.always else state[name] for name, value in self.own.items()}
        stop = self.engine.run(state, surroundings, budget, intercept)
        for name, value in entered.items():
            held = state[name]
            if isinstance(held, int) and held != value:
                self.lost = self.lost or name
        if stop.exit is not None and stop.exit.function == HALT:
            self.lost = self.lost or "processor"
        return stop


def _roots(machines: Pair) -> frozenset[str]:
    """The leaves that a monitor sets anew for each guest: where its relocation lies."""
    scheme = machines.machine.code.scheme
    shape = getattr(machines.guests[0].monitor.mmu, "form", None)
    names = {shape.root} if shape is not None else set()
    return frozenset(names | ({scheme.base, scheme.limit} if isinstance(scheme, Bounds) else set()))


RC1: Final = Property(
    "RC1",
    rc1,
    title="the monitor keeps its control state and its processor",
    claim="a guest is stopped when its time is up, and the processor is then the monitor's: it runs, with the monitor's control state",
    subject=(("turn",), ("direct",)),
    order=20,
)
