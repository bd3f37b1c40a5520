"""What is left of a term in a context means the same there, and only what is false in every case is impossible."""

from __future__ import annotations

from itertools import product

import pytest

from pgcheck.checker.generated import context
from pgcheck.checker.generated.context import Contexts
from pgcheck.isa.terms import FALSE, TRUE, Term, constant, eq, evaluate, extract, ite, land, lnot, lor, mk, variable

X, Y = variable(3, "x"), variable(2, "y")
P, Q = (eq(extract(X, k, k), constant(1, 1)) for k in (0, 1))
R = mk("ult", 0, Y, constant(2, 2))
TERMS = (
    ite(lor(P, Q), ite(P, mk("add", 3, X, constant(3, 1)), X), ite(Q, constant(3, 0), mk("mul", 3, X, X))),
    ite(land(P, R), mk("concat", 3, extract(X, 0, 0), Y), ite(R, constant(3, 5), X)),
    ite(eq(Y, constant(2, 3)), mk("concat", 3, constant(1, 0), Y), ite(lnot(eq(Y, constant(2, 3))), X, constant(3, 7))),
    ite(eq(ite(P, X, constant(3, 2)), constant(3, 2)), ite(Q, X, constant(3, 1)), X),
)
HOLDS = (TRUE, P, lnot(P), land(P, Q), lnot(lor(P, R)), eq(Y, constant(2, 3)), land(lnot(Q), eq(X, constant(3, 4))))


def values(*terms: Term) -> list[list[int]]:
    """The values of terms for every x and y."""

    def nothing(*_: object) -> int:
        raise AssertionError

    return [evaluate(terms, {X: x, Y: y}.__getitem__, nothing, nothing) for x, y in product(range(8), range(4))]


@pytest.mark.parametrize("holds", HOLDS)
@pytest.mark.parametrize("term", TERMS)
def test_what_is_left_means_the_same_where_it_holds(term: Term, holds: Term) -> None:
    left = Contexts().left(term, holds)
    assert all(a == b for a, b, here in values(term, left, holds) if here)


def test_a_condition_is_known_within_its_sides() -> None:
    term = ite(P, ite(land(Q, P), X, constant(3, 0)), ite(P, X, constant(3, 3)))
    assert Contexts().left(term) is Contexts().left(ite(P, ite(Q, X, constant(3, 0)), constant(3, 3)))


@pytest.mark.parametrize(
    ("term", "impossible"),
    [
        (land(ite(P, Q, R), land(lnot(ite(P, Q, R)), P)), True),
        (land(lor(land(P, Q), land(lnot(P), R)), lnot(ite(P, Q, R))), True),
        (land(lor(land(P, Q), land(lnot(P), R)), lnot(ite(P, R, Q))), False),
        (lnot(eq(TERMS[0], TERMS[0])), True),
        (P, False),
        (FALSE, True),
        (TRUE, False),
    ],
)
def test_only_what_is_false_in_every_case_is_impossible(term: Term, impossible: bool) -> None:
    assert Contexts().impossible(term) is impossible
    assert not (impossible and any(value for (value,) in values(term)))


def test_what_takes_too_many_cases_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    term = land(lor(land(P, Q), land(lnot(P), R)), lnot(ite(P, Q, R)))
    monkeypatch.setattr(context, "CASES", 1)
    assert not Contexts().impossible(term)
    monkeypatch.setattr(context, "MOST", 1)
    assert Contexts().left(TERMS[0], P) is TERMS[0]
