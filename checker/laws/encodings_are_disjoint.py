"""No bits mean two instructions."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import Edit, Example
from pgcheck.checker.hypotheses import ENCODING
from pgcheck.checker.law import MachineLaw
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Machine


def encodings_are_disjoint(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """No bits mean two instructions: the pairs that enumeration left open."""
    for pair in machine.decoding.undecided:
        if evidence.possible([pair.accepts_a, pair.accepts_b], f"overlap:{pair.a}:{pair.b}"):
            yield LAW.finding("error", pair.a, f"some bits are also {pair.b}")


_WIDE_DECODE = (
    "{unit: 8, order: little, pc_unit: 8, max_length: 1,",
    "{unit: 8, order: little, pc_unit: 8, max_length: 4,",
)


def _pair(other: str) -> Edit:
    def one(name: str, when: str) -> str:
        encoding = f'{{match: "1000----------------------------", variables: ["v 27-0"], when: "{when}"}}'
        return f"  - name: {name}\n    encoding: {encoding}\n    operation(): |\n      A = 8'd0;\n"

    return "instructions:\n", "instructions:\n" + one("one", "v * v * v == 28'h9990b77") + one("two", other)


LAW = MachineLaw(
    id="PG103",
    name="encodings_are_disjoint",
    level="error",
    title="Bits mean two instructions",
    law="No bits are accepted by the encodings of two instructions.",
    formula="forall bits, i != j: not (accepts_i(bits) and accepts_j(bits))",
    reference=f"{PAPER}: an instruction is a function of the state",
    hypothesis=ENCODING,
    example=Example((_pair("v * v == 28'hafaaf71"),), (_pair("v * v * v == 28'd8"),), (_WIDE_DECODE,)),
    ask=encodings_are_disjoint,
)
