"""S-records and Intel HEX: what loads is in memory as the records say; whatever is wrong is one error with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgcheck.isa.machine.machine import Machine
from pgcheck.models.computer import records
from pgcheck.models.computer.computer import Computer
from pgcheck.models.computer.image import BadImage, Image, Segment, load
from pgcheck.models.computer.records import ihex, srecords
from pgcheck.models.memory import Ram
from tests.specifications import SMALL, machine

BASE = 0x80000000
EOF_RECORD = ":00000001FF"


def srecord(kind: int, address: int, data: bytes = b"") -> str:
    """A record, from the format's definition: length, address, data, and the complement of their sum."""
    width = {0: 2, 1: 2, 2: 3, 3: 4, 5: 2, 6: 3, 7: 4, 8: 3, 9: 2}[kind]
    body = bytes([width + len(data) + 1]) + address.to_bytes(width, "big") + data
    return f"S{kind}{body.hex().upper()}{~sum(body) & 0xFF:02X}"


def hexadecimal(kind: int, address: int, data: bytes = b"") -> str:
    """A record, from the format's definition: length, address, type, data, and the negative of their sum."""
    body = bytes([len(data)]) + address.to_bytes(2, "big") + bytes([kind]) + data
    return f":{body.hex().upper()}{-sum(body) & 0xFF:02X}"


def linear(address: int) -> str:
    return hexadecimal(4, 0, (address >> 16).to_bytes(2, "big"))


def text(lines: Iterable[str], end: str = "\n") -> bytes:
    return "".join(line + end for line in lines).encode()


def riscv() -> Machine:
    return machine("riscv64")


def test_a_file_of_each_kind_is_loaded_and_started_where_it_says() -> None:
    one, two, three = bytes(range(16)), bytes(range(16, 32)), b"xyz"
    motorola = [
        srecord(0, 0, b"a.srec"),
        srecord(3, BASE + 16, two),
        srecord(3, BASE, one),
        "",
        srecord(3, BASE + 0x100, three),
        srecord(5, 3),
        srecord(7, BASE + 8),
    ]
    intel = [
        linear(BASE),
        hexadecimal(0, 16, two),
        hexadecimal(0, 0, one),
        hexadecimal(0, 0x100, three),
        hexadecimal(5, 0, (BASE + 8).to_bytes(4, "big")),
        EOF_RECORD,
    ]
    wanted = Image((Segment(BASE, 32, one + two), Segment(BASE + 0x100, 3, three)), BASE + 8, "records")
    for found in (srecords(text(motorola), riscv()), ihex(text(intel, "\r\n"), riscv())):
        assert found == wanted
        computer = Computer(riscv())
        load(found, computer)
        assert computer.bus.load(BASE, 32) == int.from_bytes(one + two, "little")
        assert computer.state[riscv().state.pc] == BASE + 8


def test_the_narrow_records_too() -> None:
    target = machine("m68000")
    assert srecords(text([srecord(1, 0x400, b"NqNq"), srecord(9, 0x402)]), target).entry == 0x402
    assert srecords(text([srecord(2, 0x10400, b"Nq"), srecord(8, 0x10400)]), target).entry == 0x10400
    segmented = [
        hexadecimal(2, 0, b"\x10\x00"),
        hexadecimal(0, 0x10, b"ab"),
        hexadecimal(3, 0, b"\x10\x00\x00\x10"),
        EOF_RECORD,
    ]
    found = ihex(text(segmented), target)
    assert (found.segments, found.entry) == ((Segment(0x10010, 2, b"ab"),), 0x10010)


def test_without_a_start_it_is_the_platforms_or_the_lowest_address() -> None:
    """Tools that know no start write a record with 0."""
    for last in ([], [srecord(7, 0)]):
        assert srecords(text([srecord(3, BASE - 4, bytes(8)), *last]), riscv()).entry == BASE
        assert srecords(text([srecord(3, BASE + 8, b"a"), *last]), riscv()).entry == BASE + 8
    at_zero = text([srecord(1, 0, bytes(4)), srecord(9, 0)])
    assert srecords(at_zero, machine("m68000")).entry == 0


def test_a_program_as_somebody_had_it() -> None:
    found = srecords((SMALL / "field" / "program.srec").read_bytes(), riscv())
    assert [(s.address, s.size) for s in found.segments] == [(BASE, 32)] and found.entry == BASE


@pytest.mark.parametrize(
    ("lines", "line", "why"),
    [
        ([srecord(3, BASE, b"a"), srecord(3, BASE, b"b")[:-1]], 2, "no whole record"),
        ([srecord(3, BASE, b"a"), "S3"], 2, "too short"),
        (["S3030000FC"], 1, "too short"),
        ([srecord(3, BASE, b"a")[:-2] + "00"], 1, "crc"),
        ([srecord(3, BASE, b"a").replace("S306", "S307")], 1, "wrong size"),
        (["S4030000FC"], 1, "expected record type"),
        (["SA030000FC"], 1, "expected record type"),
        (["S1ZZ0000FC"], 1, "non-hexadecimal"),
        ([srecord(3, BASE, b"a"), "# the end"], 2, "not starting with an 'S'"),
        ([srecord(3, BASE, b"ab"), "", srecord(3, BASE + 1, b"c")], 3, "0x80000001 is in line 1 too"),
        ([srecord(3, BASE + 1, b"c"), srecord(3, BASE, b"ab")], 2, "0x80000001 is in line 1 too"),
        ([srecord(3, BASE, b"a"), srecord(7, BASE), srecord(3, BASE + 1, b"b")], 3, "line 2 is the end"),
        ([srecord(3, BASE, b"a"), srecord(5, 2)], 2, "1 record of data before this one, which says 2"),
        ([srecord(0, 0)], 0, "no record of data"),
        (["S0" + "0" * 5000], 1, "S0" + "0" * 22 + r"\.\.\."),
    ],
)
def test_what_is_wrong_with_s_records(lines: list[str], line: int, why: str) -> None:
    refused(srecords, lines, line, why)


