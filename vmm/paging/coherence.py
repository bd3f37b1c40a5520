"""SH1, shadow coherence: what the processor's own walk finds in a guest's shadow tables is what the guest's tables say.

The auditor knows the tables by walking them, from the root, and uses the monitor's books only to compare. It looks at what has changed
since it looked last: a new one looks at everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pgcheck.isa.terms import mask
from pgcheck.isa.words import places
from pgcheck.models.reference.cycle import operand_value
from pgcheck.models.state import State, Surroundings, holding, reset, scalar
from pgcheck.vmm.allocator import Allocator
from pgcheck.vmm.mmu import Finding
from pgcheck.vmm.paging.entries import Way
from pgcheck.vmm.paging.ledger import Context
from pgcheck.vmm.paging.shadow import ShadowTables
from pgcheck.vmm.translate import Args, Inside, Outside, Walk, accesses, walk, with_argument


@dataclass(slots=True)
class Leaf:
    """A last-level entry that lets something through, as the auditor found it."""

    slot: int
    page: int
    permitted: frozenset[Way]
    guest_page: int
    derived: frozenset[int]


@dataclass(slots=True)
class Table:
    """A table as the auditor saw it: its level, the first address that leads through it, and the tables behind its entries."""

    level: int
    first: int
    contents: int
    below: dict[int, tuple[int, int]] = field(default_factory=dict)


@dataclass(slots=True)
class Seen:
    """What the auditor saw of one context: its tables by frame, and its leaves by slot."""

    tables: dict[int, Table] = field(default_factory=dict)
    leaves: dict[int, Leaf] = field(default_factory=dict)
    private: tuple[int, ...] = ()


class ShadowAudit:
    """SH1 of one guest's shadow tables."""

    def __init__(self, tables: ShadowTables, guest: str, allocator: Allocator) -> None:
        self.tables, self.guest, self.allocator = tables, guest, allocator
        self.machine, self.form = tables.machine, tables.form
        self._seen: dict[Context, Seen] = {}
        self._pages: dict[int, int] = {}
        self._entry = self.form.units * self.machine.state.memory_unit
        self._count = (1 << self.form.shift) // self.form.units
        machine = self.machine
        self._base = reset(machine)
        given = self.form.realise.given
        self._flat = holding(machine, {n: v for n, v in given.items() if n not in self.form.pages.inner})
        self._host = Surroundings(memory=tables.host)
        self._inside = Surroundings(memory=Inside(tables.memory))

    def __call__(self) -> list[Finding]:
        """What does not hold, of what has changed since the last call."""
        found: list[Finding] = []
        contexts = set(self.tables.contexts.values())
        for gone in self._seen.keys() - contexts:
            del self._seen[gone]
        stale = {page for page, held in self._pages.items() if self._contents(page) != held}
        for context in contexts:
            seen = self._seen.setdefault(context, Seen())
            for leaf in [leaf for leaf in seen.leaves.values() if leaf.derived & stale]:
                found += self._leaf(context, seen, leaf.slot, leaf.page << self.form.shift)
            found += self._tables(context, seen)
            found += self._books(context, seen)
            found += self._private(context, seen)
        derived = {page for seen in self._seen.values() for leaf in seen.leaves.values() for page in leaf.derived}
        self._pages = {page: self._contents(page) for page in derived}
        found += self._protected(derived)
        return found

    def _contents(self, page: int) -> int:
        """A page of the guest."""
        return self.tables.memory.load(page, 1 << self.form.shift)

    def _finding(self, place: int, message: str) -> Finding:
        return Finding("SH1", self.guest, place, message)

    # ---- the host's tables

    def _tables(self, context: Context, seen: Seen) -> Iterator[Finding]:
        """Follow the tables from the root, walking wherever an entry has changed."""
        todo = [(context.frames[0], 0, 0)] if context.frames else []
        reached: set[int] = set()
        while todo:
            frame, level, first = todo.pop()
            if frame in reached:
                yield self._finding(frame, "a table is reached twice")
                continue
            reached.add(frame)
            contents = self.tables.host.load(frame << self.form.shift, 1 << self.form.shift)
            table = seen.tables.get(frame)
            if table is None or (table.level, table.first) != (level, first):
                table = seen.tables[frame] = Table(level, first, self.tables.empty)
            for index in self._differing(contents, table.contents):
                if level + 1 == self.form.levels:
                    yield from self._leaf(
                        context, seen, self._at(frame, index), self._canonical(first | index << self.form.shift)
                    )
                else:
                    yield from self._below(context, table, frame, index)
            table.contents = contents
            todo += [(below, level + 1, start) for below, start in table.below.values()]
        for frame in seen.tables.keys() - reached:
            del seen.tables[frame]
        for slot in [s for s in seen.leaves if s >> self.form.shift not in reached]:
            del seen.leaves[slot]
        if reached != set(context.frames):
            yield self._finding(min(reached ^ set(context.frames)), "the tables reached are not those in the books")
        for frame in reached:
            if self.allocator.owner.get(frame) != self.tables.tables:
                yield self._finding(frame, f"a table lies in a frame of {self.allocator.owner.get(frame, 'nobody')}")

    def _below(self, context: Context, table: Table, frame: int, index: int) -> Iterator[Finding]:
        """Find the next table behind an entry, if the walk goes on there."""
        table.below.pop(index, None)
        level, slot = table.level, self._at(frame, index)
        start = table.first | index << self.form.shift + self.form.pages.index * (self.form.levels - 1 - level)
        found = [w for _, w in self._walks(context, self._canonical(start))]
        if any(w.loads[level : level + 1] != ((slot, self.form.units),) for w in found):
            yield self._finding(slot, "the walk does not come to this entry")
            return
        if any(len(w.loads) == level + 1 and w.address is not None for w in found):
            yield self._finding(slot, "an entry above the last level maps memory")
        longer = {w.loads[level + 1][0] >> self.form.shift for w in found if len(w.loads) > level + 1}
        if len(longer) > 1:
            yield self._finding(slot, "the walk goes on differently for different accesses")
        for below in longer:
            table.below[index] = (below, start)

    def _leaf(self, context: Context, seen: Seen, slot: int, address: int) -> Iterator[Finding]:
        """Check one last-level entry, way by way."""
        seen.leaves.pop(slot, None)
        page, memory = address >> self.form.shift, self.tables.memory
        permitted: set[Way] = set()
        pages: set[int] = set()
        derived: set[int] = set()
        for way, reached in self._walks(context, address):
            if reached.loads[-1:] != ((slot, self.form.units),):
                yield self._finding(slot, "the walk does not come to this entry")
                continue
            if reached.address is None:
                continue
            permitted.add(way)
            if reached.stores:
                yield self._finding(slot, f"the processor would change the entry for {address:#x}")
            owner = self.allocator.owner.get(reached.address >> self.form.shift)
            if owner != self.guest:
                yield self._finding(slot, f"{address:#x} leads to a frame of {owner or 'nobody'}")
            meant = self._meant(context, way, address)
            for load in () if meant is None else meant.loads:
                derived.update(self.tables.ledger.touched(load))
            if meant is None or meant.address is None:
                yield self._finding(slot, f"the guest's tables refuse {address:#x} for {way}")
                continue
            if meant.stores:
                yield self._finding(slot, f"the guest's entries for {address:#x} must be marked first for {way}")
            if not memory.holds(meant.address) or memory.host_address(meant.address) != reached.address:
                yield self._finding(
                    slot, f"{address:#x} leads to {reached.address:#x}, the guest means {meant.address:#x}"
                )
            pages.add(meant.address & -(1 << self.form.shift))
        if permitted:
            seen.leaves[slot] = Leaf(slot, page, frozenset(permitted), min(pages, default=-1), frozenset(derived))

    def _walks(self, context: Context, address: int) -> Iterator[tuple[Way, Walk]]:
        """The processor's own walk of an address, way by way."""
        state: State = {**self._base, **self.tables.real, **self._flat, self.form.root: self.tables.pointer(context)}
        for way, args, changed in self._ways(address, state):
            yield way, walk(self.machine, args, changed, self._host, pretend=True)

    def _meant(self, context: Context, way: Way, address: int) -> Walk | None:
        """The guest's walk of an address; None when it leaves RAM."""
        state: State = {**self._base, **self._flat, **context.virtual}
        for candidate, args, changed in self._ways(address, state):
            if candidate == way:
                try:
                    return walk(self.machine, args, changed, self._inside, pretend=True)
                except Outside:
                    return None
        return None

    def _ways(self, address: int, state: State) -> Iterator[tuple[Way, Args, State]]:
        translation, tables = self.tables.translation, self.tables
        where = tables.names.index(self.form.realise.address)
        for setting in tables.settings:
            changed: State = {**state, **dict(zip(tables.loose, setting, strict=True))}
            mode = scalar(changed, self.machine.modes.leaf)
            for op in accesses(translation):
                given = {where: address, translation.mode: mode, translation.access: op}
                yield (op, *setting), tuple(given.get(k, 0) for k in range(len(tables.names))), changed

    # ---- the monitor's own pages

    def _private(self, context: Context, seen: Seen) -> Iterator[Finding]:
        """The monitor's modes reach its own pages by these tables; that no guest does is what every entry is asked."""
        tables = self.tables
        if len(context.private) != len(tables.private):
            yield self._finding(0, "the monitor's own pages are not in the books")
            return
        entries = tuple([tables.host.load(slot, self.form.units) for slot in context.private])
        if entries == seen.private:
            return
        seen.private = entries
        state: State = {**self._base, **tables.real, **self._flat, self.form.root: tables.pointer(context)}
        translation, own = tables.translation, tables.own
        for slot, (page, at) in zip(context.private, tables.private.items(), strict=True):
            for mode, op in () if own is None else sorted(own.permits):
                changed: State = {**state, self.machine.modes.leaf: mode}
                args = with_argument(with_argument(tables.asking(page), translation.mode, mode), translation.access, op)
                reached = walk(self.machine, args, changed, self._host, pretend=True)
                if (reached.address, reached.loads[-1:]) != (at, ((slot, self.form.units),)):
                    yield self._finding(slot, f"the monitor does not reach its own page {page:#x} in mode {mode}")

    # ---- the books

    def _books(self, context: Context, seen: Seen) -> Iterator[Finding]:
        """The monitor's books say what the tables say."""
        there = {leaf.page: leaf for leaf in seen.leaves.values()}
        for page in there.keys() ^ context.entries.keys():
            where = "not in the books" if page in there else "in the books only"
            yield self._finding(page << self.form.shift, f"an entry is {where}")
        for page in there.keys() & context.entries.keys():
            leaf, entry = there[page], context.entries[page]
            if (leaf.slot, leaf.permitted, leaf.guest_page) != (entry.slot, entry.permitted, entry.guest_page):
                yield self._finding(leaf.slot, "the books say something else of an entry")

    def _protected(self, derived: set[int]) -> Iterator[Finding]:
        """The monitor sees every store to a page that an entry was derived from, and to every other watched page."""
        for page in derived:
            if not self.tables.memory.watched(page):
                yield self._finding(page, f"page-table page {page:#x} is not watched")
        for seen in self._seen.values():
            for leaf in seen.leaves.values():
                if not any(way[0] in self.tables.writes for way in leaf.permitted):
                    continue
                if leaf.guest_page in derived:
                    yield self._finding(leaf.slot, f"page-table page {leaf.guest_page:#x} can be stored to")
                elif leaf.guest_page >= 0 and self.tables.memory.watched(leaf.guest_page):
                    yield self._finding(leaf.slot, f"watched page {leaf.guest_page:#x} can be stored to")

    # ---- facts

    def _differing(self, contents: int, before: int) -> Iterator[int]:
        """The positions of the entries in which two tables differ."""
        difference = contents ^ before
        while difference:
            k = ((difference & -difference).bit_length() - 1) // self._entry
            difference &= ~(mask(self._entry) << self._entry * k)
            yield places(self._count, self.tables.host.order)[-1 - k]

    def _at(self, frame: int, index: int) -> int:
        return (frame << self.form.shift) + index * self.form.units

    def _canonical(self, address: int) -> int:
        """The address that a walk of all tables to an entry has: the one of its two extensions that can be mapped."""
        width = dict(self.machine.code.functions[self.tables.translation.function].parameters)[
            self.form.realise.address
        ]
        bits = self.form.shift + self.form.pages.index * self.form.levels
        for candidate in (address, address | mask(width) & ~mask(bits)):
            names = {**dict.fromkeys(self.tables.names, 0), self.form.realise.address: candidate}
            if operand_value(self.form.realise.addresses, names):
                return candidate
        return address
