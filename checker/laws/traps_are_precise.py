"""Nothing has changed where an instruction traps."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import Example, operation
from pgcheck.checker.hypotheses import PRECISE
from pgcheck.checker.law import InstructionLaw
from pgcheck.checker.questions.copies import differ
from pgcheck.checker.questions.legality import legal
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import FALSE, disjunction
from pgcheck.isa.terms.ir import EXECUTE
from pgcheck.models.symbolic import Transition, exit_kinds


def traps_are_precise(
    machine: Machine, instruction: Instruction, step: Transition, evidence: Evidence
) -> Iterator[Finding]:
    """No state has changed where an exit is taken, unless `restart: partial` says so."""
    early = _changed_before_exit(machine, instruction, step, evidence)
    if early is not None and not instruction.partial:
        yield LAW.broken(
            instruction,
            f"state changes before {early}; write after all checks, or declare `restart: partial`",
        )
    if instruction.partial and early is None:
        message = "`restart: partial` is declared, but no state changes before a trap"
        yield LAW.finding("warning", instruction.id, message, instruction.position)


def _changed_before_exit(
    machine: Machine, instruction: Instruction, step: Transition, evidence: Evidence
) -> str | None:
    """The first terminator that can be reached after a write, or None."""
    for e in step.exits:
        changed = disjunction(
            differ(machine.state.leaves[n], t, machine.state.leaves[n].term)
            for n, t in e.state.items()
            if t is not machine.state.leaves[n].term
        )
        if changed is FALSE or EXECUTE in exit_kinds(machine, e.function, e.args):
            continue
        if evidence.possible([*legal(machine), instruction.canonical, e.guard, changed], f"{instruction.id}:precise"):
            return e.function
    return None


LAW = InstructionLaw(
    id="PG110",
    name="traps_are_precise",
    level="error",
    title="State changes before a trap",
    law="Where an instruction traps nothing has changed yet, unless it says `restart: partial`: the "
    "monitor emulates it from the state that the trap saved (then PG134 asks whether that ends alike).",
    formula="forall s: trap(step(s)) implies state at the trap = s",
    reference=f"{PAPER}: a trap changes nothing but the program status word and its old copy",
    hypothesis=PRECISE,
    example=Example(
        (operation("A = 8'd0;\nif (M == 1) { trap(Cause::Privileged); }\nIE = 1'b0;"),),
        (operation("if (M == 1) { trap(Cause::Privileged); }\nA = 8'd0;\nIE = 1'b0;"),),
    ),
    ask=traps_are_precise,
)
