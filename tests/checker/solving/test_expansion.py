"""Formulas against every answer, beside the truth by enumeration."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.expansion import Expansion
from pgcheck.isa.terms import (
    TRUE,
    Term,
    array,
    constant,
    eq,
    land,
    lnot,
    lor,
    mk,
    select,
    substitute,
    variable,
    zext,
)

WIDTH = 3
STATE, ANSWER, REST = (variable(WIDTH, name) for name in ("state", "answer", "rest"))
TABLE = array(WIDTH, WIDTH, "table")
Formula = Callable[[Term, Term, Term], Term]


def expansion(formula: Term, evidence: Evidence, own: Term = TRUE, answer: Term = ANSWER) -> Expansion:
    return Expansion(formula, (answer,), own, lambda n: n == REST.name, (land(formula, own),), evidence, "asked")


def truth(formula: Term, own: Term) -> bool:
    """Whether there is a state such that for every answer there is a rest."""

    def so(*values: int) -> bool:
        pinned = zip((STATE, ANSWER, REST), (constant(WIDTH, v) for v in values), strict=True)
        return bool(substitute([lor(lnot(own), formula)], dict(pinned))[0].value)

    every = range(1 << WIDTH)
    return any(all(any(so(s, a, r) for r in every) for a in every) for s in every)


FORMULAS: dict[str, Formula] = {
    "the answer can be the state": lambda s, a, r: lnot(eq(a, s)),
    "the answer cannot be the rest": lambda s, a, r: lnot(eq(a, r)),
    "the rest can be the answer": lambda s, a, r: eq(a, r),
    "the answer cannot be above all": lambda s, a, r: mk("ult", 0, a, s),
    "some state is below no answer": lambda s, a, r: mk("ule", 0, a, s),
    "the rest makes up for the answer": lambda s, a, r: eq(mk("add", WIDTH, a, r), s),
    "twice the answer is even": lambda s, a, r: lnot(eq(mk("add", WIDTH, a, a), s)),
    "state, answer and rest are no three": lambda s, a, r: land(lnot(eq(s, a)), land(lnot(eq(a, r)), lnot(eq(s, r)))),
}


@pytest.mark.parametrize(
    ("name", "own"), [*product(FORMULAS, (TRUE, eq(ANSWER, constant(WIDTH, 1)), mk("ule", 0, ANSWER, STATE)))], ids=str
)
def test_what_stands_against_every_answer_is_what_enumeration_finds(name: str, own: Term, evidence: Evidence) -> None:
    formula = FORMULAS[name](STATE, ANSWER, REST)
    assert (expansion(formula, evidence, own).decide() is not None) == truth(formula, own)


def test_an_answer_may_be_a_term_over_the_state(evidence: Evidence) -> None:
    """As many states as no number of constants closes; the answer that is the state closes all."""
    state, answer = variable(64, "state"), variable(64, "answer")
    assert expansion(lnot(eq(answer, state)), evidence, answer=answer).decide() is None


def test_where_no_term_will_do_and_the_answers_are_too_many_there_is_no_answer(evidence: Evidence) -> None:
    state, answer = variable(32, "state"), variable(32, "answer")
    half = mk("xor", 32, answer, constant(32, 5))
    with pytest.raises(Undecided, match="more answers"):
        expansion(lnot(eq(half, mk("xor", 32, state, constant(32, 9)))), evidence, answer=answer).decide()


def test_arrays_and_functions_of_the_state_are_one_whatever_the_answer(evidence: Evidence) -> None:
    """The table says no answer is itself: so it does not hold the answer at the answer, for any of them."""
    asked = lnot(eq(select(TABLE, ANSWER), ANSWER))
    model = expansion(asked, evidence).decide()
    assert model is not None
    assert all(model.element(TABLE, place) != place for place in range(1 << WIDTH))
    everywhere = eq(zext(select(TABLE, ANSWER), WIDTH), REST)
    assert expansion(land(asked, lnot(everywhere)), evidence).decide() is not None
    assert expansion(land(asked, eq(select(TABLE, STATE), STATE)), evidence).decide() is None
