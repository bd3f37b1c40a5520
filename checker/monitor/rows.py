"""The rows under proof: instructions, the parts of a step that are none, and instructions that no machine has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pgcheck.checker.monitor.guest import FETCH, Row
from pgcheck.checker.monitor.machine import Leaves, fetching
from pgcheck.checker.monitor.step import Promise
from pgcheck.checker.monitor.values import Symbolic, bits
from pgcheck.checker.questions.delegation import run_on
from pgcheck.checker.questions.subject import Subject, subject
from pgcheck.isa.encoding.fields import UNDEFINED
from pgcheck.isa.files.errors import Position
from pgcheck.isa.idl.state import ArrayLeaf, Leaf
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.machine.machine import Row as Label
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    constant,
    eq,
    operand,
    substitute,
)
from pgcheck.isa.terms.ir import Block
from pgcheck.models.state import Fetched
from pgcheck.models.symbolic import Exit, Transition, transition


def instruction_row(promise: Promise, instruction: Instruction, label: Label) -> Row:
    """An instruction's row; where an operand is none of the values of other rows, what they do is left out."""
    one = _narrowed(subject(promise.setting, instruction, label))
    fixed = dict(one.fixed)
    operands: Mapping[str, int] = {
        n: Symbolic.of(constant(b.width, fixed[n]) if n in fixed else operand(b.width, n))
        for n, b in instruction.operands.items()
    }
    widths = {operand(b.width, n): bits(operands[n], b.width) for n, b in instruction.operands.items()}
    length = Symbolic.of(substitute([instruction.length], widths)[0])
    return Row(promise.setting, one, Fetched(instruction, operands, length))


def _narrowed(one: Subject) -> Subject:
    if not one.row.others:
        return one
    chosen = operand(one.instruction.operands[one.row.operand].width, one.row.operand)
    elsewhere = dict.fromkeys((eq(chosen, constant(chosen.width, v)) for v in one.row.others), FALSE)
    memo: dict[Term, Term] = {}

    def narrowed(*terms: Term) -> list[Term]:
        return substitute(terms, elsewhere, memo)

    def state(leaves: Leaves) -> Leaves:
        return dict(zip(leaves, narrowed(*leaves.values()), strict=True))

    step = one.transition
    exits = [
        Exit(narrowed(e.guard)[0], e.function, tuple(narrowed(*e.args)), e.note, state(e.state)) for e in step.exits
    ]
    return replace(one, transition=Transition(narrowed(step.completes)[0], state(step.post), tuple(exits)))


def other_rows(promise: Promise) -> dict[str, Row]:
    """The parts of a step that are no instruction: the fetch, and bits that no encoding accepts."""
    machine = promise.machine
    control = frozenset(leaf.name for leaf in machine.state.control)

    def row(name: str, step: Transition, part: str) -> Row:
        found = run_on(machine, promise.setting.continued, step)
        whole = replace(machine.instructions[0], partial=False)
        return Row(promise.setting, Subject(whole, Label(name), found, TRUE, (), control), None, part)

    return {
        "(fetch)": row("(fetch)", fetching(machine), FETCH),
        UNDEFINED: row(UNDEFINED, transition(machine, machine.code.undefined), UNDEFINED),
    }


def made_up_row(promise: Promise, name: str, body: Block) -> Row:
    """The row of an instruction that no machine has."""
    instruction = Instruction(
        id=f"canary {name}",
        name="canary",
        variant="",
        position=Position(promise.machine.identity.path, 1, 1),
        encoding=None,
        operands={},
        length=constant(1, 1),
        canonical=TRUE,
        encoding_term=None,
        body=body,
        line=None,
        access={},
        rows=(Label(""),),
        partial=False,
        description="",
    )
    row = instruction_row(promise, instruction, Label(""))
    return replace(row, fetched=Fetched(instruction, {}, 0))


def usable(leaf: Leaf, machine: Machine) -> bool:
    """Whether a made-up instruction can show or change a leaf."""
    hardwired = isinstance(leaf, ArrayLeaf) and leaf.hardwired
    return not leaf.volatile and leaf.name not in (machine.state.pc, machine.state.memory) and not hardwired
