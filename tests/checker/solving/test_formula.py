"""Predicates over state read as IDL in reports."""

import pytest

from pgcheck.checker.solving.formula import idl
from pgcheck.isa.terms import FALSE, Name, Term, constant, eq, extract, land, lnot, lor, mk, variable
from pgcheck.isa.terms.names import STATE

USER = variable(1, Name(STATE, "FL.USER"))
WORD = variable(8, Name(STATE, "W"))


@pytest.mark.parametrize(
    ("term", "text"),
    [
        (FALSE, "false"),
        (eq(USER, constant(1, 1)), "FL.USER == 1"),
        (lnot(eq(USER, constant(1, 0))), "FL.USER != 0"),
        (land(eq(WORD, constant(8, 3)), lnot(variable(0, Name(STATE, "B")))), "W == 3 && (!B)"),
        (
            lor(land(variable(0, Name(STATE, "A")), variable(0, Name(STATE, "B"))), variable(0, Name(STATE, "C"))),
            "(A && B) || C",
        ),
        (eq(extract(WORD, 3, 0), constant(4, 2)), "W[3:0] == 2"),
        (mk("slt", 0, WORD, constant(8, 2)), "slt(W, 2)"),
    ],
)
def test_terms_read_as_idl(term: Term, text: str) -> None:
    assert idl(term) == text
