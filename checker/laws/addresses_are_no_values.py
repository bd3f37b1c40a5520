"""A translated address is no value."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import TRANSLATED, Example, operation
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
        match term.op:
            case "select":
                carries[term] = carries[term.args[0]]
            case "store":
                carries[term] = carries[term.args[0]] or carries[term.args[2]]
            case "uf" if term.name == ADDRESS:
                carries[term] = True
            case _:
                carries[term] = any(carries[a] for a in term.args)
    if any(carries[t] for t in step.roots):
        yield LAW.broken(
            instruction,
            "a translated address flows into a result; name the function under `translate.probe`",
        )


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
    example=Example(
        (operation("A = translate(A, Op::Read, M);"),), (operation("A = real_address(A, Op::Read, M);"),), TRANSLATED
    ),
    ask=addresses_are_no_values,
)
