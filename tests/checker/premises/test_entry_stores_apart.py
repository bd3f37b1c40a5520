"""A trap entry stores where the monitor says, and where no guest reaches."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.premises.entry_stores_apart import PREMISE
from pgcheck.checker.solving.evidence import Evidence
from tests.checker.premises.asking import ENTRY, entry, paged, said
from tests.specifications import machine

pytestmark = pytest.mark.slow

STACK = ("  SM:", "  S: {type: Bits<4>, role: saved}\n  SM:")
REST = "M = 0; L = 0; B = 15; $pc = 4'd1;"


@pytest.mark.parametrize(
    "body",
    [
        ENTRY,
        f"write_physical_memory<8>(4'd0, {{4'd0, $pc}}); {REST}",
        f"write_physical_memory<8>(S, {{4'd0, $pc}}); {REST}",
        f"write_physical_memory<8>(S - 4'd1, A[0]); write_physical_memory<8>(S - 4'd2, A[1]); {REST}",
        f"write_physical_memory<8>({{2'd0, $bits(cause)}}, A[0]); {REST}",
        "M = 0; L = 0; B = 15; wr(4'd2, A[0]); $pc = 4'd1;",
        "write_physical_memory<8>(S, A[0]); M = 0; L = 0; B = 15; $pc = read_physical_memory<8>(4'd0)[3:0];",
    ],
)
def test_a_store_where_the_monitor_says_is_apart(body: str, tmp_path: Path, evidence: Evidence) -> None:
    assert [status for status, _ in said(PREMISE, entry(tmp_path, body, STACK), evidence)] == ["ok"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (f"write_physical_memory<8>(A[0][3:0], 8'd0); {REST}", "where the guest says"),
        (f"write_physical_memory<8>($pc, 8'd0); {REST}", "where the guest says"),
        (f"if (A[1] == 0) {{ write_physical_memory<8>(A[0][3:0] | 4'd1, 8'd0); }} {REST}", "where the guest says"),
        (f"write_physical_memory<8>(read_physical_memory<8>(A[0][3:0])[3:0], 8'd0); {REST}", "where the guest says"),
        (f"wr(4'd2, A[0]); {REST}", "the guest reaches"),
        (f"write_physical_memory<8>(L, A[0]); {REST}", "the guest reaches"),
        ("write_physical_memory<8>(4'd0, A[0]); M = 0; L = 0; B = read_physical_memory<8>(4'd0)[3:0]; $pc = 4'd1;", ""),
    ],
)  # fmt: skip
def test_a_store_that_a_guest_aims_or_reaches_is_found(
    body: str, words: str, tmp_path: Path, evidence: Evidence
) -> None:
    ((status, message),) = said(PREMISE, entry(tmp_path, body, STACK), evidence)
    assert (status, words in message) == ("fails" if words else "ok", True)


@pytest.mark.parametrize("name", ["pg74", "m68010"])
def test_shipped_machines_store_apart(name: str, evidence: Evidence) -> None:
    assert [status for status, _ in said(PREMISE, machine(name), evidence)] == ["ok"]


@pytest.mark.parametrize(("before", "status"), [("", "fails"), ("M = 0; ", "ok")])
def test_a_store_that_the_guest_maps_is_found(before: str, status: str, tmp_path: Path, evidence: Evidence) -> None:
    """At one address, but through the tables of whoever was interrupted."""
    stores = f"{before}write_physical_memory<8>(translate(8'd5, Op::Write, M), OLD); M = 0; $pc = 8'd4;"
    change = ("OLD = $pc; M = 0; $pc = 8'd4;", f"OLD = $pc; {stores}")
    assert [s for s, _ in said(PREMISE, paged(tmp_path, change), evidence)] == [status]
