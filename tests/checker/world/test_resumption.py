"""Faults of translation that are the guest's own end a step as they stand, or the monitor would tell of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.questions.subject import subject
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.values import NOTHING
from pgcheck.checker.world.resumption import own_faults_stand
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Row
from tests.checker.judging import setting_of
from tests.specifications import SMALL

pytestmark = pytest.mark.slow

BODY = "A[0] = A[0] + 8'd1;"


@pytest.mark.parametrize(
    ("body", "stands"),
    [
        (BODY, True),
        ("A[1] = A[0];", True),
        ("A[0] = A[0] + {7'd0, M};", False),  # the real machine is in user mode
        ("if (M == 1) { A[1] = A[1] + 8'd1; }", False),  # and would reach for another address
    ],
)
def test_own_faults_stand(body: str, stands: bool, tmp_path: Path, evidence: Evidence) -> None:
    text = (SMALL / "soundness" / "partial_own_fault.yaml").read_text("utf-8")
    assert text.count(BODY) == 1
    path = tmp_path / "machine.yaml"
    path.write_text(text.replace(BODY, body), "utf-8")
    machine = load(path)
    setting = setting_of(machine)
    one = subject(setting, machine.instruction("move"), Row(""))
    assert own_faults_stand(setting, one, NOTHING, evidence) is stands
