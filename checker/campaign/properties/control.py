"""Resource control and efficiency: the monitor stays in charge, and out of the way (RC1, RC2, EF1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.outcome import Failure, Ground, Outcome, excluded, failed
from pgcheck.checker.campaign.pairs.pair import Pair
from pgcheck.isa.machine.schemes import Bounds
from pgcheck.isa.terms.ir import HALT
from pgcheck.models.engine import Engine, VmExit
from pgcheck.models.state import State, Surroundings

STUTTERS = 80


def rc1(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """RC1: a guest is stopped when its time is up, and when it stops the processor is the monitor's: it runs, with its control state."""
    case = cases[0]
    machines = ground.pair()
    machines.load(case)
    bare, guest, log = machines.bare, machines.guest, machines.oracle.log
    step = stride or min(case.turns)
    guarded = _Guarded(machines)
    machines.host.engine = guarded
    done = 0
    try:
        while done < case.steps:
            count = min(step, case.steps - done)
            end = bare.run(count)
            if excluded(end.exit):
                return Outcome(tuple(log), True)
            before = guest.clock
            try:
                stop = guest.run(count)
            except Exception as error:  # a monitor must not fail, whatever a guest does
                return failed("RC1", log, done, type(error).__name__, str(error))
            if guest.clock - before > count or stop.steps > count:
                return failed("RC1", log, done, "quantum", f"{stop.steps} steps of {count}")
            if guarded.lost:
                return failed("RC1", log, done, guarded.lost, "the monitor has lost it")
            if end.exit is not None or stop.exit is not None:
                break
            done += count
    finally:
        machines.host.engine = guarded.engine
    return Outcome(tuple(log))


class _Guarded:
    """An engine after which somebody looks whether the processor is still the monitor's; `lost` is the first thing that is not."""

    def __init__(self, machines: Pair) -> None:
        self.engine, self.own, self.lost = machines.host.engine, machines.vmm.division.own, ""
        self.leaves, self.roots = machines.machine.state.leaves, _roots(machines)

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        stop = self.engine.run(state, surroundings, budget, intercept)
        for name, value in self.own.items():
            held = state[name]
            if name not in self.roots and isinstance(held, int) and held != value:
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


def ef1(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """EF1: the monitor emulates no instruction that the policy lets run, and reflects as many traps as the bare machine takes.

    Misses of shadow tables, accesses to memory that the monitor keeps to itself and virtual states that it interprets are counted
    apart (Popek and Goldberg, efficiency).
    """
    case = cases[0]
    machines = ground.pair()
    machines.load(case)
    end = machines.bare.run(case.steps)
    log = machines.oracle.log
    if excluded(end.exit):
        return Outcome(tuple(log), True)
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


def rc2(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """RC2: for one step of a guest the monitor enters the processor a bounded number of times, whatever its tables look like."""
    case = cases[0]
    machines = ground.pair()
    machines.load(case)
    counting = _Counting(machines.host.engine)
    machines.host.engine = counting
    guest = machines.guest
    try:
        for done in range(case.steps):
            counting.entered = 0
            stop = guest.run(1)
            if counting.entered > STUTTERS:
                seen = f"{counting.entered} entries into the processor for one step"
                return Outcome((), failure=Failure("RC2", done, "", (), "stutters", seen))
            if stop.exit is not None:
                break
    finally:
        machines.host.engine = counting.engine
    return Outcome((), taken=guest.clock)


class _Counting:
    """An engine that counts how often it is entered."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.entered = engine, 0

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        self.entered += 1
        return self.engine.run(state, surroundings, budget, intercept)
