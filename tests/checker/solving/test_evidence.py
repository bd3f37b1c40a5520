"""What a run's obligations rest on: two solvers that disagree are no verdict, and one that gives up takes nothing back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from pgcheck.checker.options import Limits
from pgcheck.checker.solving.evidence import Contradiction, Evidence
from pgcheck.checker.solving.model import Answer, Status
from pgcheck.checker.solving.solver import Solver
from pgcheck.isa.terms import Term, constant, eq, variable

ASKED = [eq(variable(8, "x"), constant(8, 1))]


class Told(Solver):
    """The first solver says that there is no solution, and the second what it is told to."""

    opinion: Status = "unsat"

    def check(self, assertions: Sequence[Term], *, label: str) -> Answer:
        return Answer("unsat")

    find = check

    def confirm(self, assertions: Sequence[Term], solver: object = "bitwuzla") -> Answer:
        return Answer(self.opinion, "for a reason")


@pytest.fixture
def told() -> Iterator[Told]:
    solver = Told(Limits())
    yield solver
    solver.close()


def test_two_solvers_that_disagree_are_a_contradiction(told: Told) -> None:
    told.opinion = "sat"
    with pytest.raises(Contradiction, match="asked: z3 says unsat, the second solver says sat"):
        Evidence(told).possible(ASKED, "asked")
    assert not Evidence(told, second=False).possible(ASKED, "asked")


@pytest.mark.parametrize(
    ("opinion", "confirmed", "level"), [("unsat", True, "two-solvers"), ("unknown", None, "solver")]
)
def test_one_that_has_no_opinion_leaves_a_doubt(
    told: Told, opinion: Status, confirmed: bool | None, level: str
) -> None:
    told.opinion = opinion
    evidence = Evidence(told)
    assert not evidence.possible(ASKED, "asked")
    (query,) = evidence.queries
    assert (query.confirmed, query.doubt, evidence.level) == (confirmed, "" if confirmed else "for a reason", level)
