"""After a trap entry mode, program counter and mapping are the monitor's word, and its first instruction is its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.premises.entry_is_in_control import PREMISE
from pgcheck.checker.solving.evidence import Evidence, Undecided
from tests.checker.premises.asking import ENTRY, entry, paged, said
from tests.checker.variants import edited
from tests.specifications import machine

pytestmark = pytest.mark.slow

VECTOR = ("  SM:", "  V: {type: Bits<4>, role: vector}\n  SM:")
WORD = ("  SM:", "  W: {type: Bits<8>, size: 4, role: vector}\n  SM:")
PAYLOAD = (
    ("arguments Cause cause description { x } body { SM", "arguments Cause cause, Bits<4> info description { x } body { SM"),
    ("{ trap(Cause::Memory); }\n      Bits<5>", "{ trap(Cause::Memory, a); }\n      Bits<5>"),
    ("if (sum[4] == 1) { trap(Cause::Memory); }", "if (sum[4] == 1) { trap(Cause::Memory, a); }"),
    ("{ trap(Cause::Privileged); }", "{ trap(Cause::Privileged, 0); }"),
    ("trap(Cause::Service);", "trap(Cause::Service, 0);"),
    ('"trap(Cause::Undefined);"', '"trap(Cause::Undefined, 0);"'),
)  # fmt: skip
SAVES = "SM = M; SP = $pc; M = 0; "


@pytest.mark.parametrize(
    "body",
    [
        ENTRY,
        SAVES + "L = 0; B = 15; $pc = {2'd0, $bits(cause)};",
        SAVES + "L = 2; B = 12; $pc = 4'd1;",
        SAVES + "L = 0; B = 15; $pc = read_physical_memory<8>(4'd0)[3:0] & 4'd1;",
        SAVES + "L = 0; B = 15; $pc = read_physical_memory<8>({2'd0, $bits(cause)})[3:0];",
        SAVES + "L = 0; B = 15; $pc = (A[0] == A[0]) ? 4'd1 : A[0][3:0];",
        SAVES + "L = 0; B = 15; $pc = ((A[0] & A[1]) == (A[1] & A[0])) ? 4'd1 : A[0][3:0];",
    ],
)
def test_what_the_monitor_lays_down_is_in_control(body: str, tmp_path: Path, evidence: Evidence) -> None:
    """The last two read a register of the guest's that makes no difference."""
    assert [status for status, _ in said(PREMISE, entry(tmp_path, body), evidence)] == ["ok"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (SAVES + "L = 0; B = 15; $pc = A[0][3:0];", "the guest says P"),
        (SAVES + "L = 0; B = 15; $pc = {3'd0, (A[2] == 3) ? 1'b1 : 1'b0};", "the guest says P"),
        (SAVES + "L = 0; B = 15; $pc = $pc;", "the guest says P"),
        (SAVES + "L = 0; B = 15; $pc = read_physical_memory<8>(A[0][3:0])[3:0];", "the guest says P"),
        (SAVES + "L = A[0][3:0]; B = 15; $pc = 4'd1;", "the guest says L"),
        (SAVES + "L = 0; B = 15 - {3'd0, A[3][0]}; $pc = 4'd1;", "the guest says B"),
        ("SM = M; SP = $pc; M = 0; $pc = 4'd1;", "a guest reaches where trap leads"),
        (SAVES + "B = 15; $pc = 4'd0;", "a guest reaches where trap leads"),
        (SAVES + "B = 15; $pc = 4'd1;", ""),
        (SAVES + "L = 0; B = 1; $pc = 4'd1;", "a guest reaches where trap leads"),
        (SAVES + "Bits<4> v = rd(4'd3)[3:0]; L = 0; B = 15; $pc = v;", "a guest reaches where trap leads"),
        (
            SAVES + "Bits<4> v = read_physical_memory<8>(L)[3:0]; L = 0; B = 15; $pc = v;",
            "a guest reaches where trap leads",
        ),
    ],
)
def test_a_guest_in_control_is_found(body: str, words: str, tmp_path: Path, evidence: Evidence) -> None:
    """Through a register, a word that a register leads to, a base that stays, or a limit that leaves the monitor nothing.

    Where the limit alone goes up, what lies beyond the guest's is the monitor's.
    """
    ((status, message),) = said(PREMISE, entry(tmp_path, body), evidence)
    assert (status, words in message) == (("fails", True) if words else ("ok", True))


