"""The law legal_after_reset: what obeys it passes, and the smallest thing that does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.laws.legal_after_reset import legal_after_reset
from pgcheck.checker.solving.evidence import Evidence
from tests.checker.variants import variant


@pytest.mark.parametrize(
    ("legal", "broken"),
    [
        (["R.b == 1024"], []),
        (["R.b == 1024", "R.l == 1"], ["2"]),
        (["R.b == 0", "R.l == 0"], ["1"]),
        (["A[3] == 0"], []),
    ],
)
def test_the_state_after_reset_is_legal(
    legal: list[str], broken: list[str], tmp_path: Path, evidence: Evidence
) -> None:
    machine = variant(tmp_path, f"legal: {legal}\n".replace("'", '"'))
    assert [f.message.split()[1] for f in legal_after_reset(machine, evidence)] == broken
