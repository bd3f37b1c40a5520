"""What lowers the expressions of one scope, as its parts see it."""

from __future__ import annotations

from typing import Protocol

from pgcheck.isa.idl.program import Program, Signature
from pgcheck.isa.idl.scopes import Array, Scope, Value
from pgcheck.isa.idl.state import Entry
from pgcheck.isa.idl.types import Type
from pgcheck.isa.parsing.syntax import Item, Tree
from pgcheck.isa.terms import Term


class Lowerer(Protocol):
    """Type checks and lowers expressions; all of it raises Refusal."""

    program: Program
    scope: Scope

    def any(self, item: Item) -> Value | Array:
        """A value, or an array that is yet to be indexed."""

    def value(self, item: Item) -> Value:
        """A value; an array without an index is refused."""

    def bits(self, item: Item) -> Value:
        """A value as bits: an enum must be converted, a Boolean cannot be."""

    def as_bits(self, value: Value, item: Item) -> Value:
        """`value`, which `item` gave, as bits."""

    def truth(self, item: Item) -> Term:
        """A Boolean value."""

    def constant(self, item: Item) -> int:
        """The value of a constant expression."""

    def convert(self, value: Value, type_: Type, item: Item, what: str = "") -> Value:
        """`value` as `type_`: bits truncate or extend, but a constant must fit; other types must be equal."""

    def array_index(self, entry: Entry, item: Item) -> Term:
        """An index of an array, as wide as the array needs."""

    def bounds(self, tree: Tree, width: int) -> tuple[int, int]:
        """The constant bounds of a bit range within `width` bits."""

    def signature(self, name: str, values: tuple[int, ...]) -> Signature:
        """Parameter types and result type of a function for template `values`."""
