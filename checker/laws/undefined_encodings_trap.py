"""Bits that no encoding accepts trap into the monitor, and change nothing before."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import ENCODING
from pgcheck.checker.law import MachineLaw
from pgcheck.checker.questions.copies import differ
from pgcheck.checker.questions.entry import enters
from pgcheck.checker.questions.legality import legal
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import constant, disjunction, land
from pgcheck.isa.terms.ir import EXECUTE, HALT, UNPREDICTABLE
from pgcheck.models.symbolic import exit_kinds, initial, run


def undefined_encodings_trap(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """Bits that no encoding accepts never complete, in any mode: nothing has changed, and the trap enters the monitor."""
    subject, before = machine.identity.name, initial(machine)
    step = run(machine, machine.code.undefined, {}, constant(1, 0))
    executed = [e for e in step.exits if EXECUTE in exit_kinds(machine, e.function, e.args)]
    goes_on = disjunction([step.completes, *(e.guard for e in executed)])
    if evidence.possible([*legal(machine), goes_on], "undefined:completes"):
        yield LAW.finding("error", subject, "`decode.undefined` may complete without a trap")
    stops = disjunction(e.guard for e in step.exits if e.function in (HALT, UNPREDICTABLE))
    if evidence.possible([*legal(machine), stops], "undefined:stops"):
        yield LAW.finding("error", subject, "`decode.undefined` may stop the processor, or do anything")
    traps = [e for e in step.exits if e.function in machine.code.exits and e not in executed]
    changed = disjunction(
        land(e.guard, differ(leaf, e.state[n], before[n])) for e in traps for n, leaf in machine.state.leaves.items()
    )
    if evidence.possible([*legal(machine), changed], "undefined:changes"):
        yield LAW.finding("error", subject, "`decode.undefined` changes state before it traps")
    for deployment in machine.deployments:
        if not all(enters(machine, deployment, e, evidence) for e in traps):
            message = f"the trap of `decode.undefined` need not enter the monitor under {deployment.name}"
            yield LAW.finding("error", subject, message)


LAW = MachineLaw(
    id="PG102",
    name="undefined_encodings_trap",
    level="error",
    title="Undefined encodings complete",
    law="Bits that no encoding accepts trap, in any mode, change nothing before, and their trap enters the monitor; "
    "what they do otherwise no row of the report speaks of.",
    formula="forall s: not completes(undefined(s)), unchanged before its trap, and the trap enters the monitor",
    reference=f"{PAPER}: an instruction that the machine lacks traps",
    hypothesis=ENCODING,
    example=Example((('undefined: "trap(Cause::Undefined);"', 'undefined: "A = 8\'d0;"'),), ()),
    ask=undefined_encodings_trap,
)
