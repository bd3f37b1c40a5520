"""Each obligation of the check, taken out, is missed: a generated machine on which check, enumeration and monitors then differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from pgcheck.checker.check import check, solver_for
from pgcheck.checker.result import MachineResult
from pgcheck.checker.solving.evidence import Contradiction, Evidence
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine
from tests.checker.judging import PLAIN
from tests.oracle.compare import QUIET, against
from tests.oracle.machines import written
from tests.oracle.monitored import held
from tests.oracle.obligations import KILLED, NOTICING, OPEN, TOGETHER, VOID, WORDS, asking, kind, plan

RUNS = 30
MISSED = sorted({*KILLED.values(), *(seed for table in (TOGETHER, NOTICING) for _, seed in table.values())})


@pytest.fixture(scope="module")
def evidence() -> Iterator[Evidence]:
    solver = solver_for(PLAIN)
    yield Evidence(solver, False)
    solver.close()


def made(seed: int, folder: Path) -> Machine:
    path = folder / f"{seed}.yaml"
    path.write_text(written(plan(seed)), encoding="utf-8")
    return load(path)


def missed(without: Collection[str], seed: int, folder: Path, evidence: Evidence) -> bool:
    """Whether a machine shows that obligations are not asked.

    Enumeration or a monitor says something else, the check leaves something open or contradicts itself, or there is no monitor where it
    promises one.
    """
    machine = made(seed, folder)
    try:
        with asking(machine, without):
            result = check(machine, QUIET)
            compared = against(machine, result)
            if compared.contradictions or compared.unknown:
                return True
            return held(machine, result.deployments, evidence, RUNS).contradictions != ()
    except (Contradiction, ValueError):  # what `Vmm` raises without a way in and out
        return True


@pytest.mark.campaign
@pytest.mark.parametrize(("obligation", "seed"), KILLED.items())
def test_what_is_not_asked_is_missed(obligation: str, seed: int, tmp_path: Path, evidence: Evidence) -> None:
    assert missed({obligation}, seed, tmp_path, evidence)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", MISSED)
def test_what_is_asked_is_not_missed(seed: int, tmp_path: Path, evidence: Evidence) -> None:
    assert not missed((), seed, tmp_path, evidence)


@pytest.mark.campaign
@pytest.mark.parametrize(("obligation", "other", "seed"), [(k, o, s) for k, (o, s) in TOGETHER.items()])
def test_what_says_the_same_is_missed_together(
    obligation: str, other: str, seed: int, tmp_path: Path, evidence: Evidence
) -> None:
    assert not missed({obligation}, seed, tmp_path, evidence)
    assert missed({obligation, other}, seed, tmp_path, evidence)


@pytest.mark.campaign
@pytest.mark.parametrize(("obligation", "other", "seed"), [(k, o, s) for k, (o, s) in NOTICING.items()])
def test_what_notices_is_there_to_notice(
    obligation: str, other: str, seed: int, tmp_path: Path, evidence: Evidence
) -> None:
    assert missed({other}, seed, tmp_path, evidence)
    assert not missed({obligation, other}, seed, tmp_path, evidence)


def said(result: MachineResult) -> object:
    """What a report says of laws, premises and rows."""
    found = [(f.law, f.subject, f.status, f.message) for f in result.findings]
    return found, [(d.name, r.id, r.verdict, r.reason) for d in result.deployments for r in d.instructions]


@pytest.mark.campaign
@pytest.mark.parametrize(("obligation", "seed"), WORDS.items())
def test_what_words_a_report_changes_it(obligation: str, seed: int, tmp_path: Path) -> None:
    right = said(check(made(seed, tmp_path), QUIET))
    machine = made(seed, tmp_path)  # what was found out of the other is kept with it
    with asking(machine, {obligation}):
        assert said(check(machine, QUIET)) != right


@pytest.mark.campaign
@pytest.mark.parametrize(("obligation", "seed"), VOID.items())
def test_what_is_asked_of_no_sound_machine_says_nothing(obligation: str, seed: int, tmp_path: Path) -> None:
    machine = made(seed, tmp_path)
    with asking(machine) as counted:
        result = check(machine, QUIET)
    assert counted[obligation] and all(d.void for d in result.deployments)


@pytest.mark.campaign
def test_every_obligation_is_in_a_table(tmp_path: Path) -> None:
    asked: set[str] = set()
    for seed in MISSED:
        machine = made(seed, tmp_path)
        with asking(machine) as counted:
            check(machine, QUIET)
        asked |= {obligation for obligation, models in counted.items() if models}
    tables = [set(t) for t in (KILLED, TOGETHER, NOTICING, WORDS, VOID, OPEN)]
    assert asked - set().union(*tables) == set()
    assert sum(map(len, tables)) == len(set().union(*tables))


@pytest.mark.slow
def test_an_obligation_that_is_asked_is_not_missed(tmp_path: Path, evidence: Evidence) -> None:
    assert not missed({"nothing of the kind"}, 4, tmp_path, evidence)
    assert missed({"*:hole@class#"}, 16, tmp_path, evidence)


def test_a_kind_has_no_names(tmp_path: Path) -> None:
    machine = made(4, tmp_path)
    assert kind("default:trap:P lost", machine) == "* lost"
    assert kind("load:ctl[mode@S]", machine) == "*:ctl[*@S]"
    assert kind("(undefined):hole@user1", machine) == kind("(undefined):hole@supervisor0", machine) == "*:hole@class#"
    assert kind("default:asked:P lost", machine) == "* lost"
