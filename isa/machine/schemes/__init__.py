"""Mapping schemes: how a monitor makes the processor map what it wants (docs/language.md section 6), one scheme a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pgcheck.isa.files import schema
from pgcheck.isa.idl.program import Program
from pgcheck.isa.idl.types import Bits
from pgcheck.isa.machine.schemes import bounds, entries, external
from pgcheck.isa.machine.schemes.bounds import Bounds
from pgcheck.isa.machine.schemes.entries import Entries
from pgcheck.isa.machine.schemes.external import External

__all__ = ["Bounds", "Entries", "External", "Scheme", "scheme"]

Scheme = Entries | Bounds | External
Declared = Callable[[Program, schema.Realise, Mapping[str, Bits]], Scheme | None]
_DECLARED: Final[tuple[Declared, ...]] = (entries.declared, bounds.declared, external.declared)


def scheme(program: Program, given: schema.Realise, parameters: Mapping[str, Bits]) -> Scheme | None:
    """The scheme that is declared, over the parameters of the translation; None after a reported problem."""
    found = (declared(program, given, parameters) for declared in _DECLARED)
    return next((one for one in found if one is not None), None)
