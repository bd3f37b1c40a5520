"""EF1: the monitor stays out of the way (Popek and Goldberg, efficiency)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.outcome import Failure, Ground, Outcome, excluded
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term
from pgcheck.models.state import State, Surroundings
from pgcheck.vmm.allocator import OutOfMemory
from pgcheck.vmm.binding import Binding
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.mmu import Key, Mmu
from pgcheck.vmm.monitor import MAX_STUTTERS, TrapAndEmulate
from pgcheck.vmm.statistics import NONE
from pgcheck.vmm.translate import Args


def ef1(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """The monitor emulates no instruction that the policy lets run, reflects as many traps as the bare machine takes, and interprets what cannot run.

    Misses of shadow tables and accesses to memory that the monitor keeps to itself are counted apart (Popek and Goldberg, efficiency).
    """
    case = replace(cases[0], tight=False)
    machines = ground.pair(case)
    machines.load(case)
    end = machines.run(machines.bare, case.steps)
    log = machines.oracle.log
    if excluded(end.exit):
        return Outcome(tuple(log), excluded=True)
    monitor = machines.guests[0].monitor
    with refusing(monitor) as refused:
        machines.run(machines.guest, case.steps)
    statistics = monitor.statistics
    found, interpreted = Counter[str](), statistics.count("interpreted")
    if interpreted > refused.times + statistics.misses // MAX_STUTTERS:
        seen = f"{interpreted} instructions interpreted, and {refused.times} states that may not run on the processor"
        return Outcome(tuple(log), failure=Failure("EF1", case.steps, "", (), "interpreted", seen))
    for (row, reason), count in statistics.interventions.items():
        if reason == "emulated" and row not in machines.policy.traps:
            seen = f"{count} times emulated, and is to run on the processor"
            return Outcome(tuple(log), failure=Failure("EF1", case.steps, row, (), "emulated", seen))
        if reason in ("reflected", "ended"):
            found[row] += count
    trapped = Counter(t.instruction for t in log if t.function)
    instruction = None if interpreted else _miscounted(found, trapped, crossed=monitor.gate is not None)
    if instruction is not None:
        seen = f"{found[instruction]} times reflected, {trapped[instruction]} traps on the bare machine"
        return Outcome(tuple(log), failure=Failure("EF1", case.steps, instruction, (), "reflected", seen))
    return Outcome(tuple(log))


def _miscounted(found: Counter[str], trapped: Counter[str], *, crossed: bool) -> str | None:
    """An instruction that was not reflected as often as it trapped; None if there is none.

    Of a guest that is `crossed` some traps come without the place where they were taken: they may be of any instruction.
    """
    spare = found[NONE] - trapped[NONE] if crossed else 0
    for instruction in sorted({*found, *trapped}):
        missing = trapped[instruction] - found[instruction]
        if instruction != NONE and 0 < missing <= spare:
            spare -= missing
        elif missing and not (instruction == NONE and crossed and missing < 0):
            return instruction
    return NONE if spare > 0 and crossed else None


@dataclass(slots=True)
class Refusing:
    """How often a virtual state was found that may not run on the processor: the policy or memory management says so."""

    binding: Binding
    mmu: Mmu
    times: int = 0

    def holds(self, machine: Machine, predicate: Term, state: State, surroundings: Surroundings) -> bool:
        found = self.binding.holds(machine, predicate, state, surroundings)
        self.times += not found
        return found

    def enter(self, virtual: State, surroundings: Surroundings, real: State) -> bool:
        try:
            found = self.mmu.enter(virtual, surroundings, real)
        except OutOfMemory:
            self.times += 1
            raise
        self.times += not found
        return found

    @property
    def memory(self) -> GuestMemory:
        return self.mmu.memory

    def frames(self) -> Iterable[int]:
        return self.mmu.frames()

    def miss(self, args: Args, virtual: State, surroundings: Surroundings, real: State) -> bool:
        return self.mmu.miss(args, virtual, surroundings, real)

    def answer(self, args: Args, virtual: State, surroundings: Surroundings, real: State) -> tuple[bool, int] | None:
        return self.mmu.answer(args, virtual, surroundings, real)

    @property
    def keys(self) -> tuple[str, ...]:
        return self.mmu.keys

    @property
    def placed(self) -> tuple[str, ...]:
        return self.mmu.placed

    @property
    def held(self) -> tuple[str, ...]:
        return self.mmu.held

    def walked(self) -> object:
        return self.mmu.walked()

    def stands(self) -> bool:
        return self.mmu.stands()

    def settled(self) -> Mapping[Key, Key]:
        return self.mmu.settled()

    def went(self, chosen: Sequence[Key], moved: int) -> None:
        self.mmu.went(chosen, moved)

    def forget(self) -> None:
        self.mmu.forget()


@contextmanager
def refusing(monitor: TrapAndEmulate) -> Iterator[Refusing]:
    """Meanwhile note the states that a monitor may not run on the processor."""
    binding, mmu = monitor.binding, monitor.mmu
    noted = Refusing(binding, mmu)
    monitor.binding, monitor.mmu = replace(binding, holds=noted.holds), noted
    try:
        yield noted
    finally:
        monitor.binding, monitor.mmu = binding, mmu


EF1: Final = Property(
    "EF1",
    ef1,
    title="the monitor steps in exactly where it must",
    claim="the monitor emulates no instruction that the policy lets run, reflects as many traps as the bare machine takes, "
    "and interprets only where the policy or memory management says that a state cannot run",
    subject=(("direct",), ("exit",)),
    order=30,
)
