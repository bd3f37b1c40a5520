"""The classical predicates: every way to be sensitive, found whichever of two runs shows it, and not found where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.questions.classical import Classical, classify
from pgcheck.checker.questions.subject import subject
from pgcheck.checker.questions.taint import footprint
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Machine
from tests.checker.judging import setting_of
from tests.checker.variants import with_instruction
from tests.specifications import machine_of


def classical(machine: Machine, identifier: str, evidence: Evidence, **fixed: int) -> Classical:
    setting = setting_of(machine)
    instruction = machine.instruction(identifier)
    one = subject(setting, instruction, instruction.rows[0])
    return classify(setting, one, footprint(setting, one), evidence, fixed)


def ways(folder: Path, body: str, evidence: Evidence) -> set[str]:
    found = classical(
        with_instruction(folder, body, more="state:\n  F: {type: Bits<2>, role: configuration}\n"), "new", evidence
    )
    return set(map(str, found.sensitivities))


USER, SUPERVISOR = "M == 1", "M == 0"
OTHER, INTENT, REFUSED = "trap(Cause::Undefined);", "trap(Cause::Service);", "trap(Cause::Privileged);"


@pytest.mark.parametrize("where", [USER, SUPERVISOR])
@pytest.mark.parametrize(
    ("trap", "otherwise", "expected"),
    [
        (OTHER, "C = A[r][0];", {"trs[mode@SU]"}),
        (OTHER, INTENT, {"tks[mode@SU]"}),
        (OTHER, REFUSED, set()),
        (INTENT, "C = A[r][0];", set()),
        (REFUSED, "C = A[r][0];", set()),
        (OTHER, OTHER, set()),
        ("C = A[r][1];", "C = A[r][0];", {"beh[mode@SU]"}),
        ("C = A[r][0];", "C = A[r][0];", set()),
    ],
)
def test_the_two_modes_may_differ_either_way(
    where: str, trap: str, otherwise: str, expected: set[str], tmp_path: Path, evidence: Evidence
) -> None:
    assert ways(tmp_path, f"if ({where}) {{ {trap} }} else {{ {otherwise} }}", evidence) == expected


@pytest.mark.parametrize("value", [0, 3])
@pytest.mark.parametrize(
    ("trap", "otherwise", "kind"),
    [(OTHER, "C = A[r][0];", "trs"), (OTHER, INTENT, "tks"), ("C = A[r][1];", "C = A[r][0];", "beh")],
)
def test_two_states_of_one_mode_may_differ_either_way(
    value: int, trap: str, otherwise: str, kind: str, tmp_path: Path, evidence: Evidence
) -> None:
    body = f"if (F == {value}) {{ {trap} }} else {{ {otherwise} }}"
    assert ways(tmp_path, body, evidence) == {f"{kind}[configuration@S]", f"{kind}[configuration@U]"}


def test_a_trap_of_the_supervisor_alone_is_no_privilege(evidence: Evidence) -> None:
    found = classical(machine_of("user_only"), "usr", evidence)
    assert found.sensitive and not found.privileged and not found.user_sensitive
    assert (found.completes_supervisor, found.completes_user) == (False, True)


@pytest.mark.parametrize(("value", "privileged"), [(0, False), (1, True)])
def test_fixed_leaves_hold_their_value(value: int, privileged: bool, evidence: Evidence) -> None:
    found = classical(machine_of("conditional"), "uio", evidence, TRAPIO=value)
    assert found.privileged == privileged and not classical(machine_of("conditional"), "uio", evidence).privileged


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("F = A[r][1:0];", {"ctl[configuration@S]", "ctl[configuration@U]"}),
        ("privileged();\nF = A[r][1:0];", {"ctl[configuration@S]"}),
        ("if (M == 1) { F = A[r][1:0]; }", {"ctl[configuration@U]"}),
        ("F = F;", set()),
        ("privileged();\nhalt();", {"ctl[run@S]"}),
    ],
)
def test_what_changes_control_state_is_sensitive_where_it_does(
    body: str, expected: set[str], tmp_path: Path, evidence: Evidence
) -> None:
    assert {w for w in ways(tmp_path, body, evidence) if w.startswith("ctl")} == expected
