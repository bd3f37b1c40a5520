"""The proofs of native code as a property: a routine of tier 0 that the tape chooses is not refuted, and stays within what is known."""

from __future__ import annotations

from functools import cache

from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.check import Options, solver_for
from pgcheck.checker.generated.native.tier0 import Interpreter, interpreter
from pgcheck.checker.monitor.native.tier0 import validated
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.solver import Solver
from tests.checker.generated.native.subject import more


@cache
def _solver() -> Solver:
    return solver_for(Options(cache=False, second=False))


@cache
def _code() -> Interpreter:
    return interpreter(more())


def lowered(data: bytes) -> str | None:
    """EQ4 of a routine of native code."""
    found = validated(_code(), Tape(data).choose(_code().routines), Evidence(_solver(), second=False))
    return None if found.verdict == "proved" else f"{found.family} of {found.subject}: {found.reason}"
