"""Names of places in programs."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pgcheck.machines.programs import assembled
from pgcheck.models.computer.elf import elf
from pgcheck.models.computer.symbols import LONGEST, Symbols, symbols
from tests.models.compiling import compiled
from tests.specifications import machine


def test_the_last_name_before_an_address_in_its_piece() -> None:
    found = symbols([("second", 0x20), ("first", 0x10), ("again", 0x10), ("far", 0x100)], [(0x10, 0x20), (0x40, 8)])
    assert [found.shown(a) for a in (0xF, 0x10, 0x1F, 0x20, 0x2F, 0x30, 0x40, 0x100)] == [
        "", " <first>", " <first+0xf>", " <second>", " <second+0xf>", "", "", "",
    ]  # fmt: skip
    assert Symbols().shown(0) == ""


@pytest.mark.parametrize("name", ["", "a\x1b[31m", "a\nb", "\xe9", "x" * (LONGEST + 1)])
def test_what_a_terminal_cannot_show_is_no_name(name: str) -> None:
    assert symbols([(name, 4)], [(0, 8)]) == Symbols()


def test_labels_of_assembly_are_names() -> None:
    found = assembled(machine("riscv64"), "start: addi a0, a0, 1\nnext: addi a0, a0, 1\n", "x.s")
    assert [found.symbols.shown(0x80000000 + k) for k in (0, 4, 7, 8)] == [" <start>", " <next>", " <next+0x3>", ""]


def test_functions_of_an_executable_are_names_and_a_damaged_table_gives_none(tmp_path: Path) -> None:
    made = compiled("primes", tmp_path).read_bytes()
    found = elf(made, machine("riscv64"))
    assert {"_start", "main", "put"} <= {name for _, name, _ in found.symbols.places}
    sections = struct.unpack_from("<Q", made, 0x28)[0]
    count = struct.unpack_from("<H", made, 0x3C)[0]
    tables = [sections + 64 * k for k in range(count) if struct.unpack_from("<I", made, sections + 64 * k + 4)[0] == 2]
    for field, value in ((0x18, 1 << 40), (0x20, 1 << 60), (0x28, 99), (0x38, 7)):  # offset, size, link, entry size
        damaged = bytearray(made)
        struct.pack_into("<I" if field == 0x28 else "<Q", damaged, tables[0] + field, value)
        again = elf(bytes(damaged), machine("riscv64"))
        assert again.segments == found.segments and len(again.symbols.places) <= len(found.symbols.places)
