"""A whole computer: what runs when, and what a device may do to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.platform import Attachment
from pgcheck.isa.terms.ir import HALT
from pgcheck.machines.programs import assembled
from pgcheck.models.computer import image
from pgcheck.models.computer.computer import STUCK, Computer, new_ram
from pgcheck.models.devices.backing import Kept
from pgcheck.models.devices.standard import standard
from pgcheck.models.engine import Interpreter
from pgcheck.models.memory import Ram
from pgcheck.models.state import Cells
from tests.specifications import machine

RISC, MOTOROLA, INTEL, DEC, PAPER = "riscv64", "m68000", "i386", "pdp10-ka10", "pg74"


def computer(name: str, text: str, **makers: object) -> tuple[Computer, bytearray]:
    described = machine(name)
    out = bytearray()
    made = Computer(described, makers=standard(out.append))
    image.load(assembled(described, text, "test"), made)
    return made, out


def scalar(made: Computer, leaf: str) -> int:
    value = made.state[leaf]
    assert isinstance(value, int)
    return value


def register(made: Computer, leaf: str, index: int) -> int:
    value = made.state[leaf]
    assert isinstance(value, Cells)
    return value[index]


TICKING = """
        lui s0, 0x2000
        addi s1, zero, 0
        auipc t0, 0
        addi t0, t0, 60
        csrrw zero, stvec, t0
        addi t0, zero, 0x20
        csrrs zero, sie, t0
        csrrs t1, time, zero
        addi t1, t1, 20
        sd t1, 8(s0)
        csrrsi zero, sstatus, 2
loop:   addi s1, s1, 1
        beq zero, zero, loop
        addi zero, zero, 0
        addi zero, zero, 0
        addi zero, zero, 0
        addi zero, zero, 0
trap:   csrrs a0, time, zero
        csrrs a1, scause, zero
        lui t0, 0x100
        lui t1, 5
        addi t1, t1, 0x555
        sw t1, 0(t0)
"""


def test_a_timer_interrupt_comes_at_its_step() -> None:
    """TIME is 7 when it is read, so the compare register is 27; the interrupt itself is step 27, and the trap runs from 28 on."""
    made, _ = computer(RISC, TICKING)
    stop = made.run(1000)
    assert stop.exit is not None and stop.exit.function == HALT and stop.exit.note == "powered off"
    assert register(made, "X", 11) == 1 << 63 | 5 and register(made, "X", 10) == 28


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
def test_the_run_does_not_depend_on_how_it_is_cut(piece: int) -> None:
    whole, _ = computer(RISC, TICKING)
    whole.run(1000)
    cut, _ = computer(RISC, TICKING)
    while cut.run(piece).exit is None:
        pass
    assert cut.state == whole.state and cut.clock == whole.clock


def test_the_budget_is_kept() -> None:
    made, _ = computer(RISC, TICKING)
    stop = made.run(5)
    assert (stop.steps, stop.exit, made.clock) == (5, None, 5) and made.run(0).steps == 0


STOPPED = """
        .org 0x78
        .half 0, tick
        .org 0x400
start:  movea.l #0x8000,a7
        move.l #0,(0xff1008).l
        move.l #1000,(0xff100c).l
        stop #0x2000
        moveq #7,d1
        stop #0x2700
tick:   addq.l #1,d0
        move.l (0xff1004).l,d2
        move.l #-1,(0xff1008).l
        move.l #-1,(0xff100c).l
        rte
