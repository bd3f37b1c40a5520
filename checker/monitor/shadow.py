"""SH1: what the monitor's shadow tables do keeps every entry what the guest's tables say.

The methods of `ShadowTables` and `GuestMemory` run here as they are, on unknown numbers: one arbitrary entry is there before, and an
operation whose addresses may or may not have to do with it. The guest's walk is any function of what it loads; an operation is right
when, on every way through the code, an entry that is left is still what a walk gives. What an operation does to one entry it does
to each, so that one entry stands for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from pgcheck.checker.monitor.stage import (
    Host,
    Irrelevant,
    Numbers,
    Source,
    Stage,
    Unknowns,
    assume,
    stage,
    virtual_leaves,
)
from pgcheck.checker.monitor.step import Promise
from pgcheck.checker.monitor.values import paths, unequal
from pgcheck.checker.solving.feasible import Feasible
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import Entries
from pgcheck.isa.terms import Name
from pgcheck.isa.terms.names import CONTEXT, NEXT_CONTEXT, PARAMETER, STATE
from pgcheck.models.state import State, Surroundings, holding, reset
from pgcheck.vmm.allocator import Allocator
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.mmu import Tenant
from pgcheck.vmm.paging import shadow
from pgcheck.vmm.paging.entries import Permissions
from pgcheck.vmm.paging.ledger import Context, Shadow
from pgcheck.vmm.paging.shadow import ShadowTables
from pgcheck.vmm.translate import Args, Walk, accesses
from pgcheck.vmm.vmm import page_shift

SH1 = "SH1"
WALK = "walk"


Scenario = Callable[[Stage], Iterator[str]]


def emulated_store(stage_: Stage) -> Iterator[str]:
    """The routine of a store writes guest memory: entries derived from what it overwrites go."""
    machine = stage_.machine
    width = machine.state.address_width
    count = stage_.tables.form.units if stage_.source.truth("x.wide") else 1
    address = stage_.source.number("x.address", width)
    assume(stage_.memory.holds(address, count))
    stage_.memory.store(address, count, stage_.source.number("x.value", count * machine.state.memory_unit))
    ((start, units),) = stage_.entry.derived
    if stage_.present():
        if start < address + count and address < start + units:
            yield "an entry outlives what it was derived from"
    elif not stage_.denied():
        yield "a dropped entry is still in the processor's table"
    elif not stage_.tlb.flushes:
        yield "a dropped entry may still be remembered"


def table_found(stage_: Stage) -> Iterator[str]:
    """A page turns out to hold the guest's tables: entries through which the guest could store to it go."""
    machine, shift = stage_.machine, stage_.tables.shift
    width = machine.state.address_width
    page = stage_.source.number("x.page", width - shift) << shift
    assume(stage_.memory.holds(page, stage_.page))
    stage_.memory.watch(page, stage_.tables.stored)
    if stage_.present():
        if stage_.writable(stage_.entry) and stage_.entry.guest_page == page:
            yield "the guest can store to its tables unseen"
    elif not stage_.denied():
        yield "a dropped entry is still in the processor's table"
    elif not stage_.tlb.flushes:
        yield "a dropped entry may still be remembered"


def filled(op: int, *, beside: bool) -> Scenario:
    """A miss for an access of one kind fills an entry.

    With `beside` the guest's walks all give the page, and it is the entry there before that is looked at; else that entry is another
    context's, and the new one is looked at.
    """

    def scenario(stage_: Stage) -> Iterator[str]:
        source, tables, machine = stage_.source, stage_.tables, stage_.machine
        translation = tables.translation
        virtual = {**stage_.real, **virtual_leaves(tables, source, CONTEXT)}
        real: State = {**stage_.real, **{n: virtual[n] for n in tables.loose}}
        given = {translation.mode: real[tables.mode], translation.access: op}
        widths = [w for _, w in machine.code.functions[translation.function].parameters]
        args = cast(
            Args,
            tuple(
                given[k] if k in given else source.number(Name(PARAMETER, n), w)
                for k, ((n, _), w) in enumerate(zip(translation.parameters, widths, strict=True))
            ),
        )
        walked = Walks(stage_, args, plain=beside)
        if not beside:
            stage_.set_aside()
        with walking(walked):
            mended = tables.miss(args, virtual, Surroundings(), real)
        new = [e for e in stage_.context.entries.values() if e is not stage_.entry]
        if not mended:
            if new:
                yield "an entry without a miss mended"
            return
        if not new:
            return
        if any(new[0].slot == own for own in stage_.context.private):
            yield "an entry in place of a page of the monitor's own"
        if not beside:
            yield from _right(stage_, walked, new[0])
        elif stage_.present():
            watched = stage_.memory.watched(stage_.entry.guest_page)
            if stage_.writable(stage_.entry) and watched:
                yield "the guest can store to its tables unseen"
            if new[0].slot == stage_.entry.slot:
                yield "two entries in one slot"

    return scenario


