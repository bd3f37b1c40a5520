"""Images: what loads is in memory as the file says; whatever is wrong with a file is one clear error and changes nothing."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgcheck.models.computer.computer import Computer
from pgcheck.models.computer.image import BadImage, Image, Segment, check, elf, load, parse, raw
from pgcheck.models.memory import Ram
from tests.specifications import machine

BASE = 0x80000000
CODE = bytes(range(1, 17))


def elf64(
    *,
    machine_: int = 243,
    class_: int = 2,
    data: int = 1,
    kind: int = 2,
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
        0,
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
    load(parse(elf64(), machine("riscv64")), computer)
    assert computer.bus.load(BASE, 32) == int.from_bytes(CODE, "little")
    assert computer.state[machine("riscv64").state.pc] == BASE


def test_elf_files_of_both_classes_and_orders() -> None:
    for name, number, data in (("m68000", 4, 2), ("i386", 3, 1)):
        described = machine(name)
        computer = Computer(described)
        load(parse(elf32(number, data, 0x2000), described), computer)
        assert [computer.bus.load(0x2000 + k, 1) for k in range(16)] == list(CODE)
        assert computer.state[described.state.pc] == 0x2000


def test_segments_without_memory_and_of_other_kinds_are_left_out() -> None:
    found = elf(
        elf64(segments=((4, 0, 0, 1 << 60, 1 << 60), (1, 1 << 50, 0, 0, 0), (1, 0x1000, BASE, 16, 16))),
        machine("riscv64"),
    )
    assert found == Image((Segment(BASE, 16, CODE),), BASE)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (elf64(machine_=62), "for ELF machine 62, and riscv64 is 243"),
        (elf64(class_=1), "32-bit"),
        (elf64(data=2), "big-endian"),
        (elf64(data=3), "damaged"),
        (elf64(class_=9), "damaged"),
        (elf64(kind=3), "no executable"),
        (elf64(kind=1), "no executable"),
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
        parse(content, machine("riscv64"))


def test_a_machine_without_a_number_takes_no_elf_file() -> None:
    with pytest.raises(BadImage, match="no machine number"):
        parse(elf64(), machine("pg74"))


@pytest.mark.parametrize(
    ("segments", "entry", "why"),
    [
        ([(BASE - 1, 16)], BASE, "not within memory"),
        ([(BASE + 0xFF0, 17)], BASE, "not within memory"),
        ([(0, 16)], 0, "not within memory"),
        ([(BASE, 0x1001)], BASE, "not within memory"),
        ([((1 << 64) - 8, 16)], BASE, "not within memory"),
        ([(BASE, 16), (BASE + 15, 16)], BASE, "overlap"),
        ([(BASE + 8, 1), (BASE, 16)], BASE, "overlap"),
        ([(BASE, 16)], BASE + 0x1000, "entry"),
        ([(BASE, 16)], 0, "entry"),
        ([(BASE, 16)], (1 << 64) + BASE, "entry"),
    ],
)
def test_an_image_that_does_not_fit_changes_nothing(segments: list[tuple[int, int]], entry: int, why: str) -> None:
    computer = Computer(machine("riscv64"), ram=Ram(BASE, 0x1000, 8, False))
    image = Image(tuple(Segment(a, n, b"\xff") for a, n in segments), entry)
    with pytest.raises(BadImage, match=why):
        load(image, computer)
    assert (
        computer.bus.load(BASE, 0x1000) == 0
        and computer.state[machine("riscv64").state.pc]
        == machine("riscv64").state.leaves[machine("riscv64").state.pc].reset
    )


def test_what_touches_does_not_overlap() -> None:
    check(Image((Segment(BASE, 16, b""), Segment(BASE + 16, 0xFF0, b"")), BASE + 0xFFF), Ram(BASE, 0x1000, 8, False))


def test_an_entry_beyond_the_program_counter_is_refused() -> None:
    wide = Computer(machine("pg74"), ram=Ram(0, 4096, 32, True))
    with pytest.raises(BadImage, match="program counter"):
        load(Image((Segment(0, 1, (0,)),), 2000), wide)


def test_an_entry_that_is_no_legal_program_counter_is_refused() -> None:
    """What `legal` says of the program counter alone: here that instructions are aligned."""
    computer = Computer(machine("riscv64"))
    with pytest.raises(BadImage, match="is no legal program counter"):
        load(Image((Segment(BASE, 16, CODE),), BASE + 2), computer)
    assert computer.bus.ram.load(BASE, 1) == 0
    load(Image((Segment(BASE, 16, CODE),), BASE + 4), computer)


def test_a_raw_image_is_memory_from_its_start_on() -> None:
    computer = Computer(machine("riscv64"))
    load(parse(CODE * 1000, machine("riscv64")), computer)
    assert computer.bus.load(BASE + 15000, 16) == int.from_bytes((CODE * 1000)[15000:][:16], "little")
    assert computer.state[machine("riscv64").state.pc] == BASE


@pytest.mark.parametrize(("name", "size"), [("pg74", 4), ("pdp10-ka10", 5)])
def test_a_raw_image_of_words_has_whole_bytes_a_word(name: str, size: int) -> None:
    target = machine(name)
    content = b"".join(k.to_bytes(size, "big") for k in (1, 0xABCDEF, 7))
    computer = Computer(target)
    load(raw(content, target), computer)
    assert [computer.bus.load(k, 1) for k in range(4)] == [1, 0xABCDEF, 7, 0]
    assert computer.state[target.state.pc] == (2 if size == 4 else 0o1000)
    with pytest.raises(BadImage, match="whole number"):
        raw(content[:-1], target)


def test_a_word_of_more_bits_than_the_machine_has_is_refused() -> None:
    assert raw((0xFFFFFFFFF).to_bytes(5, "big"), machine("pdp10-ka10")).segments[0].units == (0xFFFFFFFFF,)
    with pytest.raises(BadImage, match="more than 36 bits"):
        raw((1 << 36).to_bytes(5, "big"), machine("pdp10-ka10"))


def test_a_raw_image_larger_than_memory_is_refused() -> None:
    with pytest.raises(BadImage, match="not within memory"):
        load(raw(bytes(4 * 1025), machine("pg74")), Computer(machine("pg74")))


def test_raw_images_start_where_the_platform_says() -> None:
    moved = replace(machine("riscv64"), platform=replace(machine("riscv64").platform, start=BASE + 8))
    assert raw(CODE, moved).entry == BASE + 8


GOOD = elf64()


@given(st.lists(st.tuples(st.integers(0, 0x80), st.integers(0, 255)), max_size=4), st.integers(0, len(GOOD)))
@example([], len(GOOD))
def test_damaged_files_are_loaded_or_refused(damage: list[tuple[int, int]], length: int) -> None:
    content = bytearray(GOOD)
    for place, value in damage:
        content[place] = value
    computer = Computer(machine("riscv64"), ram=Ram(BASE, 0x1000, 8, False))
    try:
        load(parse(bytes(content[:length]), machine("riscv64")), computer)
    except BadImage as error:
        assert str(error)
    else:
        assert bool(computer.bus.load(BASE, 0x1000)) or not any(content[:length])


@given(st.binary(max_size=300))
def test_anything_after_the_magic_number_is_refused(rest: bytes) -> None:
    with pytest.raises(BadImage):
        parse(b"\x7fELF" + rest, machine("riscv64"))


@pytest.mark.parametrize(
    "content, name",
    [
        (b"S0090000682E73726563B3\nS31580000000172100001301210F9702000093824202FC\n", "S-record"),
        (b":10000000172100001301210F970200009382420200\r\n", "Intel HEX"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"!<arch>\n", "archive of object files"),
        (b"PK\x03\x04", "zip"),
    ],
)
def test_a_file_of_another_format_is_refused_by_name(content: bytes, name: str) -> None:
    with pytest.raises(BadImage, match=name):
        parse(content, machine("riscv64"))


def test_bytes_that_only_look_like_it_are_an_image() -> None:
    assert parse(b"S1\0\0:1\0\0", machine("riscv64")).segments[0].size == 8


def test_a_program_linked_high_and_loaded_low_starts_at_its_physical_entry() -> None:
    assert parse(elf64(entry=BASE + 0x100000004), machine("riscv64")).entry == BASE + 4
    assert parse(elf64(entry=BASE + 4), machine("riscv64")).entry == BASE + 4


def test_the_page_of_the_headers_need_not_be_in_memory() -> None:
    whole = ((1, 0, BASE - 0x1000, 0x1010, 0x1010),)
    (segment,) = parse(elf64(segments=whole), machine("riscv64")).segments
    assert (segment.address, segment.size, segment.units) == (BASE, 16, CODE)
    full = bytearray(elf64(segments=whole))
    full[0x800] = 1
    (segment,) = parse(bytes(full), machine("riscv64")).segments
    assert segment.address == BASE - 0x1000, "what is no header is not left out"
