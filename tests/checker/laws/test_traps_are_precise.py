"""The law traps_are_precise: what obeys it passes, and the smallest thing that does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.solving.evidence import Evidence
from tests.checker.variants import GO, laws_broken, with_instruction


@pytest.mark.parametrize(
    ("body", "keys", "expected"),
    [
        ("if (A[r][0] == 1) { trap(Cause::Service); }\nC = 1'b1;", "", set()),
        ("C = 1'b1;\nif (A[r][0] == 1) { trap(Cause::Service); }", "", {("traps_are_precise", "error")}),
        ("C = 1'b1;\nif (A[r][0] == 1) { trap(Cause::Service); }", "restart: partial", set()),
        ("C = 1'b1;", "restart: partial", {("traps_are_precise", "warning")}),
        ("A[r] = 32'd1;\nA[r] = read_memory(32'd0);", "", {("traps_are_precise", "error")}),
        ("A[r] = A[r];\nA[r] = read_memory(32'd0);", "", set()),
        ("C = 1'b1;\ngo(A[r]);", "", set()),
    ],
)
def test_traps_are_precise(
    body: str, keys: str, expected: set[tuple[str, str]], tmp_path: Path, evidence: Evidence
) -> None:
    assert laws_broken(with_instruction(tmp_path, body, keys, GO), evidence) == expected
