"""Words and what they are made of: the one place that knows in which order consecutive units make a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Order = Literal["big", "little"]


def order(big_endian: bool) -> Order:
    """The order of units by name, as int.from_bytes takes it."""
    return "big" if big_endian else "little"


def places(count: int, order: Order) -> range:
    """Where the units of a number stand, counted from the lowest address on, the most significant first."""
    return range(count) if order == "big" else range(count - 1, -1, -1)


def joined(units: Sequence[int], unit: int, order: Order) -> int:
    """The number that units of `unit` bits make, given from the lowest address on."""
    if isinstance(units, (bytes, bytearray)):
        return int.from_bytes(units, order)
    word = 0
    for one in units if order == "big" else reversed(units):
        word = word << unit | one
    return word


def split(word: int, count: int, unit: int, order: Order) -> tuple[int, ...]:
    """The `count` units that make a number, from the lowest address on; its further bits are left out."""
    piece = (1 << unit) - 1
    units = tuple([word >> at & piece for at in range(0, unit * count, unit)])
    return units[::-1] if order == "big" else units