def _right(stage_: Stage, walked: Walks, new: Shadow) -> Iterator[str]:
    """The entry is what the guest's walks give, points to the guest's own frame, and will be dropped with what it was derived from."""
    tables, memory = stage_.tables, stage_.memory
    if not memory.holds(new.guest_page, stage_.page):
        yield "an entry for what is no RAM of the guest's"
    for way in new.permitted:
        one = walked.of(way)
        if one.address is None or one.stores or one.address & -stage_.page != new.guest_page:
            yield f"an entry permits what the guest's tables do not ({way[0]})"
        if any(not any(load == d for d in new.derived) for load in one.loads):
            yield "an entry does not know what it was derived from"
    for start, _ in new.derived:
        if not memory.watched(start):
            yield "a table is not watched"
    if stage_.writable(new) and memory.watched(new.guest_page):
        yield "the guest can store to its tables unseen"
    high, low = tables.form.realise.entry.ranges[tables.form.realise.frame]
    slot, _, value = stage_.host.stored[-1]
    frame = stage_.source.frame(new.guest_page - memory.base >> tables.shift)
    flags = tables.form.entry(tables.available[new.permitted])
    outside = ~((1 << high + 1) - (1 << low)) & (1 << tables.form.realise.entry.width) - 1
    yield from unequal(
        {
            "an entry leads to a frame that is not the guest's": (value >> low & (1 << high - low + 1) - 1, frame),
            "what the processor sees permits something else": (value & outside, flags & outside),
            "an entry is not where it should be": (slot, new.slot),
        }
    )


def switched(stage_: Stage) -> Iterator[str]:
    """The guest has other roots: it goes on in the context that was made for exactly these."""
    tables = stage_.tables
    virtual = {**stage_.real, **virtual_leaves(tables, stage_.source, NEXT_CONTEXT)}
    for name in tables.outer:
        virtual.setdefault(
            name,
            stage_.source.number(Name(STATE, name, copy=NEXT_CONTEXT), max(stage_.machine.state.leaves[name].width, 1)),
        )
    real = dict(stage_.real)
    with walking(lambda *asked, **_: _own_slot(stage_, asked[1])):
        assume(tables.enter(virtual, Surroundings(), real))
    current = tables.current
    if current is None:
        yield "no context"
        return
    if any(current.virtual[n] != virtual[n] for n in tables.depends):
        yield "a context of another root"
    if real[tables.form.root] != tables.pointer(current):
        yield "the processor walks another context's tables"
    if stage_.tlb.used is not current:
        yield "the processor remembers another context's translations"
    if current is not stage_.context:
        if not stage_.tlb.flushes:
            yield "translations of another root may still be remembered"
        if current.entries:
            yield "a new context has entries"
        yield from _own_mapped(stage_, current)


def _own_slot(stage_: Stage, args: Args) -> Walk:
    """A walk to the last-level slot of a page of the monitor's own, wherever that is."""
    tables, form = stage_.tables, stage_.tables.form
    page = form.pages.address(args, tables.names, tables.real) >> tables.shift
    slot = stage_.source.number(f"own.{page:x}", stage_.machine.state.address_width - 4) << form.units.bit_length() - 1
    return Walk(None, tuple((slot, form.units) for _ in range(form.levels)), ())


