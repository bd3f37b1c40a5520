"""What terms settle holds wherever they are true, and nothing does where they are said to contradict each other."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcheck.isa.terms import FALSE, TRUE, Term, constant, eq, ite, land, lnot, lor, substitute, variable
from pgcheck.isa.terms.facts import settled
from tests.isa.terms.test_knownbits import VALUES, booleans, evaluate, words

A, B, C = (variable(0, n) for n in "abc")
X = variable(3, "x")
SAID: list[tuple[list[Term], dict[Term, Term]]] = [
    ([land(A, lnot(B))], {A: TRUE, B: FALSE}),
    ([lnot(lor(A, B))], {A: FALSE, B: FALSE}),
    ([lor(A, B), lnot(A)], {A: FALSE, B: TRUE}),
    ([lnot(land(A, B)), A], {A: TRUE, B: FALSE}),
    ([lor(A, lor(B, C)), lnot(C), lnot(A)], {B: TRUE}),
    ([ite(A, B, C), A], {B: TRUE}),
    ([ite(A, B, C), lnot(B)], {A: FALSE, C: TRUE}),
    ([lnot(ite(A, B, C)), C], {A: TRUE, B: FALSE}),
    ([eq(X, constant(3, 5)), lor(eq(X, constant(3, 4)), A)], {X: constant(3, 5), A: TRUE}),
]


@pytest.mark.parametrize(("terms", "wanted"), SAID)
def test_parts_are_settled(terms: list[Term], wanted: dict[Term, Term]) -> None:
    facts = settled(terms)
    assert facts is not None
    assert {part: facts.get(part) for part in wanted} == wanted


@pytest.mark.parametrize(
    "terms",
    [[A, lnot(A)], [land(A, B), lnot(B)], [lor(A, B), lnot(A), lnot(B)], [eq(X, constant(3, k)) for k in (1, 2)]],
)
def test_a_contradiction_is_seen(terms: list[Term]) -> None:
    assert settled(terms) is None


def test_what_is_open_settles_nothing() -> None:
    facts = settled([lor(A, B), ite(C, A, B), lnot(land(A, C))])
    assert facts is not None and not {A, B, C} & set(facts)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.lists(booleans, min_size=1, max_size=4), st.lists(st.one_of(booleans, words), max_size=3))
def test_terms_are_what_they_were_wherever_the_others_are_true(others: list[Term], asked: list[Term]) -> None:
    facts = settled(others)
    true = [values for values in VALUES if all(evaluate(t, values) for t in others)]
    assert facts is not None or not true
    for values, (part, value) in product(true, (facts or {}).items()):
        assert evaluate(part, values) == value.value
    for old, new in zip(asked, substitute(asked, facts or {}), strict=True):
        assert all(evaluate(old, values) == evaluate(new, values) for values in true)
