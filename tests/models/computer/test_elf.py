"""ELF files: what loads is in memory as the file says; whatever is wrong with a file is one clear error."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgcheck.models.computer.computer import Computer
from pgcheck.models.computer.elf import elf
from pgcheck.models.computer.image import BadImage, Image, Segment, load
from pgcheck.models.memory import Ram
from tests.specifications import machine

COMPILER = shutil.which("riscv64-unknown-elf-gcc")
BASE = 0x80000000
CODE = bytes(range(1, 17))


def elf64(
    *,
    machine_: int = 243,
    class_: int = 2,
    data: int = 1,
    kind: int = 2,
    flags: int = 0,
    entry: int = BASE,
    count: int | None = None,
    offset: int = 0x40,
    size: int = 56,
    segments: tuple[tuple[int, int, int, int, int], ...] = ((1, 0x1000, BASE, 16, 32),),
    content: bytes = CODE,
) -> bytes:
    """An ELF file of segments (type, offset, physical address, bytes in the file, in memory), written from the ELF-64 format."""
    order = "<" if data == 1 else ">"
    header = b"\x7fELF" + bytes([class_, data, 1, 0]) + bytes(8)
    header += struct.pack(
        order + "HHIQQQIHHHHHH",
        kind,
        machine_,
        1,
        entry,
        offset,
        0,
        flags,
        64,
        size,
        len(segments) if count is None else count,
        64,
        0,
        0,
    )
    table = b"".join(
        struct.pack(order + "IIQQQQQQ", t, 5, o, a + 0x100000000, a, f, m, 0x1000) for t, o, a, f, m in segments
    )
    return (header + table).ljust(0x1000, b"\0") + content


def elf32(machine_: int, data: int, address: int) -> bytes:
    order = "<" if data == 1 else ">"
    header = b"\x7fELF" + bytes([1, data, 1, 0]) + bytes(8)
    header += struct.pack(order + "HHIIIIIHHHHHH", 2, machine_, 1, address, 52, 0, 0, 52, 32, 1, 40, 0, 0)
    table = struct.pack(order + "IIIIIIII", 1, 84, address, address, 16, 16, 5, 4)
    return header + table + CODE


def test_an_elf_file_is_loaded_at_its_physical_addresses_and_started() -> None:
    computer = Computer(machine("riscv64"))
    computer.bus.store(BASE + 16, 16, (1 << 128) - 1)
    load(elf(elf64(), machine("riscv64")), computer)
    assert computer.bus.load(BASE, 32) == int.from_bytes(CODE, "little")
    assert computer.state[machine("riscv64").state.pc] == BASE


def test_elf_files_of_both_classes_and_orders() -> None:
    for name, number, data in (("m68000", 4, 2), ("i386", 3, 1)):
        described = machine(name)
        computer = Computer(described)
        load(elf(elf32(number, data, 0x2000), described), computer)
        assert [computer.bus.load(0x2000 + k, 1) for k in range(16)] == list(CODE)
        assert computer.state[described.state.pc] == 0x2000


def test_segments_without_memory_and_of_other_kinds_are_left_out() -> None:
    found = elf(
        elf64(segments=((4, 0, 0, 1 << 60, 1 << 60), (1, 1 << 50, 0, 0, 0), (1, 0x1000, BASE, 16, 16))),
        machine("riscv64"),
    )
    assert found == Image((Segment(BASE, 16, CODE),), BASE, "elf")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (elf64(machine_=62), "for ELF machine 62, and riscv64 is 243"),
        (elf64(class_=1), "32-bit"),
        (elf64(data=2), "big-endian"),
        (elf64(data=3), "damaged"),
        (elf64(class_=9), "damaged"),
        (elf64(kind=3), "no executable but ET_DYN; link it at fixed addresses"),
        (elf64(kind=1), r"no executable but ET_REL; link it \(-nostdlib -Wl,-Ttext=0x80000000\)"),
        (elf64(kind=4), "no executable but ET_CORE; it cannot be run"),
        (elf64(flags=1), r"what riscv64 lacks \(e_flags 0x1\): compressed instructions"),
        (elf64(flags=0x14), r"what riscv64 lacks \(e_flags 0x14\): floating-point registers"),
        (elf64(flags=5), "compressed instructions .*, floating-point registers"),
        (elf64()[:63], "damaged|truncated"),
        (elf64()[:7], "damaged|truncated"),
        (elf64()[:64], "truncated"),
        (elf64()[:-1], "truncated: segment 0"),
        (elf64(count=5000), "5000 program headers"),
        (elf64(count=1000, offset=0x1000), "truncated"),
        (elf64(offset=1 << 63), "truncated"),
        (elf64(size=0), "program headers have 0 bytes"),
        (elf64(count=0), "no segment"),
        (elf64(segments=((1, 0x1000, BASE, 32, 16),)), "0x20 bytes in the file and 0x10 in memory"),
        (elf64(segments=((1, 0x1000, BASE, 1 << 40, 1 << 40),)), "truncated"),
        (elf64(segments=((1, (1 << 64) - 8, BASE, 16, 16),)), "truncated"),
    ],
)
def test_a_wrong_elf_file_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(BadImage, match=why):
        elf(content, machine("riscv64"))


def test_a_machine_without_a_number_takes_no_elf_file() -> None:
    with pytest.raises(BadImage, match="no machine number"):
        elf(elf64(), machine("pg74"))


GOOD = elf64()


@given(st.lists(st.tuples(st.integers(0, 0x80), st.integers(0, 255)), max_size=4), st.integers(0, len(GOOD)))
@example([], len(GOOD))
def test_damaged_files_are_loaded_or_refused(damage: list[tuple[int, int]], length: int) -> None:
    content = bytearray(GOOD)
    for place, value in damage:
        content[place] = value
    computer = Computer(machine("riscv64"), ram=Ram(BASE, 0x1000, 8, False))
    try:
        load(elf(bytes(content[:length]), machine("riscv64")), computer)
    except BadImage as error:
        assert str(error)
    else:
        assert bool(computer.bus.load(BASE, 0x1000)) or not any(content[:length])


@given(st.binary(max_size=300))
def test_anything_after_the_magic_number_is_refused(rest: bytes) -> None:
    with pytest.raises(BadImage):
        elf(b"\x7fELF" + rest, machine("riscv64"))


def test_a_program_linked_high_and_loaded_low_starts_at_its_physical_entry() -> None:
    assert elf(elf64(entry=BASE + 0x100000004), machine("riscv64")).entry == BASE + 4
    assert elf(elf64(entry=BASE + 4), machine("riscv64")).entry == BASE + 4


def test_the_page_of_the_headers_need_not_be_in_memory() -> None:
    whole = ((1, 0, BASE - 0x1000, 0x1010, 0x1010),)
    (segment,) = elf(elf64(segments=whole), machine("riscv64")).segments
    assert (segment.address, segment.size, segment.units) == (BASE, 16, CODE)
    full = bytearray(elf64(segments=whole))
    full[0x800] = 1
    (segment,) = elf(bytes(full), machine("riscv64")).segments
    assert segment.address == BASE - 0x1000, "what is no header is not left out"


def test_flags_of_what_the_machine_does_not_lack_are_no_matter() -> None:
    assert elf(elf64(flags=0x18), machine("riscv64")).entry == BASE
    target = machine("m68000")
    made = bytearray(elf32(4, 2, 0x2000))
    made[36:40] = 0x01000000.to_bytes(4, "big")
    assert elf(bytes(made), target).entry == 0x2000
    for flags in (0x00810000, 0x02000000, 0x8005):
        made[36:40] = flags.to_bytes(4, "big")
        with pytest.raises(BadImage, match="what m68000 lacks"):
            elf(bytes(made), target)


def test_a_segment_of_headers_alone_need_not_be_in_memory() -> None:
    parts = ((1, 0, BASE - 0x1000, 0xB0, 0xB0), (1, 0x1000, BASE, 16, 16))
    (segment,) = elf(elf64(segments=parts), machine("riscv64")).segments
    assert (segment.address, segment.units) == (BASE, CODE)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["-march=rv64gc", "-mabi=lp64", "-Wl,-n", "-Wl,-Ttext=0x80000000"],
            "lacks (e_flags 0x1): compressed instructions",
        ),
        (
            ["-march=rv64imafd_zicsr", "-mabi=lp64d", "-Wl,-Ttext=0x80000000"],
            "lacks (e_flags 0x4): floating-point registers",
        ),
        (["-march=rv64ima_zicsr", "-mabi=lp64"], "(-Wl,-Ttext=0x80000000)"),
        (["-march=rv64ima_zicsr", "-mabi=lp64", "-c"], "no executable but ET_REL"),
        (["-march=rv64ima_zicsr", "-mabi=lp64", "-Wl,-Ttext=0x80000000"], ""),
        (["-march=rv64ima_zicsr", "-mabi=lp64", "-Wl,-n", "-Wl,-Ttext=0x80000000"], ""),
        (["-march=rv64ima_zicsr", "-mabi=lp64", "-Wl,--build-id", "-Wl,-Ttext=0x80000000"], ""),
    ],
)
def test_what_a_compiler_makes(tmp_path: Path, options: list[str], said: str) -> None:
    if COMPILER is None:
        pytest.skip("no compiler for RISC-V")
    source, made = tmp_path / "a.c", tmp_path / "a.out"
    source.write_text("int data = 5; void _start(void) { for (;;) data++; }\n")
    subprocess.run(
        [COMPILER, "-nostdlib", "-mcmodel=medany", *options, source, "-o", made],
        check=True,
        capture_output=True,
        timeout=60,
    )
    computer = Computer(machine("riscv64"))
    if said:
        with pytest.raises(BadImage, match=re.escape(said)):
            load(elf(made.read_bytes(), machine("riscv64")), computer)
    else:
        load(elf(made.read_bytes(), machine("riscv64")), computer)
        assert computer.state[machine("riscv64").state.pc] == BASE


def test_what_is_neither_header_nor_note_is_not_left_out() -> None:
    """A note that ends early, or in front of something else, spares nothing but itself."""
    content = bytearray(elf64(segments=((4, 0x100, 0, 0x20, 0x20), (1, 0, BASE - 0x1000, 0x1010, 0x1010))))
    content[0x100:0x120] = b"n" * 0x20
    assert [s.address for s in elf(bytes(content), machine("riscv64")).segments] == [BASE]
    content[0x120] = 1
    assert [s.address for s in elf(bytes(content), machine("riscv64")).segments] == [BASE - 0x1000]
