"""What the check says of tiny machines, held against the real monitor: where one exists, a guest sees nothing; where none does, it sees something."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgcheck.checker.check import check, solver_for
from pgcheck.checker.options import Options
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.verdicts.policy import policy
from pgcheck.isa.files.errors import SpecificationError
from pgcheck.isa.machine.build import load
from pgcheck.shipped import shipped
from tests.checker.judging import PLAIN
from tests.oracle.endtoend import compare, plans
from tests.oracle.machines import written
from tests.oracle.monitored import UNFIT, cases, held, unseen
from tests.oracle.plans import Plan
from tests.oracle.twin import Watched, twin
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


def test_traps_that_do_not_enter_are_the_processors(
    tmp_path: Path, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "machine.yaml"
    path.write_text(written(Plan(1, frozenset({"bounds", "saved"}), frozenset({"service stays"}), 1, 2)), "utf-8")
    machine = load(path)
    results = check(machine, Options(jobs=1, cache=False, second=False)).deployments
    found = held(machine, results, evidence, RUNS)
    assert (found.contradictions, found.unbuilt) == ((), ()) and found.runs > RUNS
    (case,) = cases(machine, results, evidence)
    given = policy(machine, results[0], evidence, apart=True)

    def differs() -> bool:
        made = (compare(twin(machine, given, case.delegated), case.guests, p, 4 * RUNS) for p in plans(machine))
        return any(report.differences for report in made)

    assert case.delegated and not differs()
    monkeypatch.setattr(Watched, "nested", lambda *given: None)  # the processor drops the trap
    assert differs()


@pytest.mark.parametrize("partial", [True, False])
def test_a_hole_shows_where_its_guest_runs(partial: bool, tmp_path: Path, evidence: Evidence) -> None:
    """Where bounds have to fit, none fit a supervisor, who reaches more than a user: it is interpreted, and no run shows the hole."""
    path = tmp_path / "machine.yaml"
    features = frozenset({"bounds", "saved", *(("partial",) if partial else ())})
    path.write_text(written(Plan(1, features, frozenset({"mode is read"}), 2, 2)), "utf-8")
    machine = load(path)
    results = check(machine, Options(jobs=1, cache=False, second=False)).deployments
    assert {r.id: r.verdict for r in results[0].instructions}["mode"] == "hole"
    (case,) = cases(machine, results, evidence)
    ((_, report),) = unseen(case, evidence, RUNS)
    assert (bool(report.differences), report.unbuilt == UNFIT) == (not partial, partial)
