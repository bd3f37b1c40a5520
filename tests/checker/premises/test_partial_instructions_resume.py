"""The premise partial_instructions_resume: what a monitor can go on with passes, and the smallest thing that it cannot is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.premises.partial_instructions_resume import PREMISE
from pgcheck.checker.questions.entry import settled
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.values import NOTHING
from pgcheck.isa.machine.machine import Machine
from tests.checker.variants import with_instruction
from tests.specifications import machine_of

pytestmark = pytest.mark.slow


def asked(machine: Machine, evidence: Evidence) -> list[tuple[str, str]]:
    """(status, message) of what the premise says of the first deployment."""
    setting = settled(machine, machine.deployments[0], evidence)
    return [(f.status, f.message) for f in PREMISE.ask(setting, NOTHING, evidence)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("A[r] = A[r] + 32'd1;\nprivileged();", "fails"),
        ("A[r] = 32'd1;\nprivileged();", "ok"),
        # The guest's own trap in both machines: the monitor hands it on with the state as it is.
        ("A[r] = A[r] + 32'd1;\ntrap(Cause::Service);", "ok"),
        # Two traps that the monitor cannot tell apart, of which one would have to be handed on.
        (
            "if (A[0] == 0) {\nA[r] = A[r] + 32'd1;\ntrap(Cause::Service);\n}\nif (M == 1) { trap(Cause::Service); }",
            "fails",
        ),
        # A fault is the guest's own where bounds are the guest's: nothing is run again.
        ("A[r] = A[r] + 32'd1;\nA[0] = read_memory(A[r]);", "ok"),
        ("A[r] = read_memory(A[r]);\nprivileged();", "fails"),
        ("write_memory(32'd5, A[r]);\nprivileged();", "ok"),
        ("write_memory(32'd5, read_memory(32'd6));\nwrite_memory(32'd6, 32'd1);\nprivileged();", "fails"),
        ("R.l = 10'd1;\nprivileged();", "fails"),
    ],
)
def test_partial_instructions_resume(body: str, status: str, tmp_path: Path, evidence: Evidence) -> None:
    machine = with_instruction(tmp_path, body, "restart: partial")
    assert [found for found, _ in asked(machine, evidence) if found != "assumed"] == [status]


@pytest.mark.parametrize(
    ("body", "assumed"),
    [
        ("write_memory(32'd5, A[r]);\nprivileged();", True),
        ("write_memory(32'd5, A[r]);\nwrite_memory(32'd6, A[r]);", True),
        ("write_memory(32'd5, A[r]);", False),
        ("privileged();\nwrite_memory(32'd5, A[r]);", False),
        ("A[r] = 32'd1;\nprivileged();", False),
    ],
)
def test_an_instruction_that_can_overwrite_itself_before_it_traps_is_a_condition(
    body: str, assumed: bool, tmp_path: Path, evidence: Evidence
) -> None:
    found = asked(with_instruction(tmp_path, body, "restart: partial"), evidence)
    assert [m.startswith("No guest has new overwrite its own word") for s, m in found if s == "assumed"] == [
        True
    ] * assumed


def test_the_message_names_what_differs(tmp_path: Path, evidence: Evidence) -> None:
    ((_, message),) = asked(with_instruction(tmp_path, "C = ~C;\nprivileged();", "restart: partial"), evidence)
    assert message.startswith("new cannot be gone on with after trap in virtual mode 0: C differs;")
    ((_, message),) = asked(with_instruction(tmp_path, "R.l = 10'd1;\nprivileged();", "restart: partial"), evidence)
    assert "the monitor's R.l changes" in message


def test_a_machine_without_partial_instructions_is_not_spoken_of(evidence: Evidence) -> None:
    assert asked(machine_of("pg74"), evidence) == []


def test_what_is_left_open_leaves_the_answer_open(tmp_path: Path, evidence: Evidence) -> None:
    body = 'if (choice("way")) {\nA[r] = A[r] + 32\'d1;\nprivileged();\n}'
    machine = with_instruction(tmp_path, body, "restart: partial", "nondeterminism: {way: Boolean}\n")
    with pytest.raises(Undecided, match="leaves open"):
        asked(machine, evidence)
