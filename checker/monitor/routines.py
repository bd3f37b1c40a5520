"""The generated code that engines run, routine by routine and block by block: it does what the terms say that all other proofs are about."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pgcheck.checker.generated.integers import Unknown
from pgcheck.checker.generated.replay import replayed
from pgcheck.checker.generated.routines import Library, Routine, compared, library
from pgcheck.checker.generated.samples import situations
from pgcheck.checker.monitor import blocks
from pgcheck.checker.monitor.obligations import Claim
from pgcheck.checker.monitor.result import EQ4, Canary, CodeProof, Counterexample, Obligation
from pgcheck.checker.options import Options
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.model import Model
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.witnesses.witness_replay import values_of
from pgcheck.isa.machine.machine import Instruction, Machine

ADVICE: Final = "run without generated code (models.engine.Interpreter) until models/generated is mended"
WASTES: Final = "a routine that leaves out what it does"


def routines(machine: Machine, options: Options, pool: Pool, on_event: Callable[[int, Obligation], None]) -> CodeProof:
    """An obligation for every routine and for every instruction in blocks, or for the instructions that were asked for, and the canaries."""
    made = library(machine)
    where = situations(made)
    asked = [i for i in machine.instructions if not options.only or {i.id, i.name} & set(options.only)]
    ids = {i.id for i in asked}
    chosen: list[Routine | Instruction] = [
        r for r in made.routines if not options.only or (r.instruction is not None and r.instruction.id in ids)
    ]
    chosen += [i for i in asked if not i.partial]
    evidence = Evidence(pool.solver, options.second)
    canaries = (_canary(made, evidence), blocks.canary(made, where, evidence))
    silent = next((c for c in canaries if not c.fired), None)

    def one(item: Routine | Instruction, solver: Solver) -> Obligation:
        given = Evidence(solver, options.second)
        return validated(made, item, given) if isinstance(item, Routine) else blocks.in_blocks(made, where, item, given)

    found = []
    for _, obligation in pool.each(one, chosen):
        shown = obligation
        if obligation.verdict == "proved" and silent is not None:
            shown = replace(obligation, verdict="unknown", reason=f"canary '{silent.name}': {silent.reason}")
        found.append(shown)
        on_event(len(chosen), shown)
    return CodeProof(tuple(found), canaries)


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
