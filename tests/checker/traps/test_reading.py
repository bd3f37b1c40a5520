"""Conditions as they are written: what is read back as IDL means the same."""

from __future__ import annotations

import pytest

from pgcheck.checker.traps.condition import ALWAYS, NEVER, Condition, Literal
from pgcheck.checker.traps.reading import Reading, mode_name
from pgcheck.isa.terms import Term, constant, eq, extract, mk, operand
from tests.specifications import machine

RISCV = machine("riscv64")
READING = Reading(RISCV, 1)


def leaf(name: str) -> Term:
    return RISCV.state.leaves[name].term


@pytest.mark.parametrize(
    ("term", "text"),
    [
        (eq(leaf("mstatus.TVM"), constant(1, 1)), "mstatus.TVM == 1"),
        (eq(leaf("current_mode"), constant(2, 3)), "current_mode == PrivilegeMode::M"),
        (eq(extract(leaf("PC"), 1, 0), constant(2, 0)), "PC[1:0] == 0"),
        (mk("slt", 0, leaf("mepc.ADDRESS"), leaf("sepc.ADDRESS")), "$signed(mepc.ADDRESS) < $signed(sepc.ADDRESS)"),
        (mk("ult", 0, leaf("scause"), constant(64, 300)), "scause < 0x12c"),
        (eq(operand(5, "xs1"), constant(5, 0)), "xs1 == 0"),
    ],
)
def test_a_comparison_is_idl(term: Term, text: str) -> None:
    assert READING.term(term) == text


def test_the_opposite_of_a_bit_is_its_other_value() -> None:
    tvm, pc = eq(leaf("mstatus.TVM"), constant(1, 1)), eq(leaf("scause"), constant(64, 2))
    assert READING.literal(Literal(tvm, False)) == "mstatus.TVM == 0"
    assert READING.literal(Literal(pc, False)) == "scause != 2"


def test_alternatives_and_their_opposite() -> None:
    tvm, tw = (Literal(eq(leaf(f"mstatus.{n}"), constant(1, 1)), True) for n in ("TVM", "TW"))
    assert READING.condition(Condition(((tvm, tw),))) == "mstatus.TVM == 1 && mstatus.TW == 1"
    assert READING.condition(Condition(((tvm,), (tw,)))) == "mstatus.TVM == 1 || mstatus.TW == 1"
    assert READING.condition(Condition(((tvm,), (tw,)), opposite=True)) == "mstatus.TVM == 0 && mstatus.TW == 0"
    assert (
        READING.condition(Condition(((tvm, tw), (tw,)))) == "(mstatus.TVM == 1 && mstatus.TW == 1) || mstatus.TW == 1"
    )
    assert (READING.condition(ALWAYS), READING.condition(NEVER)) == ("true", "false")


def test_modes_go_by_their_names() -> None:
    assert [mode_name(RISCV, m) for m in (0, 1, 3)] == ["U", "S", "M"]
    assert mode_name(machine("i386"), 3) == "CPL=3"


def test_what_is_shared_is_not_written_again_and_again() -> None:
    shared = operand(8, "x")
    for k in range(60):
        shared = mk("mul", 8, mk("add", 8, shared, constant(8, k + 1)), mk("xor", 8, shared, constant(8, k)))
    text = READING.term(eq(shared, constant(8, 1)))
    assert ".." in text and len(text) < 1000
