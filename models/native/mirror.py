"""A computer in native memory: its state, which is lent, and its RAM, which lies where it lay."""

from __future__ import annotations

import ctypes
import mmap
import struct
from collections.abc import Callable, Set
from typing import Final

from pgcheck.models.lent import WORD, LentState, Row, Store, Words, lend
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.native.lowering.layout import BLOCK, CONTEXTS, GUARDED, LINE, RECORDED, USED, WALKED, Layout, Place
from pgcheck.models.state import State

_WORD: Final = struct.Struct("<Q")
_PRIVATE: Final = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
"""A process that is forked has its own."""
_SETTLED: Final = bytes(2 if marks & USED else 1 for marks in range(256))
"""How a line is marked that need not be told of, by its other marks."""


class Mirror:
    """One block of native memory for a computer whose state native code works on, beside its RAM.

    An element that no write changes is kept there with its value, so that reads need not tell it from others. A page is settled
    when native code need not tell of stores to it any more: it is dirty, and nobody watches it.
    """

    def __init__(self, layout: Layout, bus: Bus, ram: Ram, watched: Set[str]) -> None:
        self.layout, self.bus, self.ram = layout, bus, ram
        self._block = mmap.mmap(-1, layout.size + -layout.size % mmap.PAGESIZE, **_PRIVATE)
        self.memory = memoryview(self._block)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._block))
        self._words = self.memory.cast("Q")
        self._header = {name: place.at // 8 for name, place in layout.header.items()}
        self.leaves = store_of(layout, self.memory, watched)
        self._lent: LentState | None = None
        self._blocks = (ram.size - 1 >> BLOCK) + 1
        self._settled: set[int] = set()
        self._watching: set[int] = set()
        self._armed, self._deaf = ram.armed, False
        self.units: set[int] = set()
        self.lines: set[int] = set()
        """Marks of RAM that records were made from."""
        self.outdated = False
        """Something that records were made from has changed."""
        self.emptied: Callable[[], object] = self.void
        """Have the soft TLB forget all."""
        assert not isinstance(ram.cells, list)
        self.set("ram", ctypes.addressof(ctypes.c_char.from_buffer(ram.cells)) - self.address & (1 << 64) - 1)
        self.memory[layout.tlb.at : layout.tlb.end] = b"\xff" * (layout.tlb.end - layout.tlb.at)
        self.void()
        self.set("ram_base", ram.base)
        self.set("ram_mask", (1 << max(1, (ram.size - 1).bit_length())) - 1)
        for count, place in layout.limits.items():
            _WORD.pack_into(self.memory, place.at, max(0, ram.size - count + 1))

    def forget(self) -> None:
        """Give back the state, and no longer be told of stores."""
        for page in self._watching:
            self.ram.unwatch(self.ram.base + (page << self.ram.page_shift), self._stored)
        self._watching.clear()
        self.release()

    def void(self) -> None:
        """Have no entry of the soft TLB looked at until a context is chosen: leaves or memory may have changed."""
        self.set("tlb", self.layout.tlb.at + self.layout.table(CONTEXTS))

    # ---- single numbers

    def get(self, name: str) -> int:
        """A number of the header."""
        return self._words[self._header[name]]

    def set(self, name: str, value: int) -> None:
        self._words[self._header[name]] = value

    def number(self, place: Place) -> int:
        if place.bits == WORD:
            return self._words[place.at // 8]
        return int.from_bytes(self.memory[place.at : place.at + place.bits // 8], "little")

    def put(self, place: Place, value: int) -> None:
        size = place.bits // 8
        self.memory[place.at : place.at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    # ---- state

    def enter(self, state: State) -> bool:
        """Take over what Python has set of a state; whether a leaf that is watched may have changed."""
        if self.ram.armed != self._armed:
            self._unsettle()
        if isinstance(state, LentState) and state.source is self.leaves:
            changed = state.flush()
        else:
            self.release()
            self._lent, changed = lend(self.leaves, state), True
        if changed:
            self.void()
        return changed

    def leave(self, state: State) -> None:
        """Have Python see the state, and the watchers told of pages that were stored to."""
        own = self._lent
        if own is not None and own.source is self.leaves:
            own.refresh()
        if own is not state and own is not None:
            state.update(own)
        self._drain()

    def release(self) -> None:
        """Give the state back."""
        own, self._lent = self._lent, None
        if own is not None and own.source is self.leaves:
            own.release()

    # ---- RAM

    def _stored(self, address: int, count: int) -> None:
        if self._deaf:
            return
        place = address - self.ram.base
        first = place + (self.layout.code.at << LINE)
        marks = self.memory[first >> LINE : (first + count - 1 >> LINE) + 1]
        if any(mark & WALKED for mark in marks):
            self.emptied()
        if any(mark & RECORDED for mark in marks) and not self.units.isdisjoint(range(place, place + count)):
            self.outdated = True
            self.void()

    def _drain(self) -> None:
        """Have the watchers told of what native code has stored, page by page."""
        marks = self.layout.dirty.at
        at = self._block.find(b"\1", marks, marks + self._blocks)
        while at >= 0:
            self.memory[at] = 0
            start, end = at - marks << BLOCK, min(at - marks + 1 << BLOCK, self.ram.size)
            step = min(1 << self.ram.page_shift, 1 << BLOCK)
            for first in range(start, end, step):
                self._tell(first, min(first + step, end))
            at = self._block.find(b"\1", at + 1, marks + self._blocks)

    def _tell(self, first: int, end: int) -> None:
        """Have the watchers told of stores to a page, or to a part of one, if there were any."""
        ram, layout = self.ram, self.layout
        lines = slice(first >> LINE, (end - 1 >> LINE) + 1)
        quiet = slice(layout.quiet.at + lines.start, layout.quiet.at + lines.stop)
        if not any(self.memory[quiet]):
            return
        self._deaf = True
        try:
            ram.told(ram.base + first, end - first)
        finally:
            self._deaf = False
        page = first >> ram.page_shift
        if all(watcher == self._stored for watcher in ram.watchers.get(page, ())):
            code = self.memory[layout.code.at + lines.start : layout.code.at + lines.stop]
            self.memory[quiet] = bytes(code).translate(_SETTLED)
            self._settled.add(page)
        else:
            self.memory[quiet] = bytes(lines.stop - lines.start)

    def _unsettle(self) -> None:
        """Tell of stores to all pages again."""
        for page in self._settled:
            first, end = page << self.ram.page_shift, min(page + 1 << self.ram.page_shift, self.ram.size)
            start, stop = first >> LINE, (end - 1 >> LINE) + 1
            self.memory[self.layout.quiet.at + start : self.layout.quiet.at + stop] = bytes(stop - start)
        self._settled.clear()
        self._armed = self.ram.armed

    def mark(self, first: int, count: int) -> None:
        """From now on be told of stores to units that a record is made from."""
        layout, ram = self.layout, self.ram
        last = first + count - 1
        for page in range(first >> ram.page_shift, (last >> ram.page_shift) + 1):
            self.guard(page)
        self.units.update(range(first, last + 1))
        for line in range(first >> LINE, (last >> LINE) + 1):
            self.lines.add(line)
            self.memory[layout.code.at + line] |= RECORDED
            if self.memory[layout.quiet.at + line] == 1:
                self.memory[layout.quiet.at + line] = 2

    def guard(self, page: int) -> None:
        """From now on be told of what others store to a page, and mark its lines so."""
        ram, code = self.ram, self.layout.code.at
        if page in self._watching:
            return
        mine = ram.armed == self._armed
        self._watching.add(page)
        ram.watch(ram.base + (page << ram.page_shift), self._stored)
        self._armed = ram.armed if mine else self._armed
        first, last = page << ram.page_shift, min(page + 1 << ram.page_shift, ram.size) - 1
        for line in range(code + (first >> LINE), code + (last >> LINE) + 1):
            self.memory[line] |= GUARDED

    def logged(self, number: int) -> tuple[int, int]:
        """A physical read of what was logged: the place in RAM and the count."""
        at = self.layout.log.at + 16 * number
        return _WORD.unpack_from(self.memory, at)[0], _WORD.unpack_from(self.memory, at + 8)[0]

    def unmark(self) -> None:
        for line in self.lines:
            self.memory[self.layout.code.at + line] &= 0xFF ^ RECORDED
        self.lines.clear()
        self.units.clear()
        self.outdated = False


def store_of(layout: Layout, memory: memoryview, watched: Set[str]) -> Store:
    """The leaves of a layout, in a block of memory."""
    words, arrays = Words(memory), layout.machine.state.arrays
    scalars = {n: (p.at // 8, p.bits // WORD) for n, p in layout.scalars.items()}
    rows = {
        n: Row(words, region.at // 8, region.size // 8, arrays[n].size, dict(arrays[n].hardwired))
        for n, region in layout.arrays.items()
    }
    return Store(words, scalars, rows, frozenset(watched))
