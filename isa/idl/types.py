"""Types of IDL-core: static, by value, with a fixed width."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bits:
    """A bit vector; `signed` says how it extends and compares."""

    width: int
    signed: bool = False

    def __str__(self) -> str:
        return f"Bits<{self.width}>"


@dataclass(frozen=True, slots=True)
class Boolean:
    """A truth value; never converts to bits."""

    def __str__(self) -> str:
        return "Boolean"


@dataclass(frozen=True, slots=True)
class Enum:
    """Named values of `width` bits."""

    name: str
    width: int
    members: Mapping[str, int]

    def __str__(self) -> str:
        return self.name

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(frozen=True, slots=True)
class Bitfield:
    """`width` bits with named ranges (high, low)."""

    name: str
    width: int
    ranges: Mapping[str, tuple[int, int]]

    def __str__(self) -> str:
        return self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def replaced(self, word: int, fields: Mapping[str, int]) -> int:
        """A word with some fields replaced, each by the low bits of its value."""
        for name, value in fields.items():
            high, low = self.ranges[name]
            word = word & ~((1 << high + 1) - (1 << low)) | (value & (1 << high - low + 1) - 1) << low
        return word


@dataclass(frozen=True, slots=True)
class Struct:
    """Named members, each with a type that is not a struct."""

    name: str
    members: Mapping[str, Type]

    def __str__(self) -> str:
        return self.name

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(frozen=True, slots=True)
class Tuple:
    """Several results of one function."""

    members: tuple[Type, ...]

    def __str__(self) -> str:
        return "(" + ", ".join(map(str, self.members)) + ")"


@dataclass(frozen=True, slots=True)
class Void:
    """No result."""

    def __str__(self) -> str:
        return "nothing"


Type = Bits | Boolean | Enum | Bitfield | Struct | Tuple | Void
BOOLEAN = Boolean()
VOID = Void()
MAX_WIDTH = 4096


def width_of(type_: Type) -> int:
    """Bits of a scalar type; 0 for a Boolean. Aggregates have no width."""
    match type_:
        case Bits(width=w) | Enum(width=w) | Bitfield(width=w):
            return w
        case Boolean():
            return 0
        case _:
            raise TypeError(f"{type_} has no width")


def is_scalar(type_: Type) -> bool:
    """Whether a value of the type is one term."""
    return isinstance(type_, Bits | Boolean | Enum | Bitfield)


def scalars(type_: Type) -> tuple[tuple[str, Type], ...]:
    """The scalar parts of a type with their suffixes: one with suffix "" for a scalar, `.member` for a struct."""
    match type_:
        case Struct(members=members):
            return tuple((f".{name}", t) for name, t in members.items())
        case Tuple(members=types):
            return tuple((f".{i}", t) for i, t in enumerate(types))
        case Void():
            return ()
        case _:
            return (("", type_),)


def mask_of(width: int) -> int:
    """All ones in `width` bits."""
    return (1 << width) - 1
