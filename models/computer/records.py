"""Motorola S-records and Intel HEX as images: bincopy unpacks each record, and errors name its line.

Segments are put together here: bincopy's own forget the lines, and lose records that overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import bincopy

from pgcheck.isa.machine.machine import Machine
from pgcheck.models.computer.image import BadImage, Image, Segment, begins

MOST: Final = 1 << 20
SHOWN: Final = 24
BANK: Final = 1 << 16
SPACE: Final = 1 << 32
Type = str | int
Unpack = Callable[[str], tuple[Type, int, int, bytearray]]
# The digits of the shortest record of a type, and the bytes of what is no data.
SHORTEST: Final[dict[str, int]] = {"0": 10, "1": 10, "5": 10, "9": 10, "2": 12, "6": 12, "8": 12, "3": 14, "7": 14}
LENGTHS: Final[dict[Type, int]] = {
    bincopy.IHEX_END_OF_FILE: 0,
    bincopy.IHEX_EXTENDED_SEGMENT_ADDRESS: 2,
    bincopy.IHEX_START_SEGMENT_ADDRESS: 4,
    bincopy.IHEX_EXTENDED_LINEAR_ADDRESS: 2,
    bincopy.IHEX_START_LINEAR_ADDRESS: 4,
}


@dataclass(frozen=True, slots=True)
class Record:
    """A line of a file, from 1: its type, its address and its data."""

    line: int
    type: Type
    address: int
    data: bytes


def srecords(content: bytes, machine: Machine) -> Image:
    """The program in a file of S-records, which need not have one that ends it. Raises BadImage."""
    data, start, ended = list[Record](), None, 0
    for record in _records(content, _unpack_srecord, machine):
        if ended:
            raise BadImage(f"a record follows, and line {ended} is the end", record.line)
        match record.type:
            case "1" | "2" | "3":
                data.append(record)
            case "5" | "6" if record.address != len(data):
                found = f"{len(data)} record{'' if len(data) == 1 else 's'} of data"
                raise BadImage(f"{found} before this one, which says {record.address}", record.line)
            case "7" | "8" | "9":
                start, ended = record.address, record.line
            case _:
                pass
    return _image(data, start, machine)


def _unpack_srecord(text: str) -> tuple[Type, int, int, bytearray]:
    if len(text) < SHORTEST.get(text[1:2], 0):
        raise bincopy.Error("too short")
    found: tuple[Type, int, int, bytearray] = bincopy.unpack_srec(text)
    return found


def ihex(content: bytes, machine: Machine) -> Image:
    """The program in an Intel HEX file. Raises BadImage."""
    data, start, ended, line = list[Record](), None, 0, 0
    base, within = 0, BANK
    for record in _records(content, bincopy.unpack_ihex, machine):
        line, said = record.line, int.from_bytes(record.data, "big")
        if ended:
            raise BadImage(f"a record follows, and line {ended} is the end", line)
        wanted = LENGTHS.get(record.type, len(record.data))
        if wanted != len(record.data):
            raise BadImage(f"a record of type {record.type} has {wanted} bytes, and this one {len(record.data)}", line)
        match record.type:
            case bincopy.IHEX_DATA:
                if record.address + len(record.data) > within:
                    raise BadImage("the record runs over the end of its segment; make two of it", line)
                data.append(Record(line, record.type, base + record.address, record.data))
            case bincopy.IHEX_END_OF_FILE:
                ended = line
            case bincopy.IHEX_EXTENDED_SEGMENT_ADDRESS:
                base, within = said << 4, BANK
            case bincopy.IHEX_EXTENDED_LINEAR_ADDRESS:
                base, within = said << 16, SPACE - (said << 16)
            case bincopy.IHEX_START_SEGMENT_ADDRESS:
                start = (said >> 16 << 4) + (said & 0xFFFF)
            case bincopy.IHEX_START_LINEAR_ADDRESS:
                start = said
            case unknown:
                raise BadImage(f"there are no records of type {unknown}", line)
    if not ended:
        raise BadImage("it is truncated: the record that ends it, :00000001FF, is missing", line)
    return _image(data, start, machine)


def _records(content: bytes, unpack: Unpack, machine: Machine) -> Iterator[Record]:
    """The records of a file. Raises BadImage for the first that is wrong."""
    if machine.state.memory_unit != 8:
        unit = machine.state.memory_unit
        raise BadImage(
            f"its records are of bytes, and the memory of {machine.identity.name} is of units of {unit} bits"
        )
    lines = content.splitlines()
    if len(lines) > MOST:
        raise BadImage(f"it has {len(lines)} lines, at most {MOST} can be; make it ELF")
    for number, line in enumerate(lines, 1):
        text = line.strip().decode("ascii", "replace")
        if not text:
            continue
        try:
            type_, address, _, data = unpack(text)
        except (bincopy.Error, ValueError) as error:
            shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
            why = str(error).replace(text, "").replace("''", "").replace("in record ,", "is needed,")
            raise BadImage(f"no whole record: {shown!r}: {' '.join(why.split())}", number) from None
        yield Record(number, type_, address, bytes(data))


def _image(records: list[Record], start: int | None, machine: Machine) -> Image:
    """The data as segments. A start of 0 where nothing is loaded is what tools write that know none."""
    ordered = sorted((r for r in records if r.data), key=lambda r: r.address)
    if not ordered:
        raise BadImage("it has no record of data")
    pieces = [[ordered[0]]]
    for before, record in pairwise(ordered):
        end = before.address + len(before.data)
        if end > record.address:
            first, second = sorted((before.line, record.line))
            raise BadImage(f"{record.address:#x} is in line {first} too", second)
        if end == record.address:
            pieces[-1].append(record)
        else:
            pieces.append([record])
    joined = [(piece[0].address, b"".join(r.data for r in piece)) for piece in pieces]
    segments = tuple(Segment(address, len(data), data) for address, data in joined)
    if not start and not any(s.address == 0 for s in segments):
        start = None
    return Image(segments, begins(segments, machine) if start is None else start, "records")
