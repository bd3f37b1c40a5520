"""State of a machine: entries as they are declared, and the leaves they denote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgcheck.isa.idl.types import Bitfield, Struct, Type, width_of
from pgcheck.isa.terms import Term, array, constant, constant_array, mk, node, select, variable

GENERAL = "general"
CONTROL_ROLES = (
    "mode", "relocation", "interrupt", "vector", "device", "timing", "identity", "saved",
    "configuration", "run", "translation_cache",
)  # fmt: skip
ROLES = (GENERAL, *CONTROL_ROLES)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A unit of state: role, relation, configuration, taint and witness speak of leaves.

    `width` 0 is a Boolean. `size` 0 is a scalar, else an array with indices of `index_width` bits.
    """

    name: str
    width: int
    role: str
    size: int = 0
    index_width: int = 0
    reset: int = 0
    volatile: bool = False
    hardwired: tuple[tuple[int, int], ...] = ()

    @property
    def term(self) -> Term:
        """The leaf as a term of the intermediate form: the variable or array `s.NAME`."""
        return self.named("s." + self.name)

    @property
    def control(self) -> bool:
        return self.role != GENERAL

    @property
    def element_width(self) -> int:
        """Width of one element as an SMT array holds it (a Boolean takes a bit)."""
        return self.width or 1

    def named(self, name: str) -> Term:
        """A free term of the leaf's sort."""
        if self.size:
            return array(self.index_width, self.element_width, name)
        return variable(self.width, name)

    def holding(self, value: int) -> Term:
        """The leaf fixed to `value`, an array with it in every element."""
        if self.size:
            return constant_array(self.index_width, self.element_width, value)
        return constant(self.width, value)


@dataclass(frozen=True, slots=True)
class Part:
    """A range of an entry's bits: a leaf, or a constant when `leaf` is empty."""

    leaf: str
    high: int
    low: int
    fixed: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A declared piece of state; `parts` run from the most significant bit, or are a struct's members in order."""

    name: str
    type: Type
    parts: tuple[Part, ...]
    size: int = 0
    index_width: int = 0
    pc: bool = False

    @property
    def leaves(self) -> tuple[str, ...]:
        return tuple(p.leaf for p in self.parts if p.leaf)

    def part(self, name: str) -> Part | None:
        """The part of the field or member `name`."""
        match self.type:
            case Bitfield(ranges=ranges) if name in ranges:
                high, low = ranges[name]
                return next(p for p in self.parts if (p.high, p.low) == (high, low))
            case Struct(members=members) if name in members:
                return self.parts[list(members).index(name)]
        return None


def read_leaf(leaf: Leaf, index: Term | None) -> Term:
    """The value of a leaf in the intermediate form; a volatile leaf has a value per read."""
    if leaf.volatile:
        return node("volatile", leaf.width, *(() if index is None else (index,)), data=leaf.name)
    return leaf.term if index is None else select(leaf.term, index)


def read_entry(entry: Entry, leaves: Mapping[str, Leaf], index: Term | None) -> Term:
    """A scalar entry read whole: its parts, most significant first."""
    result: Term | None = None
    for part in entry.parts:
        piece = read_leaf(leaves[part.leaf], index) if part.leaf else constant(part.high - part.low + 1, part.fixed)
        result = piece if result is None else mk("concat", result.width + piece.width, result, piece)
    assert result is not None and result.width == width_of(entry.type)
    return result
