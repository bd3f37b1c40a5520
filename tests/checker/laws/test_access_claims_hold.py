"""The law access_claims_hold: what obeys it passes, and the smallest thing that does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.lint import examine
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.files.errors import SpecificationError
from pgcheck.isa.machine.build import load
from pgcheck.shipped import shipped
from tests.checker.variants import laws_broken, with_instruction

ACCESS = {
    "C = 1'b1;": ("always", "always"),
    "privileged();\nC = 1'b1;": ("always", "never"),
    "if (M == 1 && C == 1) { trap(Cause::Privileged); }": ("always", "sometimes"),
    "if (C == 1) { trap(Cause::Privileged); }": ("sometimes", "sometimes"),
    "trap(Cause::Privileged);": ("never", "never"),
    "trap(Cause::Service);": ("always", "always"),
    "if (M == 1) { if (C == 1) { trap(Cause::Privileged); }\ntrap(Cause::Service); }": ("always", "sometimes"),
    "if (M == 1) { trap(Cause::Undefined); }": ("always", "always"),
}


@pytest.mark.parametrize("body", ACCESS)
@pytest.mark.parametrize("supervisor", ["always", "sometimes", "never"])
@pytest.mark.parametrize("user", ["always", "sometimes", "never"])
def test_claims_of_access_are_compared_with_the_semantics(
    body: str, supervisor: str, user: str, tmp_path: Path, evidence: Evidence
) -> None:
    machine = with_instruction(tmp_path, body, f"access: {{supervisor: {supervisor}, user: {user}}}")
    messages = [
        f.message for f in examine(machine, machine.instruction("new"), evidence) if f.law == "access_claims_hold"
    ]
    wrong = [
        m
        for m, claim, truth in zip(("supervisor", "user"), (supervisor, user), ACCESS[body], strict=True)
        if claim != truth
    ]
    assert [m.split()[1] for m in messages] == wrong


def test_without_a_claim_nothing_is_compared(tmp_path: Path, evidence: Evidence) -> None:
    assert laws_broken(with_instruction(tmp_path, "privileged();"), evidence) == set()
    claiming = with_instruction(tmp_path, "privileged();", "access: {supervisor: never, user: never}")
    assert laws_broken(claiming, evidence) == {("access_claims_hold", "error")}


GATED = "if (M == 1 && C == 1) { trap(Cause::Privileged); }\nif (TIMER == 1 && r == 3) { trap(Cause::Undefined); }"
"""What is claimed of it in user mode, and what is said of a claim that is wrong ("" if none is)."""
CAUSES = {
    '{cause: Privileged, when: "C == 1"}': "",
    '{cause: Privileged, when: "!(C == 0)"}': "",
    '{cause: trap(Privileged), when: "C == 1"}': "",
    '[{cause: Privileged, when: "C == 1"}, {cause: Undefined, when: "C == 0 && TIMER == 1 && r == 3"}]': "",
    '{cause: completes, when: "C == 0 && (TIMER != 1 || r != 3)"}': "",
    '{cause: Service, when: "false"}': "",
    "{cause: Privileged}": "the claim is `Privileged` always, the semantics say if C == 1",
    '{cause: Privileged, when: "C == 0"}': "the claim is `Privileged` if C == 0, the semantics say if C == 1",
    '{cause: Undefined, when: "TIMER == 1 && r == 3"}': "the semantics say if ",
    '{cause: Service, when: "C == 1"}': "the claim is `Service` if C == 1, the semantics say never",
    '{cause: trap, when: "C == 1"}': "the semantics say if C == 1 || (",
}


@pytest.mark.parametrize("claim", CAUSES)
def test_claims_with_a_cause_are_proved(claim: str, tmp_path: Path, evidence: Evidence) -> None:
    machine = with_instruction(tmp_path, GATED, f"access: {{user: {claim}}}")
    found = [f for f in examine(machine, machine.instruction("new"), evidence) if f.law == "access_claims_hold"]
    wanted = CAUSES[claim]
    assert [f.status for f in found] == (["error"] if wanted else [])
    assert all(wanted in f.message and "(M=1)" in f.message for f in found)


NAMED = """
include: [riscv64]
name: named
instructions:
  - name: new
    assembly: "{xd}"
    encoding: {match: "00000000000000000000-----0001011", variables: [xd 11-7]}
    access: {ACCESS}
    operation(): |
      if (current_mode == PrivilegeMode::U) { raise(ExceptionCode::IllegalInstruction, 0); }
      if (current_mode == PrivilegeMode::S && mstatus.TSR == 1) { raise(ExceptionCode::IllegalInstruction, 0); }
"""
BY_NAME = {
    'M: always, S: {cause: IllegalInstruction, when: "mstatus.TSR == 1"}, U: never': [],
    "M: {cause: IllegalInstruction}": ["in M mode the claim is `IllegalInstruction` always, the semantics say never"],
    "M: never": ["in M mode the claim is `never`, the semantics say `always`"],
    "supervisor: sometimes, S: always": ["in S mode the claim is `always`, the semantics say `sometimes`"],
}


@pytest.mark.parametrize("claims", BY_NAME)
def test_a_mode_is_named_itself(claims: str, tmp_path: Path, evidence: Evidence) -> None:
    path = tmp_path / "named.yaml"
    path.write_text(NAMED.replace("ACCESS", claims), "utf-8")
    machine = load(path, shipped=shipped)
    found = [f for f in examine(machine, machine.instruction("new"), evidence) if f.law == "access_claims_hold"]
    assert [f.message for f in found] == BY_NAME[claims]


def test_a_mode_that_is_none_is_named_with_those_that_are(tmp_path: Path) -> None:
    path = tmp_path / "named.yaml"
    path.write_text(NAMED.replace("ACCESS", "H: always"), "utf-8")
    with pytest.raises(SpecificationError, match="no mode 'H'"):
        load(path, shipped=shipped)
    path.write_text(
        'include: [pg74]\nname: n\noverride:\n  instructions:\n    - {name: rtm, encoding: {match: "010000000111----0000000000000000", variables: ["r 19-16"]}, access: {M: always}, operation(): "privileged();"}\n',
        "utf-8",
    )
    with pytest.raises(SpecificationError, match="no mode 'M'"):
        load(path, shipped=shipped)
