"""A trap entry stores where the monitor says, and where no guest reaches."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import STORES
from pgcheck.checker.law import Premise
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.values import Configuration
from pgcheck.checker.world.arrival import Arrival, arrivals
from pgcheck.checker.world.canary import canary, noticed
from pgcheck.checker.world.placing import Spot, placeable
from pgcheck.checker.world.said import differing, spread
from pgcheck.isa.terms import TRUE, Term, walk
from pgcheck.models.symbolic import ADDRESS


def entry_stores_apart(setting: Setting, configuration: Configuration, evidence: Evidence) -> Iterator[Finding]:
    """Every store of a delivery is at an address made of the monitor's leaves and entries, and a guest can be kept from it."""
    entries = [a for a in arrivals(setting, configuration) if a.stored]
    strays = [m for m in (_stray(a, evidence) for a in entries) if m]
    if strays:
        yield PREMISE.answer(setting, "fails", "; ".join(strays))
        return
    if not placeable(entries, _kept, evidence):
        names = ", ".join(a.name for a in entries)
        message = (
            f"wherever the monitor has its memory and a guest its own, the guest reaches what {names} stores or loads"
        )
        yield PREMISE.answer(setting, "fails", message)
        return
    made = canary(entries, evidence)
    if made is not None:
        noticed(f"{made.arrival.label}:canary", _stray(made.straying, evidence))
    units = sum(len(a.stored) for a in entries)
    told = f"{units} units, at addresses that the monitor chooses" if units else "nothing"
    yield PREMISE.answer(setting, "ok", f"trap entries store {told}")


def _stray(arrival: Arrival, evidence: Evidence) -> str:
    """Where a delivery stores at an address that is not the monitor's."""
    for s in arrival.stored:
        if any(t.op == "uf" and t.name == ADDRESS for t in walk([s.address])):
            return f"{arrival.name} stores where the guest's own mapping leads"
        if spread(arrival, s.address):
            return f"{arrival.name} stores at an address that the trap itself names"
        shown = differing(arrival, s.address, s.guard, evidence, "store")
        if shown:
            return f"{arrival.name} stores where the guest says: {shown}"
    return ""


def _kept(arrival: Arrival) -> tuple[Term, list[Spot]]:
    return TRUE, [Spot(s.guard, s.address) for s in arrival.stored]


PREMISE = Premise(
    id="PG132",
    name="entry_stores_apart",
    level="error",
    title="A trap entry stores where a guest reaches",
    law="A trap entry stores at constant addresses, or at addresses computed from the monitor's leaves and entries, "
    "and the monitor can keep every guest from that memory.",
    formula="exists monitor's m: forall user s, stores at p of deliver(s): p is a function of m and the payload, no guest reaches p",
    reference=f"{PAPER}: resource control",
    hypothesis=STORES,
    example=Example(
        (("M = 0; $pc", "write_physical_memory<8>(A, 8'd0); M = 0; $pc"),),
        (("M = 0; $pc", "write_physical_memory<8>(8'd9, A); M = 0; $pc"),),
    ),
    ask=entry_stores_apart,
)
