"""Words and their units."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pgcheck.isa.words import Order, joined, order, places, split

ORDERS = st.sampled_from([order(big_endian=False), order(big_endian=True)])


@given(st.integers(0, 5), st.integers(1, 36), ORDERS, st.integers(0))
def test_a_word_is_joined_from_what_it_was_split_into(count: int, unit: int, way: Order, word: int) -> None:
    units = split(word, count, unit, way)
    assert [units[k] for k in places(count, way)] == list(split(word, count, unit, "big"))
    assert len(units) == count and joined(units, unit, way) == word % 2 ** (unit * count)


@given(st.binary(max_size=9), ORDERS)
def test_bytes_are_units_of_eight_bits(data: bytes, way: Order) -> None:
    assert joined(data, 8, way) == joined(tuple(data), 8, way) == int.from_bytes(data, way)
    assert bytes(split(int.from_bytes(data, way), len(data), 8, way)) == data


def test_the_first_unit_is_the_highest_in_big_order() -> None:
    assert joined((0o12, 0o34, 0o56), 6, "big") == 0o123456 and joined((0o12, 0o34, 0o56), 6, "little") == 0o563412
