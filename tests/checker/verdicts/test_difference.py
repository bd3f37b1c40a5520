"""Differences between two versions: what is new, what is worse, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check
from pgcheck.checker.result import DeploymentResult
from pgcheck.checker.values import NOTHING
from pgcheck.checker.verdicts.difference import Version, appeared, difference, disappeared
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.meaning import meanings
from tests.checker.variants import edited
from tests.specifications import machine_of

OPTIONS = Options(second=False)


def version(machine: Machine) -> Version:
    return Version(check(machine, OPTIONS), meanings(machine))


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
    (change,) = difference(conditional, Version(lost, conditional.meanings)).instructions
    assert change.kind == "vanished-configuration"
    assert "TRAPIO = 1" in change.note
    changed = replace(
        conditional.meanings,
        instructions={
            **conditional.meanings.instructions,
            "uio": replace(conditional.meanings.instructions["uio"], step="other"),
        },
    )
    (change,) = difference(conditional, Version(lost, changed)).instructions
    assert change.kind == "newly-hole"


def test_an_open_question_is_a_regression(pg74: Version) -> None:
    rows = tuple(replace(r, verdict="unknown") if r.id == "load" else r for r in pg74.result.main.instructions)
    unknown = replace(pg74.result, deployments=(replace(pg74.result.main, instructions=rows),))
    found = difference(pg74, Version(unknown, pg74.meanings))
    assert [c.kind for c in found.instructions] == ["newly-unknown"]
    assert found.regressions


def test_a_whole_machine_comes_and_goes(pg74: Version) -> None:
    popf = version(machine_of("popf"))
    assert any(c.kind == "added-hole" for c in appeared(popf).instructions)
    assert appeared(popf).regressions
    assert not appeared(pg74).regressions
    assert {c.kind for c in disappeared(popf).instructions} == {"removed"}
    assert not disappeared(popf).regressions
