"""The policy that a result promises: exactly what it rests on, and none where something is open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check
from pgcheck.checker.result import Status, TheoremResult
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.values import Configuration
from pgcheck.checker.verdicts.policy import Delegated, NoMonitor, policy
from pgcheck.isa.encoding.fields import UNDEFINED
from pgcheck.isa.machine.build import load
from pgcheck.isa.terms import TRUE, Name, constant, eq, variable
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.isa.terms.names import STATE
from pgcheck.vmm.kind import Kind, kinds
from tests.checker.results import Checked
from tests.checker.variants import variant
from tests.oracle.machines import written
from tests.oracle.plans import Plan
from tests.specifications import machine_of

PRIVILEGED = {UNDEFINED, "svc", "lpsw", "lrr", "srr", "lra", "sio", "tio", "stm", "rtm", "halt"}


def test_a_monitor_intercepts_what_traps_and_fixes_nothing_more(checked: Checked, evidence: Evidence) -> None:
    found = policy(machine_of("pg74"), checked("pg74").main, evidence)
    assert found.traps == PRIVILEGED and found.intercept == {"trap", TRANSLATE}
    assert (found.deployment, found.fixed, found.mirrored, found.responses) == ("default", {}, frozenset(), {})
    assert found.direct is TRUE


def test_the_real_machine_is_in_user_mode_and_else_as_after_reset(checked: Checked, evidence: Evidence) -> None:
    assert policy(machine_of("pg74"), checked("pg74").main, evidence).real == {
        "M": 1,
        "R.l": 0,
        "R.b": 1024,
        "EXPIRED": 0,
    }
    fixed = policy(machine_of("conditional"), checked("conditional").main, evidence)
    assert fixed.real == {"M": 1, "R.l": 0, "R.b": 1024, "EXPIRED": 0, "TRAPIO": 1}


def test_what_the_configuration_fixes_and_mirrors_is_in_it(checked: Checked, evidence: Evidence) -> None:
    fixed = policy(machine_of("conditional"), checked("conditional").main, evidence)
    assert (fixed.fixed, fixed.mirrored) == ({"TRAPIO": 1}, frozenset()) and "uio" in fixed.traps
    machine = machine_of("mask_mirror")
    mirror = policy(machine, checked("mask_mirror").main, evidence)
    assert mirror.fixed == {} and mirror.mirrored == {"MASK"} and "mask" in mirror.traps
    deployments = tuple(replace(d, mirror=frozenset({"R.l"})) for d in machine.deployments)
    both = policy(replace(machine, deployments=deployments), checked("mask_mirror").main, evidence)
    assert both.mirrored == {"R.l", "MASK"}


def test_responses_are_the_tables_own(checked: Checked, evidence: Evidence) -> None:
    result = replace(
        checked("pg74").main,
        configuration=Configuration({"R.l": 3, "R.b": "mirror"}, {"gate": {"DPL": 0}, "task": None}),
    )
    found = policy(machine_of("pg74"), result, evidence)
    assert found.responses == {"gate": {"DPL": 0}, "task": None}
    assert found.fixed == {"R.l": 3} and found.mirrored == {"R.b"} and found.real["R.l"] == 3


@pytest.mark.parametrize(("name", "row"), [("popf", "popf"), ("shrink", "lim"), ("unmodelled", "gate")])
def test_a_hole_leaves_no_monitor_unless_it_is_forced(
    name: str, row: str, checked: Checked, evidence: Evidence
) -> None:
    with pytest.raises(NoMonitor, match=f"default: monitor fails on {row}"):
        policy(machine_of(name), checked(name).main, evidence)
    forced = policy(machine_of(name), checked(name).main, evidence, force=True)
    assert row not in forced.traps and forced.traps >= PRIVILEGED


@pytest.mark.parametrize("status", ["unknown", "fails", "holds"])
@pytest.mark.parametrize(("kind", "theorem"), [("type1", "monitor"), ("hybrid", "theorem3")])
def test_only_what_is_proved_is_a_monitor(
    kind: str, theorem: str, status: Status, checked: Checked, evidence: Evidence
) -> None:
    result = checked("pg74").main
    result = replace(result, theorems={**result.theorems, theorem: TheoremResult(theorem, status, ("lrr",))})
    if status == "holds":
        assert policy(machine_of("pg74"), result, evidence, kinds()[kind]).traps == PRIVILEGED
    else:
        with pytest.raises(NoMonitor, match=f"{status} on lrr"):
            policy(machine_of("pg74"), result, evidence, kinds()[kind])


@pytest.mark.parametrize("kind", kinds().values(), ids=lambda kind: kind.name)
def test_what_shows_time_leaves_a_monitor(kind: Kind, checked: Checked, evidence: Evidence) -> None:
    result = checked("timer_read").main
    assert [r.verdict for r in result.instructions if r.id == "rdt"] == ["timing"]
    assert policy(machine_of("timer_read"), result, evidence, kind).traps == PRIVILEGED


def test_a_hybrid_monitor_runs_virtual_user_mode_directly(checked: Checked, evidence: Evidence) -> None:
    hybrid = policy(machine_of("popf"), checked("popf").main, evidence, kinds()["hybrid"])
    assert hybrid.direct is eq(variable(1, Name(STATE, "M")), constant(1, 1))
    with pytest.raises(NoMonitor, match="theorem 3 fails on lim"):
        policy(machine_of("shrink"), checked("shrink").main, evidence, kinds()["hybrid"])


@pytest.mark.parametrize(
    ("legal", "bounds"),
    [("R.b != 0", range(1024, 1025)), ("R.b < 11'd1024 || M == 0", range(1024)), ("R.l == 0 || M == 0", range(0))],
)
def test_the_monitors_own_state_is_legal(legal: str, bounds: range, tmp_path: Path, evidence: Evidence) -> None:
    """What it keeps of the reset state gives way to what is legal; a configuration that never is makes no monitor."""
    machine = variant(tmp_path, f'legal: ["{legal}"]\n')
    result = check(machine_of("pg74"), Options(cache=False, second=False, only=("lrr",))).main
    result = replace(result, configuration=Configuration({"R.l": 5}))
    if not bounds:
        with pytest.raises(NoMonitor, match="no legal state"):
            policy(machine, result, evidence)
        return
    real = policy(machine, result, evidence).real
    assert real["R.l"] == 5 and real["R.b"] in bounds


def test_a_terminator_of_which_some_traps_do_not_enter_is_taken_only_apart(tmp_path: Path, evidence: Evidence) -> None:
    path = tmp_path / "machine.yaml"
    path.write_text(written(Plan(1, frozenset({"bounds", "saved"}), frozenset({"service stays"}), 1, 2)), "utf-8")
    machine = load(path)
    (result,) = check(machine, Options(jobs=1, cache=False)).deployments
    assert result.theorems["monitor"].status == "holds"
    with pytest.raises(Delegated, match=r"trap\(cause=2\) do not enter"):
        policy(machine, result, evidence)
    with pytest.raises(Delegated):
        policy(machine, result, evidence, force=True)
    assert "trap" in policy(machine, result, evidence, apart=True).intercept
