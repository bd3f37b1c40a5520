"""What the check says of tiny machines, held against the real monitor: where one exists, a guest sees nothing; where none does, it sees something."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgcheck.checker.check import check, solver_for
from pgcheck.checker.options import Options
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.files.errors import SpecificationError
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine
from pgcheck.shipped import shipped
from tests.checker.judging import PLAIN
from tests.oracle.machines import machine
from tests.oracle.monitored import cases, kept, unseen
from tests.specifications import SMALL

pytestmark = pytest.mark.slow

QUOTA, RUNS = 80, 30
CAMPAIGN, CAMPAIGN_RUNS = 5_000, 100_000
CORPUS = sorted((SMALL / "soundness").glob("*.yaml"))


@pytest.fixture(scope="module")
def evidence() -> Iterator[Evidence]:
    solver = solver_for(PLAIN)
    yield Evidence(solver, False)
    solver.close()


def contradictions(found: Machine, evidence: Evidence, runs: int) -> list[str]:
    """Where the check and the runs of the real monitor say different things."""
    said = []
    for case in cases(found, check(found, Options(jobs=1, cache=False, second=False)).deployments):
        if case.result.theorems["monitor"].status == "fails" and not case.result.theorems["monitor"].premises:
            said += [f"no monitor, but {what}" for what in unseen(case, evidence, 20 * runs)]
        for kind, report in kept(case, evidence, runs):
            said += [f"{kind}: {difference}" for difference in report.differences]
    return said


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_case_is_as_the_check_says(path: Path, evidence: Evidence) -> None:
    try:
        found = load(path, shipped=shipped)
    except SpecificationError:
        return
    assert contradictions(found, evidence, RUNS) == []


@pytest.mark.parametrize("seeds", [range(k, k + 20) for k in range(0, QUOTA, 20)], ids=lambda seeds: str(seeds[0]))
def test_a_machine_is_as_the_check_says(seeds: range, evidence: Evidence, tmp_path: Path) -> None:
    said = {seed: contradictions(_made(seed, tmp_path), evidence, RUNS) for seed in seeds}
    assert {seed: found for seed, found in said.items() if found} == {}


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(CAMPAIGN))
def test_a_machine_is_as_the_check_says_in_every_run(seed: int, evidence: Evidence, tmp_path: Path) -> None:
    assert contradictions(_made(seed, tmp_path), evidence, CAMPAIGN_RUNS) == []


def _made(seed: int, folder: Path) -> Machine:
    path = folder / f"machine{seed}.yaml"
    path.write_text(machine(seed), encoding="utf-8")
    return load(path)
