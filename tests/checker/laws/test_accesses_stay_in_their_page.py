"""The law accesses_stay_in_their_page: what obeys it passes, and the smallest thing that does not is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.example import PAGED, Example, operation
from pgcheck.checker.lint import examine
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.build import load


@pytest.mark.parametrize(
    ("low", "width", "stays"),
    [
        ("A[7:0]", 8, True),
        ("{A[7:1], 1'b0}", 16, True),
        ("{A[7:1], 1'b0}", 32, False),
        ("{A[7:2], 2'd0}", 32, True),
        ("A", 16, False),
    ],
)
def test_an_access_stays_in_the_page_that_was_translated(
    low: str, width: int, stays: bool, tmp_path: Path, evidence: Evidence
) -> None:
    body = f"A = read_physical_memory<{width}>(translate({low}, Op::Read, M))[7:0];"
    path = tmp_path / "paged.yaml"
    path.write_text(Example((operation(body),), (), PAGED).broken, "utf-8")
    found = {f.law for f in examine(load(path), load(path).instructions[0], evidence)}
    assert ("accesses_stay_in_their_page" not in found) == stays


@pytest.mark.parametrize(("guard", "stays"), [("A[3:0] != 4'd15", True), ("A[3:0] != 4'd14", False)])
def test_an_access_only_under_a_guard_counts_under_it(
    guard: str, stays: bool, tmp_path: Path, evidence: Evidence
) -> None:
    body = f"if ({guard}) {{ A = read_physical_memory<16>(translate(A, Op::Read, M))[7:0]; }}"
    path = tmp_path / "paged.yaml"
    path.write_text(Example((operation(body),), (), PAGED).broken, "utf-8")
    found = {f.law for f in examine(load(path), load(path).instructions[0], evidence)}
    assert ("accesses_stay_in_their_page" not in found) == stays


BYTE = "Bits<8> p = read_physical_memory<8>(translate(A, Op::Read, M));\n"
WORD = "A = read_physical_memory<16>(translate(p, Op::Read, M))[7:0];"


@pytest.mark.parametrize(
    ("body", "stays"),
    [
        (BYTE + "if (p[3:0] != 4'd15) { " + WORD + " }", True),
        (BYTE + "if (p[3:0] != 4'd14) { " + WORD + " }", False),
        (BYTE + WORD, False),
        (BYTE + "p = {p[7:1], 1'b0};\n" + WORD, True),
        (BYTE + "p = read_physical_memory<8>(translate(p, Op::Read, M));\nif (p[3:0] != 4'd15) { " + WORD + " }", True),
        (
            BYTE + "p = read_physical_memory<8>(translate(p, Op::Read, M));\nif (A[3:0] != 4'd15) { " + WORD + " }",
            False,
        ),
        (BYTE + "p = p + 8'd1;\nif (p[3:0] != 4'd15) { " + WORD + " }", True),
        (BYTE + "if (p[3:0] != 4'd15) { p = p + 8'd1;\n" + WORD + " }", False),
        (
            "write_physical_memory<8>(translate(A, Op::Write, M), 8'd7);\n"
            + BYTE
            + "if (p[3:0] != 4'd15) { write_physical_memory<16>(translate(p, Op::Write, M), 16'd0); }",
            True,
        ),
    ],
)
def test_an_access_through_a_loaded_pointer_counts_where_the_pointer_leads(
    body: str, stays: bool, tmp_path: Path, evidence: Evidence
) -> None:
    path = tmp_path / "paged.yaml"
    path.write_text(Example((operation(body.replace("\n", " ")),), (), PAGED).broken, "utf-8")
    found = {f.law for f in examine(load(path), load(path).instructions[0], evidence)}
    assert ("accesses_stay_in_their_page" not in found) == stays
