"""The check against enumeration, machine by machine: no contradiction, hardly an open question, and answers of every kind."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.oracle.compare import Compared, compared
from tests.oracle.machines import machine
from tests.oracle.runs import SPENT

FOLDER = Path(__file__).parent
CHUNK, CHUNKS = 28, 4
"""The machines of one test, and the tests of every run of the suite."""
CAMPAIGN = range(CHUNK * CHUNKS, 5000)
RUNS, MANY = 8000, 100_000
ANSWERS = ("holds", "conditional", "fails")


def decided(seed: int, folder: Path) -> Compared:
    path = folder / f"{seed}.yaml"
    path.write_text(machine(seed), encoding="utf-8")
    return compared(path)


def told(found: dict[int, Compared]) -> list[str]:
    return [f"seed {seed}: {text}" for seed, one in found.items() for text in one.contradictions]


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_check_says_what_enumeration_says(chunk: int, tmp_path: Path) -> None:
    found, most = {}, 0
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        before = SPENT.runs
        found[seed] = decided(seed, tmp_path)
        most = max(most, SPENT.runs - before)
    assert told(found) == []
    assert most <= RUNS
    assert [f"seed {seed}: {text}" for seed, one in found.items() for text in one.unknown] == []
    answers = Counter(one.answer for one in found.values())
    assert {a: answers[a] for a in ANSWERS if answers[a] < 0.15 * CHUNK} == {}


@pytest.mark.campaign
@pytest.mark.parametrize("first", range(CAMPAIGN.start, CAMPAIGN.stop, 100))
def test_the_check_says_what_enumeration_says_of_many(first: int, tmp_path: Path) -> None:
    found = {seed: decided(seed, tmp_path) for seed in range(first, min(first + 100, CAMPAIGN.stop))}
    assert told(found) == []
    assert sum(bool(one.unknown) for one in found.values()) <= len(found) / 100


def test_the_oracle_shares_no_code_with_the_checker() -> None:
    """`compare` calls the check; nothing else knows that there is one."""
    for path in sorted(FOLDER.glob("*.py")):
        if path.name.startswith("test_") or path.name in ("compare.py", "obligations.py"):
            continue
        imported = [
            str(name)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            for name in (
                [node.module]
                if isinstance(node, ast.ImportFrom)
                else [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else []
            )
        ]
        assert [n for n in imported if n.startswith("pgcheck.checker") or n.startswith("checker")] == [], path.name
        assert [n for n in imported if "symbolic" in n or "generated" in n] == [], path.name
