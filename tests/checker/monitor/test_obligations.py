"""A lemma about a step counts where it holds whatever the cuts answer, and nowhere else."""

import pytest

from pgcheck.checker.monitor.obligations import always
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.terms import Term, apply, ite, land, lnot, lor, variable

pytestmark = pytest.mark.slow

G = variable(0, "g")
A, B = variable(8, "a"), variable(8, "b")


def fault(address: Term) -> Term:
    return apply(0, "fault", address)


EITHER = fault(ite(G, A, B))


@pytest.mark.parametrize(
    ("lemma", "holds"),
    [
        ((lor(fault(A), lnot(fault(A))),), True),
        ((lor(lnot(EITHER), lor(land(G, fault(A)), land(lnot(G), fault(B)))),), True),  # one of two arguments is one
        ((lor(lnot(EITHER), fault(A)),), False),
        ((lor(lnot(fault(A)), fault(B)),), False),
        ((lor(fault(A), lnot(fault(A))), lor(fault(A), fault(B))), False),  # all of it, or nothing
    ],
)
def test_a_lemma_holds_whatever_the_cuts_answer(lemma: tuple[Term, ...], holds: bool, evidence: Evidence) -> None:
    assert always(lemma, evidence, "lemma") is holds
