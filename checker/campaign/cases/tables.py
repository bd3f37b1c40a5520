"""Page tables of guests, written in guest memory in the machine's own format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pgcheck.checker.campaign.cases.layout import Layout
from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.cases.trial import walked
from pgcheck.isa.machine.choices import Fields
from pgcheck.isa.machine.machine import Machine, Translation
from pgcheck.isa.machine.schemes import Entries
from pgcheck.isa.terms import mask
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.reference.cycle import operand_value
from pgcheck.models.state import State, holding, reset
from pgcheck.vmm.paging.entries import Form, Permissions, form, permissions
from pgcheck.vmm.paging.pages import NoTables
from pgcheck.vmm.translate import Args, accesses

FULL = 3


@dataclass(frozen=True, slots=True)
class Drawn:
    """Page tables as they were drawn: entries by address, and the addresses that lead elsewhere than to themselves."""

    entries: dict[int, int]
    elsewhere: tuple[int, ...]


@dataclass
class Tables:
    """How to write page tables for a machine, found once.

    `rights` are, by mode, the fields of entries that permit something, most first. `offsets` are those of the entries that a walk
    of a page loads, level by level.
    """

    machine: Machine
    translation: Translation
    shape: Form
    layout: Layout
    rights: Mapping[int, tuple[Fields, ...]]
    _offsets: dict[int, tuple[int, ...]] = field(default_factory=dict)

    def offsets(self, page: int) -> tuple[int, ...]:
        found = self._offsets.get(page)
        if found is None:
            found = self._offsets[page] = tuple(self._walked(page))
        return found

    def _walked(self, page: int) -> Iterator[int]:
        """The offsets of a page's entries in the tables of its walk."""
        machine, translation, shape = self.machine, self.translation, self.shape
        size = 1 << shape.shift
        ram = Ram(0, (shape.levels + 3) * size, machine.state.memory_unit, machine.state.big_endian, shape.shift)
        width = machine.state.address_width
        memory = Bus(ram, (), machine.state.memory_unit, machine.state.big_endian, width)
        state: State = {**reset(machine), **holding(machine, shape.realise.given), shape.root: size >> shape.root_shift}
        address = translation.position(shape.realise.address)
        given = {
            translation.mode: machine.modes.user.values[0],
            translation.access: accesses(translation)[0],
            address: page << shape.shift,
        }
        args: Args = tuple(given.get(i, 0) for i in range(len(translation.parameters)))
        for level in range(shape.levels):
            loads = walked(machine, args, state, memory)[1]
            if len(loads) <= level:
                return
            slot = loads[level][0]
            yield slot - (level + 1) * size
            ram.store(slot, shape.units, shape.entry(shape.realise.table, (level + 2) * size))

    def slots(self, page: int, root: int, written: Mapping[int, int]) -> tuple[int, ...]:
        """The addresses of the entries that the walk of a page loads, in tables as they were written."""
        shape, found, table = self.shape, list[int](), root
        for offset in self.offsets(page):
            found.append(table + offset)
            value = written.get(table + offset)
            if value is None or not self.leads_on(value):
                break
            table = self.pointed(value)
        return tuple(found[: shape.levels])

    def lead(self, root: int, written: dict[int, int], address: int, target: int, mode: int) -> bool:
        """Let the page of an address be the page of a target in a mode, where tables lead to its entry; whether they do."""
        slots = self.slots(address >> self.shape.shift, root, written)
        if len(slots) < self.shape.levels:
            return False
        page = target >> self.shape.shift << self.shape.shift
        written[slots[-1]] = self.shape.entry(self.rights[mode][0], page)
        return True

    def elsewhere(self, root: int, written: dict[int, int], address: int, target: int, *, kernel: bool) -> int:
        """Where a target can be reached through the page of an address, to which it is mapped; else the target itself."""
        mode = tuple(self.rights)[not kernel and len(self.rights) > 1]
        if not self.lead(root, written, address, target, mode):
            return target
        return address + (target & mask(self.shape.shift))

    def leads_on(self, value: int) -> bool:
        """Whether an entry has all that one has which points to a table."""
        realise = self.shape.realise
        return all(_field(value, realise.entry.ranges[name]) == held for name, held in realise.table.items())

    def pointed(self, value: int) -> int:
        """The address of the frame that an entry points to."""
        realise = self.shape.realise
        return _field(value, realise.entry.ranges[realise.frame]) << self.shape.shift

    @cached_property
    def edges(self) -> tuple[int, ...]:
        """Pages at the edges of what can be mapped, and some in between: those with one bit of their number set, or all but some."""
        realise, names = self.shape.realise, [n for n, _ in self.translation.parameters]
        width = dict(self.machine.code.functions[self.translation.function].parameters)[realise.address]
        bits = width - self.shape.shift
        numbers = {0, mask(bits), *(1 << k for k in range(bits)), *(mask(bits) >> k << k for k in range(bits))}
        numbers |= {n - 1 for n in numbers if n}
        nothing = dict.fromkeys(names, 0)
        return tuple(
            n
            for n in sorted(numbers)
            if operand_value(realise.addresses, {**nothing, realise.address: n << self.shape.shift})
        )

    @cached_property
    def _near(self) -> tuple[int, ...]:
        """Pages near those of the guest's memory."""
        first, pages = self.layout.base >> self.shape.shift, self.layout.size >> self.shape.shift
        return tuple(n for n in (1, 2, 5, first + pages, first + 1) if n <= self.edges[-1])

    def draw(self, tape: Tape, windows: Sequence[int] = (), hidden: Sequence[int] = ()) -> Drawn:
        """Two address spaces, in which devices at `windows` may be mapped too, and mostly something at `hidden` addresses.

        Each maps the guest's memory onto itself, by a superpage or page by page, and some pages elsewhere: aliases of each other,
        of tables, of nothing; among them those at the edges of the address space. A table may lie where code or data do, or another table.
        """
        shape, layout = self.shape, self.layout
        written: dict[int, int] = {}
        elsewhere: dict[int, None] = {}
        pages = layout.size >> shape.shift
        first = layout.base >> shape.shift
        last = shape.levels - 1
        users = {layout.page(a) >> shape.shift for a in (layout.user, layout.user + layout.block, layout.data[1])}
        for number, root in enumerate(layout.tables[:2]):
            spare = layout.tables[2 + 2 * number : 4 + 2 * number]
            if tape.chance(50):
                place = tape.choose((layout.at(15), *layout.data, layout.at(5), layout.at(3), layout.at(1), root))
                spare = (*spare[:-1], layout.page(place))
            space = _Space(self, tape, root, spare, written)
            if tape.chance(8):
                continue
            if tape.chance(40):
                level = tape.below(max(1, last))
                space.map(first, layout.base & -(1 << shape.shift), self._fields(tape, int(tape.chance(40))), level)
            else:
                private = tape.below(2)
                for page in range(pages):
                    user = (first + page in users) ^ (private and tape.chance(12))
                    fields = self._fields(tape, 1 if user else 0)
                    space.map(first + page, first + page << shape.shift, fields, last)
            for window in windows:
                space.map(window >> shape.shift, window, self._fields(tape, 0), last)
            for address in hidden:
                if tape.chance(200):
                    elsewhere[address] = None
                    target = first + tape.below(pages) << shape.shift
                    space.map(address >> shape.shift, target, self._fields(tape, tape.below(2)), last)
            for _ in range(tape.below(5)):
                page = tape.choose(self._near) if tape.chance(128) else tape.choose(self.edges)
                target = first + tape.below(pages + 1) << shape.shift
                elsewhere[page << shape.shift] = None
                space.map(page, target, self._fields(tape, tape.below(2)), last)
            if tape.chance(40):
                slot = root + tape.below(1 << shape.shift) // shape.units * shape.units
                written[slot] = self._odd(tape)
        return Drawn(written, tuple(elsewhere))

    def _fields(self, tape: Tape, mode: int) -> Fields:
        """Permissions of an entry for a mode: mostly all that there are."""
        modes = tuple(self.rights)
        rights = self.rights[modes[mode % len(modes)]]
        return rights[0] if not tape.chance(20) else tape.choose(rights)

    def _odd(self, tape: Tape) -> int:
        """An entry that may be anything: a table that maps itself, a reserved bit, noise."""
        realise = self.shape.realise
        table = tape.choose(self.layout.tables)
        match tape.below(4):
            case 0:
                return self.shape.entry(realise.table, table)
            case 1:
                return self.shape.entry(realise.map, table)
            case 2:
                return self.shape.entry(realise.map, self.layout.base + self.layout.size)
            case _:
                return tape.bits(8 * self.shape.units)


