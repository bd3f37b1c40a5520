"""The generated code that engines run, routine by routine and block by block: it does what the terms say that all other proofs are about."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from pgcheck.checker.generated.blocks import Block, framed, state_before
from pgcheck.checker.generated.blocks import compared as compared_part
from pgcheck.checker.generated.integers import Unknown
from pgcheck.checker.generated.replay import replayed
from pgcheck.checker.generated.routines import Library, Routine, compared, library
from pgcheck.checker.generated.samples import Situation, samples, situations
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
ADVICE_OF_BLOCKS: Final = (
    "run without blocks (Compiled(machine, replace(LASTING, hot=MOST_HEAT + 1))) until models/generated is mended"
)
COUNTS: Final = "a block that counts a step too many"
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
    canaries = tuple(filter(None, (_canary(made, evidence), _canary_of_blocks(made, where, evidence))))
    silent = next((c for c in canaries if not c.fired), None)

    def one(item: Routine | Instruction, solver: Solver) -> Obligation | None:
        given = Evidence(solver, options.second)
        return validated(made, item, given) if isinstance(item, Routine) else in_blocks(made, where, item, given)

    found = []
    for _, obligation in pool.each(one, chosen):
        if obligation is None:
            continue
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


# ---- blocks


def in_blocks(
    library: Library, where: tuple[Situation, Situation], instruction: Instruction, evidence: Evidence
) -> Obligation | None:
    """EQ4 of an instruction's parts of blocks: of each, for every state that the block is for; None of what is in none."""
    started = time.perf_counter()
    subject = f"{instruction.id} in blocks"
    found = [validated_part(s.block, s.k, subject, s.name, evidence) for s in samples(library, where, instruction)]
    if not found:
        return None
    worst = next((o for o in found if o.verdict != "proved"), None)
    if worst is None:
        levels = [o.evidence for o in found]
        worst = Obligation(
            EQ4, subject, "proved", max(levels, key=("folded", "solver", "two-solvers").index, default="folded")
        )
    return replace(worst, seconds=time.perf_counter() - started)


def validated_part(block: Block, k: int, subject: str, name: str, evidence: Evidence) -> Obligation:
    """EQ4 of part `k` of a block."""

    def unknown(reason: str) -> Obligation:
        return Obligation(EQ4, subject, "unknown", reason=f"{name}: {reason}")

    frame = framed(block)
    if frame:
        return unknown(f"Python that is not known: {frame}")
    try:
        asked = compared_part(block, k)
    except Unknown as what:
        return unknown(f"Python that is not known: {what}")
    except (LookupError, AssertionError, TypeError, ValueError, AttributeError, RecursionError) as error:
        return unknown(f"the code cannot be followed: {type(error).__name__}: {error}")

    def shown(model: Model) -> Counterexample:
        sides = ((n, model.values(pair)) for n, pair in asked.after.items() if pair[0] is not pair[1])
        differs = [f"{n}: {ours:#x} for {right:#x}" for n, (ours, right) in sides if ours != right]
        operands = block.written.trace[block.pcs[k]].operands
        return Counterexample(
            subject, operands, 0, values_of(state_before(block, k, model)), (), tuple(differs or asked.differs)
        )

    found = Claim(EQ4, subject, (), asked.differs).answered(evidence, shown)
    if found.verdict == "refuted":
        return replace(found, reason=f"{name}: the generated code differs in {found.reason}; {ADVICE_OF_BLOCKS}")
    return found


def _canary_of_blocks(library: Library, where: tuple[Situation, Situation], evidence: Evidence) -> Canary | None:
    """A block that counts a step too many must be refuted; None where there are no blocks."""
    silent = None
    for instruction in library.machine.instructions:
        for sample in samples(library, where, instruction):
            silent = Canary(EQ4, COUNTS, False, "no block to try it on")
            *lines, last = sample.block.written.lines
            count = len(sample.block.written.trace)
            if not last.endswith(f"return c + {count}"):
                continue
            planted = replace(sample.block.written, lines=(*lines, f"        return c + {count + 1}"))
            block = replace(sample.block, written=planted)
            fired = validated_part(block, count - 1, COUNTS, sample.name, evidence).verdict == "refuted"
            return Canary(EQ4, COUNTS, fired, "" if fired else "not refuted")
    return silent
