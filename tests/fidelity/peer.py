"""What an emulator that nobody here wrote has to offer so that a machine can be held against it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.models.worlds import biased


class Missing(Exception):
    """A peer that is not there; the text is the one line that says so, and how to get it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A leaf of the specification, or its element `index`, that the peer has too. Its `key` is LEAF or LEAF:INDEX."""

    leaf: str
    width: int
    index: int | None = None

    @property
    def key(self) -> str:
        return self.leaf if self.index is None else f"{self.leaf}:{self.index}"


Values = dict[str, int]
"""A processor's state by key."""


class Peer(Protocol):
    """One processor of an emulator, for one machine.

    `ram` are the addresses that it has; a state in which the specification reaches others is not compared. `unit` is the distance of instructions in bytes.
    """

    name: str
    places: Sequence[Place]
    ram: range
    unit: int

    def draw(self, rng: random.Random) -> Values:
        """A random state, one that the peer can be put into."""
        ...

    def data(self, rng: random.Random, address: int) -> bytes:
        """The eight bytes at an address that nobody has written."""
        ...

    def table(self, address: int) -> bool:
        """Whether what lies at an address is never an instruction."""
        ...

    def done(self, values: Values) -> bool:
        """Whether the peer cannot go on from a state as the specification does."""
        ...

    def begin(self, values: Values, memory: Mapping[int, int]) -> None:
        """Put the processor into a state, with these bytes in memory and zeros in what an earlier state used."""
        ...

    def step(self) -> Values:
        """The state after one more instruction, trap or interrupt."""
        ...

    def memory(self, addresses: Iterable[int]) -> dict[int, int]:
        """Bytes of memory; after it the processor has to begin anew. Holds also what the peer is known to have written elsewhere."""
        ...


class Judge(Peer, Protocol):
    """A peer that is asked of every first word of an instruction whether it is one. `causes` names exits of the specification as `trapped` does."""

    causes: Mapping[str, str]

    def words(self) -> Iterable[int]:
        """The words of the census."""
        ...

    def code(self, word: int) -> bytes:
        """The bytes of a word, and what follows it."""
        ...

    def at(self, user: bool) -> Values:
        """The state in which words are tried, in the least or most privileged mode."""
        ...

    def trapped(self, word: int, user: bool) -> str:
        """The kind of trap by which the peer refuses a word there; "" for one that it runs, or in which another trap happens."""
        ...


def bank(leaf: str, width: int, indices: Iterable[int]) -> tuple[Place, ...]:
    """The elements of an array."""
    return tuple(Place(leaf, width, index) for index in indices)


def fields(leaf: str, widths: Mapping[str, int]) -> tuple[Place, ...]:
    """The fields of a bitfield."""
    return tuple(Place(f"{leaf}.{name}", width) for name, width in widths.items())


def pointer(rng: random.Random, ram: range, align: int) -> int:
    """An address within RAM, often near few places, and seldom not aligned."""
    middle = ram.start + len(ram) // 2
    near = rng.choice((ram.start + 0x2000, middle, middle + 0x1000)) + rng.randrange(-64, 64)
    return (near if rng.getrandbits(2) else rng.choice(ram)) & (-align if rng.getrandbits(6) else -1)


def word(rng: random.Random, width: int, ram: range) -> int:
    """A value of a register: half of the time an address."""
    return pointer(rng, ram, 8) & (1 << width) - 1 if rng.getrandbits(1) else biased(rng, width)