@pytest.mark.parametrize(
    ("lines", "line", "why"),
    [
        ([hexadecimal(0, 0, b"a")], 1, "truncated: the record that ends it"),
        ([hexadecimal(0, 0, b"a")[:-2] + "00", EOF_RECORD], 1, "crc"),
        ([":", EOF_RECORD], 1, "too short"),
        ([hexadecimal(0, 0, b"abcd")[:-4], EOF_RECORD], 1, "wrong size"),
        ([hexadecimal(9, 0, b"a"), EOF_RECORD], 1, "no records of type 9"),
        ([hexadecimal(4, 0, b"a"), EOF_RECORD], 1, "has 2 bytes, and this one 1"),
        ([hexadecimal(5, 0, b"a"), EOF_RECORD], 1, "has 4 bytes, and this one 1"),
        ([hexadecimal(0, 0, b"a"), EOF_RECORD, hexadecimal(0, 1, b"b")], 3, "line 2 is the end"),
        ([hexadecimal(0, 0xFFFF, b"ab"), EOF_RECORD], 1, "over the end of its segment"),
        ([hexadecimal(2, 0, b"\x10\x00"), hexadecimal(0, 0xFFFF, b"ab"), EOF_RECORD], 2, "over the end"),
        ([linear(0xFFFF0000), hexadecimal(0, 0xFFFF, b"ab"), EOF_RECORD], 2, "over the end"),
        (
            [linear(BASE), hexadecimal(0, 0, b"ab"), hexadecimal(0, 1, b"c"), EOF_RECORD],
            3,
            "0x80000001 is in line 2 too",
        ),
        ([EOF_RECORD], 0, "no record of data"),
    ],
)
def test_what_is_wrong_with_intel_hex(lines: list[str], line: int, why: str) -> None:
    refused(ihex, lines, line, why)


def refused(read: Callable[[bytes, Machine], Image], lines: list[str], line: int, why: str) -> None:
    with pytest.raises(BadImage, match=why) as caught:
        read(text(lines), riscv())
    assert caught.value.line == line and len(str(caught.value)) < 200


def test_a_record_may_cross_a_bank_where_addresses_are_linear() -> None:
    found = ihex(text([linear(BASE), hexadecimal(0, 0xFFFF, b"ab"), EOF_RECORD]), riscv())
    assert found.segments == (Segment(BASE + 0xFFFF, 2, b"ab"),)


def test_records_of_bytes_are_not_for_memory_of_words() -> None:
    for read, lines in ((srecords, [srecord(1, 0, b"a")]), (ihex, [hexadecimal(0, 0, b"a"), EOF_RECORD])):
        with pytest.raises(BadImage, match="records are of bytes, and the memory of pg74 is of units of 32 bits"):
            read(text(lines), machine("pg74"))


def test_addresses_beyond_memory_are_refused_when_loaded() -> None:
    found = srecords(text([srecord(1, 0, b"a")]), riscv())
    with pytest.raises(BadImage, match="not within memory .*; objcopy --change-addresses moves it"):
        load(found, Computer(riscv(), ram=Ram(BASE, 0x1000, 8, False)))


def test_many_records_in_any_order_are_joined_and_too_many_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [srecord(3, BASE + k * 4, k.to_bytes(4, "little")) for k in reversed(range(5000))]
    (segment,) = srecords(text(lines), riscv()).segments
    assert segment.units == b"".join(k.to_bytes(4, "little") for k in range(5000))
    monkeypatch.setattr(records, "MOST", 4999)
    with pytest.raises(BadImage, match="has 5000 lines, at most 4999"):
        srecords(text(lines), riscv())


GOOD: dict[Callable[[bytes, Machine], Image], bytes] = {
    srecords: text([srecord(3, BASE, bytes(range(16))), srecord(3, BASE + 16, b"abc"), srecord(7, BASE)]),
    ihex: text([linear(BASE), hexadecimal(0, 0, bytes(range(16))), hexadecimal(0, 16, b"abc"), EOF_RECORD]),
}


@given(
    st.sampled_from([srecords, ihex]),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=3),
    st.integers(0, 90),
)
@example(srecords, [], 90)
def test_damaged_files_are_loaded_or_refused(
    read: Callable[[bytes, Machine], Image], damage: list[tuple[int, int]], length: int
) -> None:
    content = bytearray(GOOD[read])
    for place, value in damage:
        content[place] = value
    computer = Computer(riscv(), ram=Ram(BASE, 0x1000, 8, False))
    try:
        load(read(bytes(content[:length]), riscv()), computer)
    except BadImage as error:
        assert 0 < len(str(error)) < 300
    else:
        assert computer.bus.load(BASE, 0x1000)


@given(st.binary(max_size=200))
def test_anything_is_loaded_or_refused(content: bytes) -> None:
    for read, start in ((srecords, b"S1"), (ihex, b":")):
        try:
            read(start + content, riscv())
        except BadImage as error:
            assert str(error)
