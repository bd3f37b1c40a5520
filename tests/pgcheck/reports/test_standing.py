"""How each hypothesis stands: from findings, from rows, by nature."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgcheck.checker.hypotheses import HYPOTHESES, Hypothesis
from pgcheck.checker.law import InstructionLaw, MachineLaw, Premise
from pgcheck.checker.lint import laws, premises
from pgcheck.checker.result import Finding, FindingStatus, MachineResult
from pgcheck.reports.rulebook import RULES
from pgcheck.reports.standing import assumptions, standings
from tests.pgcheck.factory import HOLE, PLAIN, result
from tests.pgcheck.stories import ELSEWHERE

# Laws that ask whether a text says what its author means; the proof does not use them.
ABOUT_THE_TEXT = {"access_claims_hold"}
ASKED = [h for h in HYPOTHESES if not h.assumed]


def status(found: MachineResult, name: str) -> str:
    return next(s.status for s in standings(found, found.main) if s.hypothesis.name == name)


def test_every_law_and_every_premise_is_part_of_the_proof() -> None:
    every: tuple[InstructionLaw | MachineLaw | Premise, ...] = (*laws(MachineLaw), *laws(InstructionLaw), *premises())
    assert {law.name for law in every if law.hypothesis is None} == ABOUT_THE_TEXT


@pytest.mark.parametrize("hypothesis", ASKED, ids=lambda h: h.name)
def test_what_is_not_assumed_is_asked_by_a_rule(hypothesis: Hypothesis) -> None:
    assert [r.name for r in RULES if r.hypothesis is hypothesis]


def test_each_hypothesis_is_a_row_of_its_own() -> None:
    assert len({h.name for h in HYPOTHESES}) == len({h.claim for h in HYPOTHESES}) == len(HYPOTHESES)
    assert {r.hypothesis for r in RULES} - {None} <= set(HYPOTHESES)


@pytest.mark.parametrize(
    "given, expected",
    [
        ("error", "fails"),
        ("fails", "fails"),
        ("unknown", "unknown"),
        ("assumed", "assumed"),
        ("ok", "holds"),
        ("warning", "holds"),
    ],
)
def test_a_hypothesis_stands_as_its_rules_found(given: FindingStatus, expected: str) -> None:
    found = result(*PLAIN, findings=(Finding("realisable", given, "translate", "something"),))
    assert status(found, "the monitor maps") == expected
    assert status(found, "legal states are closed") == "holds"
    assert status(found, "time is not seen") == "assumed"


def test_the_worst_finding_counts() -> None:
    several = [Finding("realisable", s, "translate", "x") for s in ("ok", "unknown", "fails", "assumed")]
    statuses = []
    for count in range(1, 5):
        statuses.append(status(result(*PLAIN, findings=tuple(several[:count])), "the monitor maps"))
    assert statuses == ["holds", "unknown", "fails", "fails"]


def test_rows_stand_as_they_were_judged() -> None:
    assert status(result(*PLAIN), "no row is a hole") == "holds"
    assert status(result(HOLE, *PLAIN), "no row is a hole") == "fails"


def test_what_is_found_of_another_deployment_says_nothing_of_this_one() -> None:
    found = result(*PLAIN, findings=(Finding("canaries", "error", "elsewhere:nop", "silent"),))
    assert status(found, "the check is awake") == "fails"
    both = replace(found, deployments=(*found.deployments, ELSEWHERE))
    assert status(both, "the check is awake") == "holds"


def test_what_is_assumed_is_said_in_sentences() -> None:
    found = result(*PLAIN, findings=(Finding("realisable", "assumed", "translate", "a unit outside confines"),))
    said = assumptions(found, found.main)
    assert said[-1] == "A unit outside confines." and all(s.endswith(".") for s in said)
    assert len(said) == sum(h.assumed for h in HYPOTHESES) + 1