def _own_mapped(stage_: Stage, context: Context) -> Iterator[str]:
    """New tables map the monitor's own pages, each to where it lies and for no way of a guest's."""
    tables, host = stage_.tables, stage_.host
    if len(context.private) != len(tables.private) or (tables.private and tables.own is None):
        yield "tables without the monitor's own pages"
        return
    for slot, (page, at) in zip(context.private, tables.private.items(), strict=True):
        assert tables.own is not None
        entry = tables.form.pointing(tables.form.entry(tables.own.fields), at)
        stored = [(a, n, v) for a, n, v in host.stored if n == tables.form.units]
        if not any(a == slot and v == entry for a, _, v in stored):
            yield f"page {page:#x} of the monitor's own is not mapped for it alone"


def given_up(stage_: Stage) -> Iterator[str]:
    """A context's frames go back: nothing of it is left where the processor walks or remembers."""
    tables = stage_.tables
    frames = list(stage_.context.frames)
    tables.forget()
    if stage_.context.entries or tables.contexts:
        yield "an entry outlives its table"
    if any(stage_.entry in users for users in tables.ledger.onto.values()):
        yield "an entry outlives its table"
    if not stage_.tlb.flushes:
        yield "a given-up entry may still be remembered"
    if any(f not in tables.allocator.free for f in frames):
        yield "a frame is lost"
    shift = tables.shift
    for f in frames:
        if not any(a == f << shift and n == stage_.page and v == 0 for a, n, v in stage_.host.stored):
            yield "a freed table still maps"


class Walks:
    """The guest's walk as any function of access and setting, and the processor's walk of the shadow tables as a place to store.

    A walk finds a page, offset kept, or faults; it may have loads of its own, and may want to update entries.
    """

    def __init__(self, stage_: Stage, args: Args, *, plain: bool) -> None:
        self.stage, self.args, self.plain = stage_, args, plain
        translation = stage_.tables.translation
        self.op = args[translation.access]
        others = [op for op in accesses(translation) if op != self.op]
        self.odd = (others[-1], *stage_.tables.settings[0]) if stage_.tables.loose else (others[-1],)
        self.made = False
        self.known: dict[tuple[int, ...], Walk] = {}

    def __call__(
        self, machine: Machine, args: Args, state: State, surroundings: Surroundings, *, pretend: bool = False
    ) -> Walk:
        tables = self.stage.tables
        if surroundings.memory is not tables.snapshot:
            return self._place()
        way = (args[tables.translation.access], *(cast(int, state[n]) for n in tables.loose))
        if not pretend:
            self.made = True
            self.known.clear()
        return self.of(way)

    def of(self, way: tuple[int, ...]) -> Walk:
        """The walk of an access in one way."""
        if way not in self.known:
            self.known[way] = self._walk(way)
        return self.known[way]

    def _walk(self, way: tuple[int, ...]) -> Walk:
        """What a walk gives: the page asked for decides all; others give it, or another, or want to update entries, or fault."""
        source, tables, machine = self.stage.source, self.stage.tables, self.stage.machine
        width, units = machine.state.address_width, tables.form.units
        load = source.number("w.load", width - 4) << units.bit_length() - 1, units
        assume(self.stage.memory.holds(*load))
        tag = "w.odd" if way == self.odd else f"w{way[0]}"
        if self.plain:
            here = source.number("w.page", width - tables.shift) << tables.shift
            return Walk(here | self.args[tables.form.pages.position] & self.stage.page - 1, (load,), ())
        if source.truth(f"{tag}.faults"):
            return Walk(None, (load,), ())
        offset = self.args[tables.form.pages.position] & self.stage.page - 1
        here = source.number("w.page", width - tables.shift) << tables.shift
        mine = way[0] == self.op or not self.known
        if not mine and way == self.odd:
            if source.truth(f"{tag}.elsewhere"):
                here = source.number(f"{tag}.page", width - tables.shift) << tables.shift
        stores: tuple[tuple[int, int], ...] = ()
        if (mine or way == self.odd) and not self.made and source.truth(f"{tag}.stores"):
            stores = (load,)
        return Walk(here | offset, (load,), stores)

    def _place(self) -> Walk:
        """The last-level slot of the page that was asked for; the entry that was there before has its own."""
        stage_, tables = self.stage, self.stage.tables
        units = tables.form.units
        machine = stage_.machine
        slot = stage_.source.number("x.slot", machine.state.address_width - 4) << units.bit_length() - 1
        page = tables.form.pages.address(self.args, tables.names, stage_.real) >> tables.shift
        if self.plain and page == stage_.entry.page:
            slot = stage_.entry.slot
        else:
            assume(slot != stage_.entry.slot)
        return Walk(None, tuple((slot, units) for _ in range(tables.form.levels)), ())


