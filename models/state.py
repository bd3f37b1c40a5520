"""The state of a machine as values, and what a step takes from and gives to what surrounds it: what every binding on integers shares."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from pgcheck.isa.idl.state import Leaf
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.models.memory import Registers, Storage


class Cells(dict[int, int]):
    """An array leaf as a value: the elements that were set, and `fill` in every other.

    Two are equal when all their elements are, whichever were set; an array is as long as anyone asks, so that their fills are equal too.
    `source` is where an engine that works elsewhere keeps the elements (lent.py).
    """

    __slots__ = ("fill", "source")

    def __init__(self, fill: int = 0, cells: Mapping[int, int] | None = None) -> None:
        super().__init__(cells or {})
        self.fill = fill
        self.source: Any = None

    def __missing__(self, index: int) -> int:
        return self.fill

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cells) or self.fill != other.fill:
            return False
        return dict.__eq__(self, other) or self.apart() == other.apart()

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # a value that changes

    def apart(self) -> dict[int, int]:
        """The canonical form beside `fill`: the elements that differ from it, in order of their indices."""
        return {k: v for k, v in sorted(self.items()) if v != self.fill}

    def values(self, size: int) -> frozenset[int]:  # type: ignore[override]  # those of the dictionary leave out the fill
        """The values of the elements of an array of `size`, each once."""
        return frozenset(super().values()) | (frozenset() if len(self) >= size else {self.fill})

    def difference(self, other: Cells) -> int:
        """The least index at which two arrays differ. Raises ValueError where they are equal."""
        unset = next(k for k in count() if k not in self and k not in other)
        return min(k for k in self.keys() | other.keys() | {unset} if self[k] != other[k])

    def copy(self) -> Cells:
        return Cells(self.fill, self)


State = dict[str, "int | Cells"]


class Leaves(State):
    """A state that an engine may keep elsewhere while it is at work, in `source`; any other dictionary is copied to it and back."""

    __slots__ = ("source",)

    def __init__(self, leaves: Mapping[str, int | Cells]) -> None:
        super().__init__(leaves)
        self.source: Any = None


def scalar(state: Mapping[str, int | Cells], name: str) -> int:
    """The value of a scalar leaf. Raises TypeError for an array."""
    held = state[name]
    if isinstance(held, Cells):
        raise TypeError(f"{name} is an array")
    return held


def cells(state: Mapping[str, int | Cells], name: str) -> Cells:
    """The value of an array leaf. Raises TypeError for a scalar."""
    held = state[name]
    if not isinstance(held, Cells):
        raise TypeError(f"{name} is no array")
    return held


def holding(machine: Machine, values: Mapping[str, int]) -> State:
    """Leaves that hold values, an array in every element."""
    return Leaves({n: Cells(v) if n in machine.state.arrays else v for n, v in values.items()})


def reset(machine: Machine) -> State:
    """The state after reset."""
    return holding(machine, {n: leaf.reset for n, leaf in machine.state.leaves.items()})


def copied(state: Mapping[str, int | Cells]) -> State:
    """A state that shares nothing with `state`."""
    return Leaves({n: v.copy() if isinstance(v, Cells) else v for n, v in state.items()})


def frozen(value: int | Cells) -> Hashable:
    """A value of a leaf as a key: equal for equal values."""
    return (value.fill, *value.apart().items()) if isinstance(value, Cells) else value


@dataclass(frozen=True, slots=True)
class Exit:
    """How a step ended early: the terminator, its payload and the reason of a built-in exit.

    `access` are the arguments of the call of translation that raised it, if one did.
    """

    function: str
    args: tuple[int, ...]
    note: str = ""
    access: tuple[int, ...] | None = field(default=None, compare=False)


class Oracle(Protocol):
    """Answers in place of the cuts; None lets the cut's own body run."""

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None: ...

    def probe(self, name: str, args: tuple[int, ...]) -> int | None: ...

    def table(self, name: str, args: tuple[int, ...]) -> int | None: ...


def zero(site: str, instance: int, width: int) -> int:
    """The value of a nondeterministic site for which nobody has another."""
    return 0


@dataclass(slots=True)
class Surroundings:
    """What a step takes from outside.

    Values of nondeterministic sites (`undefined(site, instance, width)`) and of volatile reads (`volatile(leaf, instance, index)`), what
    a device's leaf becomes by a read (`volatile_write(leaf, instance)`), and the oracle of the cuts, or of those of them that `cuts` are; in a computer also physical memory, the
    devices behind leaves (`ports`), and the clock: the steps taken so far, which an engine advances, up to the deadline.
    """

    undefined: Callable[[str, int, int], int] = zero
    volatile: Callable[[Leaf, int, int | None], int] | None = None
    volatile_write: Callable[[Leaf, int], Cells | int | None] | None = None
    oracle: Oracle | None = None
    memory: Storage | None = None
    ports: Mapping[str, Registers] = field(default_factory=dict)
    clock: int = 0
    deadline: int = 0
    cuts: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """An instruction as found in memory, `length` units of PC long, or as the word that is executed in place of `link` others before it."""

    instruction: Instruction
    operands: Mapping[str, int]
    length: int
    link: int = 0


class Ended(Exception):
    """Unwinds the body that ended in an exit."""

    def __init__(self, exit_: Exit) -> None:
        self.exit = exit_
