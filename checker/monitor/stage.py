"""What a scenario of the shadow tables plays on: tables with one arbitrary entry, and numbers that are unknown or a model's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from pgcheck.checker.monitor.step import Promise
from pgcheck.checker.monitor.values import Symbolic, bits, decide
from pgcheck.checker.solving.model import Model
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Name, apply, variable
from pgcheck.isa.terms.names import CONTEXT, FREE, STATE, Tag
from pgcheck.isa.words import Order, order
from pgcheck.models.state import State, holding, reset
from pgcheck.vmm.allocator import Allocator
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.mmu import Tenant
from pgcheck.vmm.paging.entries import Permissions
from pgcheck.vmm.paging.ledger import Context, Shadow
from pgcheck.vmm.paging.shadow import ShadowTables
from pgcheck.vmm.vmm import page_shift

FRAME = Name(FREE, "frame")


class Irrelevant(Exception):
    """The path is about a state that cannot be."""


class Source(Protocol):
    """Where a scenario has its numbers from: unknowns, or a model."""

    def number(self, name: Name | str, width: int) -> int: ...

    def truth(self, name: str) -> bool: ...

    def frame(self, page: int) -> int: ...


class Unknowns:
    """Every number is a variable."""

    def number(self, name: Name | str, width: int) -> int:
        return Symbolic.of(variable(width, name))

    def truth(self, name: str) -> bool:
        return decide(variable(0, name))

    def frame(self, page: int) -> int:
        return Symbolic.of(apply(32, FRAME, bits(page, 64)))


@dataclass(frozen=True, slots=True)
class Numbers:
    """Every number is the model's."""

    model: Model

    def number(self, name: Name | str, width: int) -> int:
        return self.model.leaf(variable(width, name))

    def truth(self, name: str) -> bool:
        return bool(self.model.leaf(variable(0, name)))

    def frame(self, page: int) -> int:
        return self.model.function(FRAME, (page & (1 << 64) - 1,), 32)


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of a guest: page k lies in the frame that the source says."""

    source: Source

    def __getitem__(self, page: int) -> int:
        return self.source.frame(page)


@dataclass(slots=True)
class Host:
    """The host's memory: what was stored to it."""

    unit: int
    big_endian: bool
    stored: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def order(self) -> Order:
        return order(self.big_endian)

    def load(self, address: int, count: int) -> int:
        return 0

    def store(self, address: int, count: int, value: int) -> None:
        self.stored.append((address, count, value))


@dataclass(slots=True)
class Tlb:
    """The processor's memory of translations: whether it was told to forget."""

    flushes: int = 0
    used: object = None

    def use(self, tables: object) -> None:
        self.flushes += tables is not self.used
        self.used = tables

    def flush(self) -> None:
        self.flushes += 1


@dataclass(slots=True)
class Stage:
    """Shadow tables with one arbitrary entry `entry` of a context, which may permit what `permitted` says."""

    promise: Promise
    source: Source
    tables: ShadowTables
    memory: GuestMemory
    host: Host
    tlb: Tlb
    context: Context
    entry: Shadow
    real: State

    @property
    def machine(self) -> Machine:
        return self.promise.machine

    @property
    def page(self) -> int:
        """Units of a page."""
        return 1 << self.tables.shift

    def present(self) -> bool:
        """Whether the entry is still there."""
        return any(e is self.entry for e in self.context.entries.values())

    def set_aside(self) -> None:
        """Let the entry be one of another context; what becomes of it is not looked at."""
        del self.context.entries[self.entry.page]
        other = Context(dict(self.context.virtual), [0])
        other.entries[self.entry.page] = self.entry
        self.tables.ledger.onto.clear()
        self.entry.context = other

    def writable(self, entry: Shadow) -> bool:
        """Whether the guest can store through an entry."""
        return any(way[0] in self.tables.writes for way in entry.permitted)

    def denied(self) -> bool:
        """Whether what the processor walks no longer has the entry: its slot denies, or the table is given up."""
        deny, size = self.tables.form.entry(self.tables.form.realise.deny), self.page
        for address, count, value in reversed(self.host.stored):
            if count == self.tables.form.units and address == self.entry.slot:
                return value is deny or value == deny
            if count == size and value == 0:
                return True
        return False


