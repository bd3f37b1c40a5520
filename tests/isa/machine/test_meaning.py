"""Digests by meaning: names and comments change nothing, the smallest change of meaning changes what it reaches and nothing else."""

from __future__ import annotations

import hashlib
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


# Of every shipped machine, from before leaves were two types and the length left the operands. A machine whose text changes its
# meaning gets a new digest here; a change of ours must not.
DIGESTS = {
    "i386": "2238edfcbe51daae",
    "m68000": "58133bc55f3afcdd",
    "m68010": "af70577e2a1595f0",
    "pdp10-ka10": "7b6d95286ed2f734",
    "pg74": "af673124d503f85d",
    "riscv64": "c801efe12630ce71",
    "x86-umip": "e06fc63d5928e0ee",
}


@pytest.mark.parametrize("name", DIGESTS)
def test_digests_outlive_versions_of_ours(name: str) -> None:
    """Waivers and fingerprints are kept under them, in other people's repositories."""
    found = meanings(machine_of(name)).instructions
    whole = sorted((i, m.step, m.encoding) for i, m in found.items())
    assert hashlib.sha256(repr(whole).encode()).hexdigest()[:16] == DIGESTS[name]
