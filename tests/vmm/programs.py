"""Small operating systems: a kernel with trap handlers, devices and a timer, and a user program, for each machine with a monitor."""

from __future__ import annotations

from collections.abc import Callable

from pgcheck.isa.machine.machine import Machine
from pgcheck.models.computer import image
from pgcheck.models.computer.computer import Computer
from pgcheck.models.state import Cells
from tests.specifications import GUESTS
from tests.vmm.lockstep import assembled, loaded

Setup = Callable[[Computer], None]

# ---- RISC-V: Sv39 with a page that comes and goes, a system call, timer interrupts, the console and the power switch.

RISCV_SIZE = 1 << 16
ROOT, MIDDLE, LEAVES, USER_CODE, USER_DATA = 0x4000, 0x5000, 0x6000, 0x2000, 0x8000
RISCV = """
start:
  csrrw zero, stvec, s1
  csrrw zero, satp, s2
  sfence.vma zero, zero
  csrrw zero, sie, s3
  .word 0
  addi a7, zero, 0
  csrrs a0, time, zero
  addi a0, a0, 23
  ecall
  csrrw zero, sepc, s4
  csrrw zero, sstatus, s3
  sret
handler:
  csrrs t3, scause, zero
  csrrs t4, sepc, zero
  blt t3, zero, interrupt
  addi t5, zero, 8
  beq t3, t5, call
  addi t5, zero, 2
  beq t3, t5, skip
  addi t5, zero, 15
  beq t3, t5, map
  addi t5, zero, 13
  beq t3, t5, map
  sw t3, 0(s10)
call:
  sb a0, 0(s5)
skip:
  addi t4, t4, 4
  csrrw zero, sepc, t4
  sret
map:
  csrrs s0, stval, zero
  sd s7, 0(s6)
  sfence.vma zero, zero
  sret
interrupt:
  sd zero, 0(s6)
  sfence.vma zero, zero
  addi s8, s8, 1
  addi t5, a0, 0
  addi t6, a7, 0
  csrrs a0, time, zero
  addi a0, a0, 31
  addi a7, zero, 0
  ecall
  addi a0, t5, 0
  addi a7, t6, 0
  addi t5, zero, 12
  bne s8, t5, back
  addi t5, zero, 97
  sb t5, 0(s5)
  wfi
  sw s11, 0(s10)
back:
  sret
.org 0x80002000
user:
  addi a1, a1, 1
  sd a1, 0(s9)
  ld a2, 0(s9)
  add a3, a3, a2
  andi a4, a1, 3
  bne a4, zero, user
  andi a0, a1, 0x3f
  addi a0, a0, 48
  ecall
  csrrs a5, sscratch, zero
  amoadd.d a6, a1, (s9)
  jal zero, user
"""


def riscv(machine: Machine) -> Setup:
    base = machine.platform.ram_base
    program = assembled(machine, RISCV, base)

    def setup(computer: Computer) -> None:
        loaded(computer, program)
        store = computer.bus.store
        entries = {
            ROOT: entry(base + MIDDLE, 0x01),
            ROOT + 16: entry(base, 0xCF),
            MIDDLE: entry(base + LEAVES, 0x01),
            LEAVES + 0x10 * 8: entry(base + USER_CODE, 0x5B),
            LEAVES + 0x20 * 8: entry(0x10000000, 0xC7),
            LEAVES + 0x21 * 8: entry(0x100000, 0xC7),
        }
        for at, value in entries.items():
            store(base + at, 8, value)
        computer.state[machine.state.pc] = base
        cells(computer, "X").update(
            {
                9: program.symbols["handler"],
                18: 8 << 60 | base + ROOT >> 12,
                19: 0x20,
                20: 0x10000,
                21: 0x20000,
                22: base + LEAVES + 0x11 * 8,
                23: entry(base + USER_DATA, 0xD7),
                25: 0x11000,
                26: 0x21000,
                27: 0x5555,
            }
        )

    return setup


