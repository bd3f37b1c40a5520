"""A trap whose handler traps again ends a run, and what may end otherwise goes on."""

import pytest

from pgcheck.models.computer.computer import Computer
from pgcheck.models.computer.image import load, raw
from pgcheck.models.computer.loops import TRAP_LOOP, run
from tests.specifications import SMALL, machine_of


def riscv(content: bytes) -> Computer:
    machine = machine_of("riscv64")
    computer = Computer(machine)
    load(raw(content, machine, 0x80000000), computer)
    return computer


def test_a_trap_loop_ends_with_its_reason() -> None:
    stop = run(riscv((SMALL / "field" / "compressed.bin").read_bytes()), 1 << 20)
    assert stop.exit is not None and stop.exit.function == TRAP_LOOP
    assert (
        stop.exit.note == "raise(IllegalInstruction) at 0x80000000, and its handler at 0x0 traps again"
        and stop.steps < 10
    )


@pytest.mark.parametrize("word", [0x0000006F, 0x10500073])
def test_a_loop_of_instructions_is_none(word: int) -> None:
    computer = riscv(word.to_bytes(4, "little"))
    stop = run(computer, 1000)
    assert stop.exit is None or stop.exit.function != TRAP_LOOP


def test_a_trap_that_is_served_is_none() -> None:
    # stvec = 0x80000014; 0x8000000c: ebreak, and back to it; the handler: sepc += 4; sret
    code = [0x00000297, 0x01428293, 0x10529073, 0x00100073, 0xFFDFF06F, 0x14102373, 0x00430313, 0x14131073, 0x10200073]
    stop = run(riscv(b"".join(w.to_bytes(4, "little") for w in code)), 1000)
    assert stop.exit is None and stop.steps == 1000
