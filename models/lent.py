"""State that lies in the memory of native code: what Python reads or sets of it crosses over, and nothing else.

A dictionary that is lent holds what was read or set since that code last ran; what is not in it is read when it is asked for. Its
class is changed, so that whoever has it goes on with the same object, and a state that is not lent costs what it did.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, cast

from pgcheck.models.state import Cells, Leaves

WORD: Final = 64
_WHOLE: Final = (
    "__iter__", "__len__", "__contains__", "__or__", "__ror__", "__reversed__", "__repr__", "keys", "values", "items", "get", "pop", "popitem", "setdefault",
)  # fmt: skip
"""What looks at a dictionary as a whole, or for what may not be there."""


class Words:
    """Numbers of any width in a block of native memory, in whole words."""

    __slots__ = ("words",)

    def __init__(self, memory: memoryview) -> None:
        self.words = memory.cast("Q")

    def get(self, at: int, count: int) -> int:
        """The number in `count` words from word `at` on."""
        if count == 1:
            return self.words[at]
        return int.from_bytes(self.words[at : at + count].cast("B"), "little")

    def put(self, at: int, count: int, value: int) -> None:
        if count == 1:
            self.words[at] = value
        else:
            for k in range(count):
                self.words[at + k] = value >> WORD * k & (1 << WORD) - 1


class Row:
    """The elements of an array leaf from word `at` on, each of `count` words, those of `held`; on those that are `hardwired` no state decides."""

    __slots__ = ("at", "count", "hardwired", "held", "size", "words")

    def __init__(self, words: Words, at: int, count: int, size: int, hardwired: Mapping[int, int]) -> None:
        self.words, self.at, self.count, self.size = words, at, count, size
        self.hardwired = frozenset(hardwired)
        self.held: LentCells | None = None
        for index, value in hardwired.items():
            self.put(index, value)

    def all(self) -> Iterator[tuple[int, int]]:
        """Every element that is kept here, by index."""
        if self.count == 1:
            numbers = self.words.words[self.at : self.at + self.size].tolist()
            return ((i, n) for i, n in enumerate(numbers) if i not in self.hardwired)
        return ((i, self.get(i)) for i in range(self.size) if i not in self.hardwired)

    def take(self, held: dict[int, int]) -> None:
        """Take every element that is kept here from an array, which has them no longer."""
        numbers = list(map(held.__getitem__, range(self.size)))
        kept = {i: held[i] for i in self.hardwired if i in held}
        if self.count == 1:
            for i in self.hardwired:
                numbers[i] = self.get(i)
            self.words.words[self.at : self.at + self.size] = memoryview(array("Q", numbers))
        else:
            for i, number in enumerate(numbers):
                if i not in self.hardwired:
                    self.put(i, number)
        held.clear()
        held.update(kept)

    def has(self, index: int) -> bool:
        """Whether an element is kept here."""
        return 0 <= index < self.size and index not in self.hardwired

    def get(self, index: int) -> int:
        return self.words.get(self.at + index * self.count, self.count)

    def put(self, index: int, value: int) -> None:
        self.words.put(self.at + index * self.count, self.count, value)


class Store:
    """The leaves that native memory keeps: scalars by their first word and count, and rows; `watched` are those whose change has to be looked at.

    `others` are what else the state has. Scalars that lie in one word each, one behind the other, can be taken over together (`packed`); then `snapshot` is
    what they were.
    """

    __slots__ = ("names", "others", "packed", "rows", "scalars", "snapshot", "values", "watched", "words")

    def __init__(
        self, words: Words, scalars: Mapping[str, tuple[int, int]], rows: Mapping[str, Row], watched: frozenset[str]
    ) -> None:
        self.words, self.scalars, self.rows, self.watched = words, scalars, rows, watched
        self.others: frozenset[str] = frozenset()
        self.names = tuple(scalars)
        first = next((at for at, _ in scalars.values()), 0)
        together = list(scalars.values()) == [(first + k, 1) for k in range(len(scalars))] and len(scalars) > 1
        self.packed = struct.Struct(f"={len(scalars)}Q") if together else None
        self.values = words.words[first : first + len(scalars)].cast("B")
        self.snapshot = b""

    def put_all(self, packed: struct.Struct, numbers: Sequence[int]) -> bool:
        """Write all scalars; whether one that is watched has changed. Where none at all has, there is no snapshot."""
        data, before = packed.pack(*numbers), self.values.tobytes()
        if data == before:
            return False
        self.values[:] = self.snapshot = data
        return not self.watched.isdisjoint(name for name, _ in self.changes(before, data))

    def changes(self, before: bytes, after: bytes) -> Iterator[tuple[str, int]]:
        """The scalars that differ, with what they are."""
        word, new = (1 << WORD) - 1, int.from_bytes(after, sys.byteorder)
        differ = new ^ int.from_bytes(before, sys.byteorder)
        while differ:
            at = ((differ & -differ).bit_length() - 1) // WORD
            yield self.names[at if sys.byteorder == "little" else -1 - at], new >> at * WORD & word
            differ &= ~(word << at * WORD)


class LentCells(Cells):
    """An array whose elements lie in native memory."""

    __slots__ = ()

    def __missing__(self, index: int) -> int:
        row: Row = self.source
        if not row.has(index):
            return self.fill
        value = self[index] = row.get(index)
        return value

    def pull(self) -> None:
        """Read all elements."""
        row: Row = self.source
        self.update([(i, n) for i, n in row.all() if not dict.__contains__(self, i)])

    def flush(self) -> bool:
        """Write back; whether an element has changed."""
        row: Row = self.source
        changed = False
        for index in [i for i in dict.keys(self) if row.has(i)]:
            value = dict.pop(self, index)
            if row.get(index) != value:
                row.put(index, value)
                changed = True
        return changed

    def release(self) -> None:
        """Lie in native memory no longer."""
        self.pull()
        self.source.held = None
        _become(self, Cells)
        self.source = None

    def __eq__(self, other: object) -> bool:
        self.pull()
        return Cells.__eq__(self, other)

    __hash__ = None  # a value that changes

    def __reduce__(self) -> tuple[object, ...]:
        return Cells, (self.fill, dict(self))


class LentState(Leaves):
    """A state whose leaves lie in native memory, but for those that native code asks the host for."""

    __slots__ = ()

    def __missing__(self, name: str) -> int:
        store: Store = self.source
        place = store.scalars.get(name)
        if place is None:
            raise KeyError(name)
        value = self[name] = store.words.get(*place)
        return value

    def pull(self) -> None:
        """Read all leaves."""
        store: Store = self.source
        for name in store.scalars:
            self[name]

    def flush(self) -> bool:
        """Write back; whether a leaf that is watched has changed."""
        store: Store = self.source
        changed, count = False, dict.__len__(self) - len(store.others)
        store.snapshot = b""
        if store.packed is not None and count == len(store.names):
            changed = store.put_all(store.packed, itemgetter(*store.names)(self))
            for name in () if store.snapshot else store.names:
                dict.__delitem__(self, name)
        elif count:
            words = store.words
            for name in dict.keys(self) - store.others:
                value, place = cast("int", dict.pop(self, name)), store.scalars[name]
                if words.get(*place) != value:
                    words.put(*place, value)
                    changed |= name in store.watched
        for name, row in store.rows.items():
            held, kept = self[name], row.held
            if kept is None or kept is not held:
                assert isinstance(held, Cells)
                lend_cells(row, held)
                changed |= name in store.watched
            elif dict.__len__(kept) and kept.flush():
                changed |= name in store.watched
        return changed

    def refresh(self) -> None:
        """Have what is in the dictionary be what native code has left: nothing but where all of it was taken over together."""
        store: Store = self.source
        if store.snapshot:
            now = store.values.tobytes()
            if now != store.snapshot:
                dict.update(self, store.changes(store.snapshot, now))
                store.snapshot = now

    def release(self) -> None:
        """Lie in native memory no longer."""
        self.pull()
        store: Store = self.source
        store.snapshot = b""
        for name, row in store.rows.items():
            if row.held is not None and row.held is self[name]:
                row.held.release()
        _become(self, Leaves)
        self.source = None

    def __eq__(self, other: object) -> bool:
        for one in (self, other):
            if isinstance(one, LentState):
                one.pull()
        return dict.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]  # a value that changes

    def __reduce__(self) -> tuple[object, ...]:
        return Leaves, (dict(self),)


def _become(held: Any, kind: type[object]) -> None:
    held.__class__ = kind


def _whole(kind: type[LentState] | type[LentCells], name: str) -> Callable[..., Any]:
    method = getattr(kind, name)

    def whole(self: LentState | LentCells, *args: Any) -> Any:
        self.pull()
        return method(self, *args)

    return whole


for _kind in (LentState, LentCells):
    for _name in _WHOLE:
        setattr(_kind, _name, _whole(_kind, _name))


def lend_cells(row: Row, held: Cells) -> None:
    """Have an array lie in native memory, in place of the one that did."""
    if isinstance(held, LentCells):
        held.release()
    if row.held is not None:
        row.held.release()
    row.take(held)
    _become(held, LentCells)
    held.source, row.held = row, cast("LentCells", held)


def lend(store: Store, state: Mapping[str, int | Cells]) -> LentState:
    """A state that lies in native memory: the same object, unless it is a plain dictionary."""
    held = state if isinstance(state, Leaves) else Leaves(state)
    if isinstance(held, LentState):
        held.release()
    store.others = frozenset(held) - store.scalars.keys()
    _become(held, LentState)
    held.source = store
    made = cast("LentState", held)
    made.flush()
    return made
