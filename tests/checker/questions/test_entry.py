"""Which traps enter the monitor."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check
from pgcheck.checker.questions.entry import settled
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Machine
from tests.checker.variants import edited, variant
from tests.specifications import machine_of

LOAD = "      Psw new = new_psw();\n"
MODE = LOAD + "      M = new.M;\n"
MONITOR = "monitor: {M: 0, L: 0, B: 1024}"


def entered(machine: Machine, evidence: Evidence) -> dict[str, frozenset[str]]:
    return {d.name: settled(machine, d, evidence).entering for d in machine.deployments}


@pytest.mark.parametrize(
    ("old", "new", "enters"),
    [
        (MODE, MODE, True),
        (MODE, LOAD, False),
        (MODE, LOAD + "      M = 1'b0;\n", True),
        (MODE, LOAD + "      if (R.b != 11'd3) { M = new.M; }\n", False),
        (MONITOR, "monitor: {L: 0}", False),
        (MONITOR, "monitor: {M: 1}", False),
        (MONITOR, "monitor: {M: 0}", True),
        (MODE, MODE + "      if (new.P == 10'd9) { halt(); }\n", False),
        (MODE, MODE + "      A[0] = read_memory(32'd3);\n", True),
    ],
)
def test_a_trap_enters_if_every_delivery_ends_in_the_monitor(
    old: str, new: str, enters: bool, tmp_path: Path, evidence: Evidence
) -> None:
    """The last: the monitor keeps what a delivery needs mapped, so a fault in it is no way out."""
    expected = frozenset({"trap"} if enters else ())
    assert entered(edited(tmp_path, (old, new)), evidence) == {"default": expected}


@pytest.mark.parametrize(
    ("enters", "outside"),
    [
        ("cause != Cause::Undefined", {"trap(cause=3)"}),
        ("cause == Cause::Service", {"trap(cause=0)", "trap(cause=1)", "trap(cause=3)"}),
        ("cause != Cause::Undefined || A[0] != 0", {"trap(cause=3)"}),
        ("A[0] == 0", {"trap"}),
        ("$bits(cause) > 3", {"trap"}),
    ],
)
def test_a_trap_is_decided_payload_by_payload(
    enters: str, outside: set[str], tmp_path: Path, evidence: Evidence
) -> None:
    swap, after = "{ swap_psw(); }\n  }\n", "  function expired?"
    kept = f"{{ Bits<1> mode = M; swap_psw(); if (!({enters})) {{ M = mode; }} }}\n  }}\n"
    machine = edited(tmp_path, (swap + after, kept + after))
    setting = settled(machine, machine.deployments[0], evidence)
    assert set(map(str, setting.continued)) == outside


DEPLOYMENTS = """
state:
  DELEGATE: {type: Bits<1>, role: vector}
exits:
  exception: {kind: other}
functions: |
  function exception { description { . } body { if (DELEGATE == 0) { M = 1'b0; } } }
deployments:
  kept: {real_mode: 1, real: "DELEGATE == 0"}
  free: {real_mode: 1}
  mine: {real_mode: 1, monitor: "P == 10'd9 || M == 1"}
  same: {real_mode: same, real: "M == 0"}
"""


def test_deployments_decide_by_their_real_states_and_their_monitor(tmp_path: Path, evidence: Evidence) -> None:
    found = entered(variant(tmp_path, DEPLOYMENTS), evidence)
    assert found == {
        "kept": {"trap", "exception"},
        "free": {"trap"},
        "mine": frozenset(),
        "same": {"trap", "exception"},
    }


def test_what_does_not_enter_is_named(tmp_path: Path, evidence: Evidence) -> None:
    for name, outside in (("local_trap", "local"), ("svc", "")):
        machine = machine_of(name)
        found = check(machine, Options(cache=False, second=False, only=(machine.instructions[0].id,))).findings
        messages = [f.message for f in found if f.law == "traps_enter_monitor"]
        assert messages == ([f"not into the monitor: {outside}; compared like completion"] if outside else [])
