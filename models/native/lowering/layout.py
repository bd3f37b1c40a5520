"""Where things lie in native memory: one block that holds the state and what the engine keeps, and guest memory where its owner has it.

Numbers are kept in places of whole 64 bits with zeros above. Every array is a region of a power of two of elements, so that an index is cut
to it by a mask; guest memory, `ram` bytes from the block on, has a mask of its own (`ram_mask`) and a guard behind it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from pgcheck.isa.idl.state import ArrayLeaf, ScalarLeaf
from pgcheck.isa.machine.machine import Machine
from pgcheck.models.memory import WORD

OPERANDS: Final = 16
"""Where the operands begin in a record; the handler is at 0, the length at 8."""
LINE: Final = 4
"""Units of memory that share a mark: 2**LINE."""
BLOCK: Final = 12
"""Units of memory that are copied together: 2**BLOCK."""
MOST_RAM: Final = 28
"""Units of guest memory at most: 2**MOST_RAM."""
RECORDED: Final = 1
WALKED: Final = 2
USED: Final = RECORDED | WALKED
GUARDED: Final = 4
"""Marks of a line: a record was made from it, an entry of the soft TLB, and others' stores to its page are told."""
HASHED: Final = 13
RECORDS: Final = 13
CONTEXTS: Final = 8
LOGGED: Final = 10
FILLED: Final = 10
"""Entries of the soft TLB that are filled at once, and marks that they hold by: 2**FILLED of each."""
SETS: Final = 8
"""Entries of a soft TLB: 2**SETS for each kind of access and context."""
KINDS: Final = 8
WIDEST: Final = 512


@dataclass(frozen=True, slots=True)
class Place:
    """A number of `width` bits at byte `at`."""

    at: int
    width: int
    bits: int = field(init=False)
    """As it is kept: whole words of 64 bits."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", max(1, -(-self.width // 64)) * 64)


@dataclass(frozen=True, slots=True)
class Region:
    """An array of 2**`bits` numbers of `width` bits, each in `size` bytes, from byte `at` on."""

    at: int
    bits: int
    width: int
    size: int

    @property
    def end(self) -> int:
        return self.at + (self.size << self.bits)


HEADER: Final = (
    "status", "left", "record", "check", "exit", "translating", "fresh", "uncached", "logged", "hash", "host",
    "ram", "ram_base", "ram_mask", "next", "tlb", "filled", "walked",
    "answered", "zeros", "handled", "monitor", "clock", "ticks", "turns",
)  # fmt: skip


class Layout:
    """The places of a machine whose leaves `outside` the host keeps; `counts` are the sizes of accesses to memory in units."""

    def __init__(
        self, machine: Machine, outside: frozenset[str], counts: Iterable[int], arguments: int, results: int
    ) -> None:
        self.machine, self.outside = machine, outside
        self._end = 0
        self.header = {name: self._place(64) for name in HEADER}
        self.limits = {count: self._place(64) for count in sorted(set(counts))}
        self.value = self._place(WIDEST)
        self.arguments = tuple(self._place(WIDEST) for _ in range(arguments))
        self.accessed = tuple(self._place(64) for _ in range(arguments))
        state = machine.state
        self.scalars = {n: self._place(leaf.width) for n, leaf in state.leaves.items() if self._holds(leaf)}
        kept = {n: leaf for n, leaf in state.arrays.items() if n not in outside and n != state.memory}
        self.arrays = {n: self._region(leaf.index_width, leaf.width) for n, leaf in kept.items()}
        self.sink = self._place(WIDEST)
        """Where what is written to an element that is hardwired goes."""
        self.log = self._region(LOGGED + 1, 64)
        self.words = results.bit_length()
        """An entry of the soft TLB is 2**words words: what it is of, and the results."""
        self.tlb = self._region(self.words + SETS + (KINDS - 1).bit_length() + CONTEXTS.bit_length(), 64)
        self.filled, self.walked = self._region(FILLED, 64), self._region(FILLED, 64)
        most = max((fields(i.operands[n].width for n in i.operands)[1] for i in machine.instructions), default=0)
        self.record = max(48, OPERANDS + most + 8)
        self.record += -self.record % 16
        self.link = self.record - 8
        """Where a record has the address of the one that it jumps to."""
        self.hashed = self._region(HASHED + 1 + CONTEXTS.bit_length() - 1, 64)
        self.records = Region(self._end, RECORDS + CONTEXTS.bit_length() - 1, 0, self.record)
        self._end = self.records.end
        self.quiet, self.code = self._bytes(MOST_RAM - LINE), self._bytes(MOST_RAM - LINE)
        self.dirty = self._bytes(MOST_RAM - BLOCK)
        self.size = self._end
        self.ram = Region(0, MOST_RAM, state.memory_unit, 1 if state.memory_unit == 8 else WORD // 8)

    def _holds(self, leaf: ScalarLeaf | ArrayLeaf) -> bool:
        return isinstance(leaf, ScalarLeaf) and leaf.name not in self.outside

    def _place(self, width: int) -> Place:
        made = Place(self._end, width)
        self._end += made.bits // 8
        return made

    def _region(self, bits: int, width: int) -> Region:
        size = Place(0, width).bits // 8
        made = Region(self._end, bits, width, size)
        self._end = made.end
        return made

    def _bytes(self, bits: int) -> Region:
        made = Region(self._end, bits, 8, 1)
        self._end = made.end
        return made

    def table(self, context: int) -> int:
        """Where the soft TLB of a context begins; that of context CONTEXTS stays empty."""
        return context << self.words + SETS + (KINDS - 1).bit_length() + 3

    @cached_property
    def pc_shift(self) -> int:
        """How many low bits of PC tell no two instructions apart for the table of records."""
        decode = self.machine.decoding.decode
        return (decode.unit // decode.pc_unit).bit_length() - 1


def fields(widths: Iterable[int]) -> tuple[tuple[int, ...], int]:
    """The offsets of operands in a record, each in the fewest bytes of a power of two and aligned to them, and where the last ends."""
    at, offsets = 0, list[int]()
    for width in widths:
        size = field_size(width)
        at += -at % size
        offsets.append(at)
        at += size
    return tuple(offsets), at


def field_size(width: int) -> int:
    """Bytes of an operand in a record."""
    return next(size for size in (1, 2, 4, 8, 16, 32, 64) if width <= 8 * size)
