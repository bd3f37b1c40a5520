"""Ways to change a translation that is in use, read off the specification's own walk: which bits of which entry decide, and who stores to them.

A bit of an entry decides if the walk ends otherwise once it is flipped: for some access in some mode it is refused, goes elsewhere or
goes on to another table. Nothing is known of the format of entries besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pgcheck.checker.campaign.cases.accesses import Access, Accesses
from pgcheck.checker.campaign.cases.inventory import Units
from pgcheck.checker.campaign.cases.tables import Drawn, Tables
from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.cases.trial import walked
from pgcheck.isa.machine.choices import Fields
from pgcheck.isa.terms import mask
from pgcheck.isa.words import joined, split
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.state import State, cells, holding, reset, scalar
from pgcheck.vmm.translate import accesses

ATTEMPTS: Final = 12
PAGE: Final = 1
Ending = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Deciding:
    """The bits of an entry at a level of the walk that decide, by what becomes of the walk: refused, moved, permitted or led on."""

    level: int
    bits: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Use:
    """An access that a program makes: a load, or a store of `count` units."""

    address: int
    count: int = 0
    value: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A store of `count` units that changes a translation."""

    address: int
    count: int
    value: int


class Changes:
    """Changes of the translations of a machine with page tables, drawn from a tape."""

    def __init__(self, tables: Tables, found: Accesses) -> None:
        self.tables, self.found = tables, found
        self.shape, self.layout, self.machine = tables.shape, tables.layout, tables.machine

    # ---- what decides

    @cached_property
    def deciding(self) -> tuple[Deciding, ...]:
        """What decides at each level of the walk of a page that all levels lead to."""
        shape = self.shape
        bench, slots = self._bench()
        before = tuple(self._endings(bench))
        found = []
        for level, slot in enumerate(slots):
            held = bench.load(slot, shape.units)
            bits: dict[str, list[int]] = {}
            for bit in range(shape.units * self.machine.state.memory_unit):
                bench.store(slot, shape.units, held ^ 1 << bit)
                effect = _effect(before, tuple(self._endings(bench)))
                if effect:
                    bits.setdefault(effect, []).append(bit)
            bench.store(slot, shape.units, held)
            found.append(Deciding(level, {effect: tuple(those) for effect, those in bits.items()}))
        return tuple(found)

    def _bench(self) -> tuple[Ram, tuple[int, ...]]:
        """Memory in which page 1 is mapped through all levels, and the addresses of its entries."""
        shape, state = self.shape, self.machine.state
        size = 1 << shape.shift
        ram = Ram(0, (shape.levels + 4) * size, state.memory_unit, state.big_endian, shape.shift)
        slots = tuple(
            (level + 1) * size + offset for level, offset in enumerate(self.tables.offsets(PAGE)[: shape.levels])
        )
        for level, slot in enumerate(slots[:-1]):
            ram.store(slot, shape.units, shape.entry(shape.realise.table, (level + 2) * size))
        ram.store(slots[-1], shape.units, shape.entry(shape.realise.map, (len(slots) + 1) * size))
        return ram, slots

    def _endings(self, ram: Ram) -> Iterator[Ending]:
        """How the walk of page 1 ends, access by access and mode by mode: (address, entries loaded)."""
        machine, translation, shape = self.machine, self.tables.translation, self.shape
        state_ = machine.state
        bus = Bus(ram, (), state_.memory_unit, state_.big_endian, state_.address_width)
        root = (1 << shape.shift) >> shape.root_shift
        state: State = {**reset(machine), **holding(machine, shape.realise.given), shape.root: root}
        position = translation.position(shape.realise.address)
        for mode in self.tables.rights:
            for access in accesses(translation):
                given = {translation.mode: mode, translation.access: access, position: PAGE << shape.shift}
                args = tuple(given.get(k, 0) for k in range(len(translation.parameters)))
                moded: State = {**state, machine.modes.leaf: mode}
                yield walked(machine, args, moded, bus)

    # ---- changes of a case

    def change(self, tape: Tape, root: int, written: dict[int, int], *, kernel: bool) -> tuple[int, Change] | None:
        """A page whose translation is in use, and a store to an entry of its walk; None if the tables drawn do not lead to it.

        For a program in user mode the tables in `written` are mostly made to let it use the page and store to the entry.
        """
        layout, shape = self.layout, self.shape
        page = (
            layout.handler if tape.chance(12) else tape.choose((*layout.data, layout.stack, layout.kernel, layout.user))
        )
        slots = self.tables.slots(page >> shape.shift, root, written)
        if not slots:
            return None
        level = len(slots) - 1 - tape.below(len(slots)) if tape.chance(50) else len(slots) - 1
        slot = slots[level]
        if not kernel and tape.chance(190):
            self._opened(root, written, (page, slot))
        value = self._changed(tape, level, written.get(slot, 0))
        return page, self._stored(tape, slot, written.get(slot, 0), value, written)

    def _opened(self, root: int, written: dict[int, int], places: Iterable[int]) -> None:
        """Map the pages of some places onto themselves for user mode, where tables lead to them."""
        user = self.machine.modes.user.values[0]
        for place in places:
            self.tables.lead(root, written, place, place, user)

    def _changed(self, tape: Tape, level: int, held: int) -> int:
        """Another entry: with a bit that decides flipped, another kind, another frame, or none."""
        shape, realise, layout = self.shape, self.shape.realise, self.layout
        kinds: tuple[Fields, ...] = (realise.deny, realise.map, realise.readonly or realise.deny, realise.table)
        places = (*layout.tables, *layout.data, layout.stack, layout.user, layout.base + layout.size)
        match tape.below(4):
            case 0 if self.deciding[level : level + 1]:
                bits = self.deciding[level].bits
                effect = tape.choose(sorted(bits)) if bits else ""
                return held ^ (1 << tape.choose(bits[effect]) if effect else 1)
            case 1:
                high, low = realise.entry.ranges[realise.frame]
                return held & ~(mask(high - low + 1) << low) | (tape.choose(places) >> shape.shift) << low
            case 2:
                return shape.entry(tape.choose(kinds), tape.choose(places))
        return shape.entry(tape.choose(self.tables.rights[tape.choose(tuple(self.tables.rights))]), tape.choose(places))

    def _stored(self, tape: Tape, slot: int, held: int, value: int, written: Mapping[int, int]) -> Change:
        """A store that makes an entry another: of it, of the part in which they differ, or of a neighbour with it; not always aligned."""
        state, units = self.machine.state, self.shape.units
        cells_ = {slot + k: v for k, v in enumerate(split(value, units, state.memory_unit, state.order))}
        before = split(held, units, state.memory_unit, state.order)
        differing = [k for k in range(units) if before[k] != cells_[slot + k]] or [0]
        count = tape.choose((units, units, *sorted({1, 2, units // 2 or 1, 2 * units})))
        first = slot if count >= units else slot + tape.choose(differing) // count * count
        if tape.chance(40):
            first -= tape.below(count)
        elif count > units:
            first -= units * tape.below(count // units)
        units_ = [cells_.get(a, self._held(a, written)) for a in range(first, first + count)]
        return Change(first, count, joined(units_, state.memory_unit, state.order))

    def _held(self, address: int, written: Mapping[int, int]) -> int:
        """A unit of the tables as they were written."""
        state, units = self.machine.state, self.shape.units
        slot = address - address % units
        return split(written.get(slot, 0), units, state.memory_unit, state.order)[address - slot]

    # ---- programs that make changes

    def lead(self, tape: Tape, state: State, drawn: Drawn, change: tuple[int, Change], *, kernel: bool) -> list[Units]:
        """A program's beginning that changes translations; the registers and the tables that this takes are set in `state` and `drawn`."""
        root = scalar(state, self.shape.root) << self.shape.root_shift
        if kernel and tape.chance(70):
            return self.retyped(tape, state, root, drawn.entries)
        return self.script(tape, state, *change)

    def script(self, tape: Tape, state: State, page: int, change: Change) -> list[Units]:
        """Use a page, store what changes its translation, and use it again; the registers that this takes are set in `state`."""
        counts = [a.count for a in self.found.stores if a.count <= change.count]
        count = max(counts, default=change.count)
        space = self.machine.state
        part = split(change.value, change.count, space.memory_unit, space.order)[:count]
        use = Use(page + self._inside(tape))
        store = Use(change.address, count, joined(part, space.memory_unit, space.order))
        return self._arranged(tape, state, (use, store, use))

    def told(self, tape: Tape, state: State, page: int, address: int) -> list[Units]:
        """Use a page, write 0 to a register of a device by which it is told of requests, and use the page again."""
        use = Use(page + self._inside(tape))
        return self._arranged(tape, state, (use, Use(address, 4, 0), use))

    def around(self, tape: Tape, state: State, page: int) -> list[Units]:
        """Load from a page, store to it, and load again; the registers that this takes are set in `state`."""
        count = tape.choose(sorted({a.count for a in self.found.stores} or {1}))
        use = Use(page + self._inside(tape))
        store = Use(use.address // count * count, count, tape.bits(count * self.machine.state.memory_unit))
        return self._arranged(tape, state, (use, store, use))

    def retyped(self, tape: Tape, state: State, root: int, written: dict[int, int]) -> list[Units]:
        """Store to a page, use it as a page table, store to it again, and use it again.

        The tables in `written` are made to lead to it from a place that nothing else is reached through.
        """
        shape, realise = self.shape, self.shape.realise
        tables = self.layout.tables
        table = tape.choose(tables[4:6] if root == tables[0] else tables[2:4])  # those of the other space
        beyond = self.layout.base + (1 << shape.shift + shape.pages.index)
        offsets = self.tables.offsets(beyond >> shape.shift)
        above = self.tables.slots(beyond >> shape.shift, root, written)[: shape.levels - 1]
        if not above or len(above) < shape.levels - 1 or len(offsets) < shape.levels:
            return []
        written[above[-1]] = shape.entry(realise.table, table)
        entries = [
            shape.entry(tape.choose(self.tables.rights[next(iter(self.tables.rights))]), place)
            for place in tape.choose((self.layout.data, self.layout.data[::-1], (self.layout.stack, table)))
        ]
        stores = [Use(table + offsets[shape.levels - 1], shape.units, entry) for entry in entries]
        use = Use(beyond + min(tape.choose((0, 8)), self.page // 2))
        return self._arranged(tape, state, (stores[0], use, stores[1], use))

    def _inside(self, tape: Tape) -> int:
        """Somewhere in a page."""
        word = min(8, self.page // 2)
        return tape.choose((0, word, self.page - word))

    def _arranged(self, tape: Tape, state: State, uses: Sequence[Use]) -> list[Units]:
        """Instructions that make some accesses one after the other; none if no registers are found that all of them leave alone."""
        width = {name: mask(array.width) for name, array in self.machine.state.arrays.items()}
        pools = {use: self._able(use) for use in uses}
        for _ in range(ATTEMPTS if all(pools.values()) else 0):
            chosen = {use: tape.choose(pool) for use, pool in pools.items()}
            wanted = [(a.base, use.address - a.distance) for use, a in chosen.items()]
            wanted += [
                (a.value, use.value) for use, a in chosen.items() if a.value is not None and use.value is not None
            ]
            held = {register: value & width[register[0]] for register, value in wanted}
            kept = all(held[register] == value & width[register[0]] for register, value in wanted)
            if kept and not any(a.changes & held.keys() for a in chosen.values()):
                for (name, index), value in held.items():
                    cells(state, name)[index] = value
                return [chosen[use].units for use in uses]
        return []

    def _able(self, use: Use) -> list[Access]:
        """The instructions that can make an access."""
        if use.value is None:
            return [a for a in self.found.loads if use.address % a.count == 0]
        return [a for a in self.found.stores if a.count == use.count]

    @property
    def page(self) -> int:
        return 1 << self.shape.shift


def _effect(before: Sequence[Ending], after: Sequence[Ending]) -> str:
    """What became of walks: empty if they all end as before."""
    for (was, loads, marks), (now, others, more) in zip(before, after, strict=True):
        if was is not None and now is None:
            return "refused"
        if was is None and now is not None:
            return "permitted"
        if was != now:
            return "moved"
        if (loads, marks) != (others, more):
            return "led on"
    return ""
