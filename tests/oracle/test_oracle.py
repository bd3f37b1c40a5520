"""The check against enumeration and against the real monitor, machine by machine: no contradiction, hardly an open question, and answers of every kind."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgcheck.checker.check import check, solver_for
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.build import load
from tests.checker.judging import PLAIN
from tests.oracle.compare import QUIET, against
from tests.oracle.journal import Told, current, resumed
from tests.oracle.machines import machine
from tests.oracle.monitored import OUTSIDE, held
from tests.oracle.runs import SPENT

FOLDER = Path(__file__).parent
CHUNK, CHUNKS = 20, 10
"""The machines of one test, and the tests of every run of the suite."""
CAMPAIGN = range(CHUNK * CHUNKS, 5000)
DECIDED, RUN, MOST = 4000, 30, 4000
"""Runs of one machine at most: to decide its definitions, of each of its monitors from each kind of start, and of all of these."""
CAMPAIGN_RUN = 5000
CAMPAIGN_MOST = 100_000
DECIDING = ("classical", "cutting", "entering", "holes", "laws", "mapping", "premises", "resuming")
ANSWERS = ("holds", "conditional", "fails")


@pytest.fixture(scope="module")
def evidence() -> Iterator[Evidence]:
    solver = solver_for(PLAIN)
    yield Evidence(solver, False)
    solver.close()


def decided(seed: int, folder: Path, evidence: Evidence, runs: int) -> Told:
    """A machine decided by enumeration, and run under its monitors."""
    path = folder / f"{seed}.yaml"
    path.write_text(machine(seed), encoding="utf-8")
    found, before = load(path), SPENT.runs
    result = check(found, QUIET)
    compared = against(found, result)
    spent, ran = SPENT.runs - before, held(found, result.deployments, evidence, runs)
    contradictions = (*compared.contradictions, *ran.contradictions)
    return Told(seed, contradictions, compared.unknown, ran.unbuilt, compared.answer, spent, ran.runs)


def told(found: list[Told]) -> list[str]:
    return [f"seed {one.seed}: {text}" for one in found for text in one.contradictions]


def few(found: list[Told], share: float) -> dict[str, int]:
    """The answers that fewer machines than this share have."""
    answers = Counter(one.answer for one in found)
    return {a: answers[a] for a in ANSWERS if answers[a] < share * len(found)}


def unbuilt(found: list[Told]) -> dict[int, tuple[str, ...]]:
    """The machines of which some monitor could not be made though a specification says what a guest sees: a base and a limit under shared modes."""
    left = {one.seed: tuple(text for text in one.unbuilt if text != OUTSIDE) for one in found}
    return {seed: texts for seed, texts in left.items() if texts}


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_check_says_what_enumeration_and_monitors_say(chunk: int, tmp_path: Path, evidence: Evidence) -> None:
    found = [decided(s, tmp_path, evidence, RUN) for s in range(chunk * CHUNK, (chunk + 1) * CHUNK)]
    assert told(found) == []
    assert max(one.decided for one in found) <= DECIDED
    assert max(one.held for one in found) <= MOST
    assert [f"seed {one.seed}: {text}" for one in found for text in one.unknown] == []
    assert len(unbuilt(found)) <= 0.1 * len(found)
    assert few(found, 0.05) == {}


@pytest.mark.campaign
@pytest.mark.parametrize("first", range(CAMPAIGN.start, CAMPAIGN.stop, 100))
def test_the_check_says_what_enumeration_and_monitors_say_of_many(
    first: int, tmp_path: Path, evidence: Evidence, pytestconfig: pytest.Config
) -> None:
    """What is decided is kept in pytest's cache, so that a campaign that was stopped goes on."""
    journal = pytestconfig.cache.mkdir("oracle") / f"{first}.jsonl"
    seeds = range(first, min(first + 100, CAMPAIGN.stop))
    key, runs = current(CAMPAIGN_RUN), CAMPAIGN_RUN
    found = list(resumed(journal, key, seeds, lambda seed: decided(seed, tmp_path, evidence, runs)))
    assert told(found) == []
    assert max(max(one.decided, one.held) for one in found) <= CAMPAIGN_MOST
    assert sum(bool(one.unknown) for one in found) <= len(found) / 100
    assert len(unbuilt(found)) <= 0.05 * len(found)
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
