"""The law translation_is_the_monitors: what obeys it passes, and the smallest thing that does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.example import PAGED, Edit, Example
from pgcheck.checker.laws.realisable import realisable
from pgcheck.checker.laws.translation_is_the_monitors import translation_is_the_monitors
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine
from tests.checker.variants import variant

ROOT: Edit = ("  ROOT: {type: Bits<4>, role: relocation}", "  ROOT: {type: Bits<4>, role: general}")
GIVEN: Edit = ("    given: {PAGING: 1}", "    given: {PAGING: 1, G: 1}")
G: Edit = ("  IE:", "  G: {type: Bits<1>, role: general}\n  IE:")
MIRRORED = "deployments: {default: {real_mode: 1, mirror: [%s]}}\nfunctions: |\n"


def paged(folder: Path, *edits: Edit) -> Machine:
    path = folder / "paged.yaml"
    path.write_text(Example(edits, (), PAGED).broken, "utf-8")
    return load(path)


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ((), ""),
        ((ROOT,), "ROOT: the monitor"),
        ((("functions: |\n", MIRRORED % "ROOT"),), "mirrors ROOT"),
        ((("functions: |\n", MIRRORED % "PAGING"),), "mirrors PAGING"),
        ((("functions: |\n", MIRRORED % "IE"),), ""),
        ((("{ROOT, a[7:4]}", '{undefined<4>("where"), a[7:4]}'),), "depends on where"),
    ],
)
def test_what_leads_to_the_tables_is_the_monitors(
    edits: tuple[Edit, ...], message: str, tmp_path: Path, evidence: Evidence
) -> None:
    if message == "depends on where":
        edits = (edits[0], ("functions: |\n", "nondeterminism: {where: Bits<4>}\nfunctions: |\n"))
    found = [f.message for f in translation_is_the_monitors(paged(tmp_path, *edits), evidence)]
    assert (not found) if not message else any(message in text for text in found)


@pytest.mark.parametrize(("leaf", "breaks"), [("R.l", True), ("R.b", True), ("M", False)])
def test_base_and_limit_are_not_mirrored(leaf: str, breaks: bool, tmp_path: Path, evidence: Evidence) -> None:
    machine = variant(tmp_path, f"deployments: {{d: {{real_mode: 1, mirror: [{leaf}]}}}}\n")
    assert bool(list(translation_is_the_monitors(machine, evidence))) == breaks


@pytest.mark.parametrize(
    ("condition", "breaks"),
    [
        ("G == 0 || pte.V == 0 ||", False),  # where a guest's own state refuses more, it only refuses more
        ("(G == 1 && pte.V == 0) ||", True),  # where it refuses less, `deny` does not deny
    ],
)
def test_a_given_leaf_that_is_the_guests_does_not_open_an_entry(
    condition: str, breaks: bool, tmp_path: Path, evidence: Evidence
) -> None:
    machine = paged(tmp_path, G, GIVEN, ("pte.V == 0 ||", condition))
    assert any(f.status == "error" for f in realisable(machine, evidence)) == breaks
