"""The law legal_is_inductive: what obeys it passes, and the smallest thing that does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.solving.evidence import Evidence
from tests.checker.variants import FLAG, GO, laws_broken, with_instruction


@pytest.mark.parametrize(
    ("body", "legal"),
    [
        ("F = 1'b0;", True),
        ("F = A[r][0];", False),
        ("if (F == 1) { F = 1'b1; }", True),
        ("privileged();\nF = A[r][0];", False),
        ("F = A[r][0];\nif (F == 1) { trap(Cause::Service); }", False),
        ("if (A[r][0] == 1) { trap(Cause::Service); }\nF = A[r][0];", True),
        ("go(A[r]);", True),
        ("F = A[r][0];\ngo(A[r]);", False),
        ("F = A[r][0];\nif (F == 1) { halt(); }", True),
        ("A[r] = read_memory(32'd0);", True),
    ],
)
def test_legality_is_kept_wherever_a_step_ends(body: str, legal: bool, tmp_path: Path, evidence: Evidence) -> None:
    found = laws_broken(with_instruction(tmp_path, body, more=FLAG + GO), evidence)
    assert (("legal_is_inductive", "error") not in found) == legal
