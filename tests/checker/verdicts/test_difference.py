"""Differences between two versions: what is new, what is worse, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check
from pgcheck.checker.result import DeploymentResult, Finding
from pgcheck.checker.values import NOTHING
from pgcheck.checker.verdicts.difference import Difference, FindingChange, Version, appeared, difference, disappeared
from pgcheck.checker.verdicts.difference import version as side
from pgcheck.isa.machine.machine import Machine
from tests.checker.variants import FLAG, edited, with_instruction
from tests.specifications import machine_of

OPTIONS = Options(second=False)


def version(machine: Machine) -> Version:
    return side(machine, check(machine, OPTIONS))


@pytest.fixture(scope="module")
def pg74() -> Version:
    return version(machine_of("pg74"))


@pytest.fixture(scope="module")
def conditional() -> Version:
    return version(machine_of("conditional"))


def test_nothing_changed(pg74: Version) -> None:
    found = difference(pg74, pg74)
    assert found.empty
    assert not found.regressions


def test_a_new_hole_is_a_regression_and_its_mending_none(pg74: Version, tmp_path: Path) -> None:
    worse = version(edited(tmp_path, ("A[r] = A[r] << n;", "A[r] = (M == 1) ? A[r] : A[r] << n;")))
    found = difference(pg74, worse)
    assert [(c.kind, c.id, c.before, c.after) for c in found.instructions] == [
        ("newly-hole", "shl", "innocuous", "hole")
    ]
    assert {t.name for t in found.theorems if t.worse} >= {"theorem1", "monitor"}
    assert found.regressions
    back = difference(worse, pg74)
    assert [c.kind for c in back.instructions] == ["newly-fixed"]
    assert not any(t.worse for t in back.theorems)
    assert not back.regressions


def test_other_semantics_with_the_same_verdict(pg74: Version, tmp_path: Path) -> None:
    found = difference(pg74, version(edited(tmp_path, ("{22'd0, a} + A[x]; }", "{22'd0, a} - A[x]; }"))))
    assert {c.kind for c in found.instructions} == {"semantics"}
    (shared,) = found.shared
    assert shared.part == "function indexed"
    assert {c.id for c in found.instructions} == set(shared.affected)
    assert not found.regressions


def test_another_encoding_and_another_name(pg74: Version, tmp_path: Path) -> None:
    found = difference(
        pg74, version(edited(tmp_path, ('"00010010--------0000000000000000"', '"00011010--------0000000000000000"')))
    )
    assert [(c.kind, c.id) for c in found.instructions] == [("encoding", "and")]
    found = difference(pg74, version(edited(tmp_path, ("- name: tlu", "- name: xlat"))))
    assert [(c.kind, c.id, c.note) for c in found.instructions] == [("renamed", "xlat", "was tlu")]


def test_added_and_removed(pg74: Version, conditional: Version) -> None:
    found = difference(pg74, conditional)
    assert ("added", "uio") in {(c.kind, c.id) for c in found.instructions}
    back = difference(conditional, pg74)
    assert ("removed", "uio") in {(c.kind, c.id) for c in back.instructions}
    assert not back.regressions


def test_a_hole_because_the_common_configuration_vanished(conditional: Version) -> None:
    """The instruction is as it was; what closed its hole is no longer there."""

    def without(result: DeploymentResult) -> DeploymentResult:
        rows = tuple(replace(r, verdict="hole") if r.id == "uio" else r for r in result.instructions)
        return replace(result, configuration=NOTHING, instructions=rows)

    lost = replace(conditional.result, deployments=tuple(map(without, conditional.result.deployments)))
    (change,) = difference(conditional, replace(conditional, result=lost)).instructions
    assert change.kind == "vanished-configuration"
    assert "TRAPIO = 1" in change.note
    changed = replace(
        conditional.meanings,
        instructions={
            **conditional.meanings.instructions,
            "uio": replace(conditional.meanings.instructions["uio"], step="other"),
        },
    )
    (change,) = difference(conditional, replace(conditional, result=lost, meanings=changed)).instructions
    assert change.kind == "newly-hole"


def test_an_open_question_is_a_regression(pg74: Version) -> None:
    rows = tuple(replace(r, verdict="unknown") if r.id == "load" else r for r in pg74.result.main.instructions)
    unknown = replace(pg74.result, deployments=(replace(pg74.result.main, instructions=rows),))
    found = difference(pg74, replace(pg74, result=unknown))
    assert [c.kind for c in found.instructions] == ["newly-unknown"]
    assert found.regressions


def test_a_whole_machine_comes_and_goes(pg74: Version) -> None:
    popf = version(machine_of("popf"))
    assert any(c.kind == "added-hole" for c in appeared(popf).instructions)
    assert appeared(popf).regressions
    assert not appeared(pg74).regressions
    assert {c.kind for c in disappeared(popf).instructions} == {"removed"}
    assert not disappeared(popf).regressions


# ---- what is said of a specification


def test_a_claim_that_no_longer_holds_is_a_regression_that_voids_the_answer(tmp_path: Path) -> None:
    before, after = (
        version(with_instruction(tmp_path, b, "access: {user: never}"))
        for b in ("privileged();\nC = 1'b1;", "C = 1'b1;")
    )
    found = difference(before, after)
    assert [(c.new, c.worse, c.finding.law, c.finding.subject) for c in found.findings] == [
        (True, True, "access_claims_hold", "new")
    ]
    assert found.regressions and found.void
    assert {t.after for t in found.theorems} == {"void"}
    back = difference(after, before)
    assert [(c.new, c.worse) for c in back.findings] == [(False, False)]
    assert not back.void and not any(t.worse for t in back.theorems)


def test_what_is_said_of_an_instruction_follows_it_to_its_new_name(pg74: Version) -> None:
    warned = Finding("traps_are_precise", "warning", "lrr", "odd")
    old = replace(pg74, result=replace(pg74.result, findings=(warned,)))
    rows = {r: m for r, m in pg74.meanings.instructions.items() if r != "lrr"} | {
        "renamed": pg74.meanings.instructions["lrr"]
    }
    renamed = replace(
        pg74,
        result=replace(pg74.result, findings=(replace(warned, subject="renamed"),), deployments=()),
        meanings=replace(pg74.meanings, instructions=rows),
    )
    assert difference(old, renamed).findings == ()
    elsewhere = replace(renamed, result=replace(renamed.result, findings=(replace(warned, subject="other"),)))
    assert [(c.new, c.worse) for c in difference(old, elsewhere).findings] == [(True, False), (False, False)]


def test_state_on_which_no_trap_depends_any_more_is_lost(tmp_path: Path) -> None:
    gated, open_ = (
        version(with_instruction(tmp_path, body, "", FLAG))
        for body in ("if (F == 1) { privileged(); }\nA[r] = 0;", "A[r] = 0;")
    )
    found = difference(gated, open_)
    assert [(k.leaf, k.rows) for k in found.lost] == [("F", ("new",))]
    assert found.regressions
    assert difference(open_, gated).lost == ()


def test_state_that_is_no_longer_there_is_not_lost(tmp_path: Path) -> None:
    gated = version(with_instruction(tmp_path, "if (F == 1) { privileged(); }\nA[r] = 0;", "", FLAG))
    assert difference(gated, version(machine_of("pg74"))).lost == ()


@pytest.mark.parametrize(
    ("new", "status", "expected"),
    [
        (True, "fails", True),
        (True, "error", True),
        (True, "unknown", True),
        (True, "warning", False),
        (False, "fails", False),
    ],
)
def test_what_a_rule_newly_refuses_is_a_regression_by_itself(new: bool, status: str, expected: bool) -> None:
    said = FindingChange(new, Finding("law", status, "x", "said"))  # type: ignore[arg-type]  # from the table
    assert Difference("m", (), (), (), (), (), findings=(said,)).regressions == expected
