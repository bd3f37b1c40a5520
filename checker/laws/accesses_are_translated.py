"""Memory is accessed where translation led."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgcheck.checker.example import Example, operation
from pgcheck.checker.hypotheses import MEMORY
from pgcheck.checker.law import InstructionLaw
from pgcheck.checker.questions.legality import legal
from pgcheck.checker.questions.translated import strays
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.machine.once import once
from pgcheck.isa.terms import FALSE, Term, digest
from pgcheck.models.symbolic import Access, Transition


def accesses_are_translated(
    machine: Machine, instruction: Instruction, step: Transition, evidence: Evidence
) -> Iterator[Finding]:
    """Every access of an instruction is made at an address that `translate` gave for it."""
    known = (*legal(machine), instruction.canonical)
    message = astray(machine, step.accesses, known, evidence, instruction.id)
    if message:
        yield LAW.broken(instruction, message)


def astray(
    machine: Machine, accesses: Sequence[Access], known: Sequence[Term], evidence: Evidence, subject: str
) -> str:
    """What is wrong with the accesses in some state where `known` holds; empty if nothing is. Raises Undecided."""
    found, settled = strays(machine, accesses, known), _settled(machine)
    for loose in sorted(found.loosely - settled, key=lambda t: digest([t])):
        if evidence.possible([loose], f"{subject}:translated"):
            break
        settled.add(loose)
    else:
        return ""
    if not evidence.possible([*known, found.otherwise], f"{subject}:translated in its guard"):
        return ""
    if machine.code.translation is None:
        return (
            "memory is accessed and nothing translates, so nothing confines a guest; name a function under `translate`"
        )
    if found.elsewhere is not FALSE and evidence.possible([*known, found.elsewhere], f"{subject}:astray"):
        return "memory is accessed at an address that `translate` did not give for this access"
    return "memory is written at an address that was translated for another kind of access"


@once
def _settled(machine: Machine) -> set[Term]:
    """What was found to be impossible: instructions that access memory alike ask the same."""
    return set()


LAW = InstructionLaw(
    id="PG119",
    name="accesses_are_translated",
    level="error",
    title="An instruction accesses memory where no translation led",
    law="Every access of an instruction is made at an address that `translate` returned for that access: in its page or "
    "its bounds, for its kind. A machine without `translate` accesses no memory. Anything else reaches what is "
    "not the guest's.",
    formula="forall s, accesses p of step(s): exists a: p = translate(a, kind of the access)",
    reference=f"{PAPER}: resource control",
    hypothesis=MEMORY,
    example=Example(
        (operation("A = read_physical_memory<8>(A);"),),
        (operation("A = read_physical_memory<8>(translate(A, Op::Read, M));"),),
    ),
    ask=accesses_are_translated,
)
