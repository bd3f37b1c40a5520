"""`pgcheck traps`: text, JSON and HTML of the same table; words that mean nothing; exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pgcheck.checker.questions.subject import judgeable
from tests.pgcheck.conftest import Pgcheck
from tests.specifications import machine

pytestmark = pytest.mark.slow


def test_a_row_in_words(pgcheck: Pgcheck) -> None:
    ran = pgcheck("traps", "riscv64", "sret", "satp")
    assert ran.code == 0
    assert "    IllegalInstruction if mstatus.TSR == 1\n    completes if mstatus.TSR == 0\n" in ran.out
    assert "      S: read and written if mstatus.TVM == 0\n" in ran.out
    assert "      to S if medeleg.II == 1\n" in ran.out
    assert "    S: IllegalInstruction with mstatus.TVM == 1: satp\n" in ran.out
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_a_document(pgcheck: Pgcheck) -> None:
    whole = json.loads(pgcheck("traps", "riscv64", "sret", "csrrw:satp", "--format", "json").out)
    assert whole["schema_version"] == "1.0" and [m["name"] for m in whole["modes"]] == ["U", "S", "M"]
    assert [row["id"] for row in whole["rows"]] == ["sret", "csrrw:satp"]
    refused = [e for e in whole["rows"][0]["endings"] if (e["mode"], e["way"]) == ("S", "traps")]
    assert refused[0]["causes"][0]["cause"] == "raise(IllegalInstruction)"
    assert refused[0]["when"]["condition"] == "mstatus.TSR == 1" and refused[0]["when"]["status"] == "proved"
    assert {k["leaf"] for k in whole["knobs"]} == {"mstatus.TSR", "mstatus.TVM"}
    [satp] = whole["registers"]
    gate, traps = "mstatus.TVM == 0", ["raise(IllegalInstruction)"]
    assert satp["access"][1] == {"mode": "S", "read": gate, "written": gate, "traps": traps}


def test_a_page(pgcheck: Pgcheck, tmp_path: Path) -> None:
    file = tmp_path / "traps.html"
    ran = pgcheck("traps", "riscv64", "sret", "satp", "--format", "html", "--output", file)
    page = file.read_text("utf-8")
    assert (ran.code, ran.out) == (0, "")
    assert "<title>riscv64: how instructions end - pgcheck</title>" in page
    assert "if mstatus.TSR == 1" in page and page.count("<table") == page.count("</table>") == 4


def test_without_an_instruction_the_ways_are_told_and_not_when(pgcheck: Pgcheck, tmp_path: Path) -> None:
    short, whole = (pgcheck("traps", "pg74", *words, "--no-second").out for words in ((), ("--rows",)))
    assert "\nlpsw\n  M=0: completes or Memory\n  M=1: Privileged\n" in short
    assert "A[x]" not in short and "A[x]" in whole and "pgcheck traps pg74 INSTRUCTION" in short
    assert all(i.id in short for i in judgeable(machine("pg74"))) and max(map(len, short.splitlines())) <= 80
    file = tmp_path / "traps.html"
    pgcheck("traps", "pg74", "--no-second", "--format", "html", "--output", file)
    page = file.read_text("utf-8")
    assert "<td>completes or Memory</td>" in page
    assert page.index("When each of these comes") < page.index("A[x]") and page.count("<details") == page.count(
        "</details>"
    )


def test_the_same_table_twice_is_the_same_bytes(pgcheck: Pgcheck) -> None:
    asked = ("traps", "pg74", "--format", "json")
    assert pgcheck(*asked, "--jobs", 1).out == pgcheck(*asked, "--jobs", 2).out


def test_a_word_that_means_nothing_is_a_clear_error(pgcheck: Pgcheck) -> None:
    ran = pgcheck("traps", "pg74", "lpws")
    assert ran.code == 2 and "no instruction, row or register 'lpws'" in ran.err and "lpsw" in ran.err


def test_what_is_not_decided_exits_3(pgcheck: Pgcheck) -> None:
    ran = pgcheck("traps", "pg74", "load", "--budget", 1, "--no-cache")
    assert ran.code == 3 and "not decided" in ran.out
