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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What solvers answer hangs on no version of Python: all that is below this folder is slow."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """The full check of a specification, with two workers and no cache on disk; parallel test processes share one answer."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "checked"
    folder.mkdir(exist_ok=True)
    known: dict[str, MachineResult] = {}

    def get(name: str) -> MachineResult:
        if name not in known:
            with (folder / f"{name}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                kept = folder / f"{name}.pickle"
                if not kept.exists():
                    kept.write_bytes(pickle.dumps(check(machine_of(name), Options(jobs=2, cache=False))))
                known[name] = pickle.loads(kept.read_bytes())
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
