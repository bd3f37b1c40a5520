"""What moves the processor between two instructions keeps the states legal: deliveries of traps and interrupts, and firmware."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import Example, legal_if
from pgcheck.checker.hypotheses import LEGAL
from pgcheck.checker.law import MachineLaw
from pgcheck.checker.questions.legality import leaves_legal, legal, moves
from pgcheck.checker.result import Finding
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Machine


def deliveries_keep_legal(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """A delivery from a legal state ends in one, whatever its payload, be it in a nested exit; and so does what firmware does."""
    wrong = set()
    for move in moves(machine):
        broken = leaves_legal(machine, move.alive, move.state, move.exits)
        if evidence.possible([*legal(machine), broken], f"delivery:{move.name}:legal"):
            wrong.add(move.name)
            yield LAW.finding("error", move.name, f"{move.what} may leave the legal states")
    for move in moves(machine, served=True) if machine.platform.firmware is not None else ():
        broken = leaves_legal(machine, move.alive, move.state, move.exits)
        known = [*legal(machine), broken]
        if move.name not in wrong and evidence.possible(known, f"delivery:{move.name}:served:legal"):
            yield LAW.finding("error", move.name, "what firmware does after the delivery may leave the legal states")


LAW = MachineLaw(
    id="PG108",
    name="deliveries_keep_legal",
    level="error",
    title="A delivery leaves the legal states",
    law="The delivery of a trap from a legal state ends in a legal state, whatever its payload; so does that of an interrupt "
    "that is pending, what firmware does at its entry, and a request that a device shows or takes back.",
    formula="forall s, payload: legal(s) implies legal(deliver(s, payload))",
    reference="induction over the steps of the machine",
    hypothesis=LEGAL,
    example=Example(
        (("M = 0; $pc", "IE = 1'b1; M = 0; $pc"),), (("M = 0; $pc", "IE = 1'b0; M = 0; $pc"),), (legal_if("IE == 0"),)
    ),
    ask=deliveries_keep_legal,
)
