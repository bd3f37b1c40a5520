"""Guest-physical memory: RAM of a guest, kept in frames of its host."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pgcheck.isa.words import joined, places, split
from pgcheck.models.memory import Bus, Watcher


class GuestMemory:
    """RAM of a guest from `base` on: page k lies in the host's frame `frames[k]`.

    Stores through this object tell the watchers of the page. What a guest stores directly does not pass here, so a watched page must
    not be writable for it: all of `on_watch` are called with the page's address when a page becomes watched. Raises ValueError when
    `base` is no page's address or a frame is given twice.
    """

    __slots__ = ("base", "frames", "host", "on_watch", "page_shift", "size", "watchers")

    def __init__(self, base: int, frames: Sequence[int], host: Bus, page_shift: int) -> None:
        if base & (1 << page_shift) - 1:
            raise ValueError(f"RAM at {base:#x} does not begin at a page of {1 << page_shift:#x} units")
        if len(set(frames)) != len(frames):
            raise ValueError("two pages of a guest in one frame")
        self.base, self.frames, self.host, self.page_shift = base, tuple(frames), host, page_shift
        self.size = len(self.frames) << page_shift
        self.watchers: dict[int, list[Watcher]] = {}
        self.on_watch: list[Callable[[int], None]] = []

    def host_address(self, address: int) -> int:
        """Where a guest-physical address of this RAM lies in the host."""
        at = address - self.base
        return self.frames[at >> self.page_shift] << self.page_shift | at & (1 << self.page_shift) - 1

    def holds(self, address: int, count: int = 1) -> bool:
        """Whether all of `count` units from an address on are RAM."""
        return self.base <= address and address + count <= self.base + self.size

    def watched(self, address: int) -> bool:
        """Whether stores to the page of an address must come through this object."""
        return address - self.base >> self.page_shift in self.watchers

    def load(self, address: int, count: int) -> int:
        if self._in_page(address, count):
            return self.host.load(self.host_address(address), count)
        units = [self.host.load(self.host_address(address + k), 1) for k in places(count, self.host.order)]
        return joined(units, self.host.unit, "big")

    def store(self, address: int, count: int, value: int) -> None:
        if self._in_page(address, count):
            self.host.store(self.host_address(address), count, value)
            told = self.watchers.get(address - self.base >> self.page_shift, []) if self.watchers else []
        else:
            told = []
            for k, unit in enumerate(split(value, count, self.host.unit, self.host.order)):
                self.host.store(self.host_address(address + k), 1, unit)
                told = [
                    *told,
                    *(w for w in self.watchers.get(address + k - self.base >> self.page_shift, ()) if w not in told),
                ]
        for watcher in tuple(told):
            watcher(address, count)

    def watch(self, address: int, watcher: Watcher) -> None:
        """Call `watcher` after every store to the page of `address`, once for each store."""
        page = address - self.base >> self.page_shift
        watchers = self.watchers.setdefault(page, [])
        if watcher in watchers:
            return
        watchers.append(watcher)
        if len(watchers) == 1:
            for protect in self.on_watch:
                protect(address)

    def unwatch(self, address: int, watcher: Watcher) -> None:
        """No longer call `watcher`; nothing happens if it was not watching."""
        page = address - self.base >> self.page_shift
        watchers = self.watchers.get(page, [])
        if watcher in watchers:
            watchers.remove(watcher)
        if not watchers:
            self.watchers.pop(page, None)

    def _in_page(self, address: int, count: int) -> bool:
        first, last = address - self.base, address + count - 1 - self.base
        return first >> self.page_shift == last >> self.page_shift
