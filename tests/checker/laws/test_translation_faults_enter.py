"""The law translation_faults_enter: all faults of the translation end in the monitor."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check
from pgcheck.checker.laws.translation_faults_enter import translation_faults_enter
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Machine
from tests.checker.variants import edited, variant

FAULT = "      if (a >= {21'd0, R.b}) { trap(Cause::Memory); }\n"
LOCAL = """  function local {
    description { . }
    body { BODY }
  }
  function load_real_address {"""

TABLE = "  function looked_up { returns Word description { x } body { return read_physical_memory<8>(4'd0); } }\n"


def with_local(folder: Path, raised: str, body: str) -> Machine:
    """The paper's machine whose translation raises a trap of its own, delivered by `body`."""
    return edited(
        folder,
        (FAULT, f"      {raised}\n{FAULT}"),
        ("exits:", "exits:\n  local: {kind: memory}\n"),
        ("  function load_real_address {", LOCAL.replace("BODY", body)),
    )


@pytest.mark.parametrize(
    ("raised", "body", "accepted"),
    [
        ("if (a == 32'd5) { local(); }", "M = 0;", True),
        ("if (a == 32'd5) { local(); }", "A[15] = {22'd0, $pc};", False),
        ("if (a == 32'd5) { local(); }", "if (C == 0) { M = 0; }", False),
        ("if (mode == 1 && op == Access::Write && a == 32'd5) { local(); }", "$pc = 10'd7;", False),
        ("if (a == 32'd5 && a == 32'd6) { local(); }", "$pc = 10'd7;", True),
        ("if (op != Access::Read && op != Access::Write && op != Access::Fetch) { local(); }", "$pc = 10'd7;", True),
        ("", "$pc = 10'd7;", True),
    ],
)
def test_all_faults_of_the_translation_enter(
    raised: str, body: str, accepted: bool, tmp_path: Path, evidence: Evidence
) -> None:
    found = list(translation_faults_enter(with_local(tmp_path, raised, body), evidence))
    assert [(f.status, f.subject) for f in found] == ([] if accepted else [("error", "translate")])
    assert all("translate may raise local" in f.message and "default" in f.message for f in found)


def test_each_deployment_is_asked(tmp_path: Path, evidence: Evidence) -> None:
    deployments = """
deployments:
  good: {real_mode: 1}
  bad: {real_mode: 1, monitor: "M == 1"}
"""
    (found,) = translation_faults_enter(variant(tmp_path, deployments), evidence)
    assert "may raise trap" in found.message and "under bad," in found.message


@pytest.mark.parametrize(
    ("ends", "accepted"), [("halt();", False), ('unpredictable("x");', False), ('unmodelled("x");', True)]
)
def test_a_translation_ends_in_an_address_or_a_fault(
    ends: str, accepted: bool, tmp_path: Path, evidence: Evidence
) -> None:
    machine = edited(tmp_path, (FAULT, f"      if (a == 32'd5) {{ {ends} }}\n" + FAULT))
    found = list(translation_faults_enter(machine, evidence))
    assert [f.status for f in found] == ([] if accepted else ["error"])
    assert all(f"translate may end {ends.partition('(')[0]}" in f.message for f in found)


def test_a_check_says_so(tmp_path: Path) -> None:
    machine = with_local(tmp_path, "if (a == 32'd5) { local(); }", "$pc = 10'd7;")
    found = check(machine, Options(cache=False, second=False, only=("lrr",))).findings
    assert [f.law for f in found if f.status == "error"] == ["translation_faults_enter"]


@pytest.mark.parametrize(
    ("enters", "accepted"),
    [
        ("M = read_physical_memory<8>(4'd0)[0];", False),
        ("M = (A[0][0] == 1) ? read_physical_memory<8>(4'd0)[0] : 1'b0;", False),
        ("M = read_physical_memory<8>(4'd0)[0] & 1'b0;", True),
        ("Bits<8> w = read_physical_memory<8>(4'd0); M = (w == 7 && w == 9) ? 1'b1 : 1'b0;", True),  # never 1
        ("M = looked_up()[0];", True),  # in a table of the monitor's
        ("M = A[0][0];", True),  # from elsewhere: what does not enter is compared as it is
        ("M = 0;", True),
    ],
)
def test_a_mode_that_is_loaded_from_memory_is_the_monitors(
    enters: str, accepted: bool, tmp_path: Path, evidence: Evidence
) -> None:
    machine = edited(
        tmp_path,
        ("exits: {", "tables: {looked_up: {role: vector, respond: [mirror], monitor: {MODE: 0}}}\nexits: {load: {kind: other}, "),
        ("  enum Access", "  bitfield (8) Word { REST 7-1 MODE 0 }\n  enum Access"),
        ("functions: |\n", "functions: |\n  function load { description { x } body { " + enters + " $pc = 4'd1; } }\n" + TABLE),
        base="soundness/z00_control",
    )  # fmt: skip
    found = list(translation_faults_enter(machine, evidence))
    assert [(f.status, f.subject) for f in found] == ([] if accepted else [("error", "load")])
    assert all("loads its mode from memory" in f.message and "under default" in f.message for f in found)
