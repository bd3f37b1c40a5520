"""A translated address is no value."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import Example, operation
from pgcheck.checker.hypotheses import MEMORY
from pgcheck.checker.law import InstructionLaw
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import Term, walk
from pgcheck.models.symbolic import ADDRESS, Transition


def addresses_are_no_values(
    machine: Machine, instruction: Instruction, step: Transition, evidence: Evidence
) -> Iterator[Finding]:
    """A physical address from the translation is only ever used to access memory; a result needs a probe."""
    carries: dict[Term, bool] = {}
    for term in walk(step.roots):
        found = [carries[a] for a in term.args]
        if term.op in ("select", "store") and _array(term) == machine.state.memory:
            found.pop(1)
        carries[term] = any(found) or (term.op == "uf" and term.name == ADDRESS)
    if any(carries[t] for t in step.roots):
        yield LAW.broken(
            instruction,
            "a translated address flows into a result; name the function under `translate.probe`",
        )


def _array(term: Term) -> str | None:
    """The leaf of which a term selects or stores an element."""
    while term.args:
        term = term.args[1 if term.op == "ite" else 0]
    return term.leaf


LAW = InstructionLaw(
    id="PG112",
    name="addresses_are_no_values",
    level="error",
    title="A translated address flows into a result",
    law="The address that `translate` returns is used only to access memory; the real machine's address "
    "is not the virtual one's. An instruction that shows one calls a function named under "
    "`translate.probe`.",
    formula="forall s, a: results of step(s) do not depend on translate(a)",
    reference=f"{PAPER}: location sensitivity",
    hypothesis=MEMORY,
    example=Example((operation("A = translate(A, Op::Read, M);"),), (operation("A = real_address(A, Op::Read, M);"),)),
    ask=addresses_are_no_values,
)
