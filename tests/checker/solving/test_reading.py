"""Values of a script's terms, as a model: what is read through stores and choices is found in the array that it comes from."""

from __future__ import annotations

from typing import Any

import pytest

from pgcheck.checker.solving import reading
from pgcheck.checker.solving.elements import element_name, expanded
from pgcheck.checker.solving.smtlib import script
from pgcheck.isa.terms import ARRAY, Name, Term, apply, array, constant, eq, node, select, store, variable
from pgcheck.isa.terms.names import FREE

A, G = variable(8, "a"), variable(0, "g")
ONE, OTHER = array(8, 8, "one"), array(8, 8, "other")


def told(assertions: list[Term], values: dict[Term, int]) -> tuple[Any, list[int]]:
    text = script(assertions)
    return reading.model({"values": [values[t] for t in text.read]}, text, assertions)


def test_reads_through_stores_and_choices_and_calls() -> None:
    stored = store(ONE, constant(8, 4), constant(8, 1))
    read = node("select", 8, node("ite", ARRAY, G, stored, OTHER, shape=(8, 8)), A)
    call = apply(8, "f", A, G)
    claims = [eq(read, constant(8, 7)), eq(call, constant(8, 9))]
    for g, place, where in ((1, 5, {(ONE.name, 5): 7}), (0, 5, {(OTHER.name, 5): 7}), (1, 4, {})):
        model, values = told(claims, {A: place, G: g, read: 7, call: 9})
        assert model.elements == where
        assert model.functions == {(Name(FREE, "f"), (place, g)): 9}
        assert values == [int(place != 4), 1]


def test_what_is_stored_is_no_element_of_the_array_below() -> None:
    below = select(ONE, variable(8, "b"))
    claims = [
        eq(node("select", 8, store(ONE, A, variable(8, "v")), variable(8, "b")), constant(8, 1)),
        eq(below, constant(8, 3)),
    ]
    read = claims[0].args[0] if claims[0].args[0].op == "select" else claims[0].args[1]
    _, values = told(claims, {A: 4, variable(8, "b"): 4, variable(8, "v"): 1, read: 1, below: 3})
    assert values == [1, 1]


def test_a_lie_makes_no_claim_true() -> None:
    """Two values for one element: the first stands, and the claim about the other is false."""
    first, second = select(ONE, A), select(ONE, variable(8, "b"))
    claims = [eq(first, constant(8, 1)), eq(second, constant(8, 2)), eq(A, variable(8, "b"))]
    _, values = told(claims, {A: 3, variable(8, "b"): 3, first: 1, second: 2})
    assert values == [1, 0, 1]


def test_elements_that_stand_apart_are_those_of_their_array() -> None:
    small = array(2, 4, "small")
    claims = [eq(select(small, variable(2, "i")), constant(4, 6))]
    text = script(expanded(claims, wide=False))
    values = [{str(element_name(small.name, 2)): 6, "i": 2}.get(str(t.name), 0) for t in text.read if t.op == "var"]
    assert len(values) == len(text.read)
    model, truth = reading.model({"values": values}, text, claims)
    assert (model.elements, truth) == ({(small.name, 2): 6}, [1])


@pytest.mark.parametrize("values", [None, [], [1, 2], "1", [-1], [256], [1.0], [None], {"a": 1}])
def test_what_is_no_list_of_values_is_unreadable(values: object) -> None:
    claims = [eq(A, constant(8, 1))]
    with pytest.raises(reading.Unreadable):
        reading.model({"values": values}, script(claims), claims)


def test_a_status_is_one_of_four() -> None:
    assert [reading.status({"status": s}) for s in ("sat", "unsat", "unknown", "error")] == [
        "sat",
        "unsat",
        "unknown",
        "error",
    ]
    for wrong in ({}, {"status": "proved"}, {"status": None}):
        with pytest.raises(reading.Unreadable):
            reading.status(wrong)
