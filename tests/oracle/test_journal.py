"""A campaign that is stopped anywhere, and started again, finds what one that ran through finds, and decides no machine twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.oracle.journal import Told, current, resumed

SEEDS = range(6)


def told(seed: int) -> Told:
    return Told(seed, ("a",) * (seed % 2), (), ("b", "c"), "holds", seed, 2 * seed)


@pytest.mark.parametrize("stop", SEEDS)
@pytest.mark.parametrize("torn", [0, 1, 30])
def test_a_stopped_campaign_goes_on(stop: int, torn: int, tmp_path: Path) -> None:
    path, decided = tmp_path / "journal", list[int]()

    def decide(seed: int) -> Told:
        decided.append(seed)
        if len(decided) == stop + 1:
            raise KeyboardInterrupt
        return told(seed)

    with pytest.raises(KeyboardInterrupt):
        list(resumed(path, "key", SEEDS, decide))
    whole = path.read_bytes() if path.exists() else b""
    path.write_bytes(whole[: len(whole) - torn])
    lost = whole != b"" and torn > 1
    assert list(resumed(path, "key", SEEDS, decide)) == [told(seed) for seed in SEEDS]
    assert len(decided) == len(SEEDS) + 1 + lost
    assert list(resumed(path, "key", SEEDS, decide)) == [told(seed) for seed in SEEDS]
    assert len(decided) == len(SEEDS) + 1 + lost


def test_what_another_tool_found_is_not_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    list(resumed(path, current(30), SEEDS, told))
    other = Told(0, (), (), (), "fails", 0, 0)
    assert list(resumed(path, current(31), [0], lambda seed: other)) == [other]
    assert list(resumed(path, current(30), [0], lambda seed: other)) == [told(0)]
