"""What a run's obligations rest on: two solvers that disagree are no verdict, and one that gives up takes nothing back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pgcheck.checker.options import Limits
from pgcheck.checker.solving.evidence import Contradiction, Evidence, Undecided, proved_together
from pgcheck.checker.solving.model import Answer, Status
from pgcheck.checker.solving.solver import Solver
from pgcheck.isa.files.cache import Cache
from pgcheck.isa.terms import Term, constant, eq, mk, variable

ASKED = [eq(variable(8, "x"), constant(8, 1))]


class Told(Solver):
    """The first solver says that there is no solution, and the second what it is told to."""

    opinion: Status = "unsat"

    def check(self, assertions: Sequence[Term], *, label: str, later: object = None) -> Answer:
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


A, B = variable(32, "a"), variable(32, "b")
B_8 = variable(8, "b'")
BELOW = [mk("ult", 0, A, B)]
NEVER = [[mk("ult", 0, A, B), mk("ult", 0, B, A)], [eq(mk("add", 32, A, B), constant(32, 1)), eq(A, B)]]


class Watched(Solver):
    """What is asked of the child; `lies` are obligations that bitwuzla calls unsatisfiable."""

    lies: Sequence[Sequence[Term]] = ()

    def __init__(self, limits: Limits, cache: Cache | None = None) -> None:
        super().__init__(limits, cache)
        self.kept = cache
        self.done: list[str] = []
        ask = self.process.ask

        def asking(request: Mapping[str, object], seconds: float) -> dict[str, Any]:
            self.done.append(str(request["do"]))
            return ask(request, seconds)

        self.process.ask = asking  # type: ignore[method-assign]

    def _searched(self, assertions: Sequence[Term]) -> Answer:
        if list(assertions) in self.lies:
            self.done.append("lie")
            return Answer("unsat")
        return super()._searched(assertions)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    solver = Watched(Limits(), Cache(tmp_path / "cache"))
    yield solver
    solver.close()


def answers(evidence: Evidence) -> list[bool]:
    return [evidence.possible(asked, "asked") for asked in (NEVER[0], BELOW, NEVER[1], NEVER[0])]


def test_proofs_are_made_together_and_kept(watched: Watched) -> None:
    assert proved_together(watched, True, answers) == [False, True, False, False]
    assert watched.done == ["find"] * 3 + ["prove"]
    assert proved_together(watched, True, answers) == answers(Evidence(watched)) == [False, True, False, False]
    again = Solver(Limits(), watched.kept)
    assert [again.check(asked, label="").reason for asked in NEVER] == ["cached", "cached"]
    assert len(watched.done) == 4


def test_what_waits_for_its_proof_is_not_believed_yet(watched: Watched) -> None:
    """It is neither held nor kept: who does not wait has it from z3."""
    evidence = Evidence(watched, later={})
    assert answers(evidence) == [False, True, False, False]
    assert list(evidence.later or ()) == [tuple(n) for n in NEVER]
    assert watched.done == ["find"] * 3
    assert answers(Evidence(watched)) == [False, True, False, False]
    assert watched.done[3:] == ["check", "check"]


def test_a_name_may_be_of_another_sort_in_each_obligation(watched: Watched) -> None:
    narrow = [mk("ult", 0, variable(8, "a"), B_8), mk("ult", 0, B_8, variable(8, "a"))]
    both = [NEVER[0], narrow, NEVER[1]]
    assert proved_together(watched, True, lambda e: [e.possible(asked, "asked") for asked in both]) == [False] * 3
    assert watched.done == ["find"] * 3 + ["prove"] * 3


def test_a_second_solver_that_lies_is_found_out(watched: Watched) -> None:
    watched.lies = [[eq(A, B)]]
    with pytest.raises(Contradiction, match="bitwuzla says unsat of what has a model, z3's"):
        proved_together(watched, True, lambda e: e.possible([eq(A, B)], "lied about"))
    assert watched.done == ["lie", "prove", "check"]


def test_what_is_not_proved_together_is_proved_one_by_one(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "prove", lambda unproved: False)
    assert proved_together(watched, True, answers) == [False, True, False, False]
    assert watched.done == ["find"] * 3 + ["check"] * 2


@pytest.mark.parametrize("failing", [Undecided("asked", "for a reason"), Contradiction("for a reason")])
def test_trouble_that_rests_on_what_is_not_proved_is_looked_at_again(watched: Watched, failing: Exception) -> None:
    def work(evidence: Evidence) -> bool:
        if not evidence.possible(NEVER[0], "asked") and evidence.later:
            raise failing
        return True

    assert proved_together(watched, True, work)
    assert watched.done == ["find", "check"]


def test_trouble_that_rests_on_nothing_is_trouble(watched: Watched) -> None:
    def work(evidence: Evidence) -> bool:
        raise Undecided("asked", "for a reason")

    with pytest.raises(Undecided):
        proved_together(watched, True, work)
