"""How the processor's page tables are written, found by asking its own walk."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import product

from pgcheck.isa.idl.state import ArrayLeaf, ScalarLeaf
from pgcheck.isa.machine.choices import Fields
from pgcheck.isa.machine.machine import Machine, Translation
from pgcheck.isa.machine.once import once
from pgcheck.isa.machine.schemes import Entries
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.state import State, Surroundings, holding, reset, scalar
from pgcheck.vmm.paging.pages import NoTables, Pages, declared, pages
from pgcheck.vmm.translate import Args, accesses, values, walk

Way = tuple[int, ...]
Permissions = frozenset[Way]
MAX_SETTINGS = 64
MAX_LEVELS = 8
MAX_FLAGS = 8


@dataclass(frozen=True, slots=True)
class Form:
    """The shape of page tables.

    `root` is the leaf that holds the first table's address shifted right by `root_shift`; a walk loads `levels` entries of `units`
    memory units each, the last of which maps a page of 2**`shift` units.
    """

    machine: Machine
    translation: Translation
    realise: Entries
    pages: Pages
    root: str
    root_shift: int
    levels: int = 0
    units: int = 0

    @property
    def shift(self) -> int:
        return self.realise.shift

    def entry(self, fields: Fields, frame_address: int = 0) -> int:
        """A page-table entry that points to the frame at an address."""
        return self.realise.entry.replaced(0, {**fields, self.realise.frame: frame_address >> self.shift})

    def pointing(self, entry: int, frame_address: int) -> int:
        """An entry made for no frame, pointing to the one at an address."""
        kind = self.realise.entry
        return entry | frame_address >> self.shift << kind.ranges[self.realise.frame][1]

    def holds(self, frame: int) -> bool:
        """Whether an entry and the root can point to a frame."""
        kind = self.realise.entry
        high, low = kind.ranges[self.realise.frame]
        address, root = frame << self.shift, self.machine.state.leaves[self.root].width
        return not frame >> high - low + 1 and not address >> self.root_shift >> root


def form(machine: Machine, real: State) -> Form:
    """The shape of the processor's page tables in the monitor's state. Raises NoTables."""
    inner = _linear(machine).inner | {machine.modes.leaf}
    for name, value in machine.code.translation.given.items() if machine.code.translation is not None else ():
        if name in inner and real[name] != value:
            raise NoTables(f"the monitor runs guests with {name} = {real[name]}, but needs {value} to confine them")
    return _form(machine, _settled(machine, real, inner))


Settled = tuple[tuple[str, int], ...]


def _settled(machine: Machine, real: State, names: frozenset[str]) -> Settled:
    """The scalar leaves among some, with their values: a key."""
    return tuple([(n, v) for n in sorted(names) if isinstance(v := real[n], int)])


_linear = once(pages)


@once
def _form(machine: Machine, settled: Settled) -> Form:
    translation, realise = declared(machine)
    relocation = [
        n for n, leaf in machine.state.leaves.items() if leaf.role == "relocation" and isinstance(leaf, ScalarLeaf)
    ]
    aligned = (realise.shift, *range(1, realise.shift))
    for leaf, shift in product(relocation, (0, *aligned)):
        if machine.state.leaves[leaf].width + shift < realise.shift + 2:
            continue
        bench = _Bench(Form(machine, translation, realise, _linear(machine), leaf, shift), settled)
        if bench.rooted(2) and bench.rooted(1):
            units = bench.loads()[0][1]
            return replace(bench.shape, levels=bench.depth(units), units=units)
    raise NoTables(f"no relocation leaf of {machine.identity.name} holds the address of the first page table")


def settings(machine: Machine, loose: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    """All values that the leaves `loose` can have together. Raises NoTables for too many."""
    translation, _ = declared(machine)
    choices: list[tuple[int, ...]] = []
    for name in loose:
        leaf = machine.state.leaves[name]
        if isinstance(leaf, ArrayLeaf) or leaf.width > 8:
            raise NoTables(f"the walk depends on {name}, which a guest changes without a trap")
        mode = name == machine.modes.leaf
        choices.append(values(translation, translation.mode) if mode else tuple(range(1 << (leaf.width or 1))))
    found = tuple(product(*choices))
    if len(found) > MAX_SETTINGS:
        raise NoTables(f"a guest changes {', '.join(loose)} without a trap: {len(found)} cases for each page")
    return found


def permissions(shape: Form, real: State, loose: tuple[str, ...] = ()) -> Mapping[Permissions, Fields]:
    """What one entry can permit, each with the fields of an entry that does.

    A way is an access with the values of the leaves `loose`, which the guest changes while it runs: an entry permits some ways.
    """
    settled = _settled(shape.machine, real, shape.pages.inner | {shape.machine.modes.leaf})
    return _permissions(shape.machine, shape.root, settled, loose)


@once
def _permissions(machine: Machine, root: str, settled: Settled, loose: tuple[str, ...]) -> Mapping[Permissions, Fields]:
    shape = _form(machine, settled)
    realise = shape.realise
    assert shape.root == root
    bench = _Bench(shape, settled)
    slot = bench.chain(shape.levels, shape.units)
    ways = [(op, setting) for setting in settings(machine, loose) for op in accesses(shape.translation)]
    found: dict[Permissions, Fields] = {}
    for fields in [realise.map, realise.readonly or realise.deny, *_variants(realise)]:
        bench.ram.store(slot, shape.units, shape.entry(fields, bench.target))
        permitted = frozenset((op, *s) for op, s in ways if bench.reaches(op, dict(zip(loose, s, strict=True))))
        found.setdefault(permitted, fields)
    return found


@dataclass(frozen=True, slots=True)
class Private:
    """The entry of a page that is the monitor's own: its fields, and what it permits to modes that are none of a guest's, as (mode, access)."""

    fields: Fields
    permits: frozenset[tuple[int, int]]


def loosely(shape: Form, shared: Collection[str]) -> tuple[str, ...]:
    """The leaves that the walk reads and a guest changes while it runs, of those that it has on the processor."""
    return tuple(sorted(n for n in shape.pages.inner | {shape.machine.modes.leaf} if n in shared))


def private(shape: Form, real: State, loose: tuple[str, ...] = ()) -> Private:
    """The entry that refuses a guest whatever it does, and other modes the least. Raises NoTables where there is none.

    `loose` are the leaves that a guest changes while it runs.
    """
    settled = _settled(shape.machine, real, shape.pages.inner | {shape.machine.modes.leaf})
    return _private(shape.machine, settled, loose)


@once
def _private(machine: Machine, settled: Settled, loose: tuple[str, ...]) -> Private:
    shape, mode = _form(machine, settled), machine.modes.leaf
    bench = _Bench(shape, settled)
    slot = bench.chain(shape.levels, shape.units)
    guests = [dict(zip(loose, s, strict=True)) for s in settings(machine, loose)]
    theirs = {scalar({**bench.state, **s}, mode) for s in guests}
    ops = accesses(shape.translation)
    found = Private(shape.realise.deny, frozenset())
    for fields in _variants(shape.realise):
        bench.ram.store(slot, shape.units, shape.entry(fields, bench.target))
        if any(bench.reaches(op, setting) for setting in guests for op in ops):
            continue
        permits = frozenset(
            (m, op)
            for m in values(shape.translation, shape.translation.mode)
            for op in ops
            if m not in theirs and bench.reaches(op, {mode: m})
        )
        if len(permits) > len(found.permits):
            found = Private(fields, permits)
    if not found.permits:
        raise NoTables("no page-table entry lets the monitor through and no guest")
    return found


def _variants(realise: Entries) -> list[Fields]:
    """The fields of `map` with other flags, those that differ least first. Raises NoTables for too many."""
    flags = [f for f in realise.map if realise.entry.ranges[f][0] == realise.entry.ranges[f][1]]
    if len(flags) > MAX_FLAGS:
        raise NoTables(f"a page-table entry with {len(flags)} flags")
    variants = sorted(
        product((0, 1), repeat=len(flags)),
        key=lambda bits: sum(b != realise.map[f] for f, b in zip(flags, bits, strict=True)),
    )
    return [{**realise.map, **dict(zip(flags, bits, strict=True))} for bits in variants]


def writes(shape: Form, available: Mapping[Permissions, Fields]) -> frozenset[int]:
    """The accesses that `readonly` takes away from `map`; all of them when there is no such entry. Raises NoTables for none."""
    realise = shape.realise
    fields = realise.readonly or realise.deny
    everything = next(p for p, f in available.items() if f == realise.map)
    left = next((p for p, f in available.items() if f == fields), frozenset())
    found = frozenset(way[0] for way in everything - left)
    if not found:
        raise NoTables(
            "no entry can be protected: `readonly` permits whatever `map` does in the state of the monitor's"
        )
    return found


class _Bench:
    """A scratch memory on which the processor's walk is tried: page 0 is never used, tables from page 1 on, one target page, the last."""

    def __init__(self, shape: Form, settled: Settled) -> None:
        machine, realise = shape.machine, shape.realise
        self.machine, self.realise, self.shape = machine, realise, shape
        page = 1 << realise.shift
        self.page, self.target = page, min((MAX_LEVELS + 1) * page, machine.state.memory_size - page)
        self.ram = Ram(0, self.target + page, machine.state.memory_unit, machine.state.big_endian, realise.shift)
        width = machine.state.address_width
        self.surroundings = Surroundings(
            memory=Bus(self.ram, (), machine.state.memory_unit, machine.state.big_endian, width)
        )
        given = holding(machine, realise.given)
        self.state: State = {**reset(machine), **dict(settled), **given, shape.root: page >> shape.root_shift}

    def args(self, op: int | None, state: State) -> Args:
        translation = self.shape.translation
        given = {
            translation.mode: scalar(state, self.machine.modes.leaf),
            translation.access: accesses(translation)[0] if op is None else op,
        }
        return tuple(given.get(i, 0) for i in range(len(translation.parameters)))

    def loads(self) -> tuple[tuple[int, int], ...]:
        return walk(self.machine, self.args(None, self.state), self.state, self.surroundings, pretend=True).loads

    def rooted(self, number: int) -> bool:
        """Whether the walk begins in the page of a number when the root holds its address."""
        self.state[self.shape.root] = number * self.page >> self.shape.root_shift
        loads = self.loads()
        return bool(loads) and loads[0][0] // self.page == number

    def depth(self, units: int) -> int:
        """How many entries a walk loads, when as many tables as there can be follow each other."""
        for levels in range(1, MAX_LEVELS):
            slot, deeper = self.loads()[-1][0], (levels + 1) * self.page
            if deeper > self.target:
                break
            self.ram.store(slot, units, self.shape.entry(self.realise.table, deeper))
            if len(self.loads()) == levels:
                self.ram.store(slot, units, 0)
                return levels
        raise NoTables(f"the walk of {self.machine.identity.name} has no end")

    def chain(self, levels: int, units: int) -> int:
        """Write the tables above the last; the address of the last entry."""
        for level in range(1, levels):
            self.ram.store(self.loads()[-1][0], units, self.shape.entry(self.realise.table, (level + 1) * self.page))
        return self.loads()[-1][0]

    def reaches(self, op: int, setting: Mapping[str, int]) -> bool:
        state: State = {**self.state, **setting}
        found = walk(self.machine, self.args(op, state), state, self.surroundings, pretend=True)
        return found.address is not None and not found.stores and found.address & -self.page == self.target
