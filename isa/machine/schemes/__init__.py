"""Mapping schemes: how a monitor makes the processor map what it wants (docs/language.md section 6), one scheme a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pgcheck.isa.machine.schemes import bounds, entries, external
from pgcheck.isa.machine.schemes.bounds import Bounds
from pgcheck.isa.machine.schemes.entries import Entries
from pgcheck.isa.machine.schemes.external import External

if TYPE_CHECKING:
    from pgcheck.isa.files import schema
    from pgcheck.isa.idl.program import Program
    from pgcheck.isa.idl.types import Bits

__all__ = ["Bounds", "Entries", "External", "Scheme", "scheme"]

Scheme = Entries | Bounds | External


def scheme(program: Program, given: schema.Realise, parameters: Mapping[str, Bits]) -> Scheme | None:
    """The scheme that is declared, over the parameters of the translation; None after a reported problem."""
    found = (one.declared(program, given, parameters) for one in (entries, bounds, external))
    return next((one for one in found if one is not None), None)
