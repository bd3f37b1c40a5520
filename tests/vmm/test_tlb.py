"""A processor that keeps what it has translated for as long as it may: guests do not notice, and none reaches another's memory (SH2)."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from itertools import chain, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import Entries
from pgcheck.models.engine import Interpreter, VmExit
from pgcheck.models.state import Oracle, State, Surroundings
from pgcheck.vmm.tlb import Tlb
from pgcheck.vmm.translate import Args, walk
from pgcheck.vmm.vmm import Vmm
from tests.specifications import machine_of
from tests.vmm import programs
from tests.vmm.lockstep import Pair, pair, policy_of


@dataclass(slots=True)
class Keeping:
    """An engine whose translations are looked up before its tables, as often as the tape says; it forgets only when it is told to.

    Nothing tells translations of one root from those of another; only what the processor checks at each access (`checks`) does.
    """

    machine: Machine
    checks: tuple[str, ...]
    tape: Iterator[bool]
    kept: dict[object, int] = field(default_factory=dict)
    used: int = 0
    state: State = field(default_factory=dict)
    surroundings: Surroundings = field(default_factory=Surroundings)
    inner: Oracle | None = None

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        self.state, self.surroundings, self.inner = state, surroundings, surroundings.oracle
        surroundings.oracle = self
        try:
            return Interpreter(self.machine).run(state, surroundings, budget, intercept)
        finally:
            surroundings.oracle = self.inner

    def translate(self, args: Args) -> tuple[bool, int] | None:
        paged = self.machine.code.confined_by(Entries)
        assert paged is not None
        where, page = paged[0].position(paged[1].address), 1 << paged[1].shift
        key = (*args[:where], args[where] & -page, *args[where + 1 :], *[self.state[n] for n in self.checks])
        if key in self.kept and next(self.tape):
            self.used += 1
            return False, self.kept[key] | args[where] & page - 1
        found = walk(self.machine, args, self.state, Surroundings(memory=self.surroundings.memory), pretend=True)
        if found.address is not None:
            self.kept.setdefault(key, found.address & -page)
        return None

    def probe(self, name: str, args: Args) -> int | None:
        return self.inner.probe(name, args) if self.inner is not None else None

    def table(self, name: str, args: Args) -> int | None:
        return self.inner.table(name, args) if self.inner is not None else None


CHECKS = {"s_in_u": (), "vmm_in_m": ("current_mode", "mstatus.SUM", "mstatus.MXR")}


def keeping(found: Pair, deployment: str, tape: list[bool], forgets: bool = True) -> Keeping:
    """The host of a pair with such an engine."""
    engine = Keeping(found.vmm.machine, CHECKS[deployment], chain(tape, repeat(True)))
    found.vmm.host.engine = engine
    if forgets:
        found.vmm.tlb.forget = engine.kept.clear
    return engine


def started(deployment: str) -> Pair:
    machine = machine_of("riscv64")
    return pair(machine, policy_of("riscv64", deployment), programs.RISCV_SIZE, programs.riscv(machine))


@pytest.mark.parametrize("deployment", CHECKS)
def test_a_guest_does_not_notice(deployment: str) -> None:
    found = started(deployment)
    engine = keeping(found, deployment, [])
    for _ in range(30):
        found.step(17)
    assert engine.used > 100


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(sorted(CHECKS)), st.lists(st.booleans(), max_size=400))
def test_whatever_the_processor_keeps(deployment: str, tape: list[bool]) -> None:
    found = started(deployment)
    keeping(found, deployment, tape)
    for _ in range(9):
        found.step(50)


@pytest.mark.parametrize("deployment", CHECKS)
def test_a_processor_that_is_never_told_is_noticed(deployment: str) -> None:
    found = started(deployment)
    keeping(found, deployment, [], forgets=False)
    with pytest.raises(AssertionError):
        for _ in range(30):
            found.step(17)


def two(forgets: bool) -> Vmm:
    """A monitor whose two guests have the same virtual addresses and take turns."""
    machine = machine_of("riscv64")
    room = 4 * programs.RISCV_SIZE + (64 << 12)
    found = pair(machine, policy_of("riscv64", "s_in_u"), programs.RISCV_SIZE, programs.riscv(machine), room=room)
    programs.riscv(machine)(found.vmm.guest("other", programs.RISCV_SIZE, tables=24).computer)
    keeping(found, "s_in_u", [], forgets)
    for _ in range(40):
        for guest, steps in zip(found.vmm.guests, (13, 7), strict=True):
            guest.computer.run(steps)
    return found.vmm


def as_alone(vmm: Vmm) -> list[bool]:
    """Whether each guest is where a bare machine is after as many steps."""
    machine, found = vmm.machine, []
    for guest, steps in zip(vmm.guests, (13, 7), strict=True):
        bare = pair(machine, policy_of("riscv64", "s_in_u"), programs.RISCV_SIZE, programs.riscv(machine)).bare
        for _ in range(40):
            bare.run(steps)
        ram = guest.computer.bus.ram
        same = all(ram.load(a, 8) == bare.bus.load(a, 8) for a in range(ram.base, ram.base + ram.size, 8))
        found.append(same and bare.state[machine.state.pc] == guest.computer.state[machine.state.pc])
    return found


def test_guests_that_take_turns_each_go_their_own_way() -> None:
    assert as_alone(two(forgets=True)) == [True, True]


def test_a_processor_that_takes_one_guests_pages_for_the_others_is_noticed() -> None:
    assert as_alone(two(forgets=False)) != [True, True]


def test_the_monitor_tells_the_processor_when_it_uses_other_tables() -> None:
    told: list[str] = []
    tlb = Tlb(lambda: told.append("forget"))
    first, second = object(), object()
    for tables in (first, first, second, second, first):
        tlb.use(tables)
    assert len(told) == 3
    tlb.flush()
    assert len(told) == 4 == tlb.flushes
