"""Control state that user mode both changes and shows without a trap is reported, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.verdicts.general_or_mirror import user_visible
from pgcheck.checker.verdicts.judge import InstructionRow, judge
from tests.checker.judging import setting_of
from tests.checker.variants import variant

STATE = "state:\n  W: {type: Bits<8>, role: configuration}\n  V: {type: Bits<8>, role: configuration}\n"
# Always zero, but only a solver knows: one of two neighbours is even.
ZERO = "((W * (W + 8'd1)) & 8'd1)"
WRITE, READ = "W = A[r][7:0];", "A[r] = {24'd0, W};"


def reported(folder: Path, evidence: Evidence, *bodies: str) -> dict[str, str]:
    """The leaves of which a warning says that user mode changes and shows them, with the message."""
    text = STATE + "instructions:\n"
    for number, body in enumerate(bodies):
        text += f'  - name: i{number}\n    encoding: {{match: "100000{number:02b}----00000000000000000000", variables: ["r 23-20"]}}\n'
        text += f'    operation(): "{body}"\n'
    machine = variant(folder, text)
    setting = setting_of(machine)
    work = [
        InstructionRow(i, i.rows[0]) for i in machine.instructions if i.name in {f"i{k}" for k in range(len(bodies))}
    ]
    rows = [(w, judge(setting, w, evidence.solver, False)) for w in work]
    found = list(user_visible(setting, rows, evidence))
    assert all((f.law, f.status) == ("general_or_mirror", "warning") for f in found)
    return {f.subject: f.message for f in found}


@pytest.mark.parametrize(
    ("bodies", "leaves"),
    [
        ((WRITE, READ), {"W"}),
        ((WRITE,), set()),
        ((READ,), set()),
        ((WRITE + " A[r] = {24'd0, W};",), set()),  # what it shows, it has just written
        (("A[r] = {24'd0, W}; W = W + 8'd1;",), {"W"}),
        (("privileged(); " + WRITE, READ), set()),
        ((WRITE, "privileged(); " + READ), set()),
        (("if (M == 0) { " + WRITE + " }", READ), set()),
        ((WRITE, "if (M == 0) { " + READ + " }"), set()),
        ((WRITE, "A[r] = {24'd0, V};"), set()),
        ((WRITE, f"A[r] = {{24'd0, V + {ZERO}}};"), set()),
        ((f"V = A[r][7:0]; W = W ^ {ZERO};", READ), set()),
        ((WRITE + " V = A[r][15:8];", READ, "A[r] = {24'd0, V};"), {"W", "V"}),
    ],
)
def test_only_state_that_user_mode_changes_and_shows(
    bodies: tuple[str, ...], leaves: set[str], tmp_path: Path, evidence: Evidence
) -> None:
    assert set(reported(tmp_path, evidence, *bodies)) == leaves


GATE = """
state:
  G: {type: Bits<1>, role: configuration}
  W: {type: Bits<8>, role: configuration}
configurations:
  gate: {G: [%d]}
deployments:
  default: {real_mode: 1%s}
instructions:
  - name: put
    encoding: {match: "10000000----00000000000000000000", variables: ["r 23-20"]}
    operation(): "if (M == 1 && G == 1) { trap(Cause::Privileged); } W = A[r][7:0];"
  - name: get
    encoding: {match: "10000001----00000000000000000000", variables: ["r 23-20"]}
    operation(): "A[r] = {24'd0, W};"
"""


@pytest.mark.parametrize(
    ("candidate", "mirror", "warned"),
    [
        (1, "", []),  # G = 1 is the configuration: then user mode does not change W
        (0, "", ["W"]),  # no configuration helps
        (0, ", mirror: [W]", []),  # mirrored already
    ],
)
def test_it_is_asked_under_the_configuration_that_was_found(
    candidate: int, mirror: str, warned: list[str], tmp_path: Path
) -> None:
    machine = variant(tmp_path, GATE % (candidate, mirror))
    found = check(machine, Options(only=("put", "get"), cache=False, second=False))
    assert [f.subject for f in found.findings if f.law == "general_or_mirror"] == warned


def test_the_warning_names_who_changes_and_who_shows_it(tmp_path: Path, evidence: Evidence) -> None:
    (message,) = reported(tmp_path, evidence, READ, WRITE).values()
    assert "(i1, i0)" in message
    (message,) = reported(tmp_path, evidence, "A[r] = {24'd0, W}; W = W + 8'd1;").values()
    assert message.startswith("user mode changes and shows it without a trap (i0):")
