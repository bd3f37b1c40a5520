"""Clauses of the processors' manuals, run by the plain evaluator: what traps, and what is saved, cleared, fixed and counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from pgcheck.machines.programs import assembled
from pgcheck.models.computer import image
from pgcheck.models.computer.computer import Computer
from pgcheck.models.state import Cells
from tests.specifications import machine

Leaves = Mapping[str, int | Mapping[int, int]]

STEPS = 40
DESCRIPTORS = """
        .org 0x2008
        .8byte 0x00cf9a000000ffff, 0x00cf92000000ffff, 0x00cffa000000ffff, 0x00cff2000000ffff
        .org 0x2980
        .8byte 0x00008e0000081800       ; the gate of INT 30 hex
        .org 0x1800
        pop eax
        pop ebx
        pop ecx
        hlt
"""
TABLES: Leaves = {"GDTR.base": 0x2000, "GDTR.limit": 0x27, "IDTR.base": 0x2800, "IDTR.limit": 0x7FF}


@dataclass(frozen=True)
class Clause:
    """What a manual says of a program, run for `steps` from the leaves `given`: the leaves then, and the trap that ends it."""

    says: str
    machine: str
    program: str
    leaves: Leaves = field(default_factory=dict)
    trap: tuple[str, tuple[int, ...]] | None = None
    given: Leaves = field(default_factory=dict)
    steps: int = STEPS


def port(says: str, program: str, dx: int, limit: int, bitmap: str, *, refused: bool) -> Clause:
    """An access in ring 3, by a bitmap that begins right after a TSS at 3000 hex."""
    given: Leaves = {"CPL": 3, "GPR": {2: dx}, "TR.base": 0x3000, "TR.limit": limit}
    text = f"        {program}\n        .org 0x3066\n        .2byte 0x68\n{bitmap}"
    return Clause(f"SDM 1 18.5.2: {says}", "i386", text, {}, ("refuse", ()) if refused else None, given, 1)


def reserved(name: str, bit: int, *, there: bool) -> Clause:
    """Setting one bit of CR4."""
    says = f"SDM 3A 2.5: bit {bit} of CR4 is {'there' if there else 'reserved'}"
    return Clause(says, name, "mov cr4, eax", {}, None if there else ("fault", (13, 0)), {"GPR": {0: 1 << bit}}, 1)


CLOSED = "        .org 0x5068\n        .byte 0xff"
CLAUSES = [
    Clause("SDM 2B NOP: the form of two bytes", "i386", ".byte 0x66, 0x90\nhlt", {"EIP": 0x1003}),
    Clause("SDM 2B NOP: its assembly", "i386", "nop word\nhlt", {"EIP": 0x1003}),
    port("the byte that closes the map refuses a port beyond it", "in ax, dx", 0xFFFF, 0x2068, CLOSED, refused=True),
    port("the last port is in the map", "in al, dx", 0xFFFF, 0x2068, CLOSED, refused=False),
    port("two bytes are read", "in ax, dx", 7, 0x69, "", refused=False),
    port("both have to be within the limit", "in al, dx", 7, 0x68, "", refused=True),
    port("both have to be within the limit", "out dx, al", 8, 0x69, "", refused=True),
    port("one bit of several", "in eax, dx", 5, 0x6A, "        .byte 0, 1", refused=True),
    port("a bit beside them", "in eax, dx", 4, 0x6A, "        .byte 8, 1", refused=False),
    Clause(
        "SDM 2 IRET: a null selector or one of an inner ring becomes 0, and no other", "i386",
        f"iret\n.org 0x4000\n.4byte 0x1000, 0x1b, 2, 0x8000, 0x23\n{DESCRIPTORS}",
        {"CPL": 3, "SEL": {0: 0, 3: 0, 4: 0, 5: 0x23}}, None,
        {**TABLES, "GPR": {4: 0x4000}, "SEL": {0: 1, 3: 0x10, 4: 2, 5: 0x23}, "SEGRIGHTS.DPL": {0: 3, 5: 3}}, 1,
    ),
    Clause(
        "SDM 3B 17.3.1.1: RF is cleared after each instruction", "i386",
        f"mov eax, next\npush 0x10002\npush 8\npush eax\niret\nnext: nop\nint 0x30\n{DESCRIPTORS}",
        {"GPR": {1: 2}}, None, {**TABLES, "GPR": {4: 0x4000}},
    ),
    Clause(
        "SDM 3B 17.2.3, 17.2.4: fixed bits of DR6 and DR7", "i386",
        "mov eax, dr6\nmov ebx, dr7\nmov dr6, ecx\nmov dr7, ecx\nmov dr3, ecx\nmov esi, dr6\nmov edi, dr7\nmov ebp, dr3\nhlt",
        {"GPR": {0: 0xFFFF0FF0, 3: 0x400, 6: 0xFFFF0FF0, 7: 0x400, 5: 0}},
    ),
    Clause(
        "the same, of ones", "i386", "mov ecx, 0xffffdf00\nmov dr6, ecx\nmov dr7, ecx\nmov dr3, ecx\nmov esi, dr6\nmov edi, dr7\nmov ebp, dr3\nhlt",
        {"GPR": {6: 0xFFFFCFF0, 7: 0xFFFF0700, 5: 0xFFFFDF00}},
    ),
    Clause("SDM 2A CPUID: what is there", "i386", "mov eax, 1\ncpuid\nhlt", {"GPR": {2: 0x20BD, 1: 0}}),
    Clause("SDM 2A CPUID: UMIP is leaf 7", "x86-umip", "mov eax, 7\ncpuid\nhlt", {"GPR": {0: 0, 3: 0, 1: 4, 2: 0}}),
    Clause("SDM 2A CPUID: of its first subleaf", "x86-umip", "mov eax, 7\nmov ecx, 1\ncpuid\nhlt", {"GPR": {1: 0}}),
    Clause("SDM 2A CPUID: beyond the last leaf", "x86-umip", "mov eax, 8\ncpuid\nhlt", {"GPR": {0: 0, 1: 4}}),
    *(reserved("i386", bit, there=bit in {2, 3, 4, 6, 7, 8}) for bit in range(13)),
    reserved("x86-umip", 11, there=True),
    Clause("PRM 1992 STOP: user mode may be stopped in", "m68000", "stop #0", {"STOPPED": 1, "SR.S": 0}),
    Clause("PRM STOP: in user mode it is refused", "m68000", "stop #0", {}, ("fault", (8, 1024)), {"SR.S": 0}, 1),
    Clause(
        "KA10 manual: CONO APR, bit 19, resets the in-out devices", "pdp10-ka10",
        "datao 0x14, 2\ncono 0x14, 5\nconi 0x14, 3\ncono 0, 0x10000\nconi 0x14, 4\njrst 4, 0\n", {"AC": {3: 0o15, 4: 0}},
    ),
    Clause(
        "the same: and nothing else does", "pdp10-ka10", "cono 0x14, 5\ncono 0, 0x20000\nconi 0x14, 4\njrst 4, 0\n", {"AC": {4: 5}},
    ),
    *(
        Clause(
            f"vol. II, Hardware Performance Monitor: what is written to {name} is kept", "riscv64",
            f"csrrwi zero, {name}, 9\ncsrrs a0, {name}, zero\ncsrrs a1, {name}, zero\n", {"X": {10: 9, 11: 10}}, None,
            {"current_mode": 3}, 3,
        )
        for name in ("minstret", "mcycle")
    ),
]  # fmt: skip


def leaves(given: Leaves) -> Iterator[tuple[str, int | None, int]]:
    """Leaves and elements with their values."""
    for name, value in given.items():
        if isinstance(value, int):
            yield name, None, value
        else:
            yield from ((name, index, element) for index, element in value.items())


@pytest.mark.parametrize("clause", CLAUSES, ids=[c.says for c in CLAUSES])
def test_a_clause_is_kept(clause: Clause) -> None:
    described = machine(clause.machine)
    computer = Computer(described)
    image.load(assembled(described, clause.program, "test"), computer)
    for name, index, value in leaves(clause.given):
        held = computer.state[name]
        if isinstance(held, Cells):
            assert index is not None
            held[index] = value
        else:
            computer.state[name] = value
    watched = frozenset(described.code.exits) if clause.trap else frozenset[str]()
    ended = computer.run(clause.steps, watched).exit
    if clause.trap or clause.steps == 1:
        assert (None if ended is None else (ended.function, ended.args)) == clause.trap
    found: dict[tuple[str, int | None], int] = {}
    for name, index, _ in leaves(clause.leaves):
        held = computer.state[name]
        found[name, index] = held if isinstance(held, int) else held[index or 0]
    assert found == {(name, index): value for name, index, value in leaves(clause.leaves)}
