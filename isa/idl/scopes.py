"""Typed values, and what names mean while a text is lowered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from pgcheck.isa import terms
from pgcheck.isa.files.errors import Text
from pgcheck.isa.idl.state import Entry
from pgcheck.isa.idl.types import Bits, Type, scalars, width_of
from pgcheck.isa.parsing.refusal import Refusal
from pgcheck.isa.parsing.syntax import Item
from pgcheck.isa.terms import Term, node

MAX_STATEMENTS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Value:
    """A typed value: one term, or the terms of a struct or tuple by suffix. `minimal`: a literal without a width."""

    terms: tuple[Term, ...]
    type: Type
    minimal: bool = False

    @property
    def term(self) -> Term:
        return self.terms[0]


@dataclass(frozen=True, slots=True)
class Array:
    """An array entry, before it is indexed."""

    entry: Entry


@dataclass(slots=True)
class Budget:
    """How many statements a body may still unroll to."""

    left: int = MAX_STATEMENTS

    @property
    def spent(self) -> int:
        """The statements that a body unrolled to, with those of the functions that it calls."""
        return MAX_STATEMENTS - self.left

    def spend(self, item: Item, count: int) -> None:
        """Count statements, trips of loops, or a call with all that it runs. Raises Refusal, once: what comes after is not counted."""
        self.left -= count
        if self.left < 0:
            self.left = MAX_STATEMENTS
            raise Refusal(
                item,
                "this body unrolls to too many statements",
                expected=f"at most {MAX_STATEMENTS}, those of the functions that it calls included",
            )


@dataclass(slots=True)
class Scope:
    """What names mean at one place: the text, constants, locals (unique name, type) and operands."""

    text: Text
    constants: dict[str, int] = field(default_factory=dict)
    locals: dict[str, tuple[str, Type]] = field(default_factory=dict)
    operands: Mapping[str, Value] = field(default_factory=dict)
    encoding_width: int = 0
    unique: dict[str, int] = field(default_factory=dict)
    sized: bool = True
    budget: Budget = field(default_factory=Budget)

    def child(self) -> Scope:
        """A nested block: its declarations end with it."""
        return replace(self, constants=dict(self.constants), locals=dict(self.locals), sized=True)

    def declare(self, name: str, type_: Type) -> str:
        """A new local; the name it has in the lowered body."""
        count = self.unique.get(name, 0)
        self.unique[name] = count + 1
        lowered = name if not count else f"{name}~{count}"
        self.locals[name] = (lowered, type_)
        self.constants.pop(name, None)
        return lowered


def operand_values(operands: Mapping[str, Bits]) -> dict[str, Value]:
    """Operands as the values that their names have."""
    return {name: Value((terms.operand(type_.width, name),), type_) for name, type_ in operands.items()}


def local(name: str, type_: Type) -> tuple[Term, ...]:
    """The terms of a local of any type."""
    return tuple(terms.local(width_of(t), name + suffix) for suffix, t in scalars(type_))


def extraction(term: Term, high: int, low: int) -> Term:
    """Bits high to low, never dropping an effect within `term`."""
    if low == 0 and high == term.width - 1:
        return term
    return node("extract", high - low + 1, term, data=(high, low))


def resize(term: Term, width: int, *, is_signed: bool = False) -> Term:
    """`term` truncated or extended to `width` bits."""
    if term.width == width:
        return term
    if term.width > width:
        return extraction(term, width - 1, 0)
    return node("sext" if is_signed else "zext", width, term)


def resize_value(value: Value, width: int) -> Term:
    return resize(value.term, width, is_signed=isinstance(value.type, Bits) and value.type.signed)


def wider(a: Type, b: Type) -> Bits:
    """The type of a binary operator's operands: the larger width, signed iff both are."""
    both = all(isinstance(t, Bits) and t.signed for t in (a, b))
    return Bits(max(width_of(a), width_of(b)), both)
