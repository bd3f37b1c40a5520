"""What the record of an instruction holds besides its operands: what hangs on them and on PC alone, worked out when the record first runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from pgcheck.isa.terms import Term
from pgcheck.models.native.lowering.layout import field_size

OFFSET = 32
"""The width of where an element of an array leaf lies."""
Key = tuple[Term, str, bool]
"""A term, or where the element of an array leaf that it numbers lies, to be read or to be written."""


@dataclass(slots=True)
class Fields:
    """Places between byte `at` and byte `end` of a record; `linked` is the term of the address whose record is linked."""

    at: int
    end: int
    held: dict[Key, tuple[int, int]] = field(default_factory=dict)
    linked: Term | None = None

    def place(self, term: Term, leaf: str = "", written: bool = False) -> tuple[int, int] | None:
        """Offset and width of the field of a term, or of an element that it numbers; None where there is no room left."""
        key = term, leaf, written
        known = self.held.get(key)
        if known is None:
            width = OFFSET if leaf else term.width
            size = field_size(width)
            start = self.at + -self.at % size
            if start + size > self.end:
                return None
            self.at = start + size
            known = self.held[key] = start, width
        return known

    def links(self, term: Term) -> bool:
        """Whether the record is linked to that of the address that a term gives; the first that is asked for is."""
        if self.linked is None:
            self.linked = term
        return self.linked is term
