"""How rows end, by their conditions, beside the reference binding on random states: it ends in just one of the ways, and that is the one."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.traps.condition import Condition, Question, minimal
from pgcheck.checker.traps.together import Together
from pgcheck.checker.traps.ways import Cause, Way, ends, step
from pgcheck.isa.machine.claims import COMPLETES
from pgcheck.isa.machine.machine import Instruction, Machine, Row
from pgcheck.isa.terms import Term, constant, evaluate
from pgcheck.isa.terms.names import OPERAND
from pgcheck.models.reference import cycle
from pgcheck.models.state import Cells, Exit, State, cells, reset, scalar
from tests.specifications import machine

Ways = Mapping[int, Mapping[Way, Condition]]
ROWS = [
    ("riscv64", "csrrs", ":satp"),
    ("riscv64", "csrrw", ":cycle"),
    ("riscv64", "csrrci", ":time"),
    ("riscv64", "csrrs", ":other"),
    ("riscv64", "sret", ""),
    ("riscv64", "wfi", ""),
    ("riscv64", "mret", ""),
    ("riscv64", "sfence.vma", ""),
    ("riscv64", "ecall", ""),
    ("riscv64", "lw", ""),
    ("riscv64", "amoadd.d", ""),
    ("riscv64", "jalr", ""),
    ("riscv64", "blt", ""),
    ("pg74", "load", ""),
    ("pg74", "copy", ""),
    ("pg74", "lpsw", ""),
    ("i386", "rdtsc", ""),
    ("i386", "cli", ""),
    ("i386", "hlt", ""),
    ("i386", "rdpmc", ""),
    ("i386", "wait", ""),
]


@pytest.mark.parametrize(("name", "identifier", "label"), ROWS)
def test_the_reference_ends_in_the_way_whose_condition_holds(
    name: str, identifier: str, label: str, evidence: Evidence
) -> None:
    known = machine(name)
    instruction = known.instruction(identifier)
    row = next(r for r in instruction.rows if r.label == label)
    rng = random.Random(f"{name} {identifier}{label}")
    modes = *known.modes.supervisor.values, *known.modes.user.values
    ways = {mode: conditions(known, instruction, row, mode, evidence) for mode in modes}
    met = {way for _ in range(150) if (way := tried(known, instruction, row, rng, ways)) is not None}
    assert met


def tried(known: Machine, instruction: Instruction, row: Row, rng: random.Random, ways: Ways) -> Way | None:
    """The way that a random state ends in; None for what is no legal state or no encoding."""
    mode = rng.choice(list(ways))
    state = states(known, mode, rng)
    operands = {
        n: rng.choice((0, 1, rng.getrandbits(b.width))) & (1 << b.width) - 1 for n, b in instruction.operands.items()
    }
    if row.value is not None:
        operands[row.operand] = row.value
    lawful = all(cycle.holds(known, t, state) for t in known.legal)
    if (
        not lawful
        or operands.get(row.operand) in row.others
        or not cycle.operand_value(instruction.canonical, operands)
    ):
        return None
    true = [way for way, found in ways[mode].items() if held(found, state, operands)]
    ended = cycle.step(known, cycle.canonical(instruction, operands), state)
    wanted = Way(COMPLETES) if ended is None else way_of(known, ended)
    assert true == [wanted], (mode, operands, state)
    return wanted


def states(known: Machine, mode: int, rng: random.Random) -> State:
    """A state in a mode in which translation is what no page table decides."""
    state = reset(known)
    for leaf in known.state.scalars.values():
        state[leaf.name] = rng.choice((0, 1, rng.getrandbits(max(leaf.width, 1)))) & (1 << max(leaf.width, 1)) - 1
    for array in known.state.registers:
        values = {k: rng.choice((0, 1, 8, rng.getrandbits(array.width))) for k in range(min(array.size, 64))}
        state[array.name] = Cells(0, {**values, **dict(array.hardwired)})
    state[known.modes.leaf] = mode
    translation = known.code.translation
    if translation is not None and "satp.MODE" in translation.replay:
        state["satp.MODE"] = 0
    return state


def conditions(
    known: Machine, instruction: Instruction, row: Row, mode: int, evidence: Evidence
) -> dict[Way, Condition]:
    taken = step(known, instruction, row, mode)
    control = frozenset(leaf.name for leaf in known.state.control)
    together = Together(evidence)
    return {way: minimal(term, Question(taken.known, control, together, "test")) for way, term in taken.ways.items()}


def held(found: Condition, state: State, operands: dict[str, int]) -> bool:
    def leaf(term: Term) -> int:
        return operands[term.name.text] if term.name.space == OPERAND else scalar(state, term.name.text)

    def element(array: Term, index: int) -> int:
        return cells(state, array.name.text)[index]

    return bool(evaluate([found.term], leaf, element, lambda *_: 0)[0])


def way_of(known: Machine, ended: Exit) -> Way:
    if ended.function not in known.code.exits:
        return Way(ended.function)
    widths = (w for _, w in known.code.functions[ended.function].parameters)
    args = tuple(constant(w, v) for w, v in zip(widths, ended.args, strict=True))
    [(way, _)] = ends(known, ended.function, args)
    return way


def test_a_cause_goes_by_its_terminator_its_values_and_both() -> None:
    cause = Cause("raise", ("IllegalInstruction",), "privileged")
    assert [n for n in ("raise", "IllegalInstruction", "raise(IllegalInstruction)", "illegal") if cause.called(n)] == [
        "raise",
        "IllegalInstruction",
        "raise(IllegalInstruction)",
    ]
