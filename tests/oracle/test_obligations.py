"""Each obligation of the check, taken out, is missed: a generated machine on which check and enumeration then differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.check import check
from pgcheck.checker.solving.evidence import Contradiction
from pgcheck.isa.machine.build import load
from tests.oracle.compare import QUIET, against
from tests.oracle.machines import written
from tests.oracle.obligations import KILLED, OPEN, asking, kind, plan


def missed(obligation: str, seed: int, folder: Path) -> bool:
    """Whether a machine shows that an obligation is not asked: enumeration says something else, or the check contradicts itself."""
    path = folder / f"{seed}.yaml"
    path.write_text(written(plan(seed)), encoding="utf-8")
    found = load(path)
    try:
        with asking(found, obligation):
            result = check(found, QUIET)
    except Contradiction:
        return True
    return against(found, result).contradictions != ()


@pytest.mark.campaign
@pytest.mark.parametrize(("obligation", "seed"), KILLED.items())
def test_what_is_not_asked_is_missed(obligation: str, seed: int, tmp_path: Path) -> None:
    assert missed(obligation, seed, tmp_path)


@pytest.mark.campaign
def test_every_obligation_is_in_a_table(tmp_path: Path) -> None:
    asked: set[str] = set()
    for seed in sorted(set(KILLED.values())):
        path = tmp_path / f"{seed}.yaml"
        path.write_text(written(plan(seed)), encoding="utf-8")
        found = load(path)
        with asking(found) as counted:
            check(found, QUIET)
        asked |= {obligation for obligation, models in counted.items() if models}
    assert asked - KILLED.keys() - OPEN.keys() == set()


@pytest.mark.slow
def test_an_obligation_that_is_asked_is_not_missed(tmp_path: Path) -> None:
    assert not missed("nothing of the kind", 4, tmp_path)
    assert missed("*:hole@supervisor#", 16, tmp_path)


def test_a_kind_has_no_names(tmp_path: Path) -> None:
    path = tmp_path / "machine.yaml"
    path.write_text(written(plan(4)), encoding="utf-8")
    found = load(path)
    assert kind("default:trap:P lost", found) == "* lost"
    assert kind("load:ctl[mode@S]", found) == "*:ctl[*@S]"
    assert kind("(undefined):hole@user1", found) == "*:hole@user#"
