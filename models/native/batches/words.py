"""What native code knows of instructions: a tree of the units of code that were read, with a record for each instruction that was found."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Final

from pgcheck.isa.encoding.codec import Decoded
from pgcheck.isa.machine.machine import Machine
from pgcheck.models.native.batches.steps import GOLDEN, TAKEN, UNIT
from pgcheck.models.native.lowering.layout import OPERANDS, Layout, field_size, fields

BITS: Final = 17
MOST: Final = 1 << BITS - 2
"""Nodes at most; what comes then is not learnt, and its cases are Python's."""
INNER: Final = 1


class Known:
    """The instructions that native code knows, by the units that decoding reads; records of `kinds` of code for each (`layouts`, by tier)."""

    def __init__(self, machine: Machine, tiers: Sequence[tuple[Layout, Callable[[str], int]]]) -> None:
        self.machine, self._tiers = machine, tuple(tiers)
        self.tree = (ctypes.c_uint64 * (2 << BITS))()
        self.templates = [ctypes.create_string_buffer(layout.record * MOST) for layout, _ in self._tiers]
        self.counts = [(ctypes.c_uint64 * (len(TAKEN.names) * MOST))() for _ in self._tiers]
        self.partial = (ctypes.c_uint8 * MOST)()
        self.paths: dict[int, tuple[int, ...]] = {1: ()}
        self.found: list[Decoded | None] = [None]
        self._instructions = {i.id: i for i in (*machine.instructions, machine.code.undefined)}
        self._nodes: dict[tuple[int, ...], int] = {(): 1}

    def learn(self, node: int, unit: int, more: Callable[[int], int]) -> bool:
        """Have native code know the instruction that begins with the units of a node and one more; `more` reads those behind. Whether it can be."""
        begun = (*self.paths[node], unit)
        read = list(begun)

        def at(k: int) -> int:
            while len(read) <= k:
                read.append(more(len(read)))
            asked[:] = [max(asked[0], k + 1)]
            return read[k]

        asked = [1]
        found = self.machine.decoding.decoder.decode(at)
        units = tuple(read[: max(asked[0], len(begun))])
        if len(self.found) >= MOST or len(self._nodes) + len(units) >= MOST or any(u >> UNIT for u in units):
            return False
        for k in range(len(begun), len(units)):
            self._inner(units[:k])
        self._put(self._nodes[units[:-1]], units[-1], len(self.found) << 1)
        self._record(found)
        return True

    def _inner(self, units: tuple[int, ...]) -> None:
        if units not in self._nodes:
            number = self._nodes[units] = len(self._nodes) + 1
            self.paths[number] = units
            self._put(self._nodes[units[:-1]], units[-1], number << 1 | INNER)

    def _put(self, node: int, unit: int, value: int) -> None:
        key = (node << UNIT | unit) + 1
        at = (key * GOLDEN & (1 << 64) - 1) >> 64 - (BITS - 1)
        while self.tree[2 * at]:
            at += 1
        self.tree[2 * at], self.tree[2 * at + 1] = key, value

    def _record(self, found: Decoded | None) -> None:
        """The records of an instruction, one for each tier."""
        number = len(self.found)
        self.found.append(found)
        instruction = self._instructions[self.machine.code.undefined.id if found is None else found.id]
        self.partial[number] = int(instruction.partial)
        for (layout, handler), held in zip(self._tiers, self.templates, strict=True):
            at = number * layout.record
            record = bytearray(layout.record)
            record[:8] = handler(instruction.id).to_bytes(8, "little")
            record[8:16] = (0 if found is None else found.length).to_bytes(8, "little")
            if found is not None:
                widths = [b.width for b in instruction.operands.values()]
                for name, width, offset in zip(instruction.operands, widths, fields(widths)[0], strict=True):
                    size, start = field_size(width), OPERANDS + offset
                    record[start : start + size] = found.operands[name].to_bytes(size, "little")
            ctypes.memmove(ctypes.addressof(held) + at, bytes(record), layout.record)
