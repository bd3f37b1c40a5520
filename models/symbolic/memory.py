"""Physical memory as an array of terms: words loaded and stored unit by unit."""

from __future__ import annotations

from pgcheck.isa.machine.machine import StateSpace
from pgcheck.isa.terms import Term, constant, extract, mk, select, store
from pgcheck.isa.words import places


def loaded(space: StateSpace, memory: Term, address: Term, width: int) -> Term:
    """`width` bits of `memory` from `address` on."""
    result, *rest = (select(memory, _at(address, k)) for k in range(width // space.memory_unit))
    for piece in rest:
        pair = (result, piece) if space.big_endian else (piece, result)
        result = mk("concat", result.width + piece.width, *pair)
    return result


def stored(space: StateSpace, memory: Term, address: Term, value: Term) -> Term:
    """`memory` with `value` from `address` on."""
    unit, count = space.memory_unit, value.width // space.memory_unit
    for k, place in zip(range(count), reversed(places(count, space.order)), strict=True):
        memory = store(memory, _at(address, k), extract(value, unit * place + unit - 1, unit * place))
    return memory


def _at(address: Term, offset: int) -> Term:
    return mk("add", address.width, address, constant(address.width, offset))
