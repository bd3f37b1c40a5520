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
MEMORY = "trap(Cause::Memory);"


@pytest.mark.parametrize("where", [USER, SUPERVISOR])
@pytest.mark.parametrize(
    ("trap", "otherwise", "expected"),
    [
        (OTHER, "C = A[r][0];", {"trs[mode@SU]"}),
        (OTHER, INTENT, {"tks[mode@SU]"}),
        (OTHER, REFUSED, set()),
        (INTENT, "C = A[r][0];", {"trs[mode@SU]"}),
        (MEMORY, "C = A[r][0];", {"trs[mode@SU]"}),
        (MEMORY, INTENT, {"tks[mode@SU]"}),
        (OTHER, OTHER, set()),
        ("C = A[r][1];", "C = A[r][0];", {"beh[mode@SU]"}),
        ("C = A[r][0];", "C = A[r][0];", set()),
    ],
)
def test_the_two_modes_may_differ_either_way(
    where: str, trap: str, otherwise: str, expected: set[str], tmp_path: Path, evidence: Evidence
) -> None:
    assert ways(tmp_path, f"if ({where}) {{ {trap} }} else {{ {otherwise} }}", evidence) == expected


@pytest.mark.parametrize(("where", "expected"), [(USER, set()), (SUPERVISOR, {"trs[mode@SU]"})])
def test_that_the_user_is_refused_is_no_difference(
    where: str, expected: set[str], tmp_path: Path, evidence: Evidence
) -> None:
    assert ways(tmp_path, f"if ({where}) {{ {REFUSED} }} else {{ C = A[r][0]; }}", evidence) == expected


def test_a_fault_of_translation_is_no_difference(tmp_path: Path, evidence: Evidence) -> None:
    assert ways(tmp_path, "A[r] = read_memory(A[0]);", evidence) == set()


@pytest.mark.parametrize("value", [0, 3])
@pytest.mark.parametrize(
    ("trap", "otherwise", "kind"),
    [
        (OTHER, "C = A[r][0];", "trs"),
        (INTENT, "C = A[r][0];", "trs"),
        (REFUSED, "C = A[r][0];", "trs"),
        (MEMORY, "C = A[r][0];", "trs"),
        (OTHER, INTENT, "tks"),
        ("C = A[r][1];", "C = A[r][0];", "beh"),
    ],
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


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("if (F == 1) { halt(); }", {"beh[configuration@S]", "beh[configuration@U]"}),
        ("if (M == 0) { halt(); }", {"beh[mode@SU]"}),
        ("if (F == 1) { halt(); } else { trap(Cause::Service); }", {"trs[configuration@S]", "trs[configuration@U]"}),
        ("A[r] = {30'd0, F}; halt();", {"beh[configuration@S]", "beh[configuration@U]"}),
        ("privileged();\nhalt();", set()),
        ("halt();", set()),
    ],
)
def test_a_halt_is_seen_like_any_end_that_is_no_trap(
    body: str, expected: set[str], tmp_path: Path, evidence: Evidence
) -> None:
    assert {w for w in ways(tmp_path, body, evidence) if not w.startswith("ctl")} == expected


# ---- where one leaf cannot differ alone, where the guest's differs from the real machine's, where the mode is named


@pytest.mark.parametrize(
    ("legal", "body", "expected"),
    [
        ("K == M", "C = M;", {"beh[mode@SU]"}),
        ("K == M", "C = K;", {"beh[interrupt@SU]"}),
        ("K == M", "A[r] = {31'd0, M ^ K};", set()),
        ("K == F[0]", "C = K;", {"beh[interrupt@S]", "beh[interrupt@U]"}),
        ("K == F[0]", "C = F[1];", {"beh[configuration@S]", "beh[configuration@U]"}),
        ("K == F[0] && F[0] == F[1]", "A[r] = {30'd0, F ^ {K, K}};", set()),
        ("M == 0 || K == F[0]", "C = K;", {"beh[interrupt@S]", "beh[interrupt@U]"}),
        ("M == 0 || K == C", "if (M == 1) { C = K; }", set()),
    ],
)
def test_roles_that_legality_ties_together_vary_together(
    legal: str, body: str, expected: set[str], tmp_path: Path, evidence: Evidence
) -> None:
    more = f'state:\n  F: {{type: Bits<2>, role: configuration}}\n  K: {{type: Bits<1>, role: interrupt}}\nlegal: ["{legal}"]\n'
    found = classical(with_instruction(tmp_path, body, more=more), "new", evidence)
    assert set(map(str, found.sensitivities)) == expected


