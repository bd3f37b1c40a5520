"""The check against enumeration and against the real monitor, machine by machine: no contradiction, hardly an open question, and answers of every kind."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pgcheck.checker.check import check, solver_for
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.build import load
from tests.checker.judging import PLAIN
from tests.oracle.compare import QUIET, Compared, against
from tests.oracle.machines import machine
from tests.oracle.monitored import Held, held
from tests.oracle.runs import SPENT

FOLDER = Path(__file__).parent
CHUNK, CHUNKS = 20, 10
"""The machines of one test, and the tests of every run of the suite."""
CAMPAIGN = range(CHUNK * CHUNKS, 5000)
DECIDED, RUN, MOST = 4000, 30, 4000
"""Runs of one machine at most: to decide its definitions, of each of its monitors from each kind of start, and of all of these."""
CAMPAIGN_RUN = 5000
CAMPAIGN_MOST = 100_000
DECIDING = ("classical", "entering", "holes", "laws", "premises", "resuming")
ANSWERS = ("holds", "conditional", "fails")


@dataclass(frozen=True, slots=True)
class Both:
    """A machine decided by enumeration, and run under its monitors; and how many runs the first took."""

    decided: Compared
    held: Held
    runs: int

    @property
    def contradictions(self) -> tuple[str, ...]:
        return (*self.decided.contradictions, *self.held.contradictions)


@pytest.fixture(scope="module")
def evidence() -> Iterator[Evidence]:
    solver = solver_for(PLAIN)
    yield Evidence(solver, False)
    solver.close()


def both(seed: int, folder: Path, evidence: Evidence, runs: int) -> Both:
    path = folder / f"{seed}.yaml"
    path.write_text(machine(seed), encoding="utf-8")
    found, before = load(path), SPENT.runs
    result = check(found, QUIET)
    decided = against(found, result)
    return Both(decided, held(found, result.deployments, evidence, runs), SPENT.runs - before)


def told(found: dict[int, Both]) -> list[str]:
    return [f"seed {seed}: {text}" for seed, one in found.items() for text in one.contradictions]


def few(found: dict[int, Both], share: float) -> dict[str, int]:
    """The answers that fewer machines than this share have."""
    answers = Counter(one.decided.answer for one in found.values())
    return {a: answers[a] for a in ANSWERS if answers[a] < share * len(found)}


def unbuilt(found: dict[int, Both]) -> dict[int, tuple[str, ...]]:
    """The machines of which some monitor could not be made."""
    return {seed: one.held.unbuilt for seed, one in found.items() if one.held.unbuilt}


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_check_says_what_enumeration_and_monitors_say(chunk: int, tmp_path: Path, evidence: Evidence) -> None:
    found = {s: both(s, tmp_path, evidence, RUN) for s in range(chunk * CHUNK, (chunk + 1) * CHUNK)}
    assert told(found) == []
    assert max(one.runs for one in found.values()) <= DECIDED
    assert max(one.held.runs for one in found.values()) <= MOST
    assert [f"seed {seed}: {text}" for seed, one in found.items() for text in one.decided.unknown] == []
    assert len(unbuilt(found)) <= 0.3 * len(found)
    assert few(found, 0.05) == {}


@pytest.mark.campaign
@pytest.mark.parametrize("first", range(CAMPAIGN.start, CAMPAIGN.stop, 100))
def test_the_check_says_what_enumeration_and_monitors_say_of_many(
    first: int, tmp_path: Path, evidence: Evidence
) -> None:
    found = {s: both(s, tmp_path, evidence, CAMPAIGN_RUN) for s in range(first, min(first + 100, CAMPAIGN.stop))}
    assert told(found) == []
    assert max(max(one.runs, one.held.runs) for one in found.values()) <= CAMPAIGN_MOST
    assert sum(bool(one.decided.unknown) for one in found.values()) <= len(found) / 100
    assert len(unbuilt(found)) <= 0.2 * len(found)
    assert few(found, 0.1) == {}


def imports(path: Path) -> set[str]:
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    named = [
        [str(n.module)] if isinstance(n, ast.ImportFrom) else [a.name for a in n.names]
        for n in tree
        if isinstance(n, ast.Import | ast.ImportFrom)
    ]
    return {name for names in named for name in names}


def test_the_oracle_shares_no_code_with_the_checker() -> None:
    """The test calls the check; what decides the definitions does not know that there is one, nor terms or generated code."""
    reached, ahead = set[str](), ["machines", *DECIDING]
    while ahead:
        module = ahead.pop()
        found = imports(FOLDER / f"{module}.py")
        assert {n for n in found if any(part in n for part in ("checker", "symbolic", "generated"))} == set(), module
        reached.add(module)
        ahead += {n.removeprefix("tests.oracle.") for n in found if n.startswith("tests.oracle.")} - reached
    assert "pgcheck.checker.check" in imports(Path(__file__))
