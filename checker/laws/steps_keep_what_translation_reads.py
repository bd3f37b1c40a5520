"""What translation answers changes by nothing that a guest changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import CUTS
from pgcheck.checker.law import InstructionLaw
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.idl.state import Leaf
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.machine.once import once
from pgcheck.isa.terms import Term, conjunction, disjunction, eq, land, lnot, lor, parameter, rewrite
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.isa.terms.names import SECOND
from pgcheck.isa.terms.reads import free_leaves
from pgcheck.models.symbolic import Execution, Exit, Transition, initial


def steps_keep_what_translation_reads(
    machine: Machine, instruction: Instruction, step: Transition, evidence: Evidence
) -> Iterator[Finding]:
    """No step changes a general leaf that moves addresses, and none translates after it changed one that makes translation fault.

    A leaf that only makes it fault is the same in both machines: what it refuses to one it refuses to the other. A leaf that
    translation reads and that changes neither is left to the step.
    """
    before = initial(machine)
    read = _read(machine)
    ends = (step.post, *(e.state for e in step.exits))
    later = tuple(e.state for e in step.exits if e.function == TRANSLATE)
    label = f"{instruction.id}:translation"
    changed = {n for n in read if any(state[n] is not before[n] for state in ends)}
    leaves = {n for n in changed if evidence.possible([read[n].moves], f"{label} moves by {n}")}
    again = {n for n in changed - leaves if any(state[n] is not before[n] for state in later)}
    leaves |= {n for n in again if evidence.possible([read[n].refuses], f"{label} refuses by {n}")}
    if leaves:
        message = f"translation depends on {', '.join(sorted(leaves))}, which this changes; make that an argument of translation"
        yield LAW.broken(instruction, message)


@dataclass(frozen=True, slots=True)
class _Hangs:
    """When two values of a leaf translate an access to different addresses, and when they end it differently."""

    moves: Term
    refuses: Term


@once
def _read(machine: Machine) -> dict[str, _Hangs]:
    """The general leaves other than memory that translation reads."""
    translation = machine.code.translation
    if translation is None:
        return {}
    body = Execution(machine, initial(machine), {}, cuts=False)
    parameters = machine.code.functions[translation.function].parameters
    answer = body.call(translation.function, tuple(parameter(w, n) for n, w in parameters))
    exits = tuple(body.exits)
    general = {leaf.name for leaf in machine.state.general} - {machine.state.memory}
    read = free_leaves([*answer, *(t for e in exits for t in (e.guard, *e.args))]) & general
    return {n: _hangs(machine.state.leaves[n], answer, exits) for n in sorted(read)}


def _hangs(leaf: Leaf, answer: tuple[Term, ...], exits: tuple[Exit, ...]) -> _Hangs:
    term, other = leaf.term, leaf.copied(SECOND)

    def again(terms: Iterable[Term]) -> tuple[Term, ...]:
        return tuple(rewrite(list(terms), lambda t, _: other if t is term else None))

    copies = tuple(Exit(again([e.guard])[0], e.function, again(e.args), e.note, e.state) for e in exits)
    alike = disjunction(
        conjunction([one.guard, two.guard, *(eq(a, b) for a, b in zip(one.args, two.args, strict=True))])
        for one, two in product(exits, copies)
        if one.function == two.function
    )
    neither = lnot(disjunction(e.guard for e in (*exits, *copies)))
    same = conjunction(eq(a, b) for a, b in zip(answer, again(answer), strict=True))
    return _Hangs(land(neither, lnot(same)), lnot(lor(neither, alike)))


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
