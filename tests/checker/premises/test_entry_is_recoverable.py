"""Out of the state after a trap entry the monitor can read the guest's state before it, or two states show that it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.premises.entry_is_recoverable import PREMISE
from pgcheck.checker.solving.evidence import Evidence, Undecided
from tests.checker.premises.asking import ENTRY, entry, said
from tests.specifications import machine

pytestmark = pytest.mark.slow

SAVED = ("  SM:", "  S: {type: Bits<4>, role: saved}\n  SA: {type: Bits<8>, role: saved}\n  SM:")
LENT = ("functions: |\n", "deployments: {default: {real_mode: 1, mirror: [IE]}}\nfunctions: |\n")
ALWAYS_OFF = (LENT[0], LENT[1].replace("mirror", 'guest: "IE == 0", mirror'))


@pytest.mark.parametrize(
    ("body", "map_"),
    [
        (ENTRY, "P <- SP"),
        ("SA = A[0]; A[0] = 0; " + ENTRY, "A[0] <- SA"),
        ("Bits<8> old = A[0]; A[0] = A[1]; A[1] = old; " + ENTRY, "A[0] <- A[1], A[1] <- A[0]"),
        ("write_physical_memory<8>(S, A[0]); A[0] = 0; " + ENTRY, "A[0] <- MEM[S]"),
        ("write_physical_memory<8>(S - 4'd1, A[3]); A[3] = {A[2][3:0], 4'd0}; " + ENTRY, "A[3] <- MEM[S-1]"),
        ("SA = {A[0][3:0], A[1][3:0]}; A[0][3:0] = 0; A[1][3:0] = 0; " + ENTRY, "A[0][3:0] <- SA[7:4]"),
        (ENTRY.replace("SP = $pc", "SP = $pc + 4'd1"), "P <- SP - 1"),
        ("if (cause == Cause::Service) { SA = A[0]; A[0] = 0; } " + ENTRY, "A[0] <- "),
        ("if (A[0] == 0) { A[0] = 0; } " + ENTRY, "P <- SP"),
        ("SA = A[0]; A[0] = A[0] + A[1]; " + ENTRY, "A[0] <- SA"),
    ],
)
def test_what_is_saved_is_read_back(body: str, map_: str, tmp_path: Path, evidence: Evidence) -> None:
    status, message = said(PREMISE, entry(tmp_path, body, SAVED), evidence)[0]
    assert status == "ok" and map_ in message


@pytest.mark.parametrize(
    ("body", "leaf"),
    [
        ("A[0] = 0; " + ENTRY, "A[0]"),
        ("if (cause == Cause::Service) { A[0] = 0; } " + ENTRY, "A[0]"),
        ("A[0] = {4'd0, A[0][3:0]}; " + ENTRY, "A[0]"),
        ("SA = A[0] ^ A[1]; A[0] = 0; A[1] = 0; " + ENTRY, "A[0]"),
        ("A[2] = A[2] | 8'd1; " + ENTRY, "A[2]"),
        ("SA = A[1] + A[1]; A[1] = 0; " + ENTRY, "A[1]"),
        ("write_physical_memory<8>(S, A[0]); write_physical_memory<8>(S, A[1]); A[0] = 0; " + ENTRY, "A[0]"),
        ("if (A[1] == 0) { SA = A[0]; } A[0] = 0; " + ENTRY, "A[0]"),
        (ENTRY.replace("SP = $pc;", ""), "P"),
        (ENTRY.replace("SP = $pc;", "SP = {1'b0, $pc[2:0]};"), "P"),
    ],
)
def test_what_is_lost_is_shown_by_two_states(body: str, leaf: str, tmp_path: Path, evidence: Evidence) -> None:
    """Cleared, for one cause alone, cut, two made one, overwritten, or kept where the guest decides."""
    ((status, message),) = said(PREMISE, entry(tmp_path, body, SAVED), evidence)
    assert status == "fails" and f" takes {leaf} = " in message and message.endswith("to one state")


@pytest.mark.parametrize(
    "body",
    [
        "A[0] = A[0] ^ A[1]; " + ENTRY,
        "A[0] = ~A[0]; " + ENTRY,
        "A[0] = A[0] * 3; " + ENTRY,
        "if (A[1] == 0) { SA = A[0]; A[0] = 0; } else { SA = 0; } " + ENTRY,
    ],
)
def test_what_no_copy_of_bits_reads_back_is_open(body: str, tmp_path: Path, evidence: Evidence) -> None:
    """No two states end alike; but the monitor would have to compute, or to look at the guest before it knows how to read it."""
    with pytest.raises(Undecided, match="no copy of bits reads it back"):
        said(PREMISE, entry(tmp_path, body, SAVED), evidence)


@pytest.mark.parametrize(
    ("deployment", "body", "status"),
    [
        (LENT, "SA = {7'd0, IE}; IE = 0; ", "ok"),
        (LENT, "IE = 0; ", "fails"),
        (ALWAYS_OFF, "IE = 0; ", "ok"),
        (("functions: |\n", "functions: |\n"), "IE = 0; ", "ok"),
    ],
)
def test_what_is_lent_to_the_guest_is_its_state(
    deployment: tuple[str, str], body: str, status: str, tmp_path: Path, evidence: Evidence
) -> None:
    found = said(PREMISE, entry(tmp_path, body + ENTRY, SAVED, deployment), evidence)
    assert found[0][0] == status


@pytest.mark.parametrize(
    ("index", "status"),
    [("TOP", "ok"), ("TOP + 2'd1", "ok"), ("2'd3", "ok"), ("A[0][1:0]", "open"), ("$pc[1:0]", "fails")],
)
def test_a_stack_of_registers_saves_at_an_index_of_the_monitors(
    index: str, status: str, tmp_path: Path, evidence: Evidence
) -> None:
    """With an index that the guest says the value is somewhere, and nobody knows where; or it may be lost."""
    stack = ("  SM:", "  TOP: {type: Bits<2>, role: saved}\n  STACK: {type: Bits<4>, size: 4, role: saved}\n  SM:")
    pushing = entry(tmp_path, ENTRY.replace("SP = $pc;", f"STACK[{index}] = $pc; TOP = TOP + 1;"), stack)
    try:
        found = [s for s, _ in said(PREMISE, pushing, evidence)]
    except Undecided:
        found = ["open"]
    assert found == [status]


@pytest.mark.parametrize(
    ("first", "status"),
    [
        ("Bits<8> word = rd(A[0][3:0]);", "ok"),
        ("SA = A[1]; A[1] = 0; Bits<8> word = rd(A[0][3:0]); A[1] = SA;", "ok"),
        ("Bits<8> old = A[1]; A[1] = 0; Bits<8> word = rd(A[0][3:0]); A[1] = old;", "fails"),
        ("Bits<8> old = A[1]; A[1] = 0; Bits<8> word = rd(4'd3); A[1] = old;", "ok"),
    ],
)
def test_a_fault_of_the_guests_in_a_delivery_is_delivered_too(
    first: str, status: str, tmp_path: Path, evidence: Evidence
) -> None:
    """A delivery reads where a guest points: what is nested in it starts from what it has done so far. At an address of its own it meets none."""
    nested = ("exits: {trap: {", "exits: {stopped: {kind: memory}, trap: {nested: stopped, ")
    body = ("functions: |\n", f"functions: |\n  function stopped {{ description {{ x }} body {{ {ENTRY} }} }}\n")
    found = [s for s, _ in said(PREMISE, entry(tmp_path, f"{first} {ENTRY}", nested, body, SAVED), evidence)]
    assert found[0] == status


@pytest.mark.parametrize(("body", "status"), [(ENTRY, "ok"), ("A[1] = 0; " + ENTRY, "fails")])
def test_an_interrupt_is_asked_as_well(body: str, status: str, tmp_path: Path, evidence: Evidence) -> None:
    interrupt = (
        "functions: |\n",
        'interrupt: {pending: "pending?", deliver: interrupt}\nfunctions: |\n'
        "  function pending? { returns Boolean description { x } body { return IE == 1; } }\n"
        f"  function interrupt {{ description {{ x }} body {{ {body} }} }}\n",
    )
    assert [s for s, _ in said(PREMISE, entry(tmp_path, ENTRY, interrupt), evidence)] == [status]


@pytest.mark.parametrize(
    ("name", "map_"),
    [
        ("pg74", "P <- E[0x0][30:21]"),
        ("m68010", "A[7] <- OSP"),
        ("m68000", "PC <- MEM[OSP-4] - 2"),
        ("pdp10-ka10", "- 1"),
    ],
)
def test_shipped_machines_keep_the_guests_state(name: str, map_: str, evidence: Evidence) -> None:
    ((status, message),) = said(PREMISE, machine(name), evidence)
    assert status == "ok" and map_ in message


NEXT = ENTRY.replace("SP = $pc", "SP = (cause == Cause::Service) ? $pc + 4'd1 : $pc")
VECTORS = ("  SM:", "  V: {type: Bits<4>, role: vector}\n  W: {type: Bits<4>, role: vector}\n  SA: {type: Bits<8>, role: saved}\n  SM:")  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (NEXT, "fails"),
        (NEXT.replace("$pc = 4'd1", "$pc = (cause == Cause::Service) ? 4'd2 : 4'd1"), "ok"),
        (NEXT.replace("$pc = 4'd1", "$pc = (cause == Cause::Memory) ? 4'd2 : 4'd1"), "fails"),
        (NEXT.replace("$pc = 4'd1", "$pc = {2'd1, $bits(cause)}"), "ok"),
        (NEXT.replace("$pc = 4'd1", "$pc = V + {2'd0, $bits(cause)}"), "ok"),
        (NEXT.replace("$pc = 4'd1", "$pc = (cause == Cause::Service) ? V : W"), "ok"),
        (NEXT.replace("$pc = 4'd1", "$pc = {(cause == Cause::Service) ? V[0] : W[0], 3'd1}"), "ok"),
        (NEXT.replace("$pc = 4'd1", "$pc = IE == 1 ? {2'd1, $bits(cause)} : 4'd1"), "ok"),
        (NEXT.replace("$pc = 4'd1", "$pc = A[0] == 0 ? {2'd1, $bits(cause)} : 4'd1"), "fails"),
        (NEXT + " SA = {6'd0, $bits(cause)};", "ok"),
        (NEXT + " SA = (cause == Cause::Service) ? 8'd1 : 8'd0;", "ok"),
        (NEXT + " SA = {7'd0, $bits(cause)[0]};", "fails"),
        (NEXT + " if (cause == Cause::Service) { SA = SA ^ 8'd1; }", "ok"),
        (NEXT + " write_physical_memory<8>(V, {6'd0, $bits(cause)});", "ok"),
        (NEXT + " write_physical_memory<8>(V, {4'd0, $pc});", "ok"),
        ("if (cause == Cause::Service) { SA = A[0]; A[0] = 0; } " + ENTRY, "ok"),
    ],
)
def test_what_has_come_is_told_where_the_state_is_read_back_otherwise(
    body: str, status: str, tmp_path: Path, evidence: Evidence
) -> None:
    """By an address of its own, which the monitor may choose; by a leaf, a change of one, or a stored word; or by nothing.

    Where the monitor has 0 in SA, both ways of reading A[0] back give the same.
    """
    found, message = said(PREMISE, entry(tmp_path, body, VECTORS), evidence)[0]
    assert found == status and ("nothing tells" in message) == (status == "fails")


LINE = ("  IE:", "  LINE: {type: Bits<1>, role: interrupt}\n  IE:")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (ENTRY, "ok"),
        ("LINE = 0; " + ENTRY, "ok"),
        (ENTRY.replace("SP = $pc", "SP = $pc + 4'd1"), "fails"),
        ("LINE = 0; " + ENTRY.replace("SP = $pc", "SP = $pc + 4'd1"), "fails"),
        (ENTRY.replace("SP = $pc", "SP = $pc + 4'd1").replace("4'd1;", "4'd2;"), "ok"),
    ],
)
def test_an_interrupt_is_told_from_a_trap(body: str, status: str, tmp_path: Path, evidence: Evidence) -> None:
    """Where both save alike it need not be. What a device asks is not the monitor's to know: a request may come and go."""
    interrupt = (
        "functions: |\n",
        'interrupt: {pending: "pending?", deliver: interrupt}\nfunctions: |\n'
        "  function pending? { returns Boolean description { x } body { return LINE == 1; } }\n"
        f"  function interrupt {{ description {{ x }} body {{ {body} }} }}\n",
    )
    assert [s for s, _ in said(PREMISE, entry(tmp_path, ENTRY, interrupt, LINE), evidence)] == [status]


