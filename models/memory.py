"""Physical memory as a computer has it: RAM with dirty pages and watched pages, device windows, and nothing elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from pgcheck.isa.words import Order, joined, order, places, split

WORD: Final = 64
"""Units of at most so many bits, and no bytes, are kept as numbers of so many."""
GUARD: Final = 4096
"""Bytes behind the cells of RAM that nothing reads."""
Watcher = Callable[[int, int], None]


class Storage(Protocol):
    """Physical memory as an instruction sees it; addresses and counts in memory units, values in the machine's byte order."""

    def load(self, address: int, count: int) -> int: ...

    def store(self, address: int, count: int, value: int) -> None: ...


class Region(Storage, Protocol):
    """A range of physical memory that is RAM. Watchers of a page are told (address, count) after every store to it."""

    @property
    def base(self) -> int: ...

    @property
    def size(self) -> int: ...

    def watch(self, address: int, watcher: Watcher) -> None: ...

    def unwatch(self, address: int, watcher: Watcher) -> None: ...


class Ram:
    """RAM of `size` units of `unit` bits from `base` on, in pages of 2**page_shift units.

    `dirty` are the numbers of the pages stored to since the last `clean`. `quiet[page]` is 1 when a store to the page needs
    neither marking nor telling, which is all that a fast engine has to look at; `armed` counts what may have set some to 0.

    `cells` go on behind `size`, up to a power of two and GUARD bytes more, so that machine code can work on them in place: it cuts every index to them by a mask.
    """

    __slots__ = (
        "armed", "base", "big_endian", "cells", "dirty", "order", "page_shift", "quiet", "size", "unit", "watchers",
    )  # fmt: skip

    def __init__(self, base: int, size: int, unit: int, big_endian: bool, page_shift: int = 12) -> None:
        self.base, self.size, self.unit, self.big_endian, self.page_shift = base, size, unit, big_endian, page_shift
        self.order: Order = order(big_endian)
        self.cells = _cells(size, unit)
        self.armed = 0
        self.quiet = bytearray((size >> page_shift) + 1)
        self.dirty: set[int] = set()
        self.watchers: dict[int, list[Watcher]] = {}

    def load(self, address: int, count: int) -> int:
        at = address - self.base
        cells = self.cells
        if isinstance(cells, bytearray):
            return int.from_bytes(cells[at : at + count], self.order)
        return cells[at] if count == 1 else joined(cells[at : at + count], self.unit, self.order)

    def store(self, address: int, count: int, value: int) -> None:
        at = address - self.base
        cells = self.cells
        if isinstance(cells, bytearray):
            cells[at : at + count] = value.to_bytes(count, self.order)
        else:
            for k, piece in enumerate(split(value, count, self.unit, self.order)):
                cells[at + k] = piece
        first, last = at >> self.page_shift, at + count - 1 >> self.page_shift
        if not self.quiet[first] or not self.quiet[last]:
            self.told(address, count)

    def told(self, address: int, count: int) -> None:
        """Mark the pages of a store that has happened, and tell their watchers."""
        at = address - self.base
        for page in range(at >> self.page_shift, (at + count - 1 >> self.page_shift) + 1):
            self.dirty.add(page)
            watchers = self.watchers.get(page)
            if watchers is None:
                self.quiet[page] = 1
            else:
                for watcher in tuple(watchers):
                    watcher(address, count)

    def watch(self, address: int, watcher: Watcher) -> None:
        """Call `watcher` after every store to the page of `address`."""
        page = address - self.base >> self.page_shift
        watchers = self.watchers.setdefault(page, [])
        if watcher not in watchers:
            watchers.append(watcher)
            self.armed += 1
        self.quiet[page] = 0

    def unwatch(self, address: int, watcher: Watcher) -> None:
        """No longer call `watcher`; nothing happens if it was not watching."""
        page = address - self.base >> self.page_shift
        watchers = self.watchers.get(page, [])
        if watcher in watchers:
            watchers.remove(watcher)
        if not watchers:
            self.watchers.pop(page, None)

    def clean(self) -> frozenset[int]:
        """The dirty pages; from now on none is."""
        pages = frozenset(self.dirty)
        for page in pages:
            self.quiet[page] = 0
        self.dirty.clear()
        self.armed += 1
        return pages

    def page(self, number: int) -> bytes | tuple[int, ...]:
        """The contents of a page."""
        part = self.cells[number << self.page_shift : min(number + 1 << self.page_shift, self.size)]
        return bytes(part) if isinstance(part, bytearray) else tuple(part)

    def restore(self, images: dict[int, bytes | tuple[int, ...]]) -> None:
        """Undo all stores since `clean`: dirty pages become their image, or zero where there is none."""
        length = 1 << self.page_shift
        for page in self.clean():
            at = page << self.page_shift
            extent = min(length, self.size - at)
            image = images.get(page)
            if isinstance(self.cells, bytearray):
                self.cells[at : at + extent] = bytes(extent) if image is None else bytes(image)[:extent]
            else:
                for k in range(extent):
                    self.cells[at + k] = 0 if image is None or k >= len(image) else image[k]
            for watcher in tuple(self.watchers.get(page, ())):
                watcher(self.base + at, extent)


def _cells(size: int, unit: int) -> bytearray | memoryview | list[int]:
    """Zeros for RAM: bytes, or numbers of a WORD."""
    if unit > WORD:
        return [0] * size
    room = 1 << max(size - 1, 0).bit_length()
    return bytearray(room + GUARD) if unit == 8 else memoryview(bytearray(8 * room + GUARD)).cast("Q")


class Registers(Protocol):
    """What a window shows: registers at offsets from its first address, in memory units."""

    def read(self, offset: int, count: int) -> int: ...

    def write(self, offset: int, count: int, value: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Window:
    """A range of physical addresses that a device answers."""

    base: int
    size: int
    device: Registers

    def holds(self, address: int, count: int) -> bool:
        return self.base <= address and address + count <= self.base + self.size


class Bus:
    """Physical memory of one computer: RAM, device windows, and elsewhere zeros that ignore stores.

    An access that leaves RAM or a window is made unit by unit, a load from the most significant one on. Addresses wrap at 2**address_width units.
    """

    __slots__ = ("big_endian", "bound", "order", "ram", "unit", "windows")

    def __init__(self, ram: Region, windows: Iterable[Window], unit: int, big_endian: bool, address_width: int) -> None:
        self.ram, self.windows = ram, tuple(windows)
        self.unit, self.big_endian = unit, big_endian
        self.order: Order = order(big_endian)
        self.bound = (1 << address_width) - 1

    def is_ram(self, address: int, count: int = 1) -> bool:
        """Whether all units of an access are RAM."""
        return self.ram.base <= address and address + count <= self.ram.base + self.ram.size

    def load(self, address: int, count: int) -> int:
        if self.is_ram(address, count):
            return self.ram.load(address, count)
        window = self._window(address, count)
        if window is not None:
            return window.device.read(address - window.base, count)
        if count == 1:
            return 0
        units = [self.load(address + k & self.bound, 1) for k in places(count, self.order)]
        return joined(units, self.unit, "big")

    def store(self, address: int, count: int, value: int) -> None:
        if self.is_ram(address, count):
            self.ram.store(address, count, value)
            return
        window = self._window(address, count)
        if window is not None:
            window.device.write(address - window.base, count, value)
        elif count > 1:
            for k, piece in enumerate(split(value, count, self.unit, self.order)):
                self.store(address + k & self.bound, 1, piece)

    def _window(self, address: int, count: int) -> Window | None:
        for window in self.windows:
            if window.holds(address, count):
                return window
        return None