def entry(address: int, flags: int) -> int:
    """A page-table entry of Sv39."""
    return address >> 12 << 10 | flags


def cells(computer: Computer, name: str) -> Cells:
    value = computer.state[name]
    assert isinstance(value, Cells)
    return value


# ---- The machine of Popek and Goldberg: relocation, service calls, refused instructions, its device and its timer.

PG74_SIZE = 512
PG74 = """
        .org 1
        .word 0x08000400
        .org 2
        li a1, 100
        stm a1
        srr a13
        lra a13, 17
        lrr a0
        lpsw user
        .org 0x10
user:   .word 0x80080040
back:   .word 0
        .org 0x40
trapped: load a5, 0
        rtm a11
        add a12, a11
        tio a6, 5
        move a6, a12
        shr a6, 2
        li a7, 31
        and a6, a7
        li a7, 64
        add a6, a7
        sio a6, 0
        srr a13
        add a12, a13
        li a7, 1
        add a14, a7
        li a7, 9
        sub a7, a14
        jz a7, over
        li a7, 1
        shl a7, 21
        add a5, a7
        store a5, back
        lpsw back
over:   halt
        .org 0x100
        li a2, 3
again:  load a3, 0x30
        li a4, 5
        add a3, a4
        store a3, 0x30
        li a4, 1
        sub a2, a4
        jz a2, 9
        jump 1
        svc 1
        load a1, 0x50
        lpsw 3
        rtm a1
        jump 0
"""


def pg74(machine: Machine) -> Setup:
    program = assembled(machine, PG74, 0)

    def setup(computer: Computer) -> None:
        loaded(computer, program)
        cells(computer, "A")[0] = PG74_SIZE

    return setup


def pg74_timer(machine: Machine) -> Setup:
    """A program of tests/guests that its timer interrupts."""
    program = assembled(machine, (GUESTS / "pg74" / "timer.s").read_text(), 0)
    return lambda computer: loaded(computer, program)


# ---- The MC68010 and the KA10: the supervisors that tests/guests has, with a user program of our own.

M68_SIZE = 1 << 16
M68_USER = """
        move #0x0700,sr
        moveq #6,d3
turn:   move.l d3,(0x7000).l
        add.l (0x7000).l,d4
        movem.l #31,(0x7100).l
        move ccr,d6
        rol.w #3,d4
        subq.l #1,d3
        bne.s turn
        movea.l #0xff0000,a2
        move.b #85,(a2)
"""


def m68(machine: Machine) -> Setup:
    text = (GUESTS / "m68000" / "hello.s").read_text()
    head, mark, tail = text.partition("        move #0x0700,sr ")
    assert mark
    return program(machine, head + M68_USER + tail.partition("\n")[2])


PDP10_SIZE = 1 << 12
PDP10_USER = """
        .org 0x810
        movei 1, 3
        movei 2, 7
        imul 2, 1
        movem 2, 0x20
        addm 2, 0x21
        xct 0, 0x1a
        sojg 1, 0x12
        muuo 1, 0, 83
        jrst 0, 0x1b
        .org 0x81a
        aos 3, 0x22
        xct 0, 0x30
        datao 0x14, 1
        xct 0, 0x31
        jrst 2, @0x33
        muuo 1, 0, 0
        .org 0x830
        xct 0, 0x1a
        xct 0, 0x32
        datao 0x14, 1
        .word 0x40000020
"""


def pdp10(machine: Machine) -> Setup:
    text = (GUESTS / "pdp10-ka10" / "hello.s").read_text()
    head, mark, _ = text.partition("        .org 0x810")
    assert mark
    return program(machine, head + PDP10_USER)


def program(machine: Machine, text: str) -> Setup:
    """What loads an assembly text and starts it at `start`, or where the platform says."""
    found = assembled(machine, text, image.entry(machine))

    def setup(computer: Computer) -> None:
        loaded(computer, found)
        computer.state[machine.state.pc] = found.symbols.get("start", image.entry(machine))

    return setup
