"""Laws about cuts, fetches, what translation reads and what can be mapped, as enumeration decides them: each is broken by its fault alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.isa.machine.build import load
from tests.oracle.classical import Trees
from tests.oracle.cutting import LAWS
from tests.oracle.entering import Entries
from tests.oracle.laws import Asked, asked
from tests.oracle.machines import written
from tests.oracle.mapping import monitor_can_map
from tests.oracle.plans import Plan
from tests.oracle.space import Fixed, Relation, Space
from tests.oracle.steps import words

BROKEN = {
    "translation changes a register": ("bounds", {"cuts_change_no_general_state"}),
    "translation changes control state": ("external", {"cuts_change_no_control_state"}),
    "fetch is not translated": ("bounds", {"fetches_depend_on_translation_alone"}),
    "fetch shows the mode": ("external", {"fetches_depend_on_translation_alone"}),
    "fetch changes a register": ("bounds", {"fetches_depend_on_translation_alone"}),
    "address goes by a register": ("external", {"steps_keep_what_translation_reads"}),
    "refusal goes by a register": ("bounds", {"steps_keep_what_translation_reads"}),
    "base is a program's": ("bounds", {"steps_keep_what_translation_reads", "translation_is_the_monitors"}),
    "base is mirrored": ("bounds", {"translation_is_the_monitors"}),
    "translation chooses": ("bounds", {"translation_is_the_monitors"}),
    "mode is read": ("bounds", set[str]()),
}


def made(scheme: str, fault: str, address: int, folder: Path) -> Asked:
    path = folder / "machine.yaml"
    features = frozenset({scheme, "saved", "partial", "choices"})
    physical = {"bounds": 2, "pages": 3, "external": address}[scheme]
    path.write_text(written(Plan(1, features, frozenset(filter(None, [fault])), address, physical)), "utf-8")
    machine = load(path)
    deliveries = Entries(machine)
    space = Space(machine, machine.deployments[0])
    return asked(space, tuple(words(machine)), deliveries, deliveries, Trees(machine))


@pytest.mark.parametrize("fault", BROKEN)
def test_a_law_is_broken_by_its_fault_alone(fault: str, tmp_path: Path) -> None:
    scheme, broken = BROKEN[fault]
    about = made(scheme, fault, 1, tmp_path)
    assert {name for name, law in LAWS.items() if not law(about)} == broken


@pytest.mark.parametrize(
    ("scheme", "fault", "address", "status", "refused"),
    [
        ("bounds", "", 1, "ok", set[int]()),
        ("bounds", "", 2, "warning", {2, 3}),
        ("external", "", 1, "ok", set[int]()),
        ("external", "unit refuses an address", 1, "warning", {1}),
        ("external", "unit folds addresses", 1, "fails", set[int]()),
        ("external", "unit folds addresses", 2, "fails", set[int]()),
        ("pages", "", 2, "ok", set[int]()),
        ("pages", "walk ignores a bit", 2, "fails", set[int]()),
    ],
)
def test_what_can_be_mapped(
    scheme: str, fault: str, address: int, status: str, refused: set[int], tmp_path: Path
) -> None:
    about = made(scheme, fault, address, tmp_path)
    assert monitor_can_map(about, Relation(about.space, Fixed())) == (status, frozenset(refused))
