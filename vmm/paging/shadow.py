"""Shadow page tables: what the processor walks while a guest runs, derived from the guest's own tables in its memory.

Every shadow entry is what the guest's tables say at that moment: the guest's page-table pages are watched, so not writable for it, and
a store to one of them drops all entries derived from what was overwritten. Pages of the monitor's own, where the processor enters it, lie at
addresses of the guest's: they are mapped in all tables for the monitor's modes alone, and what the guest does there is interpreted.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from pgcheck.isa.encoding.codec import compiled
from pgcheck.models.state import State, Surroundings, scalar
from pgcheck.vmm.allocator import OutOfMemory
from pgcheck.vmm.mmu import Key, Tenant
from pgcheck.vmm.paging.entries import Form, Permissions, Way, form, loosely, permissions, private, settings, writes
from pgcheck.vmm.paging.ledger import Context, Ledger, Shadow
from pgcheck.vmm.paging.pages import NoTables
from pgcheck.vmm.statistics import Event
from pgcheck.vmm.translate import Args, Outside, Snapshot, Walk, accesses, root_key, walk, with_argument

MAX_CONTEXTS = 16
MAX_TABLES = 64
MAX_CHOICES = 1024


def fewest(levels: int, private: int) -> int:
    """The frames with which every access can be made: the root, and what is below it for one page of the guest's and each of the monitor's."""
    return 1 + (levels - 1) * (1 + private)


class ShadowTables:
    """The shadow page tables of one guest, one context for each virtual root and mode, the least recently used given up first.

    `ledger` has the entries of all contexts, `snapshot` is the guest's memory as the walks of its own tables see it. `private` are the
    host's addresses of the monitor's own pages by page number, `own` is their entry. Raises NoTables, OutOfMemory (not one root can be made) and ValueError.
    """

    def __init__(self, tenant: Tenant) -> None:
        machine, memory, shared = tenant.machine, tenant.memory, tenant.shared
        self.machine, self.host, self.memory, self.allocator = machine, tenant.host, memory, tenant.pool()
        self.tables, self.tlb, self.events = tenant.tables, tenant.tlb, tenant.events
        self.real = dict(tenant.real)
        self.form: Form = form(machine, self.real)
        self.translation = self.form.translation
        self.names = tuple(n for n, _ in self.translation.parameters)
        self.shift, self.mode, self.placed = self.form.realise.shift, machine.modes.leaf, (self.form.root,)
        inner = self.form.pages.inner | {self.mode}
        self._accesses = accesses(self.translation)
        self.loose = loosely(self.form, shared)
        self.held = self.outer = tuple(sorted(self.form.pages.outer - shared))
        self.keys = self.depends = tuple(sorted(inner - shared))
        self.private = {a >> self.shift: at for a, at in sorted(tenant.private.items())}
        self._checked()
        self.available = permissions(self.form, self.real, self.loose)
        self.own = private(self.form, self.real, self.loose) if self.private else None
        self.writes = writes(self.form, self.available)
        possible = {way[1:] for permitted in self.available for way in permitted}
        self.settings = tuple(s for s in settings(machine, self.loose) if s in possible)
        self.contexts: OrderedDict[object, Context] = OrderedDict()
        self.current: Context | None = None
        self._key: object = None
        self._root = 0
        self._around: object = None
        self._chosen: Callable[[State], Any] = itemgetter(*self.depends)
        self.snapshot = Snapshot(memory)
        self._inside = Surroundings(memory=self.snapshot)
        self._addresses = compiled(self.form.realise.addresses)
        self._choices: dict[tuple[Permissions, Way], tuple[Permissions, int] | None] = {}
        self.ledger = Ledger(memory, self.shift, self.stored)
        memory.on_watch.append(self._protect)
        page, deny = 1 << self.shift, self.form.entry(self.form.realise.deny)
        self._deny = deny
        width = self.form.units * machine.state.memory_unit
        self.empty = sum(deny << width * k for k in range(page // self.form.units)) if deny else 0

    def _checked(self) -> None:
        shape, memory = self.form, self.memory
        if memory.page_shift != shape.shift:
            raise NoTables(f"frames of {1 << memory.page_shift:#x} units, pages of {1 << shape.shift:#x}")
        if any(n in self.machine.state.arrays for n in self.depends) or shape.root in self.loose:
            raise NoTables(
                f"the walk of {self.translation.function} depends on an array, or a guest sets its root without a trap"
            )
        if any(n in self.loose for n in shape.realise.given):
            raise NoTables(f"a guest changes without a trap what confines it: {', '.join(sorted(shape.realise.given))}")
        if self.mode in self.outer:
            raise NoTables(f"{self.translation.function} decides by the mode before it walks")
        for frame in (*memory.frames, *self.allocator.free, *(at >> self.shift for at in self.private.values())):
            if not shape.holds(frame):
                raise NoTables(f"no page-table entry can point to frame {frame:#x}")
        needed = fewest(shape.levels, len(self.private))
        if len(self.allocator.free) < needed:
            raise OutOfMemory(f"{self.tables} needs {needed} frames for one page")

    # ---- what the monitor asks

    def enter(self, virtual: State, surroundings: Surroundings, real: State) -> bool:
        """Choose the context of the virtual root and mode."""
        key = self._chosen(virtual)
        if self.current is None or key != self._key:
            self._become(key, self.used_context(key, virtual))
        self.tlb.use(self.current)
        real[self.form.root] = self._root
        if self.outer:
            self._surround(virtual, real)
        return True

    def stands(self) -> bool:
        """Whether the tables in use have not been given up."""
        return self.current is not None

    def walked(self) -> Context | None:
        """The tables in use."""
        return self.current

    def settled(self) -> Mapping[Key, Key]:
        """The roots of the contexts that there are."""
        found: dict[Any, Key] = {key: (self.pointer(context),) for key, context in self.contexts.items()}
        return found if len(self.depends) > 1 else {(key,): root for key, root in found.items()}

    def went(self, chosen: Sequence[Key], moved: int) -> None:
        """The processor was given the tables of other contexts."""
        for whole in chosen:
            key = whole if len(self.depends) > 1 else whole[0]
            self.contexts.move_to_end(key)
            self.current, self._key = self.contexts[key], key
        assert self.current is not None
        self._root = self.pointer(self.current)
        self.events["switch"] += moved
        self.tlb.used_in_turn(self.current, moved)

    def adopt(self, context: Context) -> None:
        """Take a context that was made elsewhere, and go on in it."""
        self.contexts[key := self._chosen(context.virtual)] = context
        self._become(key, context)

    def _become(self, key: object, context: Context) -> None:
        self.events["switch"] += context is not self.current
        self.current, self._key, self._root = context, key, self.pointer(context)

    def _surround(self, virtual: State, real: State) -> None:
        """Let what is around the walk (segments) be as the guest has it, so that both machines come to the same linear addresses."""
        around = root_key(virtual, self.outer)
        if around != self._around:
            self._around = around
            self.tlb.flush()
        for name in self.outer:
            real[name] = virtual[name]

    def miss(self, args: Args, virtual: State, surroundings: Surroundings, real: State) -> bool:
        """Fill the entry for an access that faulted; False when the fault is the guest's, or the page no RAM of its.

        False as well when only the instruction itself can tell: its access is to be made as it stands, once.
        """
        context = self.current
        if context is None or args[self.translation.mode] != real[self.mode] or not self._mappable(args):
            return False
        asked = with_argument(args, self.translation.mode, scalar(virtual, self.mode))
        self.snapshot.renew()
        try:
            found = walk(self.machine, asked, virtual, self._inside, pretend=True)
            if found.address is None:
                return False
            if found.stores:
                walk(self.machine, asked, virtual, self._inside)
                self.snapshot.renew()
            guest_page = found.address & -(1 << self.shift)
            if not self.memory.holds(guest_page, 1 << self.shift):
                return False
            permitted, derived = self.permitted_to(asked, guest_page, found, virtual)
        except Outside:
            return False
        return self._fill(context, args, guest_page, permitted, derived, real)

    def answer(self, args: Args, virtual: State, surroundings: Surroundings, real: State) -> None:
        """The processor walks by itself."""
        return

    def frames(self) -> list[int]:
        """Those of all contexts."""
        return [frame for context in self.contexts.values() for frame in context.frames]

    def forget(self) -> None:
        """Give up all contexts."""
        while self.contexts:
            self.give_up(self.contexts.popitem(last=False)[1])
        self.current = None
        self.tlb.flush()

    def context(self, virtual: State) -> Context | None:
        """The context of a virtual state, if it has one."""
        return self.contexts.get(self._chosen(virtual))

    # ---- the guest's tables

    def permitted_to(
        self, asked: Args, guest_page: int, found: Walk, virtual: State
    ) -> tuple[Permissions, frozenset[tuple[int, int]]]:
        """The ways in which the guest's tables permit the page, and the entries that say so."""
        permitted: list[Way] = []
        loads, derived = found.loads, set(found.loads)
        here = self._way(asked, virtual)
        for setting in self.settings:
            state = {**virtual, **dict(zip(self.loose, setting, strict=True))} if setting else virtual
            moded = with_argument(asked, self.translation.mode, scalar(state, self.mode))
            for op in self._accesses:
                way = op, *setting
                other = found
                if way != here or found.stores:
                    way_args = with_argument(moded, self.translation.access, op)
                    other = walk(self.machine, way_args, state, self._inside, pretend=True)
                if other.loads != loads:
                    derived.update(other.loads)
                if other.address is not None and other.address & -(1 << self.shift) == guest_page and not other.stores:
                    permitted.append(way)
        return frozenset(permitted), frozenset(derived)

    def _way(self, args: Args, real: State) -> Way:
        """The way of an access as the processor makes it."""
        values = [real[n] for n in self.loose]
        return (args[self.translation.access], *[v for v in values if isinstance(v, int)])

    # ---- entries

    def _fill(
        self,
        context: Context,
        args: Args,
        guest_page: int,
        permitted: Permissions,
        derived: frozenset[tuple[int, int]],
        real: State,
    ) -> bool:
        way = self._way(args, real)
        if self.memory.watched(guest_page) or any(guest_page in self.ledger.touched(load) for load in derived):
            left = self._protected(permitted)
            self.events["protect"] += left != permitted
            permitted = left
        chosen = self._choice(permitted, way)
        if chosen is None:
            return False
        page = self.form.pages.address(args, self.names, real) >> self.shift
        try:
            slot = self._slot(context, page, args, real)
        except OutOfMemory:
            self.events["recycle"] += 1
            self.forget()
            return True
        if any(slot == own for own in context.private):
            self.events["hidden"] += 1
            return False
        old = context.entries.pop(page, None)
        self.events["fill"] += 1
        self.events["refill"] += old is not None or page in context.gone
        if old is not None:
            self.ledger.remove(old)
        entry = Shadow(context, page, guest_page, slot, chosen[0], derived)
        context.entries[page] = entry
        self.ledger.enter(entry)
        self.host.store(slot, self.form.units, self.form.pointing(chosen[1], self.memory.host_address(guest_page)))
        if old is not None:
            self.tlb.flush()
        return True

    def _choice(self, permitted: Permissions, way: Way) -> tuple[Permissions, int] | None:
        """The most that one entry can permit of a set, with `way` in it, and that entry without its frame; None if there is none."""
        key = permitted, way
        if key not in self._choices:
            sets = [p for p in self.available if p <= permitted and way in p]
            chosen = max(sets, key=lambda p: (len(p), sorted(p)), default=None)
            if len(self._choices) >= MAX_CHOICES:
                self._choices.clear()
            self._choices[key] = None if chosen is None else (chosen, self.form.entry(self.available[chosen]))
        return self._choices[key]

    def stored(self, address: int, count: int) -> None:
        """Drop what was derived from guest memory that was stored to."""
        dropped = False
        for entry in self.ledger.overwritten(address, count):
            self._drop(entry, "drop")
            dropped = True
        if dropped:
            self.tlb.flush()

    def _protect(self, address: int) -> None:
        """A page became watched: entries through which the guest could store to it go."""
        page = address & -(1 << self.shift)
        entries = [e for e in self.ledger.onto.get(page, ()) if self._protected(e.permitted) != e.permitted]
        for entry in entries:
            self._drop(entry, "protect")
        if entries:
            self.tlb.flush()

    def _drop(self, entry: Shadow, event: Event) -> None:
        self.events[event] += 1
        entry.context.gone.add(entry.page)
        self.host.store(entry.slot, self.form.units, self._deny)
        entry.context.entries.pop(entry.page, None)
        self.ledger.remove(entry)

    # ---- tables in the host

    def _slot(self, context: Context, page: int, args: Args, real: State) -> int:
        """The address of the last-level entry of a virtual page, with the tables above it made."""
        index = self.form.pages.index
        if index and (first := context.slots.get(page >> index)) is not None:
            return first + (page & (1 << index) - 1) * self.form.units
        state: State = {**real, self.form.root: self.pointer(context)}
        surroundings = Surroundings(memory=self.host)
        while True:
            loads = walk(self.machine, args, state, surroundings, pretend=True).loads
            if len(loads) == self.form.levels:
                slot = loads[-1][0]
                if index:
                    context.slots[page >> index] = slot - (page & (1 << index) - 1) * self.form.units
                return slot
            if len(context.frames) >= MAX_TABLES:
                raise OutOfMemory(f"{self.tables}: more than {MAX_TABLES} for one root")
            frame = self._table(context)
            context.frames.append(frame)
            table = self.form.entry(self.form.realise.table, frame << self.shift)
            self.host.store(loads[-1][0], self.form.units, table)

    def used_context(self, key: object, virtual: State) -> Context:
        """The context of a virtual root and mode, now the most recently used. Raises OutOfMemory."""
        context = self.contexts.get(key)
        if context is None:
            while len(self.contexts) >= MAX_CONTEXTS:
                self.give_up(self.contexts.popitem(last=False)[1])
            context = Context({n: virtual[n] for n in self.depends}, [self._table(None)])
            if self.private:
                self.map_own(context)
            self.contexts[key] = context
        self.contexts.move_to_end(key)
        return context

    def map_own(self, context: Context) -> None:
        """Map the monitor's own pages for its modes alone. Raises OutOfMemory."""
        assert self.own is not None
        entry, slots = self.form.entry(self.own.fields), []
        try:
            for page, at in self.private.items():
                slots.append(self._slot(context, page, self.asking(page), self.real))
                self.host.store(slots[-1], self.form.units, self.form.pointing(entry, at))
        except OutOfMemory:
            self.give_up(context)
            raise
        context.private = tuple(slots)

    def asking(self, page: int) -> Args:
        """The arguments of some access of the guest's to a page, as the processor makes it."""
        given = {
            self.translation.position(self.form.realise.address): page << self.shift,
            self.translation.mode: scalar(self.real, self.mode),
            self.translation.access: self._accesses[0],
        }
        return tuple([given.get(k, 0) for k in range(len(self.names))])

    def pointer(self, context: Context) -> int:
        """The value of the root leaf that selects a context's tables."""
        return (context.frames[0] << self.shift) >> self.form.root_shift

    def _table(self, keep: Context | None) -> int:
        """A frame that denies everything, taken if necessary from any context but `keep`. Raises OutOfMemory."""
        while not self.allocator.free:
            key = next((k for k, c in self.contexts.items() if c is not keep), None)
            if key is None:
                raise OutOfMemory(f"no frame left for {self.tables}")
            self.events["recycle"] += 1
            self.give_up(self.contexts.pop(key))
        frame = self.allocator.take(self.tables)
        self.host.store(frame << self.shift, 1 << self.shift, self.empty)
        return frame

    def give_up(self, context: Context) -> None:
        """Release the tables of a context that the processor will not walk again; what it remembers of them is forgotten."""
        for entry in context.entries.values():
            self.ledger.remove(entry)
        context.entries.clear()
        context.slots.clear()
        self.tlb.flush()
        for frame in context.frames:
            self.host.store(frame << self.shift, 1 << self.shift, 0)
            self.allocator.release(frame, self.tables)
        context.frames.clear()
        if context is self.current:
            self.current = None

    # ---- facts

    def _protected(self, permitted: Permissions) -> Permissions:
        """What is left of a set when nothing may be stored."""
        return frozenset(way for way in permitted if way[0] not in self.writes)

    def _mappable(self, args: Args) -> bool:
        return bool(self._addresses(dict(zip(self.names, args, strict=True))))
