"""Out of the state after a trap entry the monitor can read the guest's state before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

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
from pgcheck.checker.world.reading import unread
from pgcheck.checker.world.recovery import Kept, Lost, recovered, saved
from pgcheck.checker.world.sites import Traps
from pgcheck.checker.world.telling import Recovery, confusion, shows
from pgcheck.isa.terms import FALSE, Term


def entry_is_recoverable(setting: Setting, configuration: Configuration, evidence: Evidence) -> Iterator[Finding]:
    """Whatever of the guest's a delivery changes is read back by copies of bits; what it does not change is there."""
    lost: list[str] = []
    maps: list[Recovery] = []
    undecided: list[Undecided] = []
    entries = [a for a in arrivals(setting, configuration) if evidence.possible(a.given, f"{a.label}:arrives")]
    for arrival in entries:
        try:
            found = _recovery(arrival, configuration, evidence)
        except Undecided as reason:
            undecided.append(reason)
            continue
        if isinstance(found, Recovery):
            maps.append(found)
        else:
            lost += [one.shown(arrival) for one in found]
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
    confused = confusion(maps, evidence)
    if confused:
        message = f"nothing tells the monitor which has come of {confused}, and it would read the guest's state back otherwise"
        yield PREMISE.answer(setting, "fails", message)
        return
    yield PREMISE.answer(setting, "ok", _shown(maps) or "no delivery enters the monitor")
    hidden = sorted(set(unread(setting, [one for found in maps for one in found.kept], evidence)))
    if hidden:
        message = (
            f"the monitor reads {', '.join(hidden)}, where a trap entry saves: no instruction of the specification does"
        )
        yield PREMISE.answer(setting, "assumed", message)


def _shown(maps: Sequence[Recovery]) -> str:
    """What is read back from where, those deliveries together that are read back alike."""
    names: dict[str, list[str]] = {}
    for one in maps:
        names.setdefault(one.words, []).append(one.arrival.name)
    return "; ".join(f"{', '.join(n)}: {words or 'all is left as it was'}" for words, n in names.items())


def _recovery(arrival: Arrival, configuration: Configuration, evidence: Evidence) -> Recovery | list[Lost]:
    """What is lost, or how all is read back; where the instruction was, from the arguments if they say it."""
    pc = arrival.machine.state.pc
    found = list(recovered(arrival, evidence))
    moved = [one for one in found if isinstance(one, Kept) and one.moved]
    gone = [one for one in found if isinstance(one, Lost)]
    words, always = [str(one) for one in moved], all(one.always for one in moved)
    if [one.target.name for one in gone] == [pc] and arrival.name in arrival.machine.code.exits:
        handed = saved(arrival, evidence)
        shown = cache(lambda k: shows(arrival, k, evidence))
        traps = Traps(arrival.setting, configuration, arrival.name, handed, shown)
        if traps.located(evidence):
            words.append(f"{pc} <- {', '.join(str(arrival.payload[k].name.text) for k in handed)}")
            return Recovery(arrival, tuple(moved), ", ".join(words), always, _whereabouts(traps, arrival, evidence))
    return gone or Recovery(arrival, tuple(moved), ", ".join(words), always)


def _whereabouts(traps: Traps, arrival: Arrival, evidence: Evidence) -> tuple[Term, Term]:
    """Whether the arguments say where the instruction was, and where; that they do not if it takes more than them."""
    try:
        return traps.whereabouts(evidence)
    except Undecided:
        return FALSE, arrival.pre[arrival.machine.state.pc]


PREMISE = Premise(
    id="PG130",
    name="entry_is_recoverable",
    level="error",
    title="A trap entry loses state of the guest",
    law="No two user states that agree in the monitor's leaves and differ in one of the guest's are taken by a trap entry, "
    "to one state, be it by one trap or by two that are read back differently; each such leaf is a concatenation of slices of leaves and stored words, a constant more or less. "
    "The address of the instruction may be what the trap hands over, if every such trap hands it over alike.",
    formula="forall user s, t, payload: monitor's(s) = monitor's(t) and deliver(s, payload) = deliver(t, payload) implies s = t",
    reference=f"{PAPER}: the state that a trap saves",
    hypothesis=RECOVERABLE,
    example=Example((("OLD = $pc; M = 0;", "OLD = $pc; A = 8'd0; M = 0;"),), ()),
    ask=entry_is_recoverable,
)
