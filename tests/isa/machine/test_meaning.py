"""Digests by meaning: names and comments change nothing, the smallest change of meaning changes what it reaches and nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from pgcheck.isa.machine.meaning import Meanings, meanings
from tests.checker.variants import edited
from tests.specifications import machine_of


@cache
def pg74() -> Meanings:
    return meanings(machine_of("pg74"))


def changed(new: Meanings) -> set[str]:
    """The instructions whose step or encoding differs from the shipped machine's."""
    return {
        i
        for i, m in new.instructions.items()
        if (m.step, m.encoding) != (pg74().instructions[i].step, pg74().instructions[i].encoding)
    }


@pytest.mark.parametrize(
    "change",
    [
        ("description { the word at virtual address a }", "description { something else }"),
        (
            "Bits<33> sum = {1'b0, A[r]} + {1'b0, A[s]};\n      A[r] = sum[31:0];\n      C = sum[32];",
            "# a comment\n      Bits<33> total = {1'b0, A[r]} + {1'b0, A[s]};\n      A[r] = total[31:0];\n      C = total[32];",
        ),
        ("title: The third generation machine of Popek and Goldberg", "title: Another title"),
        ('assembly: "{imm:unsigned}"', 'assembly: "{imm}"'),
    ],
)
def test_words_change_nothing(change: tuple[str, str], tmp_path: Path) -> None:
    new = meanings(edited(tmp_path, change))
    assert new == pg74()


def test_the_name_of_a_function_changes_nothing(tmp_path: Path) -> None:
    text = (
        Path("specs/pg74.yaml")
        .read_text("utf-8")
        .replace("privileged()", "refused()")
        .replace("function privileged", "function refused")
    )
    file = tmp_path / "renamed.yaml"
    file.write_text(text, "utf-8")
    from pgcheck.isa.machine.build import load

    new = meanings(load(file))
    assert changed(new) == set()
    assert new.frame == pg74().frame


@pytest.mark.parametrize(
    ("change", "reached"),
    [
        (("A[r] = A[r] << n;", "A[r] = A[r] << n << 1'b0;"), {"shl"}),
        (("A[r] = A[r] << n;", "A[r] = A[s0] << n;".replace("s0", "r")), set()),
        (('"00010010--------0000000000000000"', '"00011010--------0000000000000000"'), {"and"}),
        (("C: {type: Bits<1>, role: general}", "C: {type: Bits<1>, role: configuration}"), {"add", "sub", "jc"}),
    ],
)
def test_a_change_reaches_what_goes_through_it(change: tuple[str, str], reached: set[str], tmp_path: Path) -> None:
    assert changed(meanings(edited(tmp_path, change))) == reached


def test_a_shared_function_reaches_its_callers_and_only_them(tmp_path: Path) -> None:
    new = meanings(edited(tmp_path, ("{22'd0, a} + A[x]; }", "{22'd0, a} - A[x]; }")))
    callers = {i for i, m in pg74().instructions.items() if "indexed" in m.functions}
    assert {"load", "jump", "lpsw"} <= callers
    assert "add" not in callers
    assert changed(new) == callers
    assert {n for n, d in new.functions.items() if pg74().functions[n] != d} == {"indexed"}


def test_trap_entry_reaches_every_instruction_that_can_trap(tmp_path: Path) -> None:
    new = meanings(edited(tmp_path, ("$pc = new.P;\n    }", "$pc = new.P + 10'd1;\n    }")))
    assert {"svc", "load", "halt"} <= changed(new)
    assert "add" not in changed(new)


def test_translation_is_part_of_the_frame(tmp_path: Path) -> None:
    new = meanings(edited(tmp_path, ("return sum[9:0];", "return sum[9:0] ^ 10'd1;")))
    assert {n for n in new.frame if new.frame[n] != pg74().frame[n]} == {"translation", "fetch"}


PUSH = """functions: |
  function push {
    returns Bits<32>
    arguments Bits<32> v
    description { goes into the trap that goes through it }
    body { if (A[1] == v) { trap(Cause::Memory); } return v; }
  }
  function trap {"""
CYCLE = (
    ("Service: intent}}}", "Service: intent}}, nested: unmodelled}"),
    ("functions: |\n  function trap {", PUSH),
    ("{M, $pc, R.l, R.b});", "{M, $pc, R.l, R.b} | push(32'd2));"),
    ('operation(): "A[r] = A[s];"', 'operation(): "A[r] = push(A[s]);"'),
)


