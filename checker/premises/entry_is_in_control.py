"""After a trap entry mode, program counter and mapping are what the monitor has laid down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import CONTROL
from pgcheck.checker.law import Premise
from pgcheck.checker.questions.copies import in_mode
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.questions.translated import leading
from pgcheck.checker.result import Finding
from pgcheck.checker.rule import PAPER
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.values import Configuration
from pgcheck.checker.world.arrival import Arrival, arrivals, guest_modes
from pgcheck.checker.world.canary import canary, noticed
from pgcheck.checker.world.placing import Spot, first_instruction, looked_up, placeable, unit
from pgcheck.checker.world.said import led_apart, spread
from pgcheck.isa.idl.state import ScalarLeaf
from pgcheck.isa.idl.types import Enum
from pgcheck.isa.machine.machine import Translation
from pgcheck.isa.machine.schemes import Bounds, Entries
from pgcheck.isa.terms import Term, constant, disjunction, eq, lnot
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.models.symbolic import Execution


def entry_is_in_control(setting: Setting, configuration: Configuration, evidence: Evidence) -> Iterator[Finding]:
    """Mode, program counter and mapping are functions of payload and monitor, and the first instruction is the monitor's."""
    machine = setting.machine
    entries = [a for a in arrivals(setting, configuration) if evidence.possible(a.given, f"{a.label}:arrives")]
    names = ", ".join(a.name for a in entries)
    led = {machine.modes.leaf, machine.state.pc, *leading(machine)}
    broken = [m for a in entries for m in _guests_word(a, sorted(led), evidence)]
    if broken:
        yield PREMISE.answer(setting, "fails", "; ".join(broken))
        return
    mappings = {tuple(a.post[n] for n in sorted(led - {machine.state.pc})): a for a in entries}
    placed = placeable(entries, _kept, evidence) and all(_own_page(a, evidence) for a in mappings.values())
    if not placed:
        message = (
            f"wherever the monitor has its memory, a guest reaches where {names} leads, or what is looked up in the monitor's tables: "
            "supervisor mode runs what the guest wrote"
        )
        yield PREMISE.answer(setting, "fails", message)
        return
    made = canary(entries, evidence)
    if made is not None:
        noticed(f"{made.arrival.label}:canary", [*_guests_word(made.led, [machine.state.pc], evidence)])
    leaves = ", ".join(sorted(led))
    yield PREMISE.answer(setting, "ok", f"after {names or 'no delivery'} the monitor alone says {leaves}")


def _guests_word(arrival: Arrival, leaves: Sequence[str], evidence: Evidence) -> Iterator[str]:
    """Where a delivery leads that is not the monitor's word alone."""
    for name in leaves:
        leaf = arrival.machine.state.leaves[name]
        if led_apart(arrival, leaf, evidence):
            yield f"after {arrival.name} the guest says {name}"
        elif name == arrival.machine.state.pc and spread(arrival, arrival.post[name]):
            yield f"{arrival.name} leads to an address that the trap itself names"


def _kept(arrival: Arrival) -> tuple[Term, list[Spot]]:
    """The monitor's first instruction, the words of its own that the delivery loads, and its entries in tables."""
    fetched, spots = first_instruction(arrival)
    bounded = arrival.machine.code.confined_by(Bounds) is not None
    loaded = [a for a in arrival.loaded if arrival.is_monitors(a.address)]
    words = [
        Spot(a.guard, unit(a.address, k))
        for a in (*loaded, *(looked_up(arrival) if bounded else ()))
        for k in range(a.units)
    ]
    return fetched, [*spots, *words]


def _own_page(arrival: Arrival, evidence: Evidence) -> bool:
    """With page tables: some let the monitor fetch its first instruction, and refuse its address to every guest."""
    found = arrival.machine.code.confined_by(Entries)
    if found is None:
        return True
    translation, _ = found
    run = Execution(arrival.machine, dict(arrival.post), {})
    run.call(arrival.machine.code.fetch, (arrival.post[arrival.machine.state.pc],))
    leaves = arrival.machine.state.leaves
    held = {leaf: v for n, v in translation.given.items() if (leaf := leaves[n]).control}
    wanted = [
        *arrival.given,
        *(eq(leaf.term, leaf.holding(v)) for leaf, v in held.items() if isinstance(leaf, ScalarLeaf)),
    ]
    for e in run.exits:
        if e.function == TRANSLATE:
            wanted.append(lnot(_faults(arrival, translation, e.args, guests=False)))
            wanted += [
                _faults(arrival, translation, args, guests=True) for args in _guests_own(arrival, translation, e.args)
            ]
    return evidence.possible(wanted, f"{arrival.label}:the monitor's own page")


def _guests_own(arrival: Arrival, translation: Translation, args: tuple[Term, ...]) -> Iterator[tuple[Term, ...]]:
    """The same address, asked for by a guest in each of its modes, for each kind of access."""
    type_ = translation.parameters[translation.access][1]
    members = type_.members if isinstance(type_, Enum) else {}
    kinds: list[int | None] = [*sorted(set(members.values()))] or [None]
    for mode in sorted(guest_modes(arrival.setting)):
        for kind in kinds:
            asked = list(in_mode(arrival.machine, args, arrival.setting.mode(mode)))
            if kind is not None:
                asked[translation.access] = constant(asked[translation.access].width, kind)
            yield tuple(asked)


def _faults(arrival: Arrival, translation: Translation, args: tuple[Term, ...], *, guests: bool) -> Term:
    """The translation's own body faults: before a delivery for the guest, after it for the monitor."""
    run = Execution(arrival.machine, dict(arrival.pre if guests else arrival.post), {}, cuts=False)
    run.call(translation.function, args)
    return disjunction(e.guard for e in run.exits)


PREMISE = Premise(
    id="PG131",
    name="entry_is_in_control",
    level="error",
    title="After a trap entry a guest is in control",
    law="After a trap entry mode, program counter and mapping are functions of the payload, of the monitor's leaves and of memory "
    "that no guest reaches, and every payload leads to an address where the monitor has its own instructions.",
    formula="exists monitor's m: forall user s: mode, pc, mapping of deliver(s, payload) depend on m and payload alone, "
    "no guest reaches translate(pc)",
    reference=f"{PAPER}: resource control",
    hypothesis=CONTROL,
    example=Example((("$pc = 8'd4;", "$pc = A;"),), ()),
    ask=entry_is_in_control,
)
