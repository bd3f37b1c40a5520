"""State of a machine: entries as they are declared, and the leaves they denote."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce

from pgcheck.isa.idl.types import Bitfield, Struct, Type
from pgcheck.isa.terms import Name, Term, array, constant, constant_array, mask, mk, node, select, variable
from pgcheck.isa.terms.names import Tag, leaf_name

GENERAL = "general"
CONTROL_ROLES = (
    "mode", "relocation", "interrupt", "vector", "device", "timing", "identity", "saved",
    "configuration", "run", "translation_cache",
)  # fmt: skip
ROLES = (GENERAL, *CONTROL_ROLES)


@dataclass(frozen=True, slots=True)
class _Described(ABC):
    """What scalar and array leaves have alike; `width` 0 is a Boolean."""

    name: str
    width: int
    role: str
    reset: int = 0
    volatile: bool = False

    @property
    def control(self) -> bool:
        return self.role != GENERAL

    @property
    def element_width(self) -> int:
        """Width of a value as an SMT array or a file holds it (a Boolean takes a bit)."""
        return self.width or 1

    @property
    def term(self) -> Term:
        """The leaf as a term of the intermediate form: a variable or array."""
        return self.named(leaf_name(self.name))

    def copied(self, copy: Tag) -> Term:
        """The leaf of a copy of the machine."""
        return self.named(leaf_name(self.name, copy))

    @abstractmethod
    def named(self, name: Name) -> Term:
        """A free term of the leaf's sort."""


@dataclass(frozen=True, slots=True)
class ScalarLeaf(_Described):
    """A leaf that holds one value of `width` bits."""

    def named(self, name: Name) -> Term:
        return variable(self.width, name)

    def holding(self, value: int) -> Term:
        """The leaf fixed to `value`."""
        return constant(self.width, value)


@dataclass(frozen=True, slots=True)
class ArrayLeaf(_Described):
    """A leaf of `size` elements of `width` bits, `reset` in each; `hardwired` are those that no write changes, (index, value).

    Of others some bits may be so: `partly` is (index, ones, zeros), by which every read and write in the intermediate form is made.
    """

    size: int = field(kw_only=True)
    hardwired: tuple[tuple[int, int], ...] = field(default=(), kw_only=True)
    partly: tuple[tuple[int, int, int], ...] = field(default=(), kw_only=True)

    @property
    def index_width(self) -> int:
        """Bits of an index."""
        return index_width(self.size)

    def named(self, name: Name) -> Term:
        return array(self.index_width, self.width, name)

    def holding(self, value: int) -> Term:
        """The leaf with `value` in every element."""
        return constant_array(self.index_width, self.width, value)


Leaf = ScalarLeaf | ArrayLeaf  # a unit of state: role, relation, configuration, taint and witness speak of leaves


def index_width(size: int) -> int:
    """Bits that tell `size` elements apart, at least one."""
    return max(1, (size - 1).bit_length())


@dataclass(frozen=True, slots=True)
class Part:
    """A range of an entry's bits: a leaf, or a constant when `leaf` is empty."""

    leaf: str
    high: int
    low: int
    fixed: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A declared piece of state; `parts` run from the most significant bit, or are a struct's members in order.

    `size` is the number of an array's elements, 0 for what is no array.
    """

    name: str
    type: Type
    parts: tuple[Part, ...]
    size: int = 0
    pc: bool = False

    @property
    def index_width(self) -> int:
        """Bits of an index of the array."""
        return index_width(self.size)

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
        value = node("volatile", leaf.width, *(() if index is None else (index,)), data=leaf.name)
    else:
        value = leaf.term if index is None else select(leaf.term, index)
    return value if index is None else held(leaf, index, value)


def held(leaf: Leaf, index: Term, value: Term) -> Term:
    """What an element has for `value`: its hardwired bits are as they are."""
    if isinstance(leaf, ScalarLeaf) or not leaf.partly:
        return value
    width, free, ones = leaf.width, constant(leaf.width, mask(leaf.width)), constant(leaf.width, 0)
    for place, always, never in leaf.partly:
        here = node("eq", 0, index, constant(leaf.index_width, place))
        free = node("ite", width, here, constant(width, mask(width) & ~(always | never)), free)
        ones = node("ite", width, here, constant(width, always), ones)
    return node("or", width, node("and", width, value, free), ones)


def read_entry(entry: Entry, leaves: Mapping[str, Leaf], index: Term | None) -> Term:
    """A scalar entry read whole: its parts, most significant first."""
    pieces = (
        read_leaf(leaves[part.leaf], index) if part.leaf else constant(part.high - part.low + 1, part.fixed)
        for part in entry.parts
    )
    return reduce(lambda high, low: mk("concat", high.width + low.width, high, low), pieces)
