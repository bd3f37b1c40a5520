"""What the child reads of a solver's model: every form of an array, and why of what it cannot read."""

from __future__ import annotations

from typing import Any

import pytest
import z3  # type: ignore[import-untyped]

from pgcheck.checker.solving.worker import interpretation

BYTE = z3.BitVecSort(8)
X = z3.BitVec("x", 8)
ARRAY = z3.Array("a", BYTE, BYTE)
SEVENS = z3.K(BYTE, z3.BitVecVal(7, 8))


class Given:
    """A model in which one symbol has this value."""

    def __init__(self, symbol: Any, value: Any) -> None:
        self.symbol, self.value = symbol, value

    def decls(self) -> list[Any]:
        return [self.symbol]

    def __getitem__(self, symbol: Any) -> Any:
        return self.value

    def eval(self, value: Any, model_completion: bool) -> Any:
        assert model_completion
        return z3.simplify(value)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (SEVENS, (7, {})),
        (z3.Store(z3.Store(SEVENS, 1, 2), 3, 4), (7, {1: 2, 3: 4})),
        (z3.Store(z3.Store(SEVENS, 1, 2), 1, 4), (7, {1: 4})),
        (z3.Lambda([X], z3.BitVecVal(5, 8)), (5, {})),
        (z3.Lambda([X], z3.If(X == 3, z3.BitVecVal(1, 8), z3.If(z3.BitVecVal(4, 8) == X, 2, z3.BitVecVal(9, 8)))), (9, {3: 1, 4: 2})),
        (z3.Store(z3.Lambda([X], z3.If(X == 3, z3.BitVecVal(1, 8), z3.BitVecVal(5, 8))), 3, 6), (5, {3: 6})),
        (z3.If(z3.BoolVal(True), z3.Store(SEVENS, 1, 2), SEVENS), (7, {1: 2})),
        (z3.Store(z3.If(z3.BoolVal(True), z3.Store(SEVENS, 1, 2), SEVENS), 3, 4), (7, {1: 2, 3: 4})),
    ],
)  # fmt: skip
def test_every_form_of_an_array_is_read(value: Any, read: tuple[int, dict[int, int]]) -> None:
    found = interpretation(z3, Given(ARRAY.decl(), value))
    default, rows = found["arrays"]["a"]
    assert (default, dict(map(tuple, rows))) == read and found["unread"] == {}


@pytest.mark.parametrize("value", [z3.Lambda([X], X + 1), z3.Lambda([X], z3.If(z3.ULT(X, 3), X, z3.BitVecVal(1, 8)))])
def test_what_cannot_be_read_is_named_with_its_reason(value: Any) -> None:
    found = interpretation(z3, Given(ARRAY.decl(), value))
    assert found["arrays"] == {} and "was expected" in found["unread"]["a"]
