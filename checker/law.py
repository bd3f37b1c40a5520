"""The two kinds of laws: of a machine, and of each of its instructions. A law is one module of `pgcheck.checker.laws`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pgcheck.checker.result import Finding
from pgcheck.checker.rule import Rule
from pgcheck.checker.solving.evidence import Evidence
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