HANDED = (
    ("arguments Cause cause", "arguments Cause cause, Bits<4> next"),
    ("trap(Cause::Privileged)", "trap(Cause::Privileged, $pc)"),
    ("trap(Cause::Service)", "trap(Cause::Service, $pc + 4'd1)"),
    ("trap(Cause::Undefined)", "trap(Cause::Undefined, $pc)"),
    ("exits: {trap", "exits: {fault: {kind: memory}, trap"),
    (
        "  function fetch",
        "  function fault { description { x } body { SM = M; SP = $pc; M = 0; $pc = 4'd3; } }\n  function fetch",
    ),  # fmt: skip
    ("if (a >= B) { trap(Cause::Memory); }", "if (a >= B) { fault(); }"),
    ("if (sum[4] == 1) { trap(Cause::Memory); }", "if (sum[4] == 1) { fault(); }"),
)


@pytest.mark.parametrize(
    ("kept", "status"), [("SA = {6'd0, $bits(cause)}; ", "ok"), ("", "open"), ("SA = 8'd1;", "open")]
)
def test_what_is_handed_over_tells_where_it_was_if_the_cause_is_kept(
    kept: str, status: str, tmp_path: Path, evidence: Evidence
) -> None:
    body = kept + ENTRY.replace("SP = $pc", "SP = next")
    try:
        found = [s for s, _ in said(PREMISE, entry(tmp_path, body, VECTORS, *HANDED), evidence)][:1]
    except Undecided:
        found = ["open"]
    assert found == [status]


@pytest.mark.parametrize(
    ("body", "hidden"),
    [
        ("priv(); A[0] = {3'd0, SM, SP};", ""),
        ("priv(); A[0] = {4'd0, SM, SP[2:0]};", "SP[3:3]"),
        ("priv(); A[0] = {7'd0, SM};", "SP"),
        ("if (M == 0) { trap(Cause::Undefined); } A[0] = {3'd0, SM, SP};", "SP"),
        ("priv(); if (SP == A[0][3:0]) { A[1] = 0; }", ""),
        ("priv(); wr(A[0][3:0], {4'd0, SP});", ""),
    ],
)
def test_what_no_instruction_reads_is_assumed_by_name(
    body: str, hidden: str, tmp_path: Path, evidence: Evidence
) -> None:
    found = said(PREMISE, entry(tmp_path, ENTRY, ("priv(); A[0] = {3'd0, SM, SP};", body)), evidence)
    assert [m.split(",")[0] for s, m in found if s == "assumed"] == ([f"the monitor reads {hidden}"] if hidden else [])
