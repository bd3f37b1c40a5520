"""The law guest_is_inductive: what obeys it passes, and the smallest thing that does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.solving.evidence import Evidence
from tests.checker.variants import GO, laws_broken, with_instruction

GUEST = """state:
  F: {type: Bits<1>, role: configuration}
deployments:
  mine: {guest: "F == 0", real_mode: 1, mirror: [F]}
"""


@pytest.mark.parametrize(
    ("body", "stays"),
    [
        ("F = 1'b0;", True),
        ("F = A[r][0];", False),
        ("if (F == 1) { F = 1'b1; }", True),
        ("privileged();\nF = A[r][0];", False),
        ("if (A[r][0] == 1) { trap(Cause::Service); }\nF = A[r][0];", True),
        ("go(A[r]);", True),
        ("F = A[r][0];\ngo(A[r]);", False),
        ('F = A[r][0];\nif (F == 1) { unmodelled("later"); }', True),
    ],
)
def test_a_guest_stays_within_its_states(body: str, stays: bool, tmp_path: Path, evidence: Evidence) -> None:
    found = laws_broken(with_instruction(tmp_path, body, more=GUEST + GO), evidence)
    assert (("guest_is_inductive", "error") not in found) == stays
