"""Several guests share a processor: fairly, within their quotas, and whatever each of them does."""

from __future__ import annotations

import pytest

from pgcheck.isa.machine.machine import Machine
from pgcheck.models.computer.computer import Computer
from pgcheck.models.generated.compiled import Compiled
from pgcheck.vmm.vmm import Guest, Vmm
from tests.specifications import machine_of
from tests.vmm import programs
from tests.vmm.lockstep import host, policy_of, ram, seen

QUANTUM = 25
LOOP = ".org 2\njump 2\n"
TRAPS = ".org 1\n.word 0x00400400\n.org 2\nsvc 1\njump 2\n"
EMULATES = ".org 2\nsrr a1\njump 2\n"
STOPS = ".org 2\nli a1, 1\nli a1, 2\nhalt\n"
KINDS = (LOOP, TRAPS, EMULATES)


def party(*texts: str, quota: int | None = None) -> Vmm:
    machine = machine_of("pg74")
    vmm = Vmm(host(machine, 1024), policy_of("pg74"))
    for number, text in enumerate(texts):
        guest = vmm.guest(f"g{number}", 96, quota=quota)
        programs.program(machine, text)(guest.computer)
    return vmm


def used(vmm: Vmm) -> list[int]:
    return [g.used for g in vmm.guests]


@pytest.mark.parametrize("count", range(1, 9))
def test_guests_share_the_processor_fairly(count: int) -> None:
    """At every multiple of ten quanta each has had its share of the steps, within 2 %."""
    vmm = party(*(KINDS[k % 3] for k in range(count)))
    for tens in range(1, 6):
        assert list(vmm.run(10 * QUANTUM, QUANTUM)) == []
        share = sum(used(vmm)) / count
        assert all(abs(n - share) <= 0.02 * share for n in used(vmm))
        assert used(vmm) == [g.computer.clock for g in vmm.guests] == [10 * QUANTUM * tens] * count


@pytest.mark.parametrize("quantum", [1, 7, QUANTUM])
def test_a_guest_that_loops_is_preempted(quantum: int) -> None:
    """After each quantum it is another's turn."""
    vmm, turns = party(LOOP, LOOP, LOOP), list[tuple[str, int]]()
    take = vmm.turn

    def noted(guest: Guest, steps: int) -> int:
        taken = take(guest, steps)
        turns.append((guest.name, taken))
        return taken

    vmm.turn = noted  # type: ignore[method-assign]
    assert list(vmm.run(4 * quantum, quantum)) == []
    assert turns == [(f"g{k}", quantum) for k in range(3)] * 4


def test_a_guest_that_stops_leaves_its_time_to_the_others() -> None:
    vmm = party(LOOP, STOPS, TRAPS)
    stopped = list(vmm.run(200, 10))
    assert [g.name for g in stopped] == ["g1"] and stopped[0].stopped is not None
    assert stopped[0].stopped.exit is not None and stopped[0].stopped.exit.function == "halt"
    assert used(vmm) == [200, 2, 200]
    assert list(vmm.run(50, 10)) == [] and used(vmm) == [250, 2, 250]


@pytest.mark.parametrize("quota", [0, 1, 24, 25, 26, 99])
def test_no_guest_takes_more_than_its_quota(quota: int) -> None:
    vmm = party(LOOP, EMULATES, TRAPS, quota=quota)
    assert len(list(vmm.run(1000, QUANTUM))) == 3
    assert used(vmm) == [quota] * 3 == [g.computer.clock for g in vmm.guests]
    assert all(g.stopped is not None and g.stopped.exit is None and g.stopped.steps == quota for g in vmm.guests)
    assert list(vmm.run(1000, QUANTUM)) == [] and used(vmm) == [quota] * 3


def test_a_quota_is_not_a_budget() -> None:
    vmm = party(LOOP, quota=30)
    assert list(vmm.run(20)) == [] and used(vmm) == [20]
    assert len(list(vmm.run(20))) == 1 and used(vmm) == [30]


def test_a_guest_that_is_removed_has_no_more_turns() -> None:
    """Not even in the round in which it was removed."""
    vmm = party(STOPS, LOOP, LOOP)
    removed = vmm.guests[1]
    for stopped in vmm.run(500, 10):
        vmm.remove(stopped)
        vmm.remove(removed)
    assert [(g.name, g.used) for g in vmm.guests] == [("g2", 500)] and removed.used == 0


def alone(machine: Machine, setup: programs.Setup, size: int, steps: int) -> Computer:
    computer = Computer(machine, ram=ram(machine, size))
    setup(computer)
    computer.run(steps)
    return computer


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("deployment", ["s_in_u", "vmm_in_m"])
@pytest.mark.parametrize("quantum", [1, 13, 100])
def test_whoever_shares_the_processor_makes_no_difference(quantum: int, deployment: str, fast: bool) -> None:
    """Guests with paging, interrupts and devices end as they would alone, however their turns fall."""
    machine = machine_of("riscv64")
    setup = programs.riscv(machine)
    vmm = Vmm(host(machine, 1 << 19), policy_of("riscv64", deployment))
    if fast:
        vmm.host.engine = Compiled(machine)
    guests = [vmm.guest(f"g{k}", programs.RISCV_SIZE, tables=12) for k in range(3)]
    for guest in guests:
        setup(guest.computer)
    guests[1].computer.run(5)
    assert len(list(vmm.run(2000, quantum))) == 3
    expected = seen(alone(machine, setup, programs.RISCV_SIZE, 2000))
    assert all(seen(g.computer) == expected for g in guests)
