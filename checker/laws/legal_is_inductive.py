"""Every step keeps the states legal."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import CHECKED, Example, legal_if, operation
from pgcheck.checker.hypotheses import LEGAL
from pgcheck.checker.law import InstructionLaw
from pgcheck.checker.questions.legality import leaves_legal, legal
from pgcheck.checker.result import Finding
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import FALSE
from pgcheck.models.symbolic import Transition


def legal_is_inductive(
    machine: Machine, instruction: Instruction, step: Transition, evidence: Evidence
) -> Iterator[Finding]:
    """Every step from a legal state ends in one: where it completes, goes on with another instruction, or traps."""
    broken = leaves_legal(machine, step.completes, step.post, step.exits)
    if broken is not FALSE and evidence.possible(
        [*legal(machine), instruction.canonical, broken], f"{instruction.id}:legal"
    ):
        yield LAW.broken(instruction, "a step may leave the legal states")


LAW = InstructionLaw(
    id="PG109",
    name="legal_is_inductive",
    level="error",
    title="An instruction leaves the legal states",
    law="Every step from a legal state ends in a legal state, where it completes and where it traps.",
    formula="forall s: legal(s) implies legal(step(s))",
    reference="induction over the steps of the machine",
    hypothesis=LEGAL,
    example=Example((operation(CHECKED + "IE = A[0];"),), (operation(CHECKED + "IE = 1'b0;"),), (legal_if("IE == 0"),)),
    ask=legal_is_inductive,
)
