"""The monitor's own memory as the processor finds it: what is laid down in it, and which of its pages every guest's tables have to map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pgcheck.checker.questions.copies import has_fields
from pgcheck.checker.questions.translated import asked, page, translations
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.model import Model
from pgcheck.checker.world.arrival import Arrival, walked
from pgcheck.checker.world.placing import Lookup, first_instruction, lookups, unit
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import Bounds, Entries
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    conjunction,
    constant,
    disjunction,
    eq,
    land,
    lnot,
    lor,
    mk,
    on_leaves,
    select,
    substitute,
)
from pgcheck.models.symbolic import Execution
from pgcheck.vmm.vmm import page_shift

MOST_PAGES: Final = 16
MOST_ENTRIES: Final = 64


class NoPlace(Exception):
    """The monitor's own memory has no place where the processor finds it; the message says why."""


@dataclass(frozen=True, slots=True)
class OwnMemory:
    """The first `keep` units of RAM, what is `laid` there, and the `pages` that are mapped, as in a crossing.

    `starts` are modes and program counters to which entries lead, where page tables or what is laid down say so.
    """

    keep: int
    pages: Mapping[int, int]
    laid: Mapping[int, int]
    starts: tuple[tuple[int, int], ...] = ()


def own_memory(arrivals: Sequence[Arrival], real: Mapping[str, int], frames: int, evidence: Evidence) -> OwnMemory:
    """Where the monitor has its own leaves `real` while guests run, and its data in the first frames. Raises NoPlace, Undecided."""
    if not arrivals:
        return OwnMemory(0, {}, {})
    machine, shift = arrivals[0].machine, page_shift(arrivals[0].machine)
    own = {n: machine.state.leaves[n].holding(v) for n, v in real.items()}
    laid: dict[int, int] = {}
    for arrival in arrivals:
        _lay(arrival, own, frames, laid, evidence)
    starts: dict[tuple[int, int, int], int] = {}
    wanted: dict[int, None] = {}
    for arrival in arrivals:
        _start(arrival, own, laid, starts, evidence)
        wanted |= dict.fromkeys(_used(arrival, own, evidence))
    wanted |= dict.fromkeys(number for _, number, looks in starts if looks)
    base = machine.platform.ram_base >> shift
    pages, beside = {}, frames
    for number in wanted:
        offset = number - base
        if not 0 <= offset < frames:
            offset, beside = beside, beside + 1
        pages[number << shift] = offset << shift
    places = tuple(dict.fromkeys((mode, pc) for (mode, _, _), pc in starts.items()))
    return OwnMemory(beside << shift, pages, laid, places)


def kept(machine: Machine, address: Term, frames: int) -> Term:
    """An address is in the first frames of RAM."""
    distance = mk("sub", address.width, address, constant(address.width, machine.platform.ram_base))
    size = frames << page_shift(machine)
    return TRUE if size >> address.width else mk("ult", 0, distance, constant(address.width, size))


def outside(arrival: Arrival, frames: int) -> Term:
    """A delivery stores, or looks up, beyond the first frames of RAM, or over what it looks up, or leads beyond them."""
    machine = arrival.machine
    entries = [a for one in lookups(arrival) for a in one.loaded]
    used = [(s.guard, s.address) for s in arrival.stored]
    used += [(a.guard, a.address) for a in (*arrival.loaded, *entries) if arrival.is_monitors(a.address)]
    wrong = lnot(arrival.apart)
    for guard, address in used:
        wrong = lor(wrong, land(guard if arrival.is_monitors(guard) else TRUE, lnot(kept(machine, address, frames))))
    for cell in (unit(a.address, k) for a in entries for k in range(a.units)):
        wrong = lor(wrong, disjunction(land(s.guard, eq(s.address, cell)) for s in arrival.stored))
    for looks, _, address in first_fetch(arrival):
        wrong = lor(wrong, conjunction([arrival.ends, lnot(looks), lnot(kept(machine, address, frames))]))
    return wrong


def first_fetch(arrival: Arrival) -> Iterator[tuple[Term, Term, Term]]:
    """(whether page tables are walked for it, the address that is asked for, the address if none are) of the monitor's first instruction.

    None on a machine without page tables.
    """
    found = arrival.machine.code.confined_by(Entries)
    if found is None:
        return
    machine, translation = arrival.machine, found[0]
    run = Execution(machine, dict(arrival.post), {})
    run.call(machine.code.fetch, (arrival.post[machine.state.pc],))
    for address in dict.fromkeys(a.address for a in run.accesses):
        for translated in translations(address):
            here = walked(machine, translation, arrival.post, translated.args)
            yield here.walked, asked(translation, translated), here.address


