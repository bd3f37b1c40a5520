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


@pytest.mark.parametrize(
    ("legal", "boot", "broken"),
    [
        ("R.b == 1024", "R.l: 3", False),
        ("R.b == 1024", "R.b: 3", True),
        ("R.b == 1024 || R.l == 3", "R.b: 3, R.l: 3", False),
        ("$bits(P) == 0 || R.l == 0", "R.l: 3", True),
        ("$bits(P) == 0 || R.l == 0", "R.b: 3", False),
    ],
)
def test_a_program_starts_in_a_legal_state_wherever_it_lies(
    legal: str, boot: str, broken: bool, tmp_path: Path, evidence: Evidence
) -> None:
    machine = variant(tmp_path, f'legal: ["{legal}"]\noverride:\n  platform: {{boot: {{{boot}}}}}\n')
    found = [f.message for f in legal_after_reset(machine, evidence)]
    assert found == (["conjunct 1 of `legal` may be false where the platform starts a program"] if broken else [])


@pytest.mark.parametrize(("start", "broken"), [(2, False), (3, True)])
def test_what_is_legal_of_the_program_counter_alone_holds_where_programs_start(
    start: int, broken: bool, tmp_path: Path, evidence: Evidence
) -> None:
    """A program that starts elsewhere is refused when it is loaded."""
    machine = variant(tmp_path, f'legal: ["P[0] == 0"]\noverride:\n  platform: {{start: {start}}}\n')
    assert bool(list(legal_after_reset(machine, evidence))) == broken
