"""Out of the state after a trap entry the monitor can read the guest's state before it."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import RECOVERABLE
from pgcheck.checker.law import Premise
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.values import Configuration
from pgcheck.checker.world.arrival import Arrival, arrivals
from pgcheck.checker.world.canary import canary, noticed
from pgcheck.checker.world.recovery import Kept, Lost, recovered, saved
from pgcheck.checker.world.sites import Traps


def entry_is_recoverable(setting: Setting, configuration: Configuration, evidence: Evidence) -> Iterator[Finding]:
    """Whatever of the guest's a delivery changes is read back by copies of bits; what it does not change is there."""
    lost: list[str] = []
    maps: dict[str, list[str]] = {}
    undecided: list[Undecided] = []
    entries = [a for a in arrivals(setting, configuration) if evidence.possible(a.given, f"{a.label}:arrives")]
    for arrival in entries:
        try:
            found = [*_located(arrival, configuration, evidence)]
        except Undecided as reason:
            undecided.append(reason)
            continue
        lost += [one.shown(arrival) for one in found if isinstance(one, Lost)]
        maps.setdefault(", ".join(one for one in found if isinstance(one, str)), []).append(arrival.name)
    if lost:
        yield PREMISE.answer(setting, "fails", "; ".join(lost))
        return
    if undecided:
        raise undecided[0]
    made = canary(entries, evidence)
    if made is not None:
        noticed(
            f"{made.arrival.label}:canary", [o for o in recovered(made.forgetting, evidence) if isinstance(o, Lost)]
        )
    shown = "; ".join(f"{', '.join(names)}: {back or 'all is left as it was'}" for back, names in maps.items())
    yield PREMISE.answer(
        setting, "ok", f"{shown or 'no delivery enters the monitor'}; what is not moved its own code can read"
    )


def _located(arrival: Arrival, configuration: Configuration, evidence: Evidence) -> Iterator[str | Lost]:
    """What is lost, and how the rest is read back; where the instruction was, from the arguments if they say it."""
    pc = arrival.machine.state.pc
    gone = []
    for one in recovered(arrival, evidence):
        if isinstance(one, Kept):
            yield from [str(one)] if one.moved else []
        else:
            gone.append(one)
    if [one.target.name for one in gone] == [pc] and arrival.name in arrival.machine.code.exits:
        handed = saved(arrival, evidence)
        if Traps(arrival.setting, configuration, arrival.name, handed).located(evidence):
            yield f"{pc} <- {', '.join(str(arrival.payload[k].name.text) for k in handed)}"
            return
    yield from gone


PREMISE = Premise(
    id="PG130",
    name="entry_is_recoverable",
    level="error",
    title="A trap entry loses state of the guest",
    law="No two user states that agree in the monitor's leaves and differ in one of the guest's are taken by a trap entry, "
    "for one payload, to one state; each such leaf is a concatenation of slices of leaves and stored words, a constant more or less. "
    "The address of the instruction may be what the trap hands over, if every such trap hands it over alike.",
    formula="forall user s, t, payload: monitor's(s) = monitor's(t) and deliver(s, payload) = deliver(t, payload) implies s = t",
    reference=f"{PAPER}: the state that a trap saves",
    hypothesis=RECOVERABLE,
    example=Example((("OLD = $pc; M = 0;", "OLD = $pc; A = 8'd0; M = 0;"),), ()),
    ask=entry_is_recoverable,
)
