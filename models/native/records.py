"""Records of decoded instructions: those of a context, which is a choice of values of the leaves that fetch and translation read."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from pgcheck.models.native.lowering.layout import CONTEXTS, HASHED, OPERANDS, RECORDS, field_size, fields
from pgcheck.models.native.mirror import Mirror
from pgcheck.models.state import Fetched

_ENTRY: Final = struct.Struct("<QQ")
_HEAD: Final = struct.Struct("<QQ")
Values = tuple[int | bytes, ...]


class Full(Exception):
    """There is no place for a record."""


@dataclass(slots=True, eq=False)
class Context:
    """Records of one choice of values, by PC; `top` is the first place that has none."""

    number: int
    values: Values
    slots: dict[int, int] = field(default_factory=dict)
    top: int = 0


class Records:
    """The records in a mirror; `empty` empties its soft TLB. A place that is not filled has a handler that says so, and one where others go on seeks the address."""

    def __init__(self, mirror: Mirror, unfilled: int, seek: int, empty: Callable[[], object]) -> None:
        self.mirror, self.layout, self._emptied = mirror, mirror.layout, empty
        self.unfilled, self.seek = unfilled, seek
        self.contexts: dict[Values, Context] = {}
        self.generation = 0
        """How many times all records were forgotten."""
        self.fetched: dict[int, Fetched | None] = {}
        self._empty = b"".join(_ENTRY.pack((e ^ 1) << self.layout.pc_shift, 0) for e in range(1 << HASHED))
        self._blank = _HEAD.pack(unfilled, 0).ljust(self.layout.record, b"\0")
        self.most = (1 << RECORDS) - 8

    def context(self, values: Values) -> Context:
        """The context of values, made where there is none."""
        found = self.contexts.get(values)
        if found is None:
            if len(self.contexts) == CONTEXTS:
                self.forget()
            found = self.contexts[values] = Context(len(self.contexts), values)
            self._clear(found, 1 << RECORDS)
        return found

    def forget(self) -> None:
        """Forget all records, and all of the soft TLB."""
        self.generation += 1
        self.mirror.unmark()
        self._emptied()
        self.fetched.clear()
        self.contexts.clear()

    def _clear(self, context: Context, count: int) -> None:
        at = self.offset(context.number << RECORDS)
        self.mirror.memory[at : at + count * self.layout.record] = self._blank * count
        at = self.table(context)
        self.mirror.memory[at : at + len(self._empty)] = self._empty

    def table(self, context: Context) -> int:
        """Where the table of a context begins."""
        return self.layout.hashed.at + (context.number << HASHED + 4)

    def offset(self, slot: int) -> int:
        return self.layout.records.at + slot * self.layout.record

    def slot(self, offset: int) -> int:
        return (offset - self.layout.records.at) // self.layout.record

    def place(self, context: Context, behind: int | None) -> int:
        """A place for a new record: `behind` is the one that is not filled and was reached, or None after a jump."""
        first = context.number << RECORDS
        if context.top >= self.most:
            raise Full
        if behind is not None and behind == first + context.top:
            context.top += 1
            return behind
        if context.top:
            self._head(first + context.top, self.seek, 0)
            context.top += 1
        context.top += 1
        return first + context.top - 1

    def scratch(self, context: Context) -> int:
        """The place of a record that holds for one execution."""
        return (context.number + 1 << RECORDS) - 2

    def again(self, context: Context, pc: int, slot: int, behind: int | None) -> None:
        """Have a jump, or the record before the place `behind`, find a record that there is."""
        self.linked(context, pc, slot)
        if behind is not None and behind == (context.number << RECORDS) + context.top:
            self._head(behind, self.seek, 0)
            context.top += 1

    def keep(self, context: Context, pc: int, slot: int) -> None:
        """Have jumps to an address find its record."""
        context.slots[pc] = slot
        self.linked(context, pc, slot)

    def linked(self, context: Context, pc: int, slot: int) -> None:
        at = self.table(context) + ((pc >> self.layout.pc_shift & (1 << HASHED) - 1) << 4)
        _ENTRY.pack_into(self.mirror.memory, at, pc, self.offset(slot))

    def _head(self, slot: int, handler: int, length: int) -> None:
        _HEAD.pack_into(self.mirror.memory, self.offset(slot), handler, length)

    def handler(self, slot: int) -> int:
        """The code that runs where a record is reached."""
        found: int = _HEAD.unpack_from(self.mirror.memory, self.offset(slot))[0]
        return found

    def lead(self, slot: int, handler: int) -> None:
        """Have another code run where a record is reached."""
        struct.pack_into("<Q", self.mirror.memory, self.offset(slot), handler)

    def fill(self, slot: int, handler: int, fetched: Fetched | None) -> None:
        """Write a record; None is what no encoding accepts."""
        self.fetched[slot] = fetched
        self._head(slot, handler, 0 if fetched is None else fetched.length)
        if fetched is None:
            return
        instruction = fetched.instruction
        widths = [b.width for b in instruction.operands.values()]
        at = self.offset(slot) + OPERANDS
        for (name, width), offset in zip(
            zip(instruction.operands, widths, strict=True), fields(widths)[0], strict=True
        ):
            size = field_size(width)
            self.mirror.memory[at + offset : at + offset + size] = fetched.operands[name].to_bytes(size, "little")
