"""A state that is lent is the state that it was: whatever is read, set, compared, copied or replaced while native code works on it."""

from __future__ import annotations

import copy
import pickle

import pytest

from pgcheck.isa.machine.machine import Machine
from pgcheck.models.lent import LentCells, LentState, Store, lend, lend_cells
from pgcheck.models.native.lowering.plan import Plan
from pgcheck.models.native.mirror import store_of
from pgcheck.models.state import Cells, State, cells, copied, reset
from tests.specifications import machine

NAME = "riscv64"


@pytest.fixture(scope="module")
def described() -> Machine:
    return machine(NAME)


@pytest.fixture(scope="module")
def plan(described: Machine) -> Plan:
    return Plan(described, frozenset())


def stored(plan: Plan) -> Store:
    return store_of(plan.layout, memoryview(bytearray(plan.layout.size + -plan.layout.size % 8)), {"satp.MODE"})


def drawn(described: Machine) -> State:
    state = reset(described)
    state |= {"PC": 0x8000_0000, "satp.PPN": 77}
    cells(state, "X").update({0: 9, 1: 5, 31: (1 << 64) - 1})
    return state


def test_a_lent_state_is_equal_and_its_copies_are_free(described: Machine, plan: Plan) -> None:
    state, same = drawn(described), drawn(described)
    made = lend(stored(plan), state)
    assert made is state and type(state) is LentState and type(state["X"]) is LentCells
    assert state == same and same == state and not state != same
    for other in (copied(state), copy.deepcopy(state), pickle.loads(pickle.dumps(state)), {**state}, state | {}):
        assert other == same and type(other) is not LentState
    assert dict(state).keys() == same.keys() and len(state) == len(same) and "PC" in state
    made.flush()
    assert state.get("satp.PPN") == 77 and sorted(state) == sorted(same)
    made.flush()
    assert sorted(cells(state, "X").items()) == sorted({**{i: 0 for i in range(32)}, **cells(same, "X")}.items())
    with pytest.raises(KeyError):
        state["nothing"]


def test_what_native_code_sets_is_seen_and_what_python_sets_is_written(described: Machine, plan: Plan) -> None:
    state, store = drawn(described), stored(plan)
    made, row = lend(store, state), store.rows["X"]
    kept = cells(state, "X")
    assert state["PC"] == 0x8000_0000 and kept[1] == 5
    made.flush()
    assert not store.snapshot
    store.words.put(*store.scalars["PC"], 4)
    row.put(1, 6)
    assert state["PC"] == 4 and kept[1] == 6
    state["PC"], kept[2] = 8, 7
    assert not made.flush()
    assert store.words.get(*store.scalars["PC"]) == 8 and row.get(2) == 7
    state["satp.MODE"] = 8
    assert made.flush()
    assert not made.flush()


def test_scalars_that_are_all_there_cross_over_together(described: Machine, plan: Plan) -> None:
    state, store = drawn(described), stored(plan)
    made = lend(store, state)
    assert store.packed is not None and state == drawn(described)
    state["satp.PPN"] = 5
    assert not made.flush() and store.snapshot and store.words.get(*store.scalars["satp.PPN"]) == 5
    names = list(store.scalars)
    for name in (names[0], names[-1], "PC"):
        store.words.put(*store.scalars[name], 1)
    made.refresh()
    assert (state[names[0]], state[names[-1]], state["PC"], state["satp.PPN"]) == (1, 1, 1, 5)
    state["satp.MODE"] = 8
    assert made.flush() and store.snapshot and not made.flush() and not store.snapshot
    store.words.put(*store.scalars["PC"], 16)
    made.refresh()
    assert dict(state) == {**drawn(described), names[0]: 1, names[-1]: 1, "PC": 16, "satp.PPN": 5, "satp.MODE": 8}


def test_hardwired_elements_and_those_beyond_the_array_stay_as_they_are(described: Machine, plan: Plan) -> None:
    state, store = drawn(described), stored(plan)
    made, x = lend(store, state), cells(state, "X")
    x[0], x[40] = 3, 4
    made.flush()
    assert store.rows["X"].get(0) == 0 and (x[0], x[40], x[41]) == (3, 4, 0)


def test_an_array_that_is_replaced_or_lent_elsewhere_has_its_values(described: Machine, plan: Plan) -> None:
    state, store, other = drawn(described), stored(plan), stored(plan)
    made, first = lend(store, state), cells(state, "X")
    state["X"] = Cells(0, {1: 12})
    made.flush()
    assert store.rows["X"].get(1) == 12 and type(first) is Cells and first[1] == 5
    second = cells(state, "X")
    lend_cells(other.rows["X"], second)
    made.flush()
    assert store.rows["X"].held is second and other.rows["X"].held is None and second[1] == 12


def test_a_state_that_is_lent_elsewhere_is_given_back_first(described: Machine, plan: Plan) -> None:
    state, first, second = drawn(described), stored(plan), stored(plan)
    lend(first, state)["PC"] = 12
    lend(second, state)
    assert state["PC"] == 12 and cells(state, "X")[1] == 5 and second.words.get(*second.scalars["PC"]) == 12
    assert first.rows["X"].held is None
    lend(second, state).release()
    assert type(state).__name__ == "Leaves" and state == {**drawn(described), "PC": 12}


def test_numbers_of_more_than_a_word_cross_over(plan: Plan) -> None:
    words = stored(plan).words
    for count, value in ((1, 5), (2, 1 << 100 | 3), (3, (1 << 192) - 1)):
        words.put(8, count, value)
        assert words.get(8, count) == value