def virtual_leaves(tables: ShadowTables, source: Source, tag: Tag) -> State:
    """The leaves that choose a context, unknown; of those that a guest changes without a trap, one setting that the tables know."""
    machine = tables.machine
    found: State = {
        n: source.number(Name(STATE, n, copy=tag), max(machine.state.leaves[n].width, 1)) for n in tables.depends
    }
    if tables.loose:
        found |= dict(zip(tables.loose, tables.settings[-1], strict=True))
    found.setdefault(
        tables.mode, source.number(Name(STATE, tables.mode, copy=tag), max(machine.state.leaves[tables.mode].width, 1))
    )
    return found


def stage(promise: Promise, source: Source, permitted: Permissions) -> Stage:
    """The state before an operation. Raises Irrelevant."""
    machine = promise.machine
    real = {**reset(machine), **holding(machine, promise.division.own)}
    shift = page_shift(machine)
    host = Host(machine.state.memory_unit, machine.state.big_endian)
    base = machine.platform.ram_base & -(1 << shift)
    memory = GuestMemory(base, range(256, 258), cast(Any, host), shift)
    tlb = Tlb()
    tables = ShadowTables(
        Tenant(
            name="guest",
            machine=machine,
            host=cast(Any, host),
            memory=memory,
            real=real,
            pool=lambda: Allocator(range(64, 128)),
            shared=frozenset(promise.division.shared),
            tlb=cast(Any, tlb),
            private=own_pages(promise),
        )
    )
    width = machine.state.address_width
    memory.frames = cast(Any, Frames(source))
    memory.size = source.number("ram.pages", width - shift) << shift
    assume(base + memory.size <= 1 << width)
    context = Context(virtual_leaves(tables, source, CONTEXT), [tables.allocator.take(tables.tables)])
    tables.adopt(context)
    tlb.used = context
    units = tables.form.units
    load = source.number("e.load", width - 4) << units.bit_length() - 1, units
    guest_page = source.number("e.guest_page", width - shift) << shift
    slot = source.number("e.slot", width - 4) << units.bit_length() - 1
    assume(memory.holds(guest_page, 1 << shift))
    assume(memory.holds(*load))
    context.private = _own_slots(tables, source, slot)
    widths = dict(machine.code.functions[tables.translation.function].parameters)
    page = source.number("e.page", widths[tables.form.realise.address] - shift)
    entry = Shadow(context, page, guest_page, slot, permitted, frozenset({load}))
    at = load[0] & -(1 << shift)
    context.entries[page] = entry
    tables.ledger.derived[at] = {load: {entry}}
    tables.ledger.onto[guest_page] = {entry}
    found = Stage(
        promise=promise,
        source=source,
        tables=tables,
        memory=memory,
        host=host,
        tlb=tlb,
        context=context,
        entry=entry,
        real=real,
    )
    if found.writable(entry):
        assume(not at == guest_page)
    memory.watchers[at - base >> shift] = [tables.stored]
    host.stored.clear()
    tlb.flushes = 0
    return found


def _own_slots(tables: ShadowTables, source: Source, slot: int) -> tuple[int, ...]:
    """The slots of the monitor's own pages, wherever they are, but for the one of a guest's."""
    width, units = tables.machine.state.address_width, tables.form.units
    found = tuple(
        source.number(f"own.slot{k}", width - 4) << units.bit_length() - 1 for k in range(len(tables.private))
    )
    for own in found:
        assume(slot != own)
    return found


def own_pages(promise: Promise) -> dict[int, int]:
    """The pages that the monitor maps for itself, by the address at which the processor reaches them."""
    crossing, base = promise.policy.crossing, promise.machine.platform.ram_base
    return {} if crossing is None else {address: base + offset for address, offset in crossing.pages.items()}


def assume(condition: bool) -> None:
    """Only states with this are looked at."""
    if not condition:
        raise Irrelevant
