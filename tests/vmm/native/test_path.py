"""The way from trap to trap as native code: the same guests, the same counts and accounts as the dispatcher in Python gives."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from pgcheck.models.native.engine import Native
from pgcheck.models.native.monitored.loop import Loop
from pgcheck.models.native.monitored.split import Run
from pgcheck.models.state import Cells
from pgcheck.vmm.monitor import TrapAndEmulate
from pgcheck.vmm.paging.shadow import ShadowTables
from pgcheck.vmm.vmm import Guest, Vmm
from tests.specifications import machine_of
from tests.vmm.lockstep import assembled, contents, host, loaded, policy_of, seen

pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")
pytestmark = pytest.mark.slow

QUICK = 0
PAGE = 1 << 12
REGISTERS = ("sscratch", "sepc", "stvec", "scause", "stval", "sstatus", "sie", "scounteren", "satp")
PLAIN = ("addi t0, t1, 13", "xor t1, t2, t0", "sd t0, 0(s0)", "ld t2, 0(s0)", "add s0, s0, s2")
TRAPS = ("ecall", "sret", ".word 0", "csrrs t0, time, zero", "csrrs t1, cycle, zero", "sfence.vma zero, zero", "wfi")


def program(chance: random.Random, length: int) -> str:
    """A loop of instructions of which many trap, and where traps lead back to its begin."""
    lines = ["loop: csrrw zero, stvec, s1", "csrrw zero, sepc, s1"]
    for _ in range(length):
        kind = chance.random()
        if kind < 0.3:
            lines.append(chance.choice(PLAIN))
        elif kind < 0.8:
            op = chance.choice(("csrrw", "csrrs", "csrrc"))
            register = chance.choice(REGISTERS[:-1] if chance.random() < 0.95 else REGISTERS)
            lines.append(f"{op} t{chance.randrange(3)}, {register}, {chance.choice(('t0', 't1', 'zero', 's1'))}")
        else:
            lines.append(chance.choice(TRAPS))
    return "\n".join([*lines, "jal zero, loop", ""])


def made(deployment: str, text: str, *, compiled: bool, monkeypatch: pytest.MonkeyPatch) -> Guest:
    machine = machine_of("riscv64")
    computer = host(machine, 160 * PAGE)
    computer.engine = Native(machine, QUICK)
    guest = Vmm(computer, policy_of("riscv64", deployment)).guest("guest", 16 * PAGE, tables=32)
    base, found = machine.platform.ram_base, assembled(machine, text, machine.platform.ram_base)
    loaded(guest.computer, found)
    guest.computer.state["PC"] = base
    registers = guest.computer.state["X"]
    assert isinstance(registers, Cells)
    registers.update({8: base + PAGE, 9: base, 18: PAGE, 5: 0x222})
    if not compiled:
        plainly(guest.monitor, monkeypatch)
    return guest


def plainly(monitor: TrapAndEmulate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the dispatcher in Python do everything."""

    def taken(state: Any, surroundings: Any, real: Any, steps: int, intercept: Any) -> Any:
        computer = monitor.host
        stop = computer.engine.run(computer.state, computer.surroundings, steps, monitor.policy.intercept)
        return stop, 0, bool(stop.steps)

    monkeypatch.setattr(monitor, "_taken", taken)


def account(guest: Guest) -> dict[str, object]:
    """All that is to be equal."""
    statistics, mmu = guest.monitor.statistics, guest.monitor.mmu
    assert isinstance(mmu, ShadowTables)
    return {
        **seen(guest.computer),
        "RAM": contents(guest.computer),
        "counts": (dict(statistics.interventions), statistics.direct, statistics.misses),
        "events": +guest.events,
        "tables": [*mmu.settled()],
        "flushes": mmu.tlb.flushes,
        "host": {n: v for n, v in guest.monitor.host.state.items() if n in guest.monitor.own},
    }


def differences(deployment: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, object], int]:
    """What differs first between both, and how many interventions native code made."""
    chance = random.Random(seed)
    text = program(chance, 30)
    fast = made(deployment, text, compiled=True, monkeypatch=monkeypatch)
    slow = made(deployment, text, compiled=False, monkeypatch=monkeypatch)
    found: dict[str, object] = {}
    while fast.computer.clock < 2000 and not found:
        count = chance.choice((1, 2, 7, 40, 300))
        stops = [g.computer.run(count) for g in (fast, slow)]
        one, other = account(fast), account(slow)
        found = {k: (one[k], other[k]) for k in one if one[k] != other[k]}
        if stops[0] != stops[1]:
            found["stops"] = stops
        if stops[0].exit is not None:
            break
    return found, fast.monitor.statistics.compiled


@pytest.mark.parametrize("deployment", ["s_in_u", "vmm_in_m"])
def test_native_code_is_the_dispatcher(deployment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = 0
    for seed in range(5):
        found, count = differences(deployment, seed, monkeypatch)
        assert not found, f"seed {seed}"
        compiled += count
    assert compiled > 400


FAULTS: dict[str, Callable[[list[Run]], list[Run]]] = {
    "a leaf that is not recovered": lambda runs: [
        (at + 8, first + 1, count - 1) for at, first, count in runs if count > 1
    ],
    "leaves one beside the other": lambda runs: [(at, first + 1, count - 1) for at, first, count in runs if count > 1],
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_exchange_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = Loop.copy  # where the fault is planted

    def wrong(self: Loop, runs: Any, source: int | None, target: int | None) -> None:
        right(self, FAULTS[name](list(runs)) if source == self.apart.virtual else runs, source, target)

    monkeypatch.setattr(Loop, "copy", wrong)
    machine_of("riscv64").kept.clear()
    try:
        assert any(differences("s_in_u", seed, monkeypatch)[0] for seed in range(4))
    finally:
        machine_of("riscv64").kept.clear()
