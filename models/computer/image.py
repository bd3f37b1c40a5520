"""Programs as files: ELF executables and raw memory images, checked before anything is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Final, Literal

from elftools.common.exceptions import ELFError
from elftools.common.utils import struct_parse
from elftools.construct import ConstructError
from elftools.elf.elffile import ELFFile

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.words import joined
from pgcheck.models.computer.computer import Computer
from pgcheck.models.memory import Region
from pgcheck.models.reference.cycle import holds

ELF_MAGIC: Final = b"\x7fELF"
MAX_SEGMENTS: Final = 1024
EXECUTABLE: Final = "ET_EXEC"
EXECUTABLE_SEGMENT: Final = 1
CHUNK: Final = 4096


# Files that are no memory image whatever is in them, by how they begin.
_FORMATS: Final = (
    ("a Motorola S-record file", re.compile(rb"S[0-9][0-9A-Fa-f]{6,}\r?\n")),
    ("an Intel HEX file", re.compile(rb":[0-9A-Fa-f]{10,}\r?\n")),
    ("a gzip archive", re.compile(rb"\x1f\x8b\x08")),
    ("an xz archive", re.compile(rb"\xfd7zXZ\0")),
    ("a zip archive", re.compile(rb"PK\x03\x04")),
    ("an archive of object files", re.compile(rb"!<(arch|thin)>\n")),
    ("a Mach-O executable", re.compile(rb"[\xce\xcf]\xfa\xed\xfe|\xfe\xed\xfa[\xce\xcf]")),
    ("a U-Boot image", re.compile(rb"\x27\x05\x19\x56")),
)


class BadImage(Exception):
    """An image that cannot be loaded; the message says why, without the file's name."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Memory from an address on: its first units as given, the rest of `size` units zero."""

    address: int
    size: int
    units: bytes | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """A program: segments that do not overlap, and where it starts."""

    segments: tuple[Segment, ...]
    entry: int


def parse(content: bytes, machine: Machine) -> Image:
    """The program in a file: ELF by its magic number, else a raw image. Raises BadImage."""
    if not content:
        raise BadImage("it is empty")
    if content.startswith(ELF_MAGIC):
        return elf(content, machine)
    for name, told in _FORMATS:
        if told.match(content):
            raise BadImage(f"it is {name}; turn it into ELF, or into bytes from the start of RAM on, as objcopy does")
    return raw(content, machine)


