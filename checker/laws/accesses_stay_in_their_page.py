"""An access stays in the page that was translated."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import PAGED, Example, operation
from pgcheck.checker.hypotheses import MEMORY
from pgcheck.checker.law import InstructionLaw
from pgcheck.checker.questions.legality import legal
from pgcheck.checker.questions.translated import loads
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.machine.schemes import Entries
from pgcheck.isa.terms import Term, constant, extract, mk, rewrite
from pgcheck.models.symbolic import ADDRESS, Transition, resized


def accesses_stay_in_their_page(
    machine: Machine, instruction: Instruction, step: Transition, evidence: Evidence
) -> Iterator[Finding]:
    """What is accessed after one translation lies in the page that was translated: the frame behind it is somebody else's.

    A translated address has the low bits of the one asked for, which is what realisation shows. What was loaded, a pointer too, is what
    the step found there, wherever that is.
    """
    found = machine.code.confined_by(Entries)
    if found is None:
        return
    translation, tables = found
    position = translation.position(tables.address)

    def asked(term: Term, args: tuple[Term, ...]) -> Term | None:
        return resized(args[position], term.width) if term.op == "uf" and term.name == ADDRESS else None

    for access in (a for a in step.accesses if a.units > 1):
        low = extract(rewrite([access.address], asked, loads(access.address))[0], tables.shift - 1, 0)
        last = constant(tables.shift, (1 << tables.shift) - access.units)
        beyond = [*legal(machine), instruction.canonical, access.guard, mk("ult", 0, last, low)]
        if evidence.possible(beyond, f"{instruction.id}:in its page"):
            yield LAW.broken(
                instruction,
                f"{access.units} units are accessed after one translation and can cross the end of a page; translate both pages",
            )
            return


LAW = InstructionLaw(
    id="PG118",
    name="accesses_stay_in_their_page",
    level="error",
    title="An access crosses the end of the page that was translated",
    law="What is accessed after one translation lies in the page that it maps. The frame behind it in "
    "physical memory is another page's, perhaps another guest's.",
    formula="forall s, accesses [p, p + n) of step(s): p mod page + n <= page",
    reference=f"{PAPER}: resource control",
    hypothesis=MEMORY,
    example=Example(
        (operation("A = read_physical_memory<16>(translate(A, Op::Read, M))[7:0];"),),
        (operation("A = read_physical_memory<16>(translate({A[7:1], 1'b0}, Op::Read, M))[7:0];"),),
        PAGED,
    ),
    ask=accesses_stay_in_their_page,
)
