"""The monitor gets the processor back, where a timer asks for it, in every state of a guest."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.premises.monitor_is_preemptive import PREMISE
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.isa.machine.machine import Machine
from tests.checker.premises.asking import CONTROL, said
from tests.checker.variants import edited
from tests.specifications import machine_of

pytestmark = pytest.mark.slow

LINE = "platform: {devices: {clock: {model: ticker, line: LINE}}}\n"
ENTER = "LINE = 0; M = 0; L = 0; B = 15; $pc = 4'd1;"


def timed(
    folder: Path,
    pending: str = "IE == 1",
    *,
    waiting: str = "",
    mirror: str = "",
    enter: str = ENTER,
    more: str = "",
    legal: str = "",
    platform: str = LINE,
    shadow: int = 0,
) -> Machine:
    """The small machine with a clock whose request at LINE is pending if `pending` holds; G is general, W is of the run state, S a shadow."""
    state = "  G: {type: Bits<1>, role: general}\n" + "".join(
        f"  {name}: {{type: Bits<1>, role: {role}}}\n"
        for name, role in (("LINE", "interrupt"), ("W", "run"), ("S", "run"))
    )
    wait = ', waiting: "waits?"' if waiting else ""
    keys = f'interrupt: {{pending: "asked?", deliver: asked{wait}, shadow: {shadow}}}\n{platform}'
    keys += f"deployments: {{default: {{real_mode: 1, mirror: [{mirror}]}}}}\n"
    keys += f'legal: ["{legal}"]\n' if legal else ""
    functions = f"""functions: |
  function asked? {{ returns Boolean description {{ x }} body {{ return LINE == 1 && ({pending}); }} }}
  function asked {{ description {{ x }} body {{ {enter} }} }}
