"""What is judged: every instruction, and what bits do that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.check import check
from pgcheck.checker.questions.subject import judgeable
from pgcheck.checker.result import MachineResult
from pgcheck.checker.witnesses import file
from pgcheck.checker.witnesses.witness_replay import replay_witness
from pgcheck.isa.encoding.fields import UNDEFINED
from pgcheck.isa.machine.machine import Machine
from tests.checker.judging import PLAIN
from tests.checker.results import row
from tests.checker.variants import GO, edited
from tests.specifications import machine_of


def undefined(folder: Path, body: str) -> Machine:
    """The paper's machine with `body` for bits that no encoding accepts."""
    exits, _, functions = GO.partition("functions: |\n")
    return edited(
        folder,
        ('undefined: "trap(Cause::Undefined);"', f'undefined: "{body}"'),
        ("exits:\n", exits),
        ("functions: |\n", "functions: |\n" + functions),
    )


def checked(machine: Machine) -> MachineResult:
    return check(machine, PLAIN)


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("trap(Cause::Undefined);", "intentional"),
        ("C = 1'b1;", "innocuous"),
        ("privileged(); M = 1'b1;", "privileged"),
        ("if (M == 1) { trap(Cause::Undefined); }", "privileged"),
        ("if (M == 0) { trap(Cause::Undefined); }", "hole"),
        ("if (R.l == 10'd7) { C = 1'b1; } else { trap(Cause::Undefined); }", "hole"),
        ("R.l = 10'd0;", "hole"),
        ("halt();", "hole"),
        ("C = M;", "hole"),
        ("go({31'd0, M});", "hole"),
    ],
)
def test_bits_that_no_encoding_accepts_are_judged_like_an_instruction(body: str, verdict: str, tmp_path: Path) -> None:
    result = checked(undefined(tmp_path, body))
    found = row(result, UNDEFINED)
    assert found.verdict == verdict
    assert result.main.theorems["monitor"].status == ("fails" if verdict == "hole" else "holds")
    assert (found.witness is not None) == (verdict == "hole")


def test_their_witness_is_a_word_that_no_encoding_accepts(tmp_path: Path) -> None:
    machine = undefined(tmp_path, "if (M == 0) { trap(Cause::Undefined); }")
    witness = row(checked(machine), UNDEFINED).witness
    assert witness is not None
    assert machine.decoding.decoder.decode(lambda k: witness.units[k]) is None
    again = file.load(file.dump(witness))
    assert again == witness and replay_witness(machine, again).reproduced


def test_what_they_change_before_a_trap_is_no_precise_trap(tmp_path: Path) -> None:
    found = checked(undefined(tmp_path, "C = 1'b1; trap(Cause::Undefined);")).findings
    assert [(f.law, f.subject) for f in found if f.status == "error"] == [("traps_are_precise", UNDEFINED)]


def test_their_trap_enters_the_monitor_or_is_part_of_the_step(tmp_path: Path) -> None:
    swap, after = "{ swap_psw(); }\n  }\n", "  function expired?"
    kept = "{ Bits<1> mode = M; swap_psw(); if (cause == Cause::Undefined) { M = mode; } }\n  }\n"
    result = checked(edited(tmp_path, (swap + after, kept + after)))
    verdicts = {i.id: i.verdict for i in result.main.instructions}
    assert verdicts[UNDEFINED] == "hole" and verdicts["svc"] == "intentional"


@pytest.mark.parametrize(("name", "is_left_out"), [("pg74", False), ("i386", True), ("riscv64", False)])
def test_what_a_specification_leaves_out_is_no_row(name: str, is_left_out: bool) -> None:
    machine = machine_of(name)
    assert (machine.code.undefined not in judgeable(machine)) == is_left_out


@pytest.mark.parametrize("name", ["pg74", "m68000", "pdp10-ka10", "riscv64", "i386"])
def test_a_word_that_is_no_instruction_is_found(name: str) -> None:
    machine = machine_of(name)
    units = machine.decoding.decoder.undefined()
    assert units and machine.decoding.decoder.decode(lambda k: units[k]) is None
