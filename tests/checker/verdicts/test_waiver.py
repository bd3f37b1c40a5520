"""Waivers: what they name is accepted, the smallest thing beyond it is not, and none outlives its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check, solver_for
from pgcheck.checker.result import Finding, MachineResult
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.verdicts.waiver import Reviewed, Waiver, differences, lacking, meaning_of_machine, modes, review
from pgcheck.checker.witnesses.witness_replay import replay_witness
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.meaning import meanings
from pgcheck.waivers.application import waived
from tests.specifications import machine

OPTIONS = Options(second=False)
TODAY = date(2026, 1, 15)


@pytest.fixture(scope="module")
def asking() -> Evidence:
    return Evidence(solver_for(OPTIONS), second=False)


@pytest.fixture(scope="module")
def result() -> MachineResult:
    return check(machine("popf"), OPTIONS)


def meaning_of(machine: Machine, identifier: str) -> str:
    found = meanings(machine).instructions[identifier]
    return found.step + found.encoding


@pytest.fixture(scope="module")
def whole(result: MachineResult, asking: Evidence) -> Waiver:
    """Names all that the hole can show."""
    row = next(r for r in result.main.instructions if r.id == "popf")
    keys = differences(machine("popf"), result.main, row, "monitor", asking)
    return Waiver("popf", "default", "popf", "monitor", meaning_of(machine("popf"), "popf"), keys, "known since 1974")


def reviewed(
    machine: Machine, result: MachineResult, waiver: Waiver, asking: Evidence
) -> tuple[MachineResult, Reviewed]:
    noted, (found,) = review(machine, result, [waiver], asking, TODAY)
    return noted, found


def test_the_hole_shows_what_the_specification_says(whole: Waiver) -> None:
    assert whole.differences == {"virtual:IE"}


def test_what_is_named_is_accepted_and_the_theorem_still_fails(
    result: MachineResult, whole: Waiver, asking: Evidence
) -> None:
    noted, found = reviewed(machine("popf"), result, whole, asking)
    assert (found.status, found.message) == ("accepted", "known since 1974")
    monitor = noted.main.theorems["monitor"]
    assert (monitor.status, monitor.failing, monitor.waived) == ("fails", ("popf",), ("popf",))
    assert noted.main.theorems["theorem1"].waived == ()


@pytest.mark.parametrize(
    "change",
    [{"differences": frozenset()}, {"modes": frozenset({"user"})}, {"operands": {"r": 3}}],
    ids=["another difference", "another mode", "another operand"],
)
def test_a_witness_beyond_it_still_fails(
    change: dict[str, object], result: MachineResult, whole: Waiver, asking: Evidence
) -> None:
    noted, found = reviewed(machine("popf"), result, replace(whole, **change), asking)  # type: ignore[arg-type]
    assert found.status == "outside"
    assert noted.main.theorems["monitor"].waived == ()
    witness = found.witness
    assert witness is not None
    assert replay_witness(machine("popf"), witness).reproduced
    if "operands" in change:
        assert witness.operands["r"] != 3


def test_a_changed_instruction_makes_it_stale(whole: Waiver, asking: Evidence, tmp_path: Path) -> None:
    text = (Path("tests/specs/popf.yaml").read_text("utf-8"), "IE = A[r][1]", "IE = A[r][2]")
    assert text[0].count(text[1]) == 1
    (tmp_path / "popf.yaml").write_text(text[0].replace(text[1], text[2]), "utf-8")
    from pgcheck.isa.machine.build import load
    from pgcheck.shipped import shipped

    changed = load(tmp_path / "popf.yaml", shipped=shipped)
    assert reviewed(changed, check(changed, OPTIONS), whole, asking)[1].status == "stale"


def test_one_for_what_is_no_hole_is_unneeded(result: MachineResult, whole: Waiver, asking: Evidence) -> None:
    other = replace(whole, instruction="add", meaning=meaning_of(machine("popf"), "add"))
    assert reviewed(machine("popf"), result, other, asking)[1].status == "unneeded"


def test_one_for_what_is_not_there_is_stale(result: MachineResult, whole: Waiver, asking: Evidence) -> None:
    assert reviewed(machine("popf"), result, replace(whole, instruction="nothing"), asking)[1].status == "stale"
    assert reviewed(machine("popf"), result, replace(whole, deployment="nowhere"), asking)[1].status == "stale"


@pytest.mark.parametrize(("until", "status"), [(date(2026, 1, 14), "expired"), (TODAY, "accepted"), (None, "accepted")])
def test_it_expires(until: date | None, status: str, result: MachineResult, whole: Waiver, asking: Evidence) -> None:
    assert reviewed(machine("popf"), result, replace(whole, expires=until), asking)[1].status == status


def test_a_waiver_of_another_machine_is_not_looked_at(result: MachineResult, whole: Waiver, asking: Evidence) -> None:
    assert review(machine("popf"), result, [replace(whole, machine="other")], asking, TODAY) == (result, ())


def test_theorem_1_is_waived_by_sensitivity(result: MachineResult, whole: Waiver, asking: Evidence) -> None:
    row = next(r for r in result.main.instructions if r.id == "popf")
    named = replace(whole, property="theorem1", differences=frozenset(map(str, row.sensitivities)))
    noted, found = reviewed(machine("popf"), result, named, asking)
    assert found.status == "accepted"
    assert noted.main.theorems["theorem1"].waived == ("popf",)
    fewer = replace(named, differences=frozenset(map(str, row.sensitivities[1:])))
    assert reviewed(machine("popf"), result, fewer, asking)[1].status == "outside"


def test_an_unchanged_meaning_survives_other_edits(whole: Waiver, asking: Evidence, tmp_path: Path) -> None:
    """Keyed by meaning: an edit elsewhere and another place in the file change nothing."""
    text = Path("tests/specs/popf.yaml").read_text("utf-8")
    (tmp_path / "popf.yaml").write_text("# moved\n\n" + text, "utf-8")
    from pgcheck.isa.machine.build import load
    from pgcheck.shipped import shipped

    moved = load(tmp_path / "popf.yaml", shipped=shipped)
    assert reviewed(moved, check(moved, OPTIONS), whole, asking)[1].status == "accepted"


def test_what_is_not_decided_is_not_accepted(result: MachineResult, whole: Waiver, asking: Evidence) -> None:
    rows = tuple(replace(r, verdict="unknown") if r.id == "popf" else r for r in result.main.instructions)
    theorems = {n: replace(t, status="unknown") for n, t in result.main.theorems.items()}
    undecided = replace(result, deployments=(replace(result.main, instructions=rows, theorems=theorems),))
    noted, found = reviewed(machine("popf"), undecided, whole, asking)
    assert found.status == "unknown" and noted.main.theorems["monitor"].waived == ()


def test_a_row_that_only_a_configuration_closes_needs_none(
    result: MachineResult, whole: Waiver, asking: Evidence
) -> None:
    theorems = {n: replace(t, status="conditional") for n, t in result.main.theorems.items()}
    closed = replace(result, deployments=(replace(result.main, theorems=theorems),))
    assert reviewed(machine("popf"), closed, whole, asking)[1].status == "unneeded"


@pytest.mark.parametrize(("operands", "said"), [({"q": 1}, "no operand 'q'"), ({"r": 16}, "has 4 bits")])
def test_operands_that_are_not_there_make_it_stale(
    operands: dict[str, int], said: str, result: MachineResult, whole: Waiver, asking: Evidence
) -> None:
    found = reviewed(machine("popf"), result, replace(whole, operands=operands), asking)[1]
    assert found.status == "stale" and said in found.message


def test_the_modes_are_those_that_show_it(result: MachineResult, asking: Evidence) -> None:
    row = next(r for r in result.main.instructions if r.id == "popf")
    assert modes(machine("popf"), result.main, row, asking) == {"supervisor"}


# ---- what the machine lacks

LACKING = (
    Finding("no_way_in", "fails", "default", "A cannot be loaded"),
    Finding("no_way_in", "ok", "default", "B can"),
)


@pytest.fixture(scope="module")
def without(result: MachineResult) -> MachineResult:
    """The result, had a premise been refuted."""
    theorems = {n: replace(t, status="fails", premises=("no_way_in",)) for n, t in result.main.theorems.items()}
    return replace(result, findings=LACKING, deployments=(replace(result.main, theorems=theorems),))


PREMISE = Waiver(
    "popf",
    "default",
    "no_way_in",
    "monitor",
    meaning_of_machine(machine("popf")),
    frozenset({"A cannot be loaded"}),
    "A is not used",
)


def test_what_the_machine_lacks_is_accepted_by_its_name(without: MachineResult, asking: Evidence) -> None:
    assert lacking(without, "default", "no_way_in") == PREMISE.differences
    noted, found = reviewed(machine("popf"), without, PREMISE, asking)
    assert (found.status, found.message) == ("accepted", "A is not used")
    assert noted.main.theorems["monitor"].waived == ("no_way_in",)
    assert noted.main.theorems["theorem1"].waived == ()


@pytest.mark.parametrize(
    "change, status, said",
    [
        ({"differences": frozenset({"B cannot be loaded"})}, "outside", "also says: A cannot be loaded"),
        ({"expires": date(2026, 1, 14)}, "expired", "until 2026-01-14"),
        ({"meaning": "0" * 64}, "stale", "look at it again"),
        ({"instruction": "no_way_out"}, "stale", "has no default: no_way_out"),
    ],
)
def test_a_waiver_of_a_premise_does_not_outlive_it(
    change: dict[str, object], status: str, said: str, without: MachineResult, asking: Evidence
) -> None:
    noted, found = reviewed(machine("popf"), without, replace(PREMISE, **change), asking)  # type: ignore[arg-type]
    assert found.status == status and said in found.message
    assert noted.main.theorems["monitor"].waived == ()


def test_a_premise_that_is_not_refuted_needs_no_waiver(
    result: MachineResult, without: MachineResult, asking: Evidence
) -> None:
    held = replace(result, findings=LACKING[1:])
    assert reviewed(machine("popf"), held, PREMISE, asking)[1].status == "unneeded"
    open_ = {n: replace(t, status="unknown") for n, t in without.main.theorems.items()}
    undecided = replace(without, deployments=(replace(without.main, theorems=open_),))
    assert reviewed(machine("popf"), undecided, PREMISE, asking)[1].status == "unknown"


def test_all_that_a_theorem_fails_for_has_to_be_accepted(
    without: MachineResult, whole: Waiver, asking: Evidence
) -> None:
    one, _ = review(machine("popf"), without, [PREMISE], asking, TODAY)
    both, _ = review(machine("popf"), without, [PREMISE, whole], asking, TODAY)
    assert [waived(r.main.theorems["monitor"]) for r in (without, one, both)] == [False, False, True]