def _start(
    arrival: Arrival,
    own: Mapping[str, Term],
    laid: Mapping[int, int],
    known: dict[tuple[int, int, int], int],
    evidence: Evidence,
) -> None:
    """Where a delivery leads: the program counter by mode, page, and whether page tables are walked for it. Raises NoPlace, Undecided.

    Without page tables one place for a mode is enough, and is asked for where what is laid down leads there.
    """
    machine, shift = arrival.machine, page_shift(arrival.machine)
    fetches = [(looks, page(address, shift)) for looks, address, _ in first_fetch(arrival)]
    entries = {one.entry: one.found for one in lookups(arrival)}
    for looks, where in fetches or ([(FALSE, constant(1, 0))] if laid else []):
        after = arrival.post[machine.modes.leaf], where, arrival.post[machine.state.pc], looks
        terms = on_leaves(substitute([*after, *arrival.given], entries), own)
        mode, number, pc, looks_, *given = *terms, *_pinned(machine, laid)
        while True:
            others = [
                lnot(land(eq(mode, constant(mode.width, m)), eq(number, constant(number.width, n))))
                for m, n, _ in known
            ]
            model = evidence.model([*given, *others], f"{arrival.label}:leads")
            if model is None:
                break
            if len(known) == MOST_PAGES:
                raise NoPlace(f"entries lead to more than {MOST_PAGES} pages")
            m, n, at, w = model.values([mode, number, pc, looks_])
            known[m, n, w] = at


def _pinned(machine: Machine, laid: Mapping[int, int]) -> list[Term]:
    """Memory has what is laid down."""
    memory, width = machine.state.leaves[machine.state.memory].term, machine.state.address_width
    return [eq(select(memory, constant(width, a)), constant(machine.state.memory_unit, v)) for a, v in laid.items()]


def _used(arrival: Arrival, own: Mapping[str, Term], evidence: Evidence) -> Iterator[int]:
    """The numbers of the pages that a delivery uses by the monitor's page tables. Raises NoPlace, Undecided."""
    shift, found = page_shift(arrival.machine), list[int]()
    for guard, address in dict.fromkeys(arrival.mapped):
        number, here, *given = on_leaves([page(address, shift), guard, *arrival.given], own)
        while True:
            others = [lnot(eq(number, constant(number.width, n))) for n in found]
            model = evidence.model([*given, here, *others], f"{arrival.label}:uses")
            if model is None:
                break
            if len(found) == MOST_PAGES:
                raise NoPlace(f"{arrival.name} uses more than {MOST_PAGES} pages")
            found.append(model.values([number])[0])
    yield from found


# ---- what is laid down


def _lay(arrival: Arrival, own: Mapping[str, Term], frames: int, laid: dict[int, int], evidence: Evidence) -> None:
    """Lay down the entries of tables that a delivery looks up, one place after the other. Raises NoPlace, Undecided."""
    found = lookups(arrival)
    entries = {one.entry: one.found for one in found}
    good = [
        has_fields(arrival.machine.code.tables[one.table].type, one.found, _monitors(arrival, one)) for one in found
    ]
    known = on_leaves(substitute([*arrival.given, conjunction([*good, *_apart(arrival, found, frames)])], entries), own)
    given, wanted = known[:-1], known[-1]
    memory = arrival.machine.state.leaves[arrival.machine.state.memory].term
    for one in found:
        for access in one.loaded:
            guard, address = on_leaves([access.guard, access.address], own)
            for _ in range(MOST_ENTRIES):
                where = [lnot(eq(address, constant(address.width, at))) for at in laid]
                place = evidence.model([*given, guard, *where], f"{arrival.label}:looks up")
                if place is None:
                    break
                (at,) = place.values([address])
                there = eq(address, constant(address.width, at))
                pinned = _pinned(arrival.machine, laid)
                model = evidence.model([*given, guard, wanted, there, *pinned], f"{arrival.label}:lays")
                if model is None:
                    raise NoPlace(f"no entry at {at:#x} leads {arrival.name} into the monitor's memory")
                laid |= _cells(memory, at, access.units, model)
            else:
                raise NoPlace(f"{arrival.name} looks up more than {MOST_ENTRIES} entries")


def _monitors(arrival: Arrival, one: Lookup) -> Mapping[str, int]:
    return arrival.machine.code.tables[one.table].monitor


def _cells(memory: Term, at: int, units: int, model: Model) -> Iterator[tuple[int, int]]:
    assert memory.shape is not None
    width = memory.shape[0]
    for k in range(units):
        yield at + k, model.values([select(memory, constant(width, at + k))])[0]


def _apart(arrival: Arrival, found: Sequence[Lookup], frames: int) -> Iterator[Term]:
    """With a base and a limit the monitor's first instruction is in its memory, and neither stored over nor what is looked up."""
    machine = arrival.machine
    if machine.code.confined_by(Bounds) is None:
        return
    fetched, spots = first_instruction(arrival)
    taken = [(s.guard, s.address) for s in arrival.stored]
    taken += [(a.guard, unit(a.address, k)) for one in found for a in one.loaded for k in range(a.units)]
    over = FALSE
    for spot in spots:
        over = lor(over, land(spot.guard, lnot(kept(machine, spot.address, frames))))
        over = lor(over, disjunction(conjunction([g, spot.guard, eq(a, spot.address)]) for g, a in taken))
    yield from (fetched, lnot(over))
