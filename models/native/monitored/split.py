"""How a processor is divided between a monitor and its guest, and where native code keeps what is the guest's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term
from pgcheck.models.native.lowering.layout import CONTEXTS, RECORDS, Layout
from pgcheck.models.native.lowering.plan import Unsupported

MOST_WORDS: Final = 2048
"""Of the leaves that are exchanged."""
ROWS: Final = 16
"""Choices of the guest's leaves for which the monitor's are known."""
SLOTS: Final = CONTEXTS << RECORDS


@dataclass(frozen=True, slots=True)
class Split:
    """`own` leaves are the monitor's while the guest runs, which is where `direct` holds of the virtual state; `intercept` enters the monitor.

    Of the monitor's leaves those in `placed` hang on the guest's own leaves in `keys`. When one of `held` changes, the monitor has to be asked.
    """

    own: tuple[str, ...]
    intercept: frozenset[str]
    direct: Term
    keys: tuple[str, ...] = ()
    placed: tuple[str, ...] = ()
    held: tuple[str, ...] = ()


Run = tuple[int, int, int]
"""Words that lie one behind the other: the byte in native memory, the number of the first among those kept apart, how many."""


class Apart:
    """What is kept beside native memory for a split: the guest's and the monitor's values of leaves, tables by exit, row and record.

    All are words of 64 bits; places are bytes from its beginning on. Raises Unsupported.
    """

    def __init__(self, machine: Machine, layout: Layout, split: Split, exits: int) -> None:
        self.layout, self.machine = layout, machine
        kept = {*layout.scalars, *layout.arrays}
        names = [n for n in split.own if n in kept]
        shared = [n for n in (*layout.scalars, *layout.arrays) if n not in split.own]
        self.words = {n: tuple(self._words(n)) for n in (*names, *shared)}
        self.own, self.number = _runs([w for n in names for w in self.words[n]])
        self.shared, count = _runs([w for n in shared for w in self.words[n]])
        self.names, self.others = tuple(names), tuple(shared)
        self.first: dict[str, int] = {}
        for some in (names, shared):
            at = 0
            for name in some:
                self.first[name] = at
                at += len(self.words[name])
        arguments = [w + 8 * k for place in layout.arguments for w in (place.at,) for k in range(2)]
        self.arguments, more = _runs(arguments)
        if self.number + count > MOST_WORDS:
            raise Unsupported
        for name in (*split.keys, *split.placed):
            if name not in layout.scalars or layout.scalars[name].bits != 64 or name not in split.own:
                raise Unsupported
        if not set(split.held) <= set(names):
            raise Unsupported
        self._end = 0
        self.virtual, self.real = self._take(self.number), self._take(self.number)
        self.before, self.given, self.parked = self._take(count), self._take(more), self._take(count)
        self.taken, self.handled = self._take(1), self._take(1)
        self.left, self.reflects, self.ticks, self.ends, self.touched = (self._take(1) for _ in range(5))
        self.turns, self.moved, self.row, self.rows = (self._take(1) for _ in range(4))
        self.pending, self.waiting = self._take(1), self._take(1)
        self.keyed, self.place = len(split.keys), len(split.placed)
        self.wide = self.keyed + self.place + 3
        """Words of a row: keys, placed leaves, two places of the context's tables, and when it was chosen last."""
        self.table = self._take(ROWS * self.wide)
        self.exits = self._take(2 * exits)
        """Of each exit: whether it enters the monitor, and the native function of its entry if it can be delivered here."""
        self.handlers, self.emulated, self.reflected = (self._take(SLOTS) for _ in range(3))
        self.slots = self._take(SLOTS)
        self.size = self._end

    def _take(self, words: int) -> int:
        at = self._end
        self._end += 8 * words
        return at

    def _words(self, name: str) -> Iterator[int]:
        place = self.layout.scalars.get(name)
        if place is not None:
            yield from range(place.at, place.at + place.bits // 8, 8)
            return
        region = self.layout.arrays[name]
        yield from range(region.at, region.at + region.size * self.machine.state.arrays[name].size, 8)


def _runs(places: list[int]) -> tuple[tuple[Run, ...], int]:
    """Words in order, as runs of those that lie together; and how many."""
    found: list[Run] = []
    for number, at in enumerate(places):
        if found and found[-1][0] + 8 * found[-1][2] == at:
            found[-1] = (*found[-1][:2], found[-1][2] + 1)
        else:
            found.append((at, number, 1))
    return tuple(found), len(places)
