"""Native code that engines run, tier 0 routine by routine: it does what the terms say that all other proofs are about."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from pgcheck.checker.generated.integers import Unknown
from pgcheck.checker.generated.native.questions import compared
from pgcheck.checker.generated.native.tier0 import Interpreter, Routine, interpreter
from pgcheck.checker.monitor.obligations import Claim
from pgcheck.checker.monitor.result import EQ4, Canary, CodeProof, Counterexample, Obligation
from pgcheck.checker.options import Options
from pgcheck.checker.questions.answers import state_under
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.model import Model
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.witnesses.witness_replay import values_of
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import operand
from pgcheck.models.native.lowering.plan import Unsupported
from pgcheck.models.symbolic import initial

ADVICE: Final = "run without native code (--engine generated) until models/native is mended"
ASSUMED: Final = (
    "the back end makes of what is written for it what its language says",
    "the engine keeps its tables as they are read: records by address, entries of the soft TLB by page and context, marks of memory",
    "what is noted of a walk while its entry is made, and the loops that mark and empty the soft TLB",
    "the host does what it is asked for, and comes back",
)
"""What stands below what is proved of native code."""
COUNTED: Final = "= sub i64 %left, 1\n"
COUNTS: Final = "native code that counts a step too many"


def native_code(
    machine: Machine, options: Options, pool: Pool, on_event: Callable[[int, Obligation], None]
) -> CodeProof:
    """An obligation for every routine of tier 0, or for the instructions that were asked for, and the canary."""
    try:
        code = interpreter(machine)
    except Unsupported:
        told = Obligation(EQ4, "native code", "unknown", reason="there is none for this specification")
        on_event(1, told)
        return CodeProof((told,))
    chosen = [r for r in code.routines if not options.only or _asked(r, options.only)]
    canary = canary_of(code, Evidence(pool.solver, options.second))

    def one(routine: Routine, solver: Solver) -> Obligation:
        return validated(code, routine, Evidence(solver, options.second))

    found = []
    for _, obligation in pool.each(one, chosen):
        shown = obligation
        if obligation.verdict == "proved" and not canary.fired:
            shown = replace(obligation, verdict="unknown", reason=f"canary '{canary.name}': {canary.reason}")
        found.append(shown)
        on_event(len(chosen), shown)
    return CodeProof(tuple(found), (canary,), ASSUMED)


def _asked(routine: Routine, only: tuple[str, ...]) -> bool:
    return routine.instruction is not None and bool({routine.instruction.id, routine.instruction.name} & set(only))


def validated(code: Interpreter, routine: Routine, evidence: Evidence) -> Obligation:
    """EQ4 of a routine of tier 0: from every state it ends as its instruction or function does, and the engine goes on as it has to."""
    started = time.perf_counter()
    subject = f"{routine.name} in native code ({routine.made})"
    try:
        asked = compared(code, routine)
    except Unknown as unknown:
        return Obligation(EQ4, subject, "unknown", reason=f"native code that is not known: {unknown}")
    except (LookupError, AssertionError, TypeError, ValueError, AttributeError, RecursionError) as error:
        reason = f"the code cannot be followed: {type(error).__name__}: {error}"
        return Obligation(EQ4, subject, "unknown", reason=reason)

    def shown(model: Model) -> Counterexample:
        sides = ((n, model.values(pair)) for n, pair in asked.after.items() if pair[0] is not pair[1])
        differs = [f"{n}: {ours:#x} for {right:#x}" for n, (ours, right) in sides if ours != right]
        before = values_of(state_under(code.machine, initial(code.machine), model))
        return Counterexample(subject, _operands(routine, model), 0, before, (), tuple(differs or asked.differs))

    found = Claim(EQ4, subject, asked.hypotheses, asked.differs).answered(evidence, shown)
    if found.verdict == "refuted":
        found = replace(found, reason=f"native code differs in {found.reason}; {ADVICE}")
    return replace(found, seconds=time.perf_counter() - started)


def _operands(routine: Routine, model: Model) -> Mapping[str, int]:
    if routine.instruction is None:
        return {}
    return {n: model.leaf(operand(b.width, n)) for n, b in routine.instruction.operands.items()}


def canary_of(code: Interpreter, evidence: Evidence) -> Canary:
    """A handler that counts a step too many must be refuted."""
    for routine in code.routines:
        if routine.instruction is None:
            continue
        names = [n for n in code.texts if n in (routine.made, f"r{routine.made}", f"s{routine.made}")]
        name = next((n for n in names if COUNTED in code.texts[n] and "br label %done" in code.texts[n]), None)
        if name is not None:
            text = code.texts[name].replace(COUNTED, "= sub i64 %left, 2\n")
            planted = replace(code, texts={**code.texts, name: text})
            fired = validated(planted, routine, evidence).verdict == "refuted"
            return Canary(EQ4, COUNTS, fired, "" if fired else "not refuted")
    return Canary(EQ4, COUNTS, False, "no routine to try it on")
