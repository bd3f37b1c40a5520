"""The law steps_keep_what_translation_reads: what obeys it passes, and the smallest thing that does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.example import Edit, Example, operation
from pgcheck.checker.lint import examine
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.build import load

G: Edit = ("  IE:", "  G: {type: Bits<8>, role: general}\n  IE:")
MOVES: Edit = ("return a + BASE;", "return a + BASE + G;")
INDEXED: Edit = ("return a + BASE;", "return (G[0] == 1) ? a : a + BASE;")
REFUSES: Edit = ("if (a == 8'd255)", "if (a == 8'd255 || G == 8'd0)")
ALIKE: Edit = ("if (a == 8'd255)", "if (a == 8'd9 && G == 8'd0) { trap(Cause::Memory); } if (a == 8'd9 || a == 8'd255)")
OTHERWISE: Edit = (
    "if (a == 8'd255)",
    "if (a == 8'd9 && G == 8'd0) { trap(Cause::Service); } if (a == 8'd9 || a == 8'd255)",
)
LOAD = "A = read_physical_memory<8>(translate(A, Op::Read, M));"


@pytest.mark.parametrize(
    ("body", "translation", "breaks"),
    [
        ("G = A;", MOVES, True),
        ("G = A;", INDEXED, True),
        ("if (A == 8'd3) { G = A; trap(Cause::Service); }", MOVES, True),
        ("A = G;", MOVES, False),
        (LOAD, MOVES, False),
        ("G = A;", REFUSES, False),
        (LOAD + "\nG = A;", REFUSES, False),
        ("G = A;\n" + LOAD, REFUSES, True),
        ("BASE = A;", REFUSES, False),
        ("G = A;", ALIKE, False),
        ("G = A;\n" + LOAD, ALIKE, False),
        ("G = A;\n" + LOAD, OTHERWISE, True),
    ],
)
def test_a_step_keeps_what_translation_reads(
    body: str, translation: Edit, breaks: bool, tmp_path: Path, evidence: Evidence
) -> None:
    path = tmp_path / "toy.yaml"
    path.write_text(Example((operation(body), translation), (), (G,)).broken, "utf-8")
    found = {f.law for f in examine(load(path), load(path).instructions[0], evidence)}
    assert ("steps_keep_what_translation_reads" in found) == breaks
