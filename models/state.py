"""The state of a machine as values, and what a step takes from and gives to what surrounds it: what every binding on integers shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pgcheck.isa.idl.state import Leaf
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.models.memory import Registers, Storage


class Cells(dict[int, int]):
    """An array leaf: the elements that differ from `fill` (or were ever written)."""

    __slots__ = ("fill",)

    def __init__(self, fill: int = 0, cells: Mapping[int, int] | None = None) -> None:
        super().__init__(cells or {})
        self.fill = fill

    def __missing__(self, index: int) -> int:
        return self.fill

    def copy(self) -> Cells:
        return Cells(self.fill, self)


State = dict[str, "int | Cells"]


@dataclass(frozen=True, slots=True)
class Exit:
    """How a step ended early: the terminator, its payload and the reason of a built-in exit.

    `access` are the arguments of the call of translation that raised it, if one did; `undo` takes back what an instruction that
    may be left halfway has done before.
    """

    function: str
    args: tuple[int, ...]
    note: str = ""
    access: tuple[int, ...] | None = field(default=None, compare=False)
    undo: Callable[[], None] | None = field(default=None, compare=False, repr=False)


class Oracle(Protocol):
    """Answers in place of the cuts; None lets the cut's own body run."""

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None: ...

    def probe(self, name: str, args: tuple[int, ...]) -> int | None: ...

    def table(self, name: str, args: tuple[int, ...]) -> int | None: ...


@dataclass(slots=True)
class Surroundings:
    """What a step takes from outside.

    Values of nondeterministic sites and of volatile reads, and the oracle of the cuts; in a computer also physical memory, the
    devices behind leaves (`ports`), and the clock: the steps taken so far, which an engine advances, up to the deadline.
    """

    undefined: Callable[[str, int], int] = field(default=lambda name, width: 0)
    volatile: Callable[[str, Leaf, int | None], int] | None = None
    volatile_write: Callable[[str, Leaf], Cells | int | None] | None = None
    oracle: Oracle | None = None
    memory: Storage | None = None
    ports: Mapping[str, Registers] = field(default_factory=dict)
    clock: int = 0
    deadline: int = 0


@dataclass(frozen=True, slots=True)
class Fetched:
    """An instruction as found in memory, or as the word that is executed in place of `link` others before it."""

    instruction: Instruction
    operands: Mapping[str, int]
    link: int = 0


class Ended(Exception):
    """Unwinds the body that ended in an exit."""

    def __init__(self, exit_: Exit) -> None:
        self.exit = exit_


def reset(machine: Machine) -> State:
    """The state after reset."""
    return {
        n: Cells(leaf.reset) if n in machine.state.arrays else leaf.reset for n, leaf in machine.state.leaves.items()
    }


def copied(state: Mapping[str, int | Cells]) -> State:
    """A state that shares nothing with `state`."""
    return {n: v.copy() if isinstance(v, Cells) else v for n, v in state.items()}