def test_a_cycle_is_read_alike_from_wherever_it_is_entered(tmp_path: Path) -> None:
    for machine in (edited(tmp_path, *CYCLE), machine_of("m68000"), machine_of("pdp10-ka10")):
        last = machine.instructions[-1:]
        for order in (machine.instructions[::-1], last + machine.instructions[:-1]):
            assert meanings(replace(machine, instructions=order)).instructions == meanings(machine).instructions
    machine = edited(tmp_path, *CYCLE)
    move_first = sorted(machine.instructions, key=lambda i: i.id != "move")
    assert meanings(replace(machine, instructions=tuple(move_first))) == meanings(machine)


@pytest.mark.parametrize("change", [("if (A[1] == v)", "if (A[2] == v)"), ("| push(32'd2)", "| push(32'd3)")])
def test_a_change_in_a_cycle_reaches_all_that_go_into_it(change: tuple[str, str], tmp_path: Path) -> None:
    old = edited(tmp_path, *CYCLE)
    new = edited(tmp_path, *((a, b.replace(*change)) for a, b in CYCLE))
    for first in ("move", "svc", "load"):
        before, after = (
            meanings(replace(m, instructions=tuple(sorted(m.instructions, key=lambda i: i.id != first))))
            for m in (old, new)
        )
        trapping = {i for i, m in before.instructions.items() if "push" in m.functions}
        assert {"move", "svc", "load", "halt"} <= trapping and "add" not in trapping
        assert {i for i, m in before.instructions.items() if after.instructions[i].step != m.step} == trapping


def test_the_names_in_a_cycle_do_not_count(tmp_path: Path) -> None:
    renamed = edited(tmp_path, *((a, b.replace("push", "a_push")) for a, b in CYCLE))
    old, new = meanings(edited(tmp_path, *CYCLE)), meanings(renamed)
    assert {i: (m.step, m.encoding) for i, m in old.instructions.items()} == {
        i: (m.step, m.encoding) for i, m in new.instructions.items()
    }


@pytest.mark.parametrize("change", [("s ^ 4'd3", "s ^ 4'd5"), ("{1'b0, r} - {1'b0, s}", "{2'b0, r} - {2'b0, s}")])
def test_what_lies_deep_in_a_condition_on_an_encoding_is_part_of_it(change: tuple[str, str], tmp_path: Path) -> None:
    nested = "s ^ 4'd3"
    for _ in range(8):
        nested = f"s + ~({nested})"
    deep = f"r != ({nested}) && {{1'b0, r}} - {{1'b0, s}} <= 30"
    move = 'variables: ["r 23-20", "s 19-16"]}\n    access: {supervisor: always, user: always}\n    operation(): "A[r] = A[s];"'
    old, new = (
        meanings(edited(tmp_path, (move, move.replace("]}", f'], when: "{text}"}}'))))
        for text in (deep, deep.replace(*change))
    )
    assert {i for i, m in old.instructions.items() if m.encoding != new.instructions[i].encoding} == {"move"}


# Of every shipped machine, from before leaves were two types and the length left the operands. A machine whose text changes its
# meaning gets a new digest here; a change of ours must not. Those whose delivery of a fault may fault (all but pg74 and riscv64) got one when
# cycles were first read whole: before, a change inside of one could leave the digest as it was.
DIGESTS = {
    "i386": "b7035aa4c5f69fb1",
    "m68000": "290d4f01db36a074",
    "m68010": "7d8c07638960b982",
    "pdp10-ka10": "2e4a2850bd05ad64",
    "pg74": "6309c68aa5dda0da",
    "riscv64": "c801efe12630ce71",
    "x86-umip": "8824b0f0ed934a95",
}


@pytest.mark.parametrize("name", DIGESTS)
def test_digests_outlive_versions_of_ours(name: str) -> None:
    """Waivers and fingerprints are kept under them, in other people's repositories."""
    machine = machine_of(name)
    found = meanings(machine).instructions
    whole = sorted((i, m.step, m.encoding) for i, m in found.items() if i != machine.code.undefined.id)
    assert hashlib.sha256(repr(whole).encode()).hexdigest()[:16] == DIGESTS[name]