@contextmanager
def walking(walks: Callable[..., Walk]) -> Iterator[None]:
    """The shadow tables' walks are these, for a while."""
    right = getattr(shadow, WALK)
    setattr(shadow, WALK, walks)
    try:
        yield
    finally:
        setattr(shadow, WALK, right)


@dataclass(frozen=True, slots=True)
class Operation:
    """What the monitor does with shadow tables; `writable`: also beside an entry that the guest may store through."""

    scenario: Scenario
    writable: bool = True


def scenarios(promise: Promise) -> Mapping[str, Operation]:
    """The operations by name; none where no tables are walked."""
    found = promise.machine.code.confined_by(Entries)
    if found is None:
        return {}
    ops = accesses(found[0])
    fills = {f"fill on a miss (access {op})": Operation(filled(op, beside=False), writable=False) for op in ops}
    fills |= {f"entry beside a fill (access {op})": Operation(filled(op, beside=True)) for op in ops}
    return {
        "store to guest memory": Operation(emulated_store),
        "page of tables found": Operation(table_found),
        **fills,
        "root switch": Operation(switched),
        "tables given up": Operation(given_up),
    }


def kinds_of_entry(promise: Promise) -> tuple[Permissions, ...]:
    """What the arbitrary entry may permit: everything that one can, and what is left where nothing may be stored."""
    found = stage_facts(promise)
    everything = max(found.available, key=lambda p: (len(p), sorted(p)))
    readonly = [p for p in found.available if p and not any(way[0] in found.writes for way in p)]
    return (everything, *sorted(readonly, key=lambda p: (len(p), sorted(p)))[-1:])


def stage_facts(promise: Promise) -> ShadowTables:
    """Shadow tables of the machine, for what they know of it. Raises NoTables."""
    machine = promise.machine
    real = {**reset(machine), **holding(machine, promise.division.own)}
    shift = page_shift(machine)
    host = cast(Any, Host(machine.state.memory_unit, machine.state.big_endian))
    memory = GuestMemory(machine.platform.ram_base & -(1 << shift), range(256, 258), host, shift)
    return ShadowTables(
        Tenant(
            "guest", machine, host, memory, real, lambda: Allocator(range(64, 128)), frozenset(promise.division.shared)
        )
    )


def played(promise: Promise, scenario: Scenario, permitted: Permissions, source: Source) -> tuple[str, ...] | None:
    """The violations of a scenario run once; None when its start cannot be."""
    try:
        return tuple(scenario(stage(promise, source, permitted)))
    except Irrelevant:
        return None


@dataclass(frozen=True, slots=True)
class Violated:
    """A run of the shadow tables on numbers that does what it must not."""

    numbers: Mapping[str, int]
    violations: tuple[str, ...]
    replayed: tuple[str, ...]


def violated(
    promise: Promise, scenario: Scenario, permitted: Permissions, feasible: Feasible
) -> tuple[int, Violated | None]:
    """How many ways were followed, and the first with a violation, run again on plain numbers.

    Raises TooManyPaths and Undecided.
    """
    followed = 0
    for path in paths(lambda: played(promise, scenario, permitted, Unknowns()), feasible):
        if path.outcome is None:
            continue
        followed += 1
        if path.outcome:
            model = feasible.model(list(path.conditions))
            if model is None:
                continue
            again = played(promise, scenario, permitted, Numbers(model)) or ()
            return followed, Violated({str(n): v for n, v in model.variables.items()}, path.outcome, again)
    return followed, None


def untold(stage_: Stage) -> Iterator[str]:
    """A known mistake: nobody hears of a store to the guest's tables."""
    for watchers in stage_.memory.watchers.values():
        watchers.clear()
    yield from emulated_store(stage_)
