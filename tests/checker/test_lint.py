"""The laws as they are asked: their order, what has no answer, what disagrees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check, solver_for
from pgcheck.checker.law import InstructionLaw, MachineLaw, Premise
from pgcheck.checker.lint import examine, laws, lint
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import Rule
from pgcheck.checker.solving.evidence import Contradiction, Evidence, Undecided
from pgcheck.checker.solving.pool import Pool, WorkerFailed
from pgcheck.checker.values import Configuration
from pgcheck.checker.verdicts.row_cache import RowCache
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.rows import rows
from tests.checker.variants import FLAG, with_instruction
from tests.specifications import every_name, machine_of


class Asked:
    """Evidence whose every answer is an exception."""

    later = None

    def __init__(self, error: Exception) -> None:
        self.error = error

    def possible(self, *_: object) -> bool:
        raise self.error

    model = possible


def test_an_obligation_without_an_answer_is_a_finding(tmp_path: Path) -> None:
    machine = with_instruction(tmp_path, "privileged();\nF = A[r][0];", "access: {user: never}", FLAG)
    unknown = examine(machine, machine.instruction("new"), Asked(Undecided("x", "too hard")))  # type: ignore[arg-type]
    assert {(f.law, f.status, f.message) for f in unknown} == {
        ("legal_is_inductive", "unknown", "x: too hard"),
        ("access_claims_hold", "unknown", "x: too hard"),
    }


def test_findings_before_an_unanswered_obligation_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def halfway(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
        yield law.finding("error", machine.identity.name, "wrong")
        raise Undecided("x", "too hard")

    law = replace(laws(MachineLaw)[0], name="halfway", ask=halfway)
    monkeypatch.setattr("pgcheck.checker.lint.laws", lambda kind: (law,))
    with Pool(lambda: solver_for(Options(cache=False, second=False)), 1) as pool:
        found = lint(machine_of("pg74"), pool, False, (), RowCache(None, machine_of("pg74"), Options()))
    assert [(f.law, f.status, f.message) for f in found] == [
        ("halfway", "error", "wrong"),
        ("halfway", "unknown", "x: too hard"),
    ]


@pytest.mark.parametrize("jobs", [1, 2])
def test_solvers_that_disagree_say_nothing_about_the_specification(
    jobs: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def disagree(*_: object) -> Iterator[Finding]:
        raise Contradiction("z3 says unsat, the second solver says sat")

    machine = machine_of("pg74")
    instructions = (replace(laws(InstructionLaw)[0], ask=disagree),)
    monkeypatch.setattr("pgcheck.checker.lint.laws", lambda kind: instructions if kind is InstructionLaw else ())
    with (
        Pool(lambda: solver_for(Options(cache=False, second=False)), jobs) as pool,
        pytest.raises(Contradiction if jobs == 1 else WorkerFailed, match="second solver says sat"),
    ):
        lint(machine, pool, False, machine.instructions[:4], RowCache(None, machine, Options()))


@pytest.mark.parametrize("name", every_name())
def test_every_specification_obeys_the_laws_of_machines(name: str, evidence: Evidence) -> None:
    machine = machine_of(name)
    assert [
        f
        for law in rows("pgcheck.checker.laws", MachineLaw)
        for f in law.ask(machine, evidence)
        if f.status not in ("ok", "assumed", "warning")
    ] == []


def test_a_finding_makes_the_check_an_error(tmp_path: Path) -> None:
    machine = with_instruction(tmp_path, "C = 1'b1;\nprivileged();")
    found = check(machine, Options(cache=False, second=False, only=("new",))).findings
    assert [(f.law, f.status) for f in found if f.status not in ("ok", "assumed")] == [("traps_are_precise", "error")]


def test_an_error_leaves_no_answer(tmp_path: Path) -> None:
    machine = with_instruction(tmp_path, "C = 1'b1;\nprivileged();")
    (deployment,) = check(machine, Options(cache=False, second=False, only=("new",))).deployments
    assert {t.status for t in deployment.theorems.values()} == {"void"}


def test_a_premise_is_asked_of_every_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(setting: Setting, configuration: Configuration, evidence: Evidence) -> Iterator[Finding]:
        yield premise.answer(setting, "fails", "there is no return")
        raise Undecided("x", "too hard")

    rule = replace(laws(MachineLaw)[0], name="lacking")
    premise = Premise(**{f.name: getattr(rule, f.name) for f in fields(Rule)}, ask=lacking)
    monkeypatch.setattr("pgcheck.checker.lint.premises", lambda: (premise,))
    result = check(machine_of("pg74"), Options(cache=False, second=False, only=("lrr",)))
    said = [(f.status, f.subject, f.message) for f in result.findings if f.law == "lacking"]
    assert said == [("fails", "default", "there is no return"), ("unknown", "default", "x: too hard")]
    assert {(t.status, t.premises) for t in result.main.theorems.values()} == {("fails", ("lacking",))}
