"""The kinds of laws: of a machine and of each of its instructions (`pgcheck.checker.laws`), and the premises of the theorems (`pgcheck.checker.premises`).

Each law and each premise is one module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import Finding, FindingStatus
from pgcheck.checker.rule import Rule
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.values import Configuration
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.models.symbolic import Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineLaw(Rule):
    """A law of a whole machine; `ask` yields what is to be said of it, and raises Undecided where an obligation has no answer."""

    ask: Callable[[Machine, Evidence], Iterator[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionLaw(Rule):
    """A law of one instruction; `ask` gets its transition too."""

    ask: Callable[[Machine, Instruction, Transition, Evidence], Iterator[Finding]]

    def broken(self, instruction: Instruction, message: str) -> Finding:
        """An error at the instruction's place."""
        return self.finding("error", instruction.id, message, instruction.position)


@dataclass(frozen=True, slots=True, kw_only=True)
class Premise(Rule):
    """A premise of the theorems: what a machine under one deployment must offer a monitor, whatever its rows are.

    A finding of status `fails` refutes every theorem of that deployment, `unknown` leaves them open, `ok` says what was proved and
    `warning` what the monitor cannot give. `ask` gets the configuration that was found for the rows.
    """

    ask: Callable[[Setting, Configuration, Evidence], Iterator[Finding]]

    def answer(self, setting: Setting, status: FindingStatus, message: str) -> Finding:
        """A finding about a deployment."""
        return self.finding(status, setting.deployment.name, message)
