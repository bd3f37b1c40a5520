"""The symbolic binding: lowered code on terms, one transition per instruction.

A transition speaks about leaves, operands, and what is not state: the oracles of the translation cut, of probes and tables, and one fresh
variable per dynamic instance of a nondeterministic site and of a volatile read. Copies of a machine are made from it by substitution,
never by running again.
"""

from pgcheck.models.symbolic.execution import Execution
from pgcheck.models.symbolic.exits import exit_kinds
from pgcheck.models.symbolic.path import NEXT_PC, Path, State
from pgcheck.models.symbolic.steps import (
    delivered,
    initial,
    perform,
    performed,
    predicate,
    resized,
    run,
    served,
    transition,
)
from pgcheck.models.symbolic.transition import ADDRESS, FAULT, Access, Exit, Transition

__all__ = [
    "ADDRESS",
    "FAULT",
    "NEXT_PC",
    "Access",
    "Execution",
    "Exit",
    "Path",
    "State",
    "Transition",
    "delivered",
    "exit_kinds",
    "initial",
    "perform",
    "performed",
    "predicate",
    "resized",
    "run",
    "served",
    "transition",
]
