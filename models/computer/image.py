"""Programs as images: pieces of memory and where to start, checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.words import joined
from pgcheck.models.computer.computer import Computer
from pgcheck.models.computer.symbols import Symbols
from pgcheck.models.memory import Region
from pgcheck.models.reference.cycle import holds

CHUNK: Final = 4096
Format = Literal["elf", "records", "raw", "assembly"]
# What puts a program elsewhere, by the format that it came in.
MOVES: Final[dict[Format, str]] = {
    "elf": "link it there (-Wl,-Ttext={base:#x})",
    "records": "objcopy --change-addresses moves it",
    "raw": "--raw says where it lies",
    "assembly": ".org says where it lies",
}
STARTS: Final[dict[Format, str]] = {
    "elf": "-Wl,-e says which symbol it is, _start by default",
    "records": "the record at the end says it",
    "raw": "--raw says where it lies",
    "assembly": "it is the label `start` or `_start`",
}


class BadImage(Exception):
    """An image that cannot be loaded; the message says why, without the file's name. `line` from 1 is that of a text, 0 if there is none."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Segment:
    """Memory from an address on: its first units as given, the rest of `size` units zero."""

    address: int
    size: int
    units: bytes | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """A program: segments that do not overlap, and where it starts; `format` is what it was read from, `symbols` its names of places."""

    segments: tuple[Segment, ...]
    entry: int
    format: Format = "raw"
    symbols: Symbols = field(default_factory=Symbols, compare=False)


def raw(content: bytes, machine: Machine, base: int) -> Image:
    """Memory from an address on, each unit in as many bytes as it needs, in the order of the machine. Raises BadImage."""
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
    segments = (Segment(base, len(units), units),)
    return Image(segments, begins(segments, machine))


def begins(segments: Sequence[Segment], machine: Machine) -> int:
    """Where a program starts that does not say so: where the platform does if that is part of it, else at its lowest address."""
    start = entry(machine)
    if any(s.address <= start < s.address + s.size for s in segments):
        return start
    return min(s.address for s in segments)


def entry(machine: Machine) -> int:
    """Where the platform starts programs that do not say where."""
    start = machine.platform.start
    return machine.state.leaves[machine.state.pc].reset if start is None else start


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
            what = "--memory gives it more" if part.size > ram.size else MOVES[image.format].format(base=ram.base)
            raise BadImage(f"its {part.size:#x} units at {part.address:#x} are not within {memory}; {what}")
    for first, second in zip(parts, parts[1:], strict=False):
        if first.address + first.size > second.address:
            raise BadImage(f"its segments at {first.address:#x} and {second.address:#x} overlap")
    if not ram.base <= image.entry < end:
        raise BadImage(f"its entry {image.entry:#x} is not within {memory}; {STARTS[image.format]}")
