"""The blocks that engines make of code that runs hot: what each instruction's part of a block does is what its instruction does."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

from pgcheck.checker.generated.blocks import Block, compared, framed, state_before
from pgcheck.checker.generated.integers import Unknown
from pgcheck.checker.generated.routines import Library
from pgcheck.checker.generated.samples import Situation, samples
from pgcheck.checker.monitor.obligations import Claim
from pgcheck.checker.monitor.result import EQ4, Canary, Counterexample, Obligation
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.model import Model
from pgcheck.checker.witnesses.witness_replay import values_of
from pgcheck.isa.machine.machine import Instruction

ADVICE: Final = (
    "run without blocks (Compiled(machine, replace(LASTING, hot=MOST_HEAT + 1))) until models/generated is mended"
)
COUNTS: Final = "a block that counts a step too many"


def in_blocks(
    library: Library, where: tuple[Situation, Situation], instruction: Instruction, evidence: Evidence
) -> Obligation:
    """EQ4 of an instruction's parts of blocks: of each, for every state that the block is for."""
    started = time.perf_counter()
    subject = f"{instruction.id} in blocks"
    found = [validated(s.block, s.k, subject, s.name, evidence) for s in samples(library, where, instruction)]
    worst = next((o for o in found if o.verdict != "proved"), None)
    if worst is None:
        levels = [o.evidence for o in found]
        worst = Obligation(
            EQ4, subject, "proved", max(levels, key=("folded", "solver", "two-solvers").index, default="folded")
        )
    return replace(worst, seconds=time.perf_counter() - started)


def validated(block: Block, k: int, subject: str, name: str, evidence: Evidence) -> Obligation:
    """EQ4 of part `k` of a block."""

    def unknown(reason: str) -> Obligation:
        return Obligation(EQ4, subject, "unknown", reason=f"{name}: {reason}")

    frame = framed(block)
    if frame:
        return unknown(f"Python that is not known: {frame}")
    try:
        asked = compared(block, k)
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
        return replace(found, reason=f"{name}: the generated code differs in {found.reason}; {ADVICE}")
    return found


def canary(library: Library, where: tuple[Situation, Situation], evidence: Evidence) -> Canary:
    """A block that counts a step too many must be refuted."""
    for instruction in library.machine.instructions:
        for sample in samples(library, where, instruction):
            *lines, last = sample.block.written.lines
            count = len(sample.block.written.trace)
            if sample.k != count - 1 or not last.endswith(f"return c + {count}"):
                continue
            planted = replace(sample.block.written, lines=(*lines, f"        return c + {count + 1}"))
            block = replace(sample.block, written=planted)
            fired = validated(block, sample.k, COUNTS, sample.name, evidence).verdict == "refuted"
            return Canary(EQ4, COUNTS, fired, "" if fired else "not refuted")
    return Canary(EQ4, COUNTS, False, "no block to try it on")
