"""What must be true of a specification before its verdicts mean anything: every law of `pgcheck.checker.laws`, asked by id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from operator import attrgetter
from typing import TypeVar

from pgcheck.checker.law import InstructionLaw, MachineLaw, Premise
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import Rule
from pgcheck.checker.solving.evidence import Evidence, Undecided, proved_together
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.values import Configuration
from pgcheck.checker.verdicts.row_cache import RowCache
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.rows import rows
from pgcheck.models.symbolic import transition

Kind = TypeVar("Kind", bound=Rule)


@cache
def laws(kind: type[Kind]) -> tuple[Kind, ...]:
    """The laws of a kind, in the order of their ids."""
    return tuple(sorted(rows("pgcheck.checker.laws", kind), key=attrgetter("id")))


@cache
def premises() -> tuple[Premise, ...]:
    """What the theorems take for given of a machine, in the order of their ids."""
    return tuple(sorted(rows("pgcheck.checker.premises", Premise), key=attrgetter("id")))


def lint(
    machine: Machine, pool: Pool, second: bool, instructions: Sequence[Instruction], kept: RowCache
) -> list[Finding]:
    """Every finding about a machine and the given instructions of it; an obligation without an answer is a finding too.

    Raises Contradiction, or WorkerFailed from a worker: solvers that disagree say nothing about the specification.
    """

    def whole(evidence: Evidence) -> list[Finding]:
        return [
            finding
            for law in laws(MachineLaw)
            for finding in _settled(law, machine.identity.name, law.ask(machine, evidence), evidence)
        ]

    def one(instruction: Instruction, solver: Solver) -> list[Finding]:
        return proved_together(solver, second, lambda evidence: examine(machine, instruction, evidence))

    findings = proved_together(pool.solver, second, whole)
    return findings + list(kept.examined(pool, one, instructions))


def granted(setting: Setting, configuration: Configuration, evidence: Evidence) -> list[Finding]:
    """What the premises say of a deployment and the configuration found for it. Raises Contradiction."""

    def asked(own: Evidence) -> list[Finding]:
        return [
            finding
            for premise in premises()
            for finding in _settled(premise, setting.deployment.name, premise.ask(setting, configuration, own), own)
        ]

    return proved_together(evidence.solver, evidence.second, asked)


def examine(machine: Machine, instruction: Instruction, evidence: Evidence) -> list[Finding]:
    """What the laws of one instruction say. Raises Contradiction."""
    step = transition(machine, instruction)
    return [
        finding
        for law in laws(InstructionLaw)
        for finding in _settled(law, instruction.id, law.ask(machine, instruction, step, evidence), evidence)
    ]


def _settled(law: Rule, subject: str, findings: Iterator[Finding], evidence: Evidence) -> list[Finding]:
    """The findings of a law up to the first obligation that has no answer, which is one too, unless something waits for its proof."""
    settled: list[Finding] = []
    try:
        for finding in findings:
            settled.append(finding)
    except Undecided as undecided:
        if evidence.later:
            raise
        settled.append(law.finding("unknown", subject, str(undecided)))
    return settled
