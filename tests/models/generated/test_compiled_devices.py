"""A device that writes over code that runs hot: the next step runs what is there now."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from pgcheck.models.computer.computer import Computer
from pgcheck.models.devices.virtqueue import Memory
from pgcheck.models.engine import Engine, Interpreter
from pgcheck.models.generated import memory as compiled_memory
from pgcheck.models.generated.compiled import Compiled, Heat
from pgcheck.models.memory import Ram
from pgcheck.models.state import State, copied
from tests.specifications import machine
from tests.vmm.lockstep import assembled

ROUNDS, STEPS, LENGTH = 10, 40, 8
ADDS = "\n".join(f"addi a{k}, a{k}, {k + 1}" for k in range(LENGTH - 1))


def ends(made: Callable[[], Engine], seed: int) -> list[State]:
    """The state after each round of a loop into which a device writes pieces of other instructions."""
    random, riscv = Random(seed), machine("riscv64")
    base = riscv.platform.ram_base
    computer = Computer(riscv, made(), Ram(base, 1 << 14, 8, big_endian=False))
    program = assembled(riscv, f"again:\n{ADDS}\njal zero, again", base)
    other = assembled(riscv, "\n".join(f"xori a{k}, a{k}, {k + 3}" for k in range(LENGTH - 1)), base)
    code = bytes(cell for chunk in program.chunks for cell in chunk.cells)
    changed = bytes(cell for chunk in other.chunks for cell in chunk.cells)
    device = Memory(computer.bus)
    device.write(base, code)
    computer.state[riscv.state.pc] = base
    found: list[State] = []
    for _ in range(ROUNDS):
        computer.run(STEPS)
        found.append(copied(computer.state))
        first = 4 * random.randrange(LENGTH - 1)
        count = 4 * random.randint(1, LENGTH - 1 - first // 4)
        device.write(base + first, (changed if random.random() < 0.6 else code)[first : first + count])
    return found


def hot() -> Engine:
    return Compiled(machine("riscv64"), Heat(warm=1, hot=2, longest=6))


def test_code_that_a_device_overwrites_is_run_as_it_is_now() -> None:
    for seed in range(6):
        assert ends(hot, seed) == ends(lambda: Interpreter(machine("riscv64")), seed)


def test_code_that_is_not_forgotten_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_memory.Runtime, "_forget_code", lambda self, number, page: None)
    assert any(ends(hot, seed) != ends(lambda: Interpreter(machine("riscv64")), seed) for seed in range(6))
