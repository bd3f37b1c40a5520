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
RUNS, MOST = 4000, 16_000
"""Runs of one machine: on average, and of any."""
DECIDING = ("classical", "entering", "holes", "laws", "premises", "resuming")
ANSWERS = ("holds", "conditional", "fails")


def decided(seed: int, folder: Path) -> Compared:
    path = folder / f"{seed}.yaml"
    path.write_text(machine(seed), encoding="utf-8")
    return compared(path)


def told(found: dict[int, Compared]) -> list[str]:
    return [f"seed {seed}: {text}" for seed, one in found.items() for text in one.contradictions]


def few(found: dict[int, Compared], share: float) -> dict[str, int]:
    """The answers that fewer machines than this share have."""
    answers = Counter(one.answer for one in found.values())
    return {a: answers[a] for a in ANSWERS if answers[a] < share * len(found)}


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_check_says_what_enumeration_says(chunk: int, tmp_path: Path) -> None:
    found, spent = {}, []
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        before = SPENT.runs
        found[seed] = decided(seed, tmp_path)
        spent.append(SPENT.runs - before)
    assert told(found) == []
    assert sum(spent) <= RUNS * CHUNK and max(spent) <= MOST
    assert [f"seed {seed}: {text}" for seed, one in found.items() for text in one.unknown] == []
    assert few(found, 0.1) == {}


@pytest.mark.campaign
@pytest.mark.parametrize("first", range(CAMPAIGN.start, CAMPAIGN.stop, 100))
def test_the_check_says_what_enumeration_says_of_many(first: int, tmp_path: Path) -> None:
    found = {seed: decided(seed, tmp_path) for seed in range(first, min(first + 100, CAMPAIGN.stop))}
    assert told(found) == []
    assert sum(bool(one.unknown) for one in found.values()) <= len(found) / 100
    assert few(found, 0.15) == {}


def imports(path: Path) -> set[str]:
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    named = [
        [str(n.module)] if isinstance(n, ast.ImportFrom) else [a.name for a in n.names]
        for n in tree
        if isinstance(n, ast.Import | ast.ImportFrom)
    ]
    return {name for names in named for name in names}


def test_the_oracle_shares_no_code_with_the_checker() -> None:
    """`compare` calls the check; what decides the definitions does not know that there is one, nor terms or generated code."""
    reached, ahead = set[str](), ["machines", *DECIDING]
    while ahead:
        module = ahead.pop()
        found = imports(FOLDER / f"{module}.py")
        assert {n for n in found if any(part in n for part in ("checker", "symbolic", "generated"))} == set(), module
        reached.add(module)
        ahead += {n.removeprefix("tests.oracle.") for n in found if n.startswith("tests.oracle.")} - reached
    assert "pgcheck.checker.check" in imports(FOLDER / "compare.py")
