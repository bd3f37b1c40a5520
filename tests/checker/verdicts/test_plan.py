"""What a monitor must do: read off the policy, with what it costs and what remains visible; without a monitor, what would close each hole."""

from __future__ import annotations

from pathlib import Path

from pgcheck.checker.check import Options, check
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.verdicts.difference import difference, version
from pgcheck.checker.verdicts.plan import DUTIES, Plan, plan
from pgcheck.checker.verdicts.policy import policy
from pgcheck.isa.machine.machine import Machine
from pgcheck.language import load
from tests.checker.results import Checked
from tests.checker.variants import edited
from tests.specifications import SMALL, machine_of

OPTIONS = Options(second=False)
GATED, OPEN = (SMALL / "field" / f"clock-{how}.yaml" for how in ("gated", "open"))


def planned(machine: Machine, evidence: Evidence) -> Plan:
    result = check(machine, OPTIONS)
    return plan(machine, result, result.main, evidence)


def tasks(found: Plan, duty: str) -> dict[str, str]:
    return {t.subject: t.how for t in found.tasks if t.duty == duty}


def test_every_row_that_traps_and_every_leaf_is_in_the_plan(checked: Checked, evidence: Evidence) -> None:
    machine, result = machine_of("pg74"), checked("pg74")
    found, chosen = plan(machine, result, result.main, evidence), policy(machine, result.main, evidence)
    assert found.kind == "type1" and found.refused == ""
    assert {*tasks(found, "emulate"), *tasks(found, "reflect")} == chosen.traps
    assert {*tasks(found, "reflect")} == {"svc", "(undefined)"}
    assert {*tasks(found, "hold")} == set(chosen.real) - {"M"}
    assert {*tasks(found, "take")} | {*tasks(found, "map")} == {"trap", "translate"}
    assert {*tasks(found, "deny")} == {"DEVICE", "TIMER"} and not tasks(found, "visible")
    assert [t.duty for t in found.tasks] == sorted((t.duty for t in found.tasks), key=DUTIES.index)


def test_what_is_fixed_costs_the_exits_of_the_rows_that_need_it(evidence: Evidence) -> None:
    found = planned(load(GATED), evidence)
    (fixed,) = [t for t in found.tasks if t.duty == "fix"]
    assert (fixed.subject, fixed.how, fixed.exits) == ("TDIS", "0x1 on the processor", "rdclock: every time")
    assert tasks(found, "emulate")["rdclock"] == "its step in virtual supervisor and user mode"
    assert "CLOCK" in tasks(found, "deny") and not tasks(found, "visible")


def test_a_clock_without_a_gate_remains_visible(evidence: Evidence) -> None:
    found = planned(load(OPEN), evidence)
    assert not tasks(found, "fix") and set(tasks(found, "visible")) == {"rdclock"}
    assert "CLOCK" not in tasks(found, "deny") and "TIMER" in tasks(found, "deny")


def test_no_answer_about_a_monitor_gets_better_when_its_gate_goes() -> None:
    gated, open_ = (load(path) for path in (GATED, OPEN))
    before, after = check(gated, OPTIONS), check(open_, OPTIONS)
    assert before.main.theorems["monitor"].timing == ()
    assert after.main.theorems["monitor"].status == "conditional"
    assert after.main.theorems["monitor"].timing == ("rdclock",)
    found = difference(version(gated, before), version(open_, after))
    assert found.regressions and "monitor" not in {t.name for t in found.theorems}
    assert {t.name: t.timing for t in found.theorems if not t.worse} == {
        "theorem1": ("rdclock",),
        "theorem3": ("rdclock",),
    }
    back = difference(version(open_, after), version(gated, before))
    assert {t.name for t in back.theorems if t.worse} == {"theorem1", "theorem3"} and not any(
        t.timing for t in back.theorems
    )


def test_without_a_monitor_each_hole_says_what_would_close_it(evidence: Evidence) -> None:
    found = planned(machine_of("either"), evidence)
    assert found.kind == "" and "other" in found.refused
    closing = tasks(found, "close")
    assert set(closing) == {"other"}
    assert "alone it is closed by TRAPOTHER = 1, which the common one (TRAPIO = 1) does without" in closing["other"]


def test_a_hole_that_nothing_closes_needs_a_gate(tmp_path: Path, evidence: Evidence) -> None:
    found = planned(edited(tmp_path, ("A[r] = A[r] << n;", "A[r] = (M == 1) ? A[r] : A[r] << n;")), evidence)
    assert tasks(found, "close")["shl"].endswith("no configuration that the specification permits closes it")


def test_a_hybrid_monitor_interprets_and_says_what_keeps_it_from_more(evidence: Evidence) -> None:
    found = planned(machine_of("popf"), evidence)
    assert found.kind == "hybrid"
    assert "virtual supervisor mode" in tasks(found, "interpret") and set(tasks(found, "close")) == {"popf"}
