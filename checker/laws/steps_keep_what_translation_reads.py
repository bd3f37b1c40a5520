"""What translation answers changes by nothing that a guest changes."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import CUTS
from pgcheck.checker.law import InstructionLaw
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.machine.once import once
from pgcheck.isa.terms import parameter
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.isa.terms.reads import free_leaves
from pgcheck.models.symbolic import Execution, Transition, initial


def steps_keep_what_translation_reads(
    machine: Machine, instruction: Instruction, step: Transition, evidence: Evidence
) -> Iterator[Finding]:
    """No step changes a general leaf that moves addresses, and none translates after it changed one that makes translation fault.

    A leaf that only makes it fault is the same in both machines: what it refuses to one it refuses to the other.
    """
    before = initial(machine)
    moving, refusing = _read(machine)
    ends = (step.post, *(e.state for e in step.exits))
    later = tuple(e.state for e in step.exits if e.function == TRANSLATE)
    changed = {n for n in moving if any(state[n] is not before[n] for state in ends)}
    changed |= {n for n in refusing if any(state[n] is not before[n] for state in later)}
    if changed:
        leaves = ", ".join(sorted(changed))
        yield LAW.broken(
            instruction, f"translation depends on {leaves}, which this changes; make that an argument of translation"
        )


@once
def _read(machine: Machine) -> tuple[frozenset[str], frozenset[str]]:
    """The general leaves other than memory that the address depends on, and those that whether there is one depends on."""
    translation = machine.code.translation
    if translation is None:
        return frozenset(), frozenset()
    body = Execution(machine, initial(machine), {}, cuts=False)
    parameters = machine.code.functions[translation.function].parameters
    answer = body.call(translation.function, tuple(parameter(w, n) for n, w in parameters))
    general = {leaf.name for leaf in machine.state.general} - {machine.state.memory}
    return free_leaves(answer) & general, free_leaves(e.guard for e in body.exits) & general


LAW = InstructionLaw(
    id="PG122",
    name="steps_keep_what_translation_reads",
    level="error",
    title="A step changes general state that translation depends on",
    law="An address depends on control state, on tables in memory and on the arguments of translation. General state is the "
    "guest's own: what it changes there would move the real machine's accesses without the monitor. Whether translation faults may "
    "depend on it, but not after the same step has changed it.",
    formula="forall s, general x other than memory: translate depends on x implies x(step(s)) = x(s)",
    reference=f"{PAPER}: resource control",
    hypothesis=CUTS,
    example=Example(
        (
            ("return a + BASE;", "return a + BASE + {7'd0, G};"),
            ("  IE:", "  G: {type: Bits<1>, role: general}\n  IE:"),
            ("      IE = 1'b0;\n", "      G = 1'b0;\n"),
        ),
        (
            ("return a + BASE;", "return a + BASE + {7'd0, G};"),
            ("  IE:", "  G: {type: Bits<1>, role: relocation}\n  IE:"),
            ("      IE = 1'b0;\n", "      G = 1'b0;\n"),
        ),
    ),
    ask=steps_keep_what_translation_reads,
)
