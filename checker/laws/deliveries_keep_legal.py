"""A trap's delivery keeps the states legal."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import Example, legal_if
from pgcheck.checker.law import MachineLaw
from pgcheck.checker.questions.legality import leaves_legal, legal
from pgcheck.checker.result import Finding
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import parameter
from pgcheck.models.symbolic import delivered, initial


def deliveries_keep_legal(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """A trap's delivery from a legal state ends in one, whatever its payload, be it in a nested exit."""
    for name in machine.code.exits:
        args = tuple(parameter(w, n) for n, w in machine.code.functions[name].parameters)
        delivery = delivered(machine, name, args, initial(machine))
        broken = leaves_legal(machine, delivery.frame.alive, delivery.frame.state, delivery.exits)
        if evidence.possible([*legal(machine), broken], f"delivery:{name}:legal"):
            yield LAW.finding("error", name, "the delivery may leave the legal states")


LAW = MachineLaw(
    id="PG108",
    name="deliveries_keep_legal",
    level="error",
    title="A trap's delivery leaves the legal states",
    law="The delivery of a trap from a legal state ends in a legal state, whatever its payload.",
    formula="forall s, payload: legal(s) implies legal(deliver(s, payload))",
    reference="induction over the steps of the machine",
    example=Example(
        (("M = 0; $pc", "IE = 1'b1; M = 0; $pc"),), (("M = 0; $pc", "IE = 1'b0; M = 0; $pc"),), (legal_if("IE == 0"),)
    ),
    ask=deliveries_keep_legal,
)