@dataclass(frozen=True, slots=True)
class _Space:
    """An address space as it is made: its root, what there is room for further tables in, and the entries of all spaces so far."""

    tables: Tables
    tape: Tape
    root: int
    spare: tuple[int, ...]
    written: dict[int, int]

    def map(self, page: int, target: int, fields: Fields, level: int) -> None:
        """Map a page, through tables that are there or are made; no deeper than its walk goes, which differs where tables are mapped too."""
        shape = self.tables.shape
        realise = shape.realise
        table = self.root
        offsets = self.tables.offsets(page)
        if not offsets:
            return
        level = min(level, len(offsets) - 1)
        for depth in range(level):
            slot = table + offsets[depth]
            value = self.written.get(slot)
            if value is None:
                anywhere = self.tape.chance(10)
                places = self.tables.layout.tables[2:]
                table = self.tape.choose(places) if anywhere else self.spare[depth % len(self.spare)]
                self.written[slot] = shape.entry(realise.table, table)
            else:
                table = self.tables.pointed(value)
        self.written.setdefault(table + offsets[level], shape.entry(fields, target))


def _field(value: int, place: tuple[int, int]) -> int:
    high, low = place
    return value >> low & mask(high - low + 1)


def tables(machine: Machine, layout: Layout, real: State) -> Tables | None:
    """The page tables of a machine; None where it relocates otherwise."""
    found = machine.code.confined_by(Entries)
    if found is None:
        return None
    translation, entries = found
    user = machine.modes.user.values[0]
    state: State = {**real, **holding(machine, entries.given), machine.modes.leaf: user}
    shape = form(machine, state)
    rights: dict[int, tuple[Fields, ...]] = {}
    for mode in (*machine.modes.supervisor.values[:1], *machine.modes.user.values[:1]):
        rights[mode] = _rights(shape, {**state, machine.modes.leaf: mode}) or (entries.map,)
    return Tables(machine, translation, shape, layout, rights)


def _rights(shape: Form, state: State) -> tuple[Fields, ...]:
    """The fields of entries that permit something, most first; none in a mode that tables are nothing to."""
    try:
        kinds = permissions(shape, state)
    except NoTables:
        return ()
    return tuple(kinds[p] for p in sorted(kinds, key=_most))


def _most(permitted: Permissions) -> tuple[int, list[int]]:
    return -len(permitted), sorted(way[0] for way in permitted)
