"""Images: whatever of a program does not fit is one clear error and changes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgcheck.models.computer.computer import Computer
from pgcheck.models.computer.image import BadImage, Image, Segment, check, load, raw
from pgcheck.models.memory import Ram
from tests.specifications import machine

BASE = 0x80000000
CODE = bytes(range(1, 17))


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
    load(raw(CODE * 1000, machine("riscv64"), BASE), computer)
    assert computer.bus.load(BASE + 15000, 16) == int.from_bytes((CODE * 1000)[15000:][:16], "little")
    assert computer.state[machine("riscv64").state.pc] == BASE


@pytest.mark.parametrize(("name", "size"), [("pg74", 4), ("pdp10-ka10", 5)])
def test_a_raw_image_of_words_has_whole_bytes_a_word(name: str, size: int) -> None:
    target = machine(name)
    content = b"".join(k.to_bytes(size, "big") for k in (1, 0xABCDEF, 7))
    computer = Computer(target)
    load(raw(content, target, 0), computer)
    assert [computer.bus.load(k, 1) for k in range(4)] == [1, 0xABCDEF, 7, 0]
    assert computer.state[target.state.pc] == (2 if size == 4 else 0)
    with pytest.raises(BadImage, match="whole number"):
        raw(content[:-1], target, 0)


def test_a_word_of_more_bits_than_the_machine_has_is_refused() -> None:
    assert raw((0xFFFFFFFFF).to_bytes(5, "big"), machine("pdp10-ka10"), 0).segments[0].units == (0xFFFFFFFFF,)
    with pytest.raises(BadImage, match="more than 36 bits"):
        raw((1 << 36).to_bytes(5, "big"), machine("pdp10-ka10"), 0)


def test_a_raw_image_larger_than_memory_is_refused() -> None:
    with pytest.raises(BadImage, match="not within memory"):
        load(raw(bytes(4 * 1025), machine("pg74"), 0), Computer(machine("pg74")))


def test_raw_images_start_where_the_platform_says_or_at_their_beginning() -> None:
    moved = replace(machine("riscv64"), platform=replace(machine("riscv64").platform, start=BASE + 8))
    assert raw(CODE, moved, BASE).entry == BASE + 8
    assert raw(CODE, moved, BASE + 0x100).entry == BASE + 0x100
