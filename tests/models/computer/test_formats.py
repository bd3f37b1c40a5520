"""Formats of programs: told by what is in the file, and never run as something else."""

from __future__ import annotations

import pytest

from pgcheck.models.computer.elf import elf
from pgcheck.models.computer.formats import parse
from pgcheck.models.computer.image import BadImage
from pgcheck.models.computer.records import ihex, srecords
from tests.models.computer.test_elf import elf64
from tests.models.computer.test_records import EOF_RECORD, hexadecimal, linear, srecord, text
from tests.specifications import SMALL, machine

BASE = 0x80000000
RISCV = machine("riscv64")
ELF = elf64()
MOTOROLA = text([srecord(3, BASE, b"abcd"), srecord(7, BASE)])
INTEL = text([linear(BASE), hexadecimal(0, 0, b"abcd"), EOF_RECORD])


def test_a_format_is_told_by_its_content() -> None:
    assert parse(ELF, RISCV) == elf(ELF, RISCV)
    assert parse(MOTOROLA, RISCV) == srecords(MOTOROLA, RISCV)
    assert parse(b"\n" + INTEL, RISCV) == ihex(INTEL, RISCV)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "it is empty"),
        (b"\x1f\x8b\x08\0", "a gzip archive"),
        (b"!<arch>\n", "an archive of object files"),
        (b"PK\x03\x04", "a zip archive"),
        (b"MZ\x90\0", "a DOS, Windows or EFI executable"),
        (b"@80000000\n13 05 10 00\n", "a Verilog or TI text file"),
        (b"\xd0\x0d\xfe\xed\0\0\1\0", "a device tree"),
        (b"int main(void) { return 0; }\n", "it is text; assembly is named"),
        ("halt ; für immer\n".encode(), "it is text"),
        (b"S1\0\0:1\0\0", "say where it lies: --raw 0x80000000"),
        (bytes(4096), "--raw 0x80000000"),
        (b"\x7fEL", "--raw 0x80000000"),
    ],
)
def test_what_is_no_image_is_refused_by_its_name(content: bytes, name: str) -> None:
    with pytest.raises(BadImage, match=name):
        parse(content, RISCV)


def test_raw_memory_is_not_guessed() -> None:
    with pytest.raises(
        BadImage, match="neither ELF, Intel HEX, S-records nor assembly; if it is raw memory, say where"
    ):
        parse((SMALL / "field" / "compressed.bin").read_bytes(), RISCV)