def test_an_address_in_the_payload_is_the_guests(tmp_path: Path, evidence: Evidence) -> None:
    """Of every value of the payload: what the trap hands over may be an address that the guest asked for."""
    leads = entry(tmp_path, SAVES + "L = 0; B = 15; $pc = info;", *PAYLOAD)
    assert [status for status, _ in said(PREMISE, leads, evidence)] == ["fails"]
    told = entry(tmp_path, SAVES + "L = 0; B = 15; $pc = {3'd0, info[0]};", *PAYLOAD)
    assert [status for status, _ in said(PREMISE, told, evidence)] == ["ok"]


def test_a_vector_of_the_monitors_is_its_word(tmp_path: Path, evidence: Evidence) -> None:
    for more in (VECTOR, WORD):
        leaf = "V" if more is VECTOR else "W[2][3:0]"
        kept = entry(tmp_path, SAVES + f"L = 0; B = 15; $pc = {leaf};", more)
        assert [status for status, _ in said(PREMISE, kept, evidence)] == ["ok"]
    lent = entry(tmp_path, SAVES + "L = 0; B = 15; $pc = V;", (VECTOR[0], VECTOR[1].replace("vector", "general")))
    assert [status for status, _ in said(PREMISE, lent, evidence)] == ["fails"]


@pytest.mark.parametrize(
    ("body", "status"), [("$pc = 4'd1;", "ok"), ("$pc = A[1][3:0];", "fails"), ("$pc = 4'd1; L = A[0][3:0];", "fails")]
)
def test_an_interrupt_is_asked_as_well(body: str, status: str, tmp_path: Path, evidence: Evidence) -> None:
    interrupt = (
        "functions: |\n",
        'interrupt: {pending: "pending?", deliver: interrupt}\nfunctions: |\n'
        "  function pending? { returns Boolean description { x } body { return IE == 1; } }\n"
        f"  function interrupt {{ description {{ x }} body {{ {SAVES} L = 0; B = 15; {body} }} }}\n",
    )
    assert [s for s, _ in said(PREMISE, entry(tmp_path, ENTRY, interrupt), evidence)] == [status]


@pytest.mark.parametrize("name", ["pg74", "m68010"])
def test_shipped_machines_give_control(name: str, evidence: Evidence) -> None:
    assert [status for status, _ in said(PREMISE, machine(name), evidence)] == ["ok"]


def test_with_page_tables_the_monitor_needs_a_page_of_its_own(tmp_path: Path, evidence: Evidence) -> None:
    """Where the supervisor is mapped as the user is, and the entry changes no root, a guest reads what is fetched there.

    And sees the monitor where its own memory should be.
    """
    alike = ("if (PAGING == 0 || mode == 0)", "if (PAGING == 0)")
    ((status, message),) = said(PREMISE, paged(tmp_path, alike), evidence)
    assert status == "fails" and "a guest reaches where trap leads" in message
    root = ("M = 0; $pc", "ROOT = 4'd3; M = 0; $pc")
    for edits in ((), (alike, root)):
        assert [s for s, _ in said(PREMISE, paged(tmp_path, *edits), evidence)] == ["ok"]


@pytest.mark.parametrize(("mode", "status"), [("M", "fails"), ("1'b1", "fails"), ("1'b0", "ok")])
def test_a_vector_that_the_guest_maps_is_its_word(mode: str, status: str, tmp_path: Path, evidence: Evidence) -> None:
    leads = f"$pc = read_physical_memory<8>(translate(8'd5, Op::Read, {mode})); M = 0;"
    change = ("OLD = $pc; M = 0; $pc = 8'd4;", f"OLD = $pc; {leads}")
    assert [s for s, _ in said(PREMISE, paged(tmp_path, change), evidence)] == [status]


@pytest.mark.parametrize(("place", "status"), [("10'd1", "ok"), ("{9'd0, C}", "ok"), ("A[0][9:0]", "lost")])
def test_no_guest_reaches_what_a_delivery_looks_up(place: str, status: str, tmp_path: Path, evidence: Evidence) -> None:
    """A table that lies where the guest says may lie in the guest's own memory."""
    change = ("return read_physical_memory<32>(10'd1);", f"return read_physical_memory<32>({place});")
    try:
        found = [s for s, _ in said(PREMISE, edited(tmp_path, change), evidence)]
    except Undecided:
        found = ["lost"]
    assert [{"fails": "lost"}.get(s, s) for s in found] == [status]
