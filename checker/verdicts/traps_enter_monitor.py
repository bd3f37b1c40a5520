"""Traps that do not provably enter the monitor are compared like completion."""

from __future__ import annotations

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import CONTROL
from pgcheck.checker.questions.entry import settled
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER, Rule
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.isa.machine.machine import Deployment, Machine


def with_entering(machine: Machine, deployment: Deployment, evidence: Evidence, findings: list[Finding]) -> Setting:
    """The setting, with the traps that provably enter the monitor; undecided ones count as not entering."""
    try:
        setting = settled(machine, deployment, evidence)
    except Undecided as undecided:
        findings.append(RULE.finding("unknown", deployment.name, str(undecided)))
        setting = Setting(machine, deployment, frozenset())
    if setting.continued:
        message = f"not into the monitor: {', '.join(map(str, setting.continued))}; compared like completion"
        findings.append(RULE.finding("ok", deployment.name, message))
    return setting


RULE = Rule(
    id="PG115",
    name="traps_enter_monitor",
    level="note",
    title="A trap does not enter the monitor",
    law="The delivery of a trap on the real machine ends in the monitor. One that does not is no help to "
    "it and is compared like a completed step.",
    formula="forall real s: trap(s) implies monitor(deliver(s))",
    reference=f"{PAPER}: a trap gives control to the supervisor",
    hypothesis=CONTROL,
    example=Example((("M = 0; $pc", "M = A[0]; $pc"),), ()),
)
