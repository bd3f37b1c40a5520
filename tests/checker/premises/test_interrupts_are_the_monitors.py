"""What devices and interrupts do between the steps of a guest: each way past the monitor is refuted, the rest is not."""

from __future__ import annotations

import pytest

from pgcheck.checker.premises.interrupts_are_the_monitors import PREMISE
from pgcheck.checker.questions.entry import settled
from pgcheck.checker.result import Finding
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.values import NOTHING
from pgcheck.isa.machine.build import load
from tests.specifications import SMALL, every_name, machine_of

pytestmark = pytest.mark.slow


def found(name: str, evidence: Evidence) -> list[Finding]:
    machine = load(SMALL / "soundness" / f"{name}.yaml")
    return [*PREMISE.ask(settled(machine, machine.deployments[0], evidence), NOTHING, evidence)]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("interrupt_stays_in_user_mode", "asked need not end in the monitor"),
        ("pending_leaks", "asked? changes the guest's state"),
        ("pending_escapes", "asked? changes the guest's state, its mode"),
        ("waiting_leaks", "waits? changes the guest's state"),
        ("waiting_escapes", "waits? changes the guest's state, its mode"),
        ("line_is_general", "con has H, which is not the monitor's own"),
        ("line_is_mirrored", "con has H, which is not the monitor's own"),
        ("line_is_the_mode", "con has M, which is not the monitor's own"),
        ("timer_of_the_guest", "clock has PORT, which is not the monitor's own"),
        ("real_against_device", "a device that sets LINE leaves the states"),
    ],
)
def test_what_reaches_past_the_monitor_is_refuted(name: str, said: str, evidence: Evidence) -> None:
    (finding,) = found(name, evidence)
    assert finding.status == "fails" and said in finding.message


@pytest.mark.parametrize(
    ("name", "said"), [("sound_timer", ["the monitor can have clock ask for it"]), ("z00_control", [])]
)
def test_interrupts_into_the_monitor_are_not(name: str, said: list[str], evidence: Evidence) -> None:
    assert [(f.status, f.message) for f in found(name, evidence)] == [("assumed", sentence) for sentence in said]


@pytest.mark.parametrize("name", every_name())
def test_specifications_keep_it(name: str, evidence: Evidence) -> None:
    machine = machine_of(name)
    statuses = {
        f.status for d in machine.deployments for f in PREMISE.ask(settled(machine, d, evidence), NOTHING, evidence)
    }
    assert statuses <= {"assumed"}


def test_what_is_not_asked_about_is_assumed(evidence: Evidence) -> None:
    machine = machine_of("riscv64")
    said = {
        d.name: [f.message[:16] for f in PREMISE.ask(settled(machine, d, evidence), NOTHING, evidence)]
        for d in machine.deployments
    }
    given = ["the monitor can ", "firmware serves "]
    assert said == {"s_in_u": given, "vmm_in_m": ["what interrupt h", *given]}
    assert machine.platform.firmware is not None
    pdp10 = machine_of("pdp10-ka10")
    found = [*PREMISE.ask(settled(pdp10, pdp10.deployments[0], evidence), NOTHING, evidence)]
    assert [f.message for f in found if "executed" in f.message] == [
        "an instruction that has others executed comes to an end"
    ]
