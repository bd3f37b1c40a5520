"""The exclusive or of many bits of one number is found as such, and computed by halves."""

from __future__ import annotations

from functools import reduce

import pytest

from pgcheck.isa.terms import Term, extract, local, mk
from pgcheck.models.native.lowering.parity import parity

A, B = local(9, "a"), local(9, "b")


def odd(*bits: Term) -> Term:
    return reduce(lambda one, other: mk("xor", 1, one, other), bits)


def test_the_bits_of_one_number_are_found() -> None:
    assert parity(odd(*(extract(A, k, k) for k in (0, 8, 3, 5, 4)))) == (A, 0b1_0011_1001)


@pytest.mark.parametrize(
    "term",
    [
        pytest.param(odd(*(extract(A, k, k) for k in range(4)), extract(B, 4, 4)), id="two numbers"),
        pytest.param(odd(*(extract(A, k, k) for k in range(3))), id="few bits"),
        pytest.param(odd(*(extract(A, k, k) for k in range(5)), mk("not", 1, extract(A, 5, 5))), id="anything else"),
        pytest.param(extract(A, 0, 0), id="one bit"),
    ],
)
def test_others_are_not(term: Term) -> None:
    assert parity(term) is None
