"""Turns of guests as native code: every account is that of the rounds in Python, and so is what each guest sees."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pgcheck.models.native.engine import Native
from pgcheck.models.native.monitored.rounds import Rounds
from pgcheck.models.state import Cells
from pgcheck.vmm.vmm import Guest, Vmm
from tests.specifications import machine_of
from tests.vmm.lockstep import assembled, host, loaded, policy_of
from tests.vmm.native.test_path import PAGE, account, program

pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")
pytestmark = pytest.mark.slow

COMPUTE = """
loop:   addi a0, a0, 1
        xor a1, a1, a0
        sd a1, 0(s0)
        ld a3, 0(s0)
        jal zero, loop
"""


def made(seed: int) -> Vmm:
    """Three guests, of which one mostly computes."""
    machine, chance = machine_of("riscv64"), random.Random(seed)
    computer = host(machine, 200 * PAGE)
    computer.engine = Native(machine, 0)
    vmm = Vmm(computer, policy_of("riscv64", "s_in_u"))
    for name in ("one", "two", "three"):
        guest = vmm.guest(name, 16 * PAGE, tables=32, quota=400 if name == "three" else None)
        base, text = machine.platform.ram_base, COMPUTE if name != "two" or seed % 2 else program(chance, 20)
        loaded(guest.computer, assembled(machine, text, base))
        guest.computer.state["PC"] = base
        registers = guest.computer.state["X"]
        assert isinstance(registers, Cells)
        registers.update({8: base + PAGE, 9: base, 18: PAGE, 5: chance.randrange(1 << 20)})
    return vmm


def accounts(vmm: Vmm) -> dict[str, object]:
    found: dict[str, object] = {g.name: (account(g), g.used, str(g.stopped)) for g in vmm.guests}
    return {**found, "clock": vmm.host.clock, "host": {n: vmm.host.state[n] for n in ("PC", "X")}}


def run(vmm: Vmm, budget: int, quantum: int) -> list[Guest]:
    return list(vmm.run(budget, quantum))


def differences(seed: int, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], int]:
    """What differs between both, and the steps that native turns took."""
    taken: list[int] = []
    fast, slow = made(seed), made(seed)
    compiled: Any = fast.compiled

    def watched(turns: Any, left: Any, quantum: int) -> Any:
        before = sum(left.values())
        found = compiled(turns, left, quantum)
        taken.append(before - sum(left.values()))
        return found

    monkeypatch.setattr(fast, "compiled", watched)
    monkeypatch.setattr(slow, "compiled", lambda turns, left, quantum: {})
    for budget, quantum in ((40, 7), (300, 1), (500, 13), (3, 1), (200, 50)):
        ends = [[g.name for g in run(vmm, budget, quantum)] for vmm in (fast, slow)]
        one, other = accounts(fast), accounts(slow)
        found = [k for k in one if one[k] != other[k]]
        if found or ends[0] != ends[1]:
            return [*found, "end"], sum(taken)
    return [], sum(taken)


def test_turns_are_those_of_the_rounds_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0
    for seed in range(4):
        found, taken = differences(seed, monkeypatch)
        assert not found, f"seed {seed}: {found}"
        steps += taken
    assert steps > 2000


def test_a_fault_of_what_is_parked_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Rounds.copy

    def wrong(self: Rounds, runs: Any, source: int | None, target: int | None) -> None:
        right(self, runs[1:] if target == self.apart.parked else runs, source, target)

    monkeypatch.setattr(Rounds, "copy", wrong)
    machine_of("riscv64").kept.clear()
    try:
        assert any(differences(seed, monkeypatch)[0] for seed in range(2))
    finally:
        machine_of("riscv64").kept.clear()
