"""The law canaries: made-up instructions use a leaf that is free where they are asked, so that the known answer is the true one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.laws.canaries import canaries, free_bit
from pgcheck.checker.solving.evidence import Evidence
from tests.checker.judging import setting_of
from tests.checker.variants import edited

SP = "  SP: {type: Bits<4>, role: saved}\n"
# Base and limit, in no role that canaries are made of.
KEPT = "  L: {type: Bits<4>, role: timing}\n  B: {type: Bits<4>, role: timing, reset: 15}\n"


@pytest.mark.parametrize(
    ("legal", "leaf"),
    [
        ("true", "IE"),
        ("M == 0 || IE == 1", "SM"),  # in user mode IE is fixed
        ("IE == A[0][0]", "SM"),  # and here it is the guest's own register
        ("IE == SM", "SP"),  # two that only change together
        ("M == 0 || (IE == 1 && SM == 0 && SP == 1)", "IE"),  # free in supervisor mode alone
        ("IE == 0 && SM == 0 && SP == 0", "M"),
    ],
)
def test_a_canary_is_made_of_a_leaf_that_is_free_where_it_is_asked(
    legal: str, leaf: str, tmp_path: Path, evidence: Evidence
) -> None:
    machine = edited(
        tmp_path,
        ("  L: {type: Bits<4>, role: relocation}\n", ""),
        ("  B: {type: Bits<4>, role: relocation, reset: 15}\n", ""),
        (SP, f'{SP}{KEPT}legal: ["{legal}"]\n'),
        base="soundness/z00_control",
    )
    found = free_bit(setting_of(machine), evidence)
    assert found is not None and found[0].name == leaf
    assert list(canaries(machine, evidence)) == []
    assert any(":hole@" in q.label for q in evidence.queries)
