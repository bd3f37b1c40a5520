"""The state and RAM of a computer in native memory: what crosses over when native code begins and ends, and around each request to the host."""

from __future__ import annotations

import ctypes
import mmap
import struct
from typing import Final

from pgcheck.isa.words import order
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.native.layout import BLOCK, GUARD, LINE, Layout, Place, Region
from pgcheck.models.state import Cells, State

_WORD: Final = struct.Struct("<Q")
_PRIVATE: Final = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
"""A process that is forked has its own."""


class Mirror:
    """One block of native memory that holds a computer's state while native code runs, and its RAM.

    An element that no write changes is kept there with its value, so that reads need not tell it from others.
    Pages of RAM that were stored to from outside are `stale` until native code runs again.
    """

    def __init__(self, layout: Layout, bus: Bus, ram: Ram) -> None:
        self.layout, self.bus, self.ram = layout, bus, ram
        bits = max(1, (ram.size - 1).bit_length())
        self._block = mmap.mmap(-1, layout.ram.at + (layout.ram.size << bits) + GUARD, **_PRIVATE)
        self.memory = memoryview(self._block)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._block))
        self._scalars = tuple((n, p.at, p.bits // 8) for n, p in layout.scalars.items())
        first = self._scalars[0][1]
        self._first, self._flat = first, all(size == 8 for _, _, size in self._scalars)
        self._packed = struct.Struct(f"<{len(self._scalars)}Q")
        self._names = tuple(n for n, _, _ in self._scalars)
        self._held: dict[str, bytes] = {}
        self.pages = (ram.size - 1 >> ram.page_shift) + 1
        self.stale = set(range(self.pages))
        self.lines: set[int] = set()
        """Marks of RAM that records were made from."""
        self.outdated = False
        """Something that records were made from has changed."""
        for page in range(self.pages):
            ram.watch(ram.base + (page << ram.page_shift), self._stored)
        self.set("ram_base", ram.base)
        self.set("ram_mask", (1 << bits) - 1)
        for count, place in layout.limits.items():
            _WORD.pack_into(self.memory, place.at, max(0, ram.size - count + 1))

    def forget(self) -> None:
        """No longer be told of stores."""
        for page in range(self.pages):
            self.ram.unwatch(self.ram.base + (page << self.ram.page_shift), self._stored)

    # ---- single numbers

    def get(self, name: str) -> int:
        """A number of the header."""
        found: int = _WORD.unpack_from(self.memory, self.layout.header[name].at)[0]
        return found

    def set(self, name: str, value: int) -> None:
        _WORD.pack_into(self.memory, self.layout.header[name].at, value)

    def number(self, place: Place) -> int:
        return int.from_bytes(self.memory[place.at : place.at + place.bits // 8], "little")

    def put(self, place: Place, value: int) -> None:
        size = place.bits // 8
        self.memory[place.at : place.at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    # ---- state

    def enter(self, state: State) -> None:
        """Take over the state, and the pages that are stale."""
        memory = self.memory
        if self._flat:
            self._packed.pack_into(memory, self._first, *[state[n] for n in self._names])
        else:
            for name, at, size in self._scalars:
                value = state[name]
                assert isinstance(value, int)
                memory[at : at + size] = value.to_bytes(size, "little")
        for name, region in self.layout.arrays.items():
            held = state[name]
            assert isinstance(held, Cells)
            self._put_array(name, region, held)
        self._fill()

    def _put_array(self, name: str, region: Region, held: Cells) -> None:
        leaf = self.layout.machine.state.arrays[name]
        values = [held[i] for i in range(leaf.size)]
        for index, fixed in leaf.hardwired:
            values[index] = fixed
        if region.size == 8:
            data = struct.pack(f"<{leaf.size}Q", *values)
        else:
            data = b"".join(value.to_bytes(region.size, "little") for value in values)
        if self._held.get(name) != data:
            self.memory[region.at : region.at + len(data)] = data
        self._held[name] = data

    def leave(self, state: State) -> None:
        """Give back the state, and the pages that were stored to."""
        memory = self.memory
        if self._flat:
            state.update(zip(self._names, self._packed.unpack_from(memory, self._first), strict=True))
        else:
            for name, at, size in self._scalars:
                state[name] = int.from_bytes(memory[at : at + size], "little")
        for name, region in self.layout.arrays.items():
            leaf = self.layout.machine.state.arrays[name]
            size, kept = leaf.size, {index for index, _ in leaf.hardwired}
            data = bytes(memory[region.at : region.at + size * region.size])
            if self._held[name] != data:
                self._held[name] = data
                held = state[name]
                assert isinstance(held, Cells)
                step = region.size
                cut = range(0, size * step, step)
                values = [int.from_bytes(data[at : at + step], "little") for at in cut]
                held.update((i, value) for i, value in enumerate(values) if i not in kept)
        self._drain()

    # ---- RAM

    def _stored(self, address: int, count: int) -> None:
        ram = self.ram
        first = address - ram.base
        self.stale.update(range(first >> ram.page_shift, (first + count - 1 >> ram.page_shift) + 1))

    def _extent(self, page: int) -> tuple[int, int]:
        first = page << self.ram.page_shift
        return first, min(first + (1 << self.ram.page_shift), self.ram.size)

    def _fill(self) -> None:
        """Copy pages that were stored to from outside."""
        layout, cells = self.layout, self.ram.cells
        for page in self.stale:
            first, end = self._extent(page)
            at, size = layout.ram.at, layout.ram.size
            if isinstance(cells, bytearray):
                self.memory[at + first : at + end] = cells[first:end]
            else:
                self.memory[at + first * size : at + end * size] = struct.pack(f"<{end - first}Q", *cells[first:end])
            self.outdated |= not self.lines.isdisjoint(range(first >> LINE, (end - 1 >> LINE) + 1))
        self.stale.clear()

    def _drain(self) -> None:
        """Copy out what native code has stored, page by page, and have the watchers told."""
        marks, quiet, ram = self.layout.dirty.at, self.layout.quiet.at, self.ram
        count = (ram.size - 1 >> BLOCK) + 1
        found = bytes(self.memory[marks : marks + count])
        number = found.find(1)
        while number >= 0:
            self.memory[marks + number] = 0
            start, end = number << BLOCK, min(number + 1 << BLOCK, ram.size)
            self._copy_out(start, end)
            first, after = quiet + (start >> LINE), quiet + (end - 1 >> LINE) + 1
            used = bytes(self.memory[first:after])
            self.memory[first:after] = bytes(after - first)
            step = min(1 << ram.page_shift, 1 << BLOCK)
            before = set(self.stale)
            for page in range(start, end, step):
                if any(used[page - start >> LINE : page - start + step >> LINE]):
                    ram.told(ram.base + page, min(step, end - page))
            self.stale = before
            number = found.find(1, number + 1)

    def _copy_out(self, first: int, end: int) -> None:
        cells, at, size = self.ram.cells, self.layout.ram.at, self.layout.ram.size
        data = self.memory[at + first * size : at + end * size]
        if isinstance(cells, bytearray):
            cells[first:end] = data
        else:
            cells[first:end] = struct.unpack(f"<{end - first}Q", data)

    def store(self, address: int, count: int, data: int) -> None:
        """A store to RAM that records were made from."""
        layout, ram = self.layout, self.ram
        first, unit = address - ram.base, self.layout.machine.state.memory_unit
        at, size = layout.ram.at, layout.ram.size
        if size == 1:
            self.memory[at + first : at + first + count] = data.to_bytes(count, order(ram.big_endian))
        else:
            for k in range(count):
                shift = unit * (count - 1 - k if ram.big_endian else k)
                _WORD.pack_into(self.memory, at + (first + k) * size, data >> shift & (1 << unit) - 1)
        for place in (first, first + count - 1):
            self.memory[layout.dirty.at + (place >> BLOCK)] = 1
            self.memory[layout.quiet.at + (place >> LINE)] = 2
        self.outdated = True

    def mark(self, first: int, count: int) -> None:
        """From now on be told of stores to units that a record is made from."""
        layout = self.layout
        for line in range(first >> LINE, (first + count - 1 >> LINE) + 1):
            self.lines.add(line)
            self.memory[layout.code.at + line] = 1
            if self.memory[layout.quiet.at + line] == 1:
                self.memory[layout.quiet.at + line] = 2

    def logged(self, number: int) -> tuple[int, int]:
        """A physical read of what was logged: the place in RAM and the count."""
        at = self.layout.log.at + 16 * number
        return _WORD.unpack_from(self.memory, at)[0], _WORD.unpack_from(self.memory, at + 8)[0]

    def unmark(self) -> None:
        for line in self.lines:
            self.memory[self.layout.code.at + line] = 0
        self.lines.clear()
        self.outdated = False
