"""Single questions about a machine, as the tests ask them."""

from __future__ import annotations

from typing import Final

from pgcheck.checker.check import Options
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.verdicts.judge import InstructionRow, Judgement, judge
from pgcheck.isa.machine.machine import Machine

PLAIN: Final = Options(cache=False, second=False)


def setting_of(machine: Machine) -> Setting:
    """The first deployment, with every trap entering the monitor."""
    return Setting(machine, machine.deployments[0], frozenset(machine.code.exits))


def judged(machine: Machine, identifier: str, solver: Solver, *, second: bool = False) -> Judgement:
    """What is found about the first row of an instruction."""
    instruction = machine.instruction(identifier)
    return judge(setting_of(machine), InstructionRow(instruction, instruction.rows[0]), solver, second)