"""
    if waiting:
        functions += f"  function waits? {{ returns Boolean description {{ x }} body {{ return {waiting}; }} }}\n"
    return edited(
        folder,
        ("  SM: {type", state + "  SM: {type"),
        ("functions: |\n", keys + functions),
        ("  - name: svc\n", more + "  - name: svc\n"),
        base=CONTROL,
    )


def step(name: str, code: str, body: str) -> str:
    return f'  - name: {name}\n    encoding: {{match: "{code}"}}\n    operation(): |\n      {body}\n'


def status(machine: Machine, evidence: Evidence) -> str:
    ((found, _),) = said(PREMISE, machine, evidence)
    return found


@pytest.mark.parametrize(
    ("pending", "mirror", "expected"),
    [
        ("IE == 1", "", "ok"),
        ("IE == 1 || G == 1", "", "ok"),
        ("M == 1", "", "ok"),
        ("IE == 1 && G == 1", "", "fails"),
        ("A[0] == 0", "", "fails"),
        ("IE == 1", "IE", "fails"),
        ("IE == 1 || SM == 0", "IE", "ok"),
        ("M == 0", "", "fails"),
        ("true", "", "ok"),
        ("IE == 1", "LINE", "assumed"),
    ],
)
def test_what_masks_the_request_is_the_monitors(
    pending: str, mirror: str, expected: str, tmp_path: Path, evidence: Evidence
) -> None:
    assert status(timed(tmp_path, pending, mirror=mirror), evidence) == expected


@pytest.mark.parametrize(
    ("waiting", "mirror", "expected"),
    [
        ("W == 1", "", "ok"),
        ("W == 1", "W", "fails"),
        ("W == 1 && LINE == 0", "W", "fails"),
        ("W == 1 && M == 0", "W", "ok"),
        ("G == 1", "", "fails"),
    ],
)
def test_no_state_of_a_guest_waits(
    waiting: str, mirror: str, expected: str, tmp_path: Path, evidence: Evidence
) -> None:
    assert status(timed(tmp_path, waiting=waiting, mirror=mirror), evidence) == expected


@pytest.mark.parametrize(
    ("enter", "expected"),
    [
        (ENTER, "ok"),
        ("LINE = 0; $pc = 4'd1;", "fails"),
        (f"if (G == 0) {{ {ENTER} }} LINE = 0;", "fails"),
        (f"if (SM == 0) {{ {ENTER} }} LINE = 0;", "ok"),
    ],
)
def test_the_interrupt_ends_in_the_monitor(enter: str, expected: str, tmp_path: Path, evidence: Evidence) -> None:
    assert status(timed(tmp_path, enter=enter), evidence) == expected


NOP = step("nop", "00001000", "S = 0; A[1] = 0;")


@pytest.mark.parametrize(
    ("body", "shadow", "expected"),
    [
        ("S = 1;", 0, "fails"),
        ("S = 1;", 1, "fails"),
        ("S = S == 1 ? 1'b0 : 1'b1;", 1, "ok"),
        ("S = S == 1 ? 1'b0 : 1'b1;", 0, "fails"),
        ("if (S == 1) { trap(Cause::Service); } S = 1;", 1, "ok"),
        ("A[1] = 0;", 1, "fails"),
    ],
)
def test_a_shadow_ends_after_as_many_instructions_as_are_declared(
    body: str, shadow: int, expected: str, tmp_path: Path, evidence: Evidence
) -> None:
    more = NOP + step("shade", "00001001", body)
    machine = timed(tmp_path, "IE == 1 && S == 0", mirror="S", more=more, shadow=shadow)
    assert status(machine, evidence) == expected


def test_a_longer_shadow_is_proved_or_open(tmp_path: Path, evidence: Evidence) -> None:
    short = NOP + step("shade", "00001001", "S = S == 1 ? 1'b0 : 1'b1;")
    assert status(timed(tmp_path, "IE == 1 && S == 0", mirror="S", more=short, shadow=2), evidence) == "ok"
    long = NOP + step("shade", "00001001", "S = 1;")
    with pytest.raises(Undecided, match="several instructions"):
        status(timed(tmp_path, "IE == 1 && S == 0", mirror="S", more=long, shadow=2), evidence)


@pytest.mark.parametrize(("pending", "expected"), [("IE == 1", "ok"), ("G == 1", "fails")])
def test_a_timer_may_ask_through_a_controller(pending: str, expected: str, tmp_path: Path, evidence: Evidence) -> None:
    platform = (
        "platform: {devices: {clock: {model: ticker, line: gate.1}, "
        "gate: {model: interrupt_controller, line: LINE, options: {lines: 4}}}}\n"
    )
    assert status(timed(tmp_path, pending, platform=platform), evidence) == expected


@pytest.mark.parametrize("platform", ["", "platform: {devices: {console: {model: console, line: LINE}}}\n"])
def test_a_machine_without_a_timer_is_taken_to_have_one(platform: str, tmp_path: Path, evidence: Evidence) -> None:
    assert said(PREMISE, timed(tmp_path, "G == 1", platform=platform), evidence) == [
        (
            "assumed",
            "the monitor is given control after a bounded number of instructions: no timer of its own is described",
        )
    ]


def test_a_choice_that_excludes_guests_is_none(tmp_path: Path, evidence: Evidence) -> None:
    """Legality lets the guest's own W mask the request."""
    with pytest.raises(Undecided, match="so that it comes back is open"):
        status(timed(tmp_path, mirror="W", legal="IE == W"), evidence)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("i386", "timer interrupts every guest before the next instruction with EFLAGS.IF = 1, HALTED = 0"),
        ("m68000", "STOPPED = 0"),
        ("pdp10-ka10", "APR.CLE = 1"),
        ("riscv64", "mie.STIE = 1"),
    ],
)
def test_shipped_machines_with_timers_are_the_monitors(name: str, words: str, evidence: Evidence) -> None:
    ((found, message),) = said(PREMISE, machine_of(name), evidence)
    assert found == "ok" and words in message
