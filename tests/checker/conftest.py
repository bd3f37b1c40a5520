"""Each specification is checked once in a whole test run, by whichever test process asks first."""

from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check, solver_for
from pgcheck.checker.result import MachineResult
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.solver import Solver
from tests.checker.judging import PLAIN
from tests.checker.results import Checked
from tests.specifications import machine_of


@pytest.fixture(scope="session")
def checked(tmp_path_factory: pytest.TempPathFactory, kept: Path) -> Checked:
    """The full check of a specification, with two workers; parallel test processes share one answer."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "checked"
    folder.mkdir(exist_ok=True)
    known: dict[str, MachineResult] = {}

    def get(name: str) -> MachineResult:
        if name not in known:
            answer = folder / f"{name.replace('/', '-')}.pickle"
            with answer.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not answer.exists():
                    with pytest.MonkeyPatch.context() as patch:
                        patch.setenv("PGCHECK_CACHE", str(kept))
                        answer.write_bytes(pickle.dumps(check(machine_of(name), Options(jobs=2))))
                known[name] = pickle.loads(answer.read_bytes())
        return known[name]

    return get


@pytest.fixture(scope="module")
def evidence() -> Iterator[Evidence]:
    """A solver to ask, without a second one and without a cache."""
    solver = solver_for(Options(cache=False, second=False))
    yield Evidence(solver, False)
    solver.close()


@pytest.fixture
def solver() -> Iterator[Solver]:
    """A solver to ask, for one test."""
    running = solver_for(PLAIN)
    yield running
    running.close()