def raw(content: bytes, machine: Machine) -> Image:
    """Memory from the start of RAM on, each unit in as many bytes as it needs, in the order of the machine. Raises BadImage."""
    unit = machine.state.memory_unit
    size = -(-unit // 8)
    if len(content) % size:
        raise BadImage(f"its {len(content)} bytes are no whole number of units of {size} bytes")
    units: bytes | tuple[int, ...] = content
    if unit != 8:
        pieces = (content[k : k + size] for k in range(0, len(content), size))
        units = tuple(int.from_bytes(piece, machine.state.order) for piece in pieces)
        for k, value in enumerate(units):
            if value >> unit:
                raise BadImage(f"unit {k} is {value:#x}, which has more than {unit} bits")
    base = machine.platform.ram_base
    return Image((Segment(base, len(units), units),), entry(machine))


def entry(machine: Machine) -> int:
    """Where raw images and assembly start."""
    start = machine.platform.start
    return machine.state.leaves[machine.state.pc].reset if start is None else start


def elf(content: bytes, machine: Machine) -> Image:
    """The loadable segments of an ELF executable at their physical addresses. Raises BadImage."""
    if not machine.platform.elf_machine or machine.state.memory_unit != 8:
        raise BadImage(
            f"it is an ELF file, and {machine.identity.name} has no machine number for ELF; give a raw image"
        )
    try:
        file = ELFFile(BytesIO(content))
        _check_header(content, file, machine)
        parts = tuple(_segments(content, file, machine.platform.ram_base))
    except (ELFError, ConstructError, ValueError, KeyError, OverflowError) as error:
        words = " ".join(str(error).split())[:100]
        raise BadImage(f"its ELF headers are damaged{': ' + words if words else ''}") from None
    if not parts:
        raise BadImage("it has no segment to load")
    entry = file.header["e_entry"]
    moved = (
        s.address + entry - virtual for s, virtual in parts if virtual is not None and 0 <= entry - virtual < s.size
    )
    return Image(tuple(segment for segment, _ in parts), next(moved, entry))


def _check_header(content: bytes, file: ELFFile, machine: Machine) -> None:
    order: Literal["little", "big"] = "little" if file.little_endian else "big"
    number, wanted = int.from_bytes(content[18:20], order), machine.platform.elf_machine
    if number != wanted:
        raise BadImage(f"it is for ELF machine {number}, and {machine.identity.name} is {wanted}")
    if file.little_endian == machine.state.big_endian:
        raise BadImage(f"it is {order}-endian, unlike {machine.identity.name}")
    width = machine.state.leaves[machine.state.pc].width
    if file.elfclass != (32 if width <= 32 else 64):
        raise BadImage(f"it is {file.elfclass}-bit, and {machine.identity.name} has addresses of {width} bits")
    kind = file.header["e_type"]
    if kind != EXECUTABLE:
        raise BadImage(f"it is no executable but {kind}; link it at fixed addresses")


def _segments(content: bytes, file: ELFFile, base: int) -> Iterator[tuple[Segment, int | None]]:
    """Each segment with its virtual address if it is executable; what lies below RAM is left out if it is the file's own headers."""
    header, shape = file.header, file.structs.Elf_Phdr
    count, size, start = header["e_phnum"], header["e_phentsize"], header["e_phoff"]
    if count > MAX_SEGMENTS:
        raise BadImage(f"it has {count} program headers, at most {MAX_SEGMENTS} can be")
    if count and size < shape.sizeof():
        raise BadImage(f"its program headers have {size} bytes, and need {shape.sizeof()}")
    if start + count * size > len(content):
        raise BadImage(f"it is truncated: {count} program headers at {start:#x} are beyond its {len(content)} bytes")
    for k in range(count):
        part = struct_parse(shape, file.stream, start + k * size)
        if part["p_type"] != "PT_LOAD" or not part["p_memsz"]:
            continue
        offset, length, extent = part["p_offset"], part["p_filesz"], part["p_memsz"]
        if length > extent:
            raise BadImage(f"segment {k} has {length:#x} bytes in the file and {extent:#x} in memory")
        if offset + length > len(content):
            raise BadImage(f"it is truncated: segment {k} ends at {offset + length:#x}, the file at {len(content):#x}")
        below = base - part["p_paddr"]
        skipped = below if offset == 0 and 0 < below < length and not any(content[start + count * size : below]) else 0
        segment = Segment(part["p_paddr"] + skipped, extent - skipped, content[offset + skipped : offset + length])
        yield segment, part["p_vaddr"] + skipped if part["p_flags"] & EXECUTABLE_SEGMENT else None


def load(image: Image, computer: Computer) -> None:
    """Put a program into memory and the program counter at its start. Raises BadImage, and then nothing is changed."""
    ram = computer.bus.ram
    check(image, ram)
    pc = computer.machine.state.leaves[computer.machine.state.pc]
    if image.entry >> pc.width:
        raise BadImage(f"its entry {image.entry:#x} does not fit the program counter")
    if not all(holds(computer.machine, term, {pc.name: image.entry}) for term in computer.machine.starts):
        raise BadImage(f"its entry {image.entry:#x} is no legal program counter")
    for segment in image.segments:
        for k in range(0, segment.size, CHUNK):
            extent = min(CHUNK, segment.size - k)
            ram.store(segment.address + k, extent, _value(segment.units[k : k + extent], extent, computer))
    computer.state[pc.name] = image.entry


def _value(units: bytes | tuple[int, ...], count: int, computer: Computer) -> int:
    """The number that these units, and zeros up to `count`, are in the machine's order."""
    padded = units.ljust(count, b"\0") if isinstance(units, bytes) else units + (0,) * (count - len(units))
    return joined(padded, computer.machine.state.memory_unit, computer.machine.state.order)


def check(image: Image, ram: Region) -> None:
    """That all of a program lies in RAM, and nothing twice. Raises BadImage."""
    end = ram.base + ram.size
    memory = f"memory from {ram.base:#x} to {end:#x}"
    parts = sorted(image.segments, key=lambda s: s.address)
    for part in parts:
        if part.address < ram.base or part.address + part.size > end:
            raise BadImage(
                f"its {part.size:#x} units at {part.address:#x} are not within {memory}; link it there (-Wl,-Ttext={ram.base:#x})"
            )
    for first, second in zip(parts, parts[1:], strict=False):
        if first.address + first.size > second.address:
            raise BadImage(f"its segments at {first.address:#x} and {second.address:#x} overlap")
    if not ram.base <= image.entry < end:
        raise BadImage(f"its entry {image.entry:#x} is not within {memory}")
