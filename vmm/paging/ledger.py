"""Shadow entries, and the books on them: which were derived from what of the guest's memory, and which map it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pgcheck.models.state import State
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.paging.entries import Permissions

Load = tuple[int, int]


@dataclass(slots=True, eq=False)
class Shadow:
    """A shadow entry: it maps virtual page `page` of a context to guest-physical page `guest_page`, for the ways `permitted`.

    `slot` is its address in the host, `derived` the guest's entries (address, units) that it was derived from.
    """

    context: Context
    page: int
    guest_page: int
    slot: int
    permitted: Permissions
    derived: frozenset[Load]


@dataclass(slots=True, eq=False)
class Context:
    """The shadow tables of one virtual root and mode: their frames (the root's first), and the entries by virtual page.

    `virtual` are the leaves that chose it; `slots` is the address of the first last-level entry by page number without its index, and
    `gone` are the pages whose entries were given up. `private` are the slots of the monitor's own pages.
    """

    virtual: State
    frames: list[int]
    entries: dict[int, Shadow] = field(default_factory=dict)
    slots: dict[int, int] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    private: tuple[int, ...] = ()


class Ledger:
    """The entries that stand: `derived` by the guest's page and the load that they were derived from, `onto` by the guest's page they map.

    Addresses are the guest's. While something is derived from a page it is watched: `stored(address, units)` hears of stores to it.
    """

    def __init__(self, memory: GuestMemory, shift: int, stored: Callable[[int, int], None]) -> None:
        self.memory, self.page, self.stored = memory, 1 << shift, stored
        self.derived: dict[int, dict[Load, set[Shadow]]] = {}
        self.onto: dict[int, set[Shadow]] = {}

    def touched(self, load: Load) -> tuple[int, ...]:
        """The addresses of the guest's pages in which a load lies."""
        first, last = load[0] & -self.page, load[0] + load[1] - 1 & -self.page
        return (first,) if first == last else (first, last)

    def enter(self, entry: Shadow) -> None:
        """Book an entry; pages from which nothing was derived before are watched from here on."""
        touched = [(load, at) for load in entry.derived for at in self.touched(load)]
        unwatched = [at for _, at in touched if at not in self.derived]
        for load, at in touched:
            self.derived.setdefault(at, {}).setdefault(load, set()).add(entry)
        for at in unwatched:
            self.memory.watch(at, self.stored)
        self.onto.setdefault(entry.guest_page, set()).add(entry)

    def remove(self, entry: Shadow) -> None:
        """Take an entry out of the books; a page that no entry was derived from is watched no longer."""
        for load in entry.derived:
            for touched in self.touched(load):
                users = self.derived.get(touched, {})
                if load in users:
                    users[load].discard(entry)
                    if not users[load]:
                        del users[load]
                if not users and self.derived.pop(touched, None) is not None:
                    self.memory.unwatch(touched, self.stored)
        onto = self.onto.get(entry.guest_page, set())
        onto.discard(entry)
        if not onto:
            self.onto.pop(entry.guest_page, None)

    def overwritten(self, address: int, count: int) -> Iterator[Shadow]:
        """The entries that were derived from some of these units; each may be removed before the next is asked for."""
        for touched in self.touched((address, count)):
            for load, entries in list(self.derived.get(touched, {}).items()):
                if load[0] < address + count and address < load[0] + load[1]:
                    yield from list(entries)
