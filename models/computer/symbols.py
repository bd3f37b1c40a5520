"""Names of places in a program, for people."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

LONGEST = 60


@dataclass(frozen=True, slots=True)
class Symbols:
    """The names of addresses, in order of those, each with the end of the piece of memory that it is in."""

    places: tuple[tuple[int, str, int], ...] = ()

    def shown(self, address: int) -> str:
        """The last name at or before an address in its piece of memory, as ` <name+0x4>`; empty where there is none."""
        at = bisect_right(self.places, address, key=lambda place: place[0]) - 1
        if at < 0 or address >= self.places[at][2]:
            return ""
        start, name, _ = self.places[at]
        return f" <{name}{f'+{address - start:#x}' if address > start else ''}>"


def symbols(named: Iterable[tuple[str, int]], pieces: Iterable[tuple[int, int]]) -> Symbols:
    """Names that lie in one of the (address, size) pieces; of several at an address the first. What cannot be printed as it is, or is long, is no name."""
    extents, found = sorted(pieces), dict[int, tuple[int, str, int]]()
    for name, address in named:
        at = bisect_right(extents, (address, 1 << 200)) - 1
        end = sum(extents[at]) if at >= 0 else 0
        if address < end and name and len(name) <= LONGEST and name.isascii() and name.isprintable():
            found.setdefault(address, (address, name, end))
    return Symbols(tuple(found[address] for address in sorted(found)))
