"""Choices of the virtual machine: it may do whatever one of them does, and what one leaves out excuses no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check
from tests.checker.results import row
from tests.checker.variants import with_instruction

pytestmark = pytest.mark.slow

SITES = "nondeterminism: {b: Boolean, one: Bits<1>, wide: Bits<16>, widest: Bits<32>}\n"


def found(folder: Path, body: str) -> tuple[str, str]:
    """The verdict on an instruction `new` that is checked alone, and why there is none."""
    machine = with_instruction(folder, body, more=SITES)
    result = row(check(machine, Options(cache=False, second=False, only=("new",))), "new")
    return result.verdict, result.reason


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('if (M == 0) { A[r] = {31\'d0, undefined<1>("one")}; } else { A[r] = 32\'d1; }', "none"),
        ('if (M == 0) { A[r] = {31\'d0, undefined<1>("one")}; } else { A[r] = 32\'d2; }', "hole"),
        ('if (M == 1) { A[r] = {31\'d0, undefined<1>("one")}; } else { A[r] = 32\'d1; }', "hole"),
        ('A[r] = (M == 0) ? undefined<32>("widest") : A[3] + 32\'d1;', "none"),  # no number of constants will do
        ('A[r] = (M == 0) ? {undefined<16>("wide"), 16\'d0} : {16\'d9, 16\'d0};', "none"),
        ('A[r] = {undefined<16>("wide"), 15\'d0, M};', "hole"),  # whatever the half that it may choose
        ('A[r] = (M == 0) ? {undefined<16>("wide"), 16\'d0} : {16\'d9, 16\'d1};', "hole"),
        ('Boolean b = choice("b");\nif (M == 0) { if (b) { A[0] = ~A[0]; } else { A[1] = ~A[1]; } }', "hole"),
        ('Boolean b = choice("b");\nif (M == 0) { if (b) { A[0] = ~A[0]; } else { A[1] = A[1]; } }', "none"),
        ('Boolean b = choice("b");\nif (b && M == 1) { trap(Cause::Service); }\nif (b && M == 0) { C = ~C; }', "none"),
        ('Boolean b = choice("b");\nif (b && M == 1) { trap(Cause::Service); }\nif (!b && M == 0) { C = ~C; }', "none"),
        ('if (choice("b") && M == 0) { unmodelled("u"); }\nC = M;', "hole"),
        ('if (choice("b") && M == 0) { unmodelled("u"); }\nif (M == 0) { C = undefined<1>("one"); }', "none"),
        ('if (undefined<32>("widest") == 5 && M == 0) { unpredictable("u"); }\nC = M;', "hole"),
        ('if (M == 0) { if (choice("b")) { R.l = 0; } }', "none"),  # it need not change what the monitor keeps
        ('if (M == 0) { if (choice("b")) { R.l = R.l + 1; } else { C = ~C; } }', "hole"),
    ],
)  # fmt: skip
def test_a_hole_stands_against_every_choice(body: str, expected: str, tmp_path: Path) -> None:
    verdict, reason = found(tmp_path, body)
    assert ("hole" if verdict == "hole" else "none") == expected and verdict != "unknown", reason


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('Bits<32> t = TIMER;\nif (M == 0) { A[r] = undefined<32>("widest") ^ t; } else { A[r] = 32\'d4; }', "unknown"),
        ('Bits<32> t = TIMER;\nif (M == 0) { A[r] = {undefined<16>("wide"), 16\'d0}; }', "hole"),
    ],
)
def test_what_the_environment_knows_of_a_choice_is_left_open(body: str, expected: str, tmp_path: Path) -> None:
    """A machine that chooses knowing what it has read can do what the real one did; whether it knows is not written."""
    assert found(tmp_path, body)[0] == expected
