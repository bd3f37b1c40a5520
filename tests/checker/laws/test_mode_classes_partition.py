"""The law mode_classes_partition: what obeys it passes, and the smallest thing that does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.laws.mode_classes_partition import mode_classes_partition
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.build import load
from tests.checker.variants import edited
from tests.specifications import SMALL

MODES = "  supervisor: {values: [0]}\n  user: {values: [1]}\n"


@pytest.mark.parametrize(
    ("modes", "more", "said"),
    [
        (MODES, "", []),
        (
            "  supervisor: {values: [0], when: M == 0 || C == 1}\n  user: {values: [1], when: M == 1 && C == 0}\n",
            "",
            [],
        ),
        ("  supervisor: {values: [0]}\n  user: {values: [0, 1]}\n", "", ["meet at M = 0"]),
        ("  supervisor: {values: [0], when: M == 0 || C == 1}\n  user: {values: [1]}\n", "", ["meet: "]),
        ("  supervisor: {values: [0], when: M == 0 && C == 1}\n  user: {values: [1]}\n", "", ["at M = 0"]),
        (
            "  supervisor: {values: [0], when: M == 0 && C == 1}\n  user: {values: [1]}\n",
            'deployments: {d: {guest: "M == 1 || C == 1", real_mode: 1}}\n',
            [],
        ),
        (
            "  supervisor: {values: [0], when: M == 0 && C == 1}\n  user: {values: [1]}\n",
            'legal: ["M == 1 || C == 1"]\n',
            [],
        ),
    ],
)
def test_every_state_of_a_guest_is_in_one_class(
    modes: str, more: str, said: list[str], tmp_path: Path, evidence: Evidence
) -> None:
    machine = edited(tmp_path, (MODES, modes), ("modes:\n", f"{more}modes:\n"))
    found = list(mode_classes_partition(machine, evidence))
    assert len(found) == len(said)
    assert all(f.status == "error" and words in f.message for f, words in zip(found, said, strict=True))


def test_the_monitor_is_in_no_mode_of_users(evidence: Evidence) -> None:
    machine = load(SMALL / "soundness" / "monitor_in_user_mode.yaml")
    assert [f.message[:39] for f in mode_classes_partition(machine, evidence)] == [
        "`monitor` holds in user mode too, where"
    ]
