"""Bits that no encoding accepts never complete."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import Example
from pgcheck.checker.law import MachineLaw
from pgcheck.checker.questions.legality import legal
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import constant, disjunction
from pgcheck.isa.terms.ir import EXECUTE
from pgcheck.models.symbolic import exit_kinds, run


def undefined_encodings_trap(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """Bits that no encoding accepts never complete, in any mode."""
    step = run(machine, machine.code.undefined, {}, constant(1, 0))
    goes_on = disjunction(
        [step.completes, *(e.guard for e in step.exits if EXECUTE in exit_kinds(machine, e.function, e.args))]
    )
    if evidence.possible([*legal(machine), goes_on], "undefined:completes"):
        yield LAW.finding("error", machine.identity.name, "`decode.undefined` may complete without a trap")


LAW = MachineLaw(
    id="PG102",
    name="undefined_encodings_trap",
    level="error",
    title="Undefined encodings complete",
    law="Bits that no encoding accepts trap, in any mode; what they do otherwise no row of the report speaks of.",
    formula="forall s: not completes(undefined(s))",
    reference=f"{PAPER}: an instruction that the machine lacks traps",
    example=Example((('undefined: "trap(Cause::Undefined);"', 'undefined: "A = 8\'d0;"'),), ()),
    ask=undefined_encodings_trap,
)
