"""A base and a limit register that the monitor sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgcheck.isa.files import schema
    from pgcheck.isa.idl.program import Program
    from pgcheck.isa.idl.types import Bits


@dataclass(frozen=True, slots=True)
class Bounds:
    """Relocation, in a state with some leaves `given`: the leaf `base` is added to the parameter `address`, `limit` compared to it."""

    given: Mapping[str, int]
    base: str
    limit: str
    address: str


def declared(program: Program, given: schema.Realise, parameters: Mapping[str, Bits]) -> Bounds | None:
    """The scheme of a specification that gives `bounds`; None without them, or after a reported problem."""
    from pgcheck.isa.machine.resolve import assignment, one_leaf, one_of

    if given.bounds is None:
        return None
    setup = assignment(program, given.given)
    base, limit = (one_leaf(program, path, "a register") for path in (given.bounds.base, given.bounds.limit))
    address = one_of(program, given.bounds.address, parameters, "parameter")
    if base is None or limit is None or not address:
        return None
    return Bounds(given=setup, base=base.name, limit=limit.name, address=str(given.bounds.address))
