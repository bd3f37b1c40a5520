"""Kept judgements: an unchanged row is not asked again, a changed one is, and no entry of the cache can invent an answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check
from pgcheck.checker.verdicts import judge as judging
from pgcheck.checker.verdicts import survey
from pgcheck.checker.verdicts.judge import InstructionRow, Judgement
from pgcheck.isa.files.cache import Cache
from pgcheck.isa.machine.machine import Machine
from tests.checker.variants import edited
from tests.specifications import machine_of

OPTIONS = Options(second=False)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The rows that were judged, with a cache of the test's own."""
    monkeypatch.setenv("PGCHECK_CACHE", str(tmp_path / "cache"))
    rows: list[str] = []
    original = judging.judge

    def judge(setting: object, work: InstructionRow, *rest: object, **more: object) -> Judgement:
        rows.append(work.id)
        return original(setting, work, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(survey, "judge", judge)
    return rows


def verdicts(machine: Machine) -> dict[str, str]:
    return {r.id: r.verdict for r in check(machine, OPTIONS).main.instructions}


def test_only_what_changed_is_judged_again(asked: list[str], tmp_path: Path) -> None:
    first = verdicts(machine_of("pg74"))
    assert set(asked) == set(first)
    asked.clear()
    second = verdicts(edited(tmp_path, ("A[r] = A[r] << n;", "A[r] = (M == 1) ? A[r] : A[r] << n;")))
    assert set(asked) == {"shl"}
    assert second == {**first, "shl": "hole"}


def test_a_changed_frame_asks_everything_again(asked: list[str], tmp_path: Path) -> None:
    first = verdicts(machine_of("pg74"))
    asked.clear()
    verdicts(edited(tmp_path, ("C: {type: Bits<1>, role: general}", "C: {type: Bits<1>, role: configuration}")))
    assert set(asked) == set(first)


def test_a_damaged_entry_is_asked_again(asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = verdicts(machine_of("pg74"))
    asked.clear()
    found = Cache.get

    def damaged(self: Cache, key: str) -> str | None:
        text = found(self, key)
        return text and (text[:-8] if key.startswith("row ") else None if key.startswith("result ") else text)

    monkeypatch.setattr(Cache, "get", damaged)
    assert verdicts(machine_of("pg74")) == first
    assert set(asked) == set(first)


def test_no_cache_keeps_nothing(asked: list[str], tmp_path: Path) -> None:
    check(machine_of("pg74"), Options(second=False, cache=False))
    count = len(asked)
    check(machine_of("pg74"), Options(second=False, cache=False))
    assert len(asked) == 2 * count > 0
