"""An instruction that has changed state before its trap is gone on with from the state at the trap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pgcheck.checker.example import Example, operation
from pgcheck.checker.hypotheses import PRECISE
from pgcheck.checker.law import Premise
from pgcheck.checker.questions.subject import Setting, subject
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.values import Configuration
from pgcheck.checker.world.resumption import Lost, lost_at_trap
from pgcheck.isa.machine.machine import Machine, Row
from pgcheck.isa.terms.ir import HALT, UNMODELLED, UNPREDICTABLE
from pgcheck.models.symbolic import Transition

NAMED: Final = 6


def partial_instructions_resume(
    setting: Setting, configuration: Configuration, evidence: Evidence
) -> Iterator[Finding]:
    """Each instruction with `restart: partial` ends, from the state at its trap, where the bare machine ends."""
    partial = [i for i in setting.machine.instructions if i.partial]
    lost, storing = False, []
    for instruction in partial:
        one = subject(setting, instruction, Row(""))
        storing += [instruction.id] if stores_before_a_trap(setting.machine, one.transition) else []
        found = lost_at_trap(setting, one, configuration, evidence)
        if not isinstance(found, Lost):
            continue
        lost = True
        message = (
            f"{instruction.id} cannot be gone on with after {found.terminator} in virtual mode {found.virtual_mode}: {found.wrong};"
            " change state after the last check, or so that running it again from there ends alike"
        )
        yield PREMISE.answer(setting, "fails", message)
    if partial and not lost:
        yield PREMISE.answer(setting, "ok", f"proved of {', '.join(i.id for i in partial)}")
    if storing:
        named = ", ".join(storing[:NAMED]) + (f" or {len(storing) - NAMED} others" if len(storing) > NAMED else "")
        message = f"No guest has {named} overwrite its own word before it traps: the monitor would go on with another."
        yield PREMISE.answer(setting, "assumed", message)


def stores_before_a_trap(machine: Machine, transition: Transition) -> bool:
    """Whether a step may have stored to memory when it ends in a trap."""
    before = machine.state.leaves[machine.state.memory].term
    return any(
        e.function not in (HALT, UNMODELLED, UNPREDICTABLE) and e.state[machine.state.memory] is not before
        for e in transition.exits
    )


PREMISE = Premise(
    id="PG134",
    name="partial_instructions_resume",
    level="error",
    title="An instruction cannot be gone on with after its trap",
    law="Where an instruction with `restart: partial` traps into the monitor, the routine that goes on from the state at the trap "
    "ends where the bare machine ends; the monitor's own state has not changed.",
    formula="forall v, r related: trap(step(r)) implies step(v with the general state at the trap) = step(v)",
    reference=f"{PAPER}: the interpreter routines, which start from the state that the trap saved",
    example=Example(
        (operation("A = A + 8'd1;\nif (M == 1) { trap(Cause::Privileged); }", "    restart: partial\n"),),
        (operation("A = 8'd1;\nif (M == 1) { trap(Cause::Privileged); }", "    restart: partial\n"),),
    ),
    hypothesis=PRECISE,
    ask=partial_instructions_resume,
)
