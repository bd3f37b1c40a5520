"""A choice of the monitor's state is made before the guest makes any, and is right against all that the guest may choose."""

from __future__ import annotations

import pytest

from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.world.placing import chosen
from pgcheck.isa.terms import TRUE, Term, constant, eq, lnot, lor, mk, variable

MINE, THEIRS = variable(6, "mine"), variable(6, "theirs")


def less(a: Term, b: Term) -> Term:
    return mk("ult", 0, a, b)


def number(value: int) -> Term:
    return constant(6, value)


@pytest.mark.parametrize(
    ("wanted", "can"),
    [
        (TRUE, True),
        (eq(MINE, number(9)), True),
        (eq(MINE, THEIRS), False),
        (lor(lnot(less(MINE, THEIRS)), eq(THEIRS, number(1))), True),
        (lnot(eq(mk("and", 6, MINE, THEIRS), number(4))), True),
        (lnot(eq(mk("xor", 6, MINE, THEIRS), number(4))), None),
        (less(THEIRS, MINE), False),
        (lnot(less(THEIRS, MINE)), True),
    ],
)
def test_a_choice_stands_against_every_answer(wanted: Term, can: bool | None, evidence: Evidence) -> None:
    """None: every answer tells of one choice alone, and there are more than are tried."""

    def asked() -> bool:
        return chosen(evidence, wanted, TRUE, lambda term: term is MINE, "choice")

    if can is None:
        with pytest.raises(Undecided, match="did not settle it"):
            asked()
    else:
        assert asked() == can


def test_a_sketch_that_cannot_be_says_no(evidence: Evidence) -> None:
    assert not chosen(evidence, TRUE, less(MINE, number(0)), lambda term: term is MINE, "choice")
