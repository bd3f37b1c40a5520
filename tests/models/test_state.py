"""The state of a machine as values: an array is what its elements are, however it came by them."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgcheck.models.state import Cells, cells, copied, frozen, holding, reset, scalar
from tests.specifications import machine

SIZE = 4
ARRAYS = st.builds(Cells, st.integers(0, 2), st.dictionaries(st.integers(0, SIZE - 1), st.integers(0, 2)))


def test_what_was_never_set_counts() -> None:
    assert Cells(0) != Cells(5) and Cells(0) == Cells(0, {3: 0}) and Cells(5) == Cells(5, {1: 5})
    assert Cells(0, {3: 1}) != Cells(0) and Cells(0, {3: 1}) == Cells(0, {2: 0, 3: 1})
    assert {"X": Cells(0)} != {"X": Cells(5)} and Cells(0) != {} and Cells(0) != 0


@given(ARRAYS, ARRAYS)
def test_arrays_are_equal_when_all_their_elements_are(a: Cells, b: Cells) -> None:
    """One element beyond all that are set shows what the others hold."""
    elements = [[x[k] for k in range(SIZE + 1)] for x in (a, b)]
    same = elements[0] == elements[1]
    assert (a == b) is same and (a != b) is not same and (frozen(a) == frozen(b)) is same
    assert not same or hash(frozen(a)) == hash(frozen(b))
    if same:
        with pytest.raises(ValueError):
            a.difference(b)
    else:
        assert a.difference(b) == next(k for k in range(SIZE + 1) if a[k] != b[k])


@given(ARRAYS)
def test_the_values_of_an_array_are_those_of_all_its_elements(a: Cells) -> None:
    assert a.values(SIZE) == {a[k] for k in range(SIZE)}
    assert Cells(a.fill, a.apart()) == a and list(a.apart()) == sorted(k for k in a if a[k] != a.fill)


@given(ARRAYS)
def test_a_copy_is_equal_and_shares_nothing(a: Cells) -> None:
    for other in (a.copy(), copied({"X": a})["X"], pickle.loads(pickle.dumps(a))):
        assert other == a and isinstance(other, Cells)
        other[1] = 7
        assert other != a


def test_leaves_hold_values_in_every_element() -> None:
    described = machine("riscv64")
    state = {**reset(described), **holding(described, {"X": 9, "PC": 4})}
    assert cells(state, "X") == Cells(9) and scalar(state, "PC") == 4
    with pytest.raises(TypeError, match="X is an array"):
        scalar(state, "X")
    with pytest.raises(TypeError, match="PC is no array"):
        cells(state, "PC")