@pytest.mark.parametrize(
    ("body", "free", "fixed", "sensitive"),
    [
        ("A[r] = {31'd0, K};", "", 0, True),
        ("A[r] = {31'd0, K};", 'guest: "K == 0"', 0, False),
        ("A[r] = {31'd0, K};", 'guest: "K == 0"', 1, True),
        ("if (K == 1) { F = 1'b0; }", "", 0, True),
        ("if (K == 1) { F = 1'b0; }", 'guest: "K == 0"', 0, False),
        ("if (K == 1) { F = 1'b0; }", 'guest: "K == 0"', 1, True),
        ("if (K == 1) { trap(Cause::Undefined); }", "", 0, True),
        ("if (M == 1 && K == 1) { trap(Cause::Undefined); }", 'guest: "K == 0"', 0, False),
    ],
)
def test_a_fixed_leaf_is_the_real_machines_and_the_guests_own_is_free(
    body: str, free: str, fixed: int, sensitive: bool, tmp_path: Path, evidence: Evidence
) -> None:
    more = (
        "state:\n  K: {type: Bits<1>, role: configuration}\n  F: {type: Bits<1>, role: interrupt}\n"
        f"deployments: {{default: {{real_mode: 1, {free}}}}}\n"
    )
    machine = with_instruction(tmp_path, body, more=more)
    assert classical(machine, "new", evidence, K=fixed).sensitive == sensitive


def test_what_the_guests_user_mode_cannot_have_is_no_difference_there(evidence: Evidence) -> None:
    found = classical(machine_of("pdp10-ka10"), "jsp", evidence, **{"FL.IOT": 0})
    assert found.sensitive and not found.user_sensitive
    assert classical(machine_of("pdp10-ka10"), "jsp", evidence).user_sensitive


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("1'b1", {"beh[mode@S]"}), ("1'b0", {"beh[mode@U]"}), ("M", set()), ("~M", {"beh[mode@S]", "beh[mode@U]"})],
)
@pytest.mark.parametrize(
    "body",
    [
        "A[r] = read_physical_memory<32>(translate(A[0], Access::Read, {0}));",
        "write_physical_memory<32>(translate(A[0], Access::Write, {0}), A[r]);",
        "Bits<10> unused = translate(A[0], Access::Read, {0});",
    ],
)
def test_an_access_under_an_explicit_mode_shows_the_mode(
    body: str, mode: str, expected: set[str], tmp_path: Path, evidence: Evidence
) -> None:
    found = classical(with_instruction(tmp_path, body.format(mode)), "new", evidence)
    assert set(map(str, found.sensitivities)) == expected
    assert found.user_sensitive == ("beh[mode@U]" in expected)


def test_an_explicit_mode_that_no_step_comes_to_shows_nothing(tmp_path: Path, evidence: Evidence) -> None:
    body = "if (F == 1) { A[r] = read_physical_memory<32>(translate(A[0], Access::Read, ~M)); }"
    more = 'state:\n  F: {type: Bits<1>, role: configuration}\nlegal: ["F == 0"]\n'
    assert not classical(with_instruction(tmp_path, body, more=more), "new", evidence).sensitive


@pytest.mark.parametrize("end", ['unmodelled("left out");', 'unpredictable("anything");'])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("if (M == 1) {{ {0} }} C = 0;", {"beh[mode@SU]"}),
        ("if (M == 1) {{ {0} }} trap(Cause::Service);", {"beh[mode@SU]"}),
        ("if (M == 1 && F == 3) {{ {0} }} C = 0;", {"beh[configuration@U]"}),
        ("if (C == 1) {{ {0} }} C = 1;", set()),
    ],
)
def test_what_may_do_anything_on_the_real_machine_counts_as_completing(
    end: str, body: str, expected: set[str], tmp_path: Path, evidence: Evidence
) -> None:
    assert ways(tmp_path, body.format(end), evidence) >= expected
    assert bool(ways(tmp_path, body.format(end), evidence)) == bool(expected)


@pytest.mark.parametrize(
    ("body", "sensitive", "user", "timing"),
    [
        ("A[r] = TIMER;", False, False, True),
        ("TIMER = A[r];", True, True, True),
        ("if (M == 0) { TIMER = A[r]; }", True, False, True),
        ("A[r] = A[0];", False, False, False),
    ],
)
def test_what_shows_time_is_exempt_and_not_what_sets_a_clock(
    body: str, sensitive: bool, user: bool, timing: bool, tmp_path: Path, evidence: Evidence
) -> None:
    found = classical(with_instruction(tmp_path, body), "new", evidence)
    assert (found.sensitive, found.user_sensitive, found.timing) == (sensitive, user, timing)
