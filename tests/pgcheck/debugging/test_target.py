"""Registers and memory as a debugger sees them."""

from __future__ import annotations

import pytest

from pgcheck.debugging.description import described
from pgcheck.debugging.target import Target
from pgcheck.models.computer.computer import Computer
from tests.specifications import machine


def target(name: str) -> Target:
    return Target(Computer(machine(name)), described(machine(name)).registers)


def number(of: Target, name: str) -> int:
    return next(k for k, register in enumerate(of.registers) if register.name == name)


@pytest.mark.parametrize("name", ["riscv64", "i386", "m68000"])
def test_a_register_holds_what_was_written(name: str) -> None:
    one = target(name)
    for k, register in enumerate(one.registers):
        held = one.read(k)
        if not register.pieces:
            assert held is None and not one.write(k, bytes(register.bits // 8))
            continue
        assert held is not None and len(held) == register.bits // 8
        assert one.write(k, held) and one.read(k) == held


def test_a_register_of_several_pieces() -> None:
    one = target("i386")
    selector = number(one, "cs")
    assert one.write(selector, (0x1B).to_bytes(4, "little"))
    assert (one.computer.state["CS"], one.computer.state["CPL"]) == (6, 3)
    assert one.read(number(one, "ss")) == (0x10 | 3).to_bytes(4, "little")


def test_fixed_bits_and_hardwired_registers_stay() -> None:
    one = target("i386")
    assert one.write(number(one, "eflags"), bytes(4)) and one.read(number(one, "eflags")) == (2).to_bytes(4, "little")
    two = target("riscv64")
    assert two.write(number(two, "zero"), b"\x01" * 8) and two.read(number(two, "zero")) == bytes(8)


def test_a_state_that_is_not_legal_is_refused() -> None:
    one = target("riscv64")
    mode, before = number(one, "current_mode"), dict(one.computer.state)
    assert not one.write(mode, b"\x02") and one.computer.state == before
    assert one.write(mode, b"\x00")


def test_memory_at_the_programs_addresses() -> None:
    """Two megabytes at 0x40000000 lead to 0x80200000 for the supervisor; the walk is the specification's, with A and D."""
    one = target("riscv64")
    state, bus = one.computer.state, one.computer.bus
    bus.store(0x80100000 + 8, 8, 0x80101000 >> 12 << 10 | 0x01)
    bus.store(0x80101000, 8, 0x80200000 >> 12 << 10 | 0xC7)
    assert one.load(0x80200000, 4) == bytes(4) and one.load(0x40000000, 4) is None
    state.update({"satp.MODE": 8, "satp.PPN": 0x80100000 >> 12})
    assert one.store(0x40000FFE, b"\x01\x02\x03\x04")
    assert one.load(0x40000FFD, 6) == b"\x00\x01\x02\x03\x04\x00"
    assert bus.load(0x80200FFE, 4) == 0x04030201
    assert not one.store(0x401FFFFE, bytes(4)) and one.load(0x401FFFFE, 2) == bytes(2)


def test_what_only_another_mode_reaches_is_read_there() -> None:
    one = target("riscv64")
    one.computer.state.update({"satp.MODE": 8, "satp.PPN": 0x80100000 >> 12})
    assert one.store(0x80200000, b"\x07") and one.computer.bus.load(0x80200000, 1) == 7


def test_asking_for_memory_marks_no_entry() -> None:
    one = target("i386")
    state, bus = one.computer.state, one.computer.bus
    bus.store(0x10000, 4, 0x11007)
    bus.store(0x11000 + 4 * 5, 4, 0x20007)
    state.update({"CR0.PG": 1, "CR3": 0x10000})
    bus.store(0x20000, 4, 0x44332211)
    assert one.load(0x5000, 4) == b"\x11\x22\x33\x44"
    assert (bus.load(0x10000, 4), bus.load(0x11000 + 4 * 5, 4)) == (0x11007, 0x20007)


def test_devices_are_not_touched() -> None:
    one = target("riscv64")
    assert one.load(0x10000000, 1) is None and not one.store(0x100000, b"\x55\x55")
