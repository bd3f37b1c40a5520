"""The generated code that engines run, routine by routine: it does what the terms say that all other proofs are about."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pgcheck.checker.generated.integers import Unknown
from pgcheck.checker.generated.replay import replayed
from pgcheck.checker.generated.routines import Library, Routine, compared, library
from pgcheck.checker.monitor.obligations import Claim
from pgcheck.checker.monitor.result import EQ4, Canary, CodeProof, Counterexample, Obligation
from pgcheck.checker.options import Options
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.model import Model
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.witnesses.witness_replay import values_of
from pgcheck.isa.machine.machine import Machine

ADVICE: Final = "run without generated code (models.engine.Interpreter) until models/generated is mended"
WASTES: Final = "a routine that leaves out what it does"


def routines(machine: Machine, options: Options, pool: Pool, on_event: Callable[[int, Obligation], None]) -> CodeProof:
    """An obligation for every routine, or for those of the instructions that were asked for, and the family's canary."""
    made = library(machine)
    chosen = [
        r
        for r in made.routines
        if not options.only
        or (r.instruction is not None and {r.instruction.id, r.instruction.name} & set(options.only))
    ]
    canary = _canary(made, Evidence(pool.solver, options.second))

    def one(routine: Routine, solver: Solver) -> Obligation:
        return validated(made, routine, Evidence(solver, options.second))

    found = []
    for _, obligation in pool.each(one, chosen):
        shown = obligation
        if obligation.verdict == "proved" and not canary.fired:
            shown = replace(obligation, verdict="unknown", reason=f"canary '{canary.name}': {canary.reason}")
        found.append(shown)
        on_event(len(chosen), shown)
    return CodeProof(tuple(found), (canary,))


def validated(made: Library, routine: Routine, evidence: Evidence) -> Obligation:
    """EQ4 of a routine: for every state and all arguments it ends as its instruction or function does."""
    started = time.perf_counter()
    try:
        mismatches = compared(made, routine)
    except Unknown as unknown:
        return Obligation(EQ4, routine.name, "unknown", reason=f"Python that is not known: {unknown}")
    except (LookupError, AssertionError, TypeError, ValueError, AttributeError, RecursionError) as error:
        reason = f"the code cannot be followed: {type(error).__name__}: {error}"
        return Obligation(EQ4, routine.name, "unknown", reason=reason)

    def shown(model: Model) -> Counterexample:
        found = replayed(made, routine, model)
        return Counterexample(routine.name, found.operands, 0, values_of(found.before), (), found.differs)

    found = Claim(EQ4, routine.name, (), mismatches).answered(evidence, shown)
    if found.verdict == "refuted":
        found = replace(found, reason=f"the generated code differs in {found.reason}; {ADVICE}")
    return replace(found, seconds=time.perf_counter() - started)


def _canary(made: Library, evidence: Evidence) -> Canary:
    """A routine from which its last statement but the return was taken must be refuted."""
    for routine in made.routines:
        lines = routine.text.splitlines()
        if routine.instruction is None or len(lines) < 4 or not lines[-2].startswith("    S["):
            continue
        planted = replace(routine, text="\n".join([*lines[:-2], lines[-1]]))
        fired = validated(made, planted, evidence).verdict == "refuted"
        return Canary(EQ4, WASTES, fired, "" if fired else "not refuted")
    return Canary(EQ4, WASTES, False, "no routine to try it on")
