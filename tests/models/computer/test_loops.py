"""A trap whose handler traps again ends a run, and what may end otherwise goes on."""

import pytest

from pgcheck.machines.programs import assembled
from pgcheck.models.computer import loops
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


def computer_of(name: str, text: str) -> Computer:
    made = Computer(machine_of(name))
    load(assembled(made.machine, text, "test"), made)
    return made


# The handler of every trap is an instruction that traps, and each trap pushes a frame.
STACK = """
        .org 0x1000
start:  lgdt [gdtr]
        lidt [idtr]
        mov esp, 0x8000000
        int 0x80
gdtr:   .2byte 31
        .4byte gdt
idtr:   .2byte 0x7ff
        .4byte idt
gdt:    .8byte 0, 0x00cf9a000000ffff, 0x00cf92000000ffff, 0
idt:    .fill 256, 8, 0x00008e0000083000
        .org 0x3000
        .byte 0x0f, 0x0b
"""


def test_a_row_of_traps_that_moves_a_stack_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "MOST", 50)
    stop = run(computer_of("i386", STACK), 1 << 12)
    assert stop.exit is not None and stop.exit.function == TRAP_LOOP
    assert stop.exit.note.endswith("at 0x3000 traps again, 50 times in a row") and stop.steps < 64


def test_a_device_that_may_end_it_is_waited_for() -> None:
    """The counter is due after 500 steps: until then its interrupt might come, and after it nothing can."""
    made = computer_of("pg74", ".org 2\nsvc 1\n")
    made.devices["timer"].write(0, 1, (1 << 32) - 500)
    assert run(made, 400).exit is None
    stop = run(made, 1 << 12)
    assert stop.exit is not None and (stop.exit.function, made.clock) == (TRAP_LOOP, 500)
