"""Every step of a guest keeps it within `guest`."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import CHECKED, Example, operation
from pgcheck.checker.hypotheses import GUEST
from pgcheck.checker.law import InstructionLaw
from pgcheck.checker.questions.legality import leaves, legal
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import Finding
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import FALSE
from pgcheck.models.symbolic import Transition


def guest_is_inductive(
    machine: Machine, instruction: Instruction, step: Transition, evidence: Evidence
) -> Iterator[Finding]:
    """A step from a state of a deployment's guest ends in one, be it run directly or by a routine of the monitor."""
    for deployment in machine.deployments:
        guest = Setting(machine, deployment, frozenset()).guest
        broken = leaves([guest], step.completes, step.post, step.exits)
        known = [*legal(machine), guest, instruction.canonical, broken]
        if broken is not FALSE and evidence.possible(known, f"{deployment.name}:{instruction.id}:guest"):
            yield LAW.broken(instruction, f"a step of the guest may leave `guest` of {deployment.name}")


LAW = InstructionLaw(
    id="PG125",
    name="guest_is_inductive",
    level="error",
    title="An instruction leaves the states of the guest",
    law="Every step from a state of a deployment's `guest` ends in one: nothing is asked of the states beside them.",
    formula="forall s: legal(s) and guest(s) implies guest(step(s))",
    reference="induction over the steps of the virtual machine",
    hypothesis=GUEST,
    example=Example(
        (operation(CHECKED + "IE = A[0];"),),
        (operation(CHECKED + "IE = 1'b0;"),),
        (("functions: |\n", 'deployments: {default: {real_mode: 1, guest: "IE == 0"}}\nfunctions: |\n'),),
    ),
    ask=guest_is_inductive,
)