"""


def test_a_processor_that_waits_lets_time_pass_until_the_next_event() -> None:
    made, _ = computer(MOTOROLA, STOPPED)
    stop = made.run(2000)
    assert stop.exit is not None and stop.exit.note == STUCK
    assert [register(made, "D", k) for k in (0, 1, 2)] == [1, 7, 1002]


def test_a_wait_is_cut_by_the_budget() -> None:
    made, _ = computer(MOTOROLA, STOPPED)
    assert made.run(500).exit is None and made.clock == 500
    assert made.run(499).exit is None and register(made, "D", 0) == 0
    made.run(10)
    assert register(made, "D", 0) == 1


def test_a_masked_interrupt_is_not_taken() -> None:
    made, _ = computer(MOTOROLA, STOPPED.replace("stop #0x2000", "stop #0x2600"))
    stop = made.run(2000)
    assert stop.exit is not None and stop.exit.note == STUCK and register(made, "D", 0) == 0
    assert scalar(made, "IRQ.L6") == 1


def test_the_higher_of_two_levels_comes_first() -> None:
    """The console's transmitter interrupt is level 4, the timer's level 6."""
    made, _ = computer(
        MOTOROLA,
        """
        .org 0x70
        .half 0, low
        .org 0x78
        .half 0, high
        .org 0x400
start:  movea.l #0x8000,a7
        move #0x2700,sr
        move.b #2,(0xff0001).l
        move.l #0,(0xff1008).l
        move.l #0,(0xff100c).l
        move #0x2500,sr
        nop
        move #0x2300,sr
        nop
low:    lsl.l #4,d0
        addq.l #4,d0
        stop #0x2700
