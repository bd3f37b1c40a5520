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
from pgcheck.shipped import shipped
from tests.checker.judging import PLAIN
from tests.oracle.monitored import held
from tests.specifications import SMALL

pytestmark = pytest.mark.slow

RUNS = 30
CORPUS = sorted((SMALL / "soundness").glob("*.yaml"))


@pytest.fixture(scope="module")
def evidence() -> Iterator[Evidence]:
    solver = solver_for(PLAIN)
    yield Evidence(solver, False)
    solver.close()


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_case_is_as_the_check_says(path: Path, evidence: Evidence) -> None:
    try:
        found = load(path, shipped=shipped)
    except SpecificationError:
        return
    results = check(found, Options(jobs=1, cache=False, second=False)).deployments
    assert held(found, results, evidence, RUNS).contradictions == ()
