"""A memory management unit outside the processor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgcheck.isa.files import schema
    from pgcheck.isa.idl.program import Program
    from pgcheck.isa.idl.types import Bits


@dataclass(frozen=True, slots=True)
class External:
    """The processor maps nothing: what surrounds it does, and the monitor owns that."""


def declared(program: Program, given: schema.Realise, parameters: Mapping[str, Bits]) -> External | None:
    """The scheme of a specification with `external_mmu`; None without it."""
    return External() if given.external_mmu else None