high:   lsl.l #4,d0
        addq.l #6,d0
        move.l #-1,(0xff1008).l
        rte
    """,
    )
    made.run(100)
    assert register(made, "D", 0) == 0x64


def test_the_clock_of_a_leaf_counts_steps_and_cannot_be_set() -> None:
    made, _ = computer(RISC, "csrrs a0, time, zero\ncsrrs a1, cycle, zero\ncsrrs a2, instret, zero\n")
    made.run(3)
    assert [register(made, "X", k) for k in (10, 11, 12)] == [0, 1, 2]


def test_devices_behind_leaves_share_them() -> None:
    """A port that nobody answers reads 0; the timer's and the console's are where the platform puts them."""
    made, out = computer(
        INTEL,
        """
        mov edx, 0x3f8
        mov al, 65
        out dx, al
        in al, 0x47
        mov ebx, eax
        mov al, 99
        out 0x77, al
        in al, 0x77
        hlt
    """,
    )
    made.run(50)
    assert out == b"A" and register(made, "GPR", 0) & 0xFF == 0 and register(made, "GPR", 3) & 0xFF == 0


def test_a_device_behind_two_leaves_has_a_share_in_each() -> None:
    made, out = computer(DEC, "movei 2, 66\ndatao 0x14, 2\nconi 0x14, 3\njrst 4, 0\n")
    made.run(50)
    assert out == b"B" and register(made, "AC", 3) == 0o10


def test_an_interrupt_that_cannot_be_delivered_ends_the_run() -> None:
    """Without an interrupt descriptor table, delivery ends in a shutdown."""
    made, _ = computer(
        INTEL,
        """
        mov edx, 0x4c
        mov eax, 0
        out dx, eax
        mov edx, 0x48
        out dx, eax
        sti
        nop
        nop
    """,
    )
    stop = made.run(50)
    assert stop.exit is not None and stop.exit.function == HALT and "delivery" in stop.exit.note


def test_firmware_answers_calls_and_only_those_it_knows() -> None:
    def call(extension: int, function: int, argument: int) -> tuple[int, int]:
        made, _ = computer(RISC, "ecall\n")
        x = made.state["X"]
        assert isinstance(x, Cells)
        x[17], x[16], x[10] = extension, function, argument
        made.run(1)
        assert scalar(made, "current_mode") == 1 and scalar(made, made.machine.state.pc) == 0x80000004
        return x[10], x[11]

    minus_two = (1 << 64) - 2
    assert call(0x10, 0, 0) == (0, 2 << 24)
    assert [call(0x10, 3, e)[1] for e in (0, 1, 2, 3, 8, 0x10, 0x54494D45, 0x53525354, 0x735049)] == [
        1,
        1,
        1,
        0,
        1,
        1,
        1,
        1,
        0,
    ]
    assert (
        call(0x735049, 0, 0) == (minus_two, 0)
        and call(0x10, 7, 0) == (minus_two, 0)
        and call(0x54494D45, 1, 5) == (minus_two, 0)
    )
    assert call(2, 0, 0)[0] == (1 << 64) - 1


def test_the_console_of_the_firmware_is_the_console() -> None:
    made, out = computer(RISC, "addi a7, zero, 1\naddi a0, zero, 81\necall\naddi a7, zero, 8\necall\n")
    stop = made.run(10)
    assert out == b"Q" and stop.exit is not None and stop.exit.args == (0,)


def test_a_guest_is_a_computer_in_the_memory_of_another() -> None:
    described = machine(RISC)
    memory = Ram(described.platform.ram_base, 0x1000, 8, False)
    guest = Computer(described, Interpreter(described), memory)
    assert guest.bus.ram is memory and set(guest.devices) == {d.name for d in described.platform.devices}
    image.load(image.Image((image.Segment(0x80000000, 4, bytes.fromhex("13050500")),), 0x80000000), guest)
    assert guest.run(1).steps == 1 and memory.load(0x80000000, 4) == 0x00050513


def test_ram_is_as_large_as_the_platform_or_the_user_says() -> None:
    assert new_ram(machine(RISC)).size == 16 << 20 and new_ram(machine(RISC), 4096).size == 4096
    assert new_ram(machine(PAPER)).size == 1024 and new_ram(machine(DEC)).size == 1 << 18


def test_the_state_at_the_start_is_as_the_platform_says() -> None:
    described = machine(RISC)
    booted = replace(described, platform=replace(described.platform, boot={"sscratch": 5}))
    assert scalar(Computer(booted), "sscratch") == 5 and scalar(Computer(described), "sscratch") == 0


def test_a_device_without_a_maker_is_an_error() -> None:
    described = machine(RISC)
    odd = replace(described, platform=replace(described.platform, devices=(Attachment("x", "gramophone"),)))
    with pytest.raises(ValueError, match="gramophone"):
        Computer(odd)


def unwired(described: Machine) -> Machine:
    """A machine whose firmware is away, so that its calls end in M mode."""
    return replace(described, platform=replace(described.platform, firmware=None))


def test_without_firmware_a_call_stays_where_it_is() -> None:
    made = Computer(unwired(machine(RISC)))
    image.load(assembled(made.machine, "ecall\n", "test"), made)
    made.run(1)
    assert scalar(made, "current_mode") == 3


def test_disks_move_memory_through_the_bus() -> None:
    """A watcher of a page hears the device's store."""
    described = machine(RISC)
    made = Computer(described, makers=standard(disk=Kept(bytes(512))))
    heard: list[int] = []
    made.bus.ram.watch(0x80002000, lambda address, count: heard.append(count))
    disk = made.devices["disk"]
    for offset, value in (
        (0x70, 3),
        (0x24, 1),
        (0x20, 1),
        (0x70, 11),
        (0x38, 2),
        (0x80, 0x80000000),
        (0x90, 0x80001000),
        (0xA0, 0x80003000),
        (0x44, 1),
        (0x70, 15),
    ):
        disk.write(offset, 4, value)
    for place, data in (
        (0x80000000, (0x80004000).to_bytes(8, "little") + bytes([16, 0, 0, 0, 1, 0, 1, 0])),
        (0x80000010, (0x80002000).to_bytes(8, "little") + bytes([1, 2, 0, 0, 2, 0, 0, 0])),
        (0x80001000, bytes([0, 0, 1, 0, 0, 0])),
    ):
        made.bus.store(place, len(data), int.from_bytes(data, "little"))
    disk.write(0x50, 4, 0)
    assert heard == [512, 1] and scalar(made, "mip.SEIP") == 0
    plic = made.devices["plic"]
    plic.write(4, 4, 1)
    plic.write(0x2080, 4, 2)
    assert scalar(made, "mip.SEIP") == 1
    disk.write(0x64, 4, 1)
    assert plic.read(0x201004, 4) == 1 and scalar(made, "mip.SEIP") == 0
