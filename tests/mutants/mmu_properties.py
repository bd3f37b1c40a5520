"""SH1 and SH2 without programs: a guest of which only the memory management runs, and whose tables change at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import count

from pgcheck.checker.campaign.cases.case import Author
from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.pairs.pair import Pair
from pgcheck.isa.machine.machine import Machine
from pgcheck.models.memory import Storage
from pgcheck.models.reference.cycle import call, holds
from pgcheck.models.state import State, Surroundings, holding
from pgcheck.vmm.allocator import OutOfMemory
from pgcheck.vmm.audit import Auditor
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.paging.shadow import ShadowTables, fewest
from pgcheck.vmm.schemes.bounds import Bounds
from pgcheck.vmm.translate import Args, accesses
from pgcheck.vmm.vmm import Vmm
from pgcheck.vmm.world import load_guest
from tests.mutants.subjects import Case, author, ground


@cache
def tight(name: str) -> Pair:
    """A guest with so few frames for tables that they are taken from one context for another all the time: one path of them.

    The monitor has no pages of its own there, which would take frames as well.
    """
    machines = ground(name).pair()
    mmu = machines.guests[0].monitor.mmu
    assert isinstance(mmu, ShadowTables)
    vmm = Vmm(machines.host, replace(machines.policy, crossing=None))
    guest = vmm.guest("guest", machines.layout.size, tables=fewest(mmu.form.levels, private=0))
    return replace(machines, vmm=vmm, guests=(guest,))


def maps(name: str, machines: Callable[[str], Pair] = lambda name: ground(name).pair()) -> Case:
    """Guest tables that change at random, without programs: what the processor's walk finds is what the guest's finds, after any change.

    The guest makes accesses as a processor does that remembers every translation until it is told to forget: one that its shadow
    tables let through goes straight to the host's memory.
    """

    def case(data: bytes) -> str | None:
        both = machines(name)
        both.clear()
        return _Maps(both, author(name), Tape(data)).run()

    return case


class _Maps:
    """A guest of which only the memory management runs."""

    def __init__(self, both: Pair, one: Author, tape: Tape) -> None:
        mmu = both.guests[0].monitor.mmu
        assert isinstance(mmu, ShadowTables)
        self.both, self.tape, self.mmu, self.machine = both, tape, mmu, both.machine
        self.form, self.memory, self.layout = mmu.form, mmu.memory, one.layout
        self.page = 1 << self.form.shift
        self.first = next(k for k in count() if not mmu.private.keys() & {k, k + 1})  # the monitor has no page there
        self.pages = [self.layout.base + k * self.page for k in range(self.layout.size // self.page)]
        self.virtual = dict(one.start)
        self.virtual.update(holding(self.machine, self.form.realise.given))
        modes = one.deployment.modes
        self.modes = [m for m in (*modes.supervisor.values, *modes.user.values) if self._direct(m)]
        self.audited = Auditor(both.vmm)
        self.known: dict[tuple[int, ...], int] = {}
        both.vmm.tlb.forget = self.known.clear
        self._root(0)
        first, second, *rest = self.layout.tables
        for k, root in enumerate((first, second)):
            path = [root, *rest[k:]][: self.form.levels]
            for above, below in zip(path, path[1:], strict=False):
                self.memory.store(above, self.form.units, self.form.entry(self.form.realise.table, below))

    def _direct(self, mode: int) -> bool:
        state = {**self.virtual, self.machine.modes.leaf: mode}
        return holds(self.machine, self.both.policy.direct, state, Surroundings())

    def _root(self, number: int) -> None:
        self.virtual[self.form.root] = self.layout.tables[number] >> self.form.root_shift

    def run(self) -> str | None:
        for step in range(60):
            match self.tape.below(8):
                case 0:
                    self._root(self.tape.below(2))
                case 1:
                    self.virtual[self.machine.modes.leaf] = self.tape.choose(self.modes)
                case 2 | 3:
                    self._change()
                case 4:
                    found = self._retype()
                    if found:
                        return f"step {step}: {found}"
                case _:
                    found = self._access(self._address())
                    if found:
                        return f"step {step}: {found}"
            findings = self.audited()
            if findings:
                return f"{findings[0].law} after step {step}: {findings[0].message}"
            used = {f for c in self.mmu.contexts.values() for f in c.frames}
            if used != self.mmu.allocator.owner.keys():
                return f"step {step}: a frame for tables is neither used nor free"
        return self._scrubbed()

    def _scrubbed(self) -> str | None:
        """Nothing is in a free frame for tables."""
        host = self.both.host.bus
        dirty = [f for f in self.mmu.allocator.free if host.load(f << self.form.shift, self.page)]
        return f"free frame {dirty[0]:#x} has been written to" if dirty else None

    def _change(self) -> None:
        """A store to one of the first entries of a table: mostly one that goes on to a table, or from the last ones to a page."""
        number = self.tape.below(len(self.layout.tables))
        last = number >= len(self.layout.tables) - 3
        first = self.first if last else 0
        slot = self.layout.tables[number] + (first + self.tape.choose((0, 0, 1))) * self.form.units
        if self.tape.chance(40):  # a part of it, or what lies on both sides of its beginning
            at, count = slot + self.tape.choose((-1, -2, 1, 2)), self.tape.choose((1, 2, 3))
            if self.memory.holds(at, count):
                self.memory.store(at, count, self.tape.bits(self.machine.state.memory_unit * count))
            return
        self.memory.store(slot, self.form.units, self._entry(last))

    def _retype(self) -> str | None:
        """A page that is mapped and stored to becomes a table, and is stored to again."""
        levels, units, realise = self.form.levels, self.form.units, self.form.realise
        root, *rest = self.layout.tables[self.tape.below(2)], *self.layout.tables[2:]
        path, page = [root, *rest[: levels - 1]], self.tape.choose(rest[levels - 1 :])
        for above, below in zip(path, path[1:], strict=False):
            self.memory.store(above, units, self.form.entry(realise.table, below))
        for number in range(1 + self.tape.below(2)):  # once, or at two addresses
            self.memory.store(path[-1] + (self.first + number) * units, units, self.form.entry(realise.map, page))
        other = 1 << self.form.shift + self.form.pages.index
        here = self.first * self.page
        found = self._access(here) or self._access(here + self.page)
        self.memory.store(path[-2] + units, units, self.form.entry(realise.table, page))
        return found or self._access(other) or self._access(here) or self._access(other)

    def _entry(self, last: bool) -> int:
        """An entry: a table, a page, one with a flag changed, rarely with a high bit, or nothing."""
        realise = self.form.realise
        onward = self.tape.chance(30) if last else self.tape.chance(220)
        target = self.tape.choose(self.layout.tables if onward or self.tape.chance(120) else self.pages)
        fields = dict(realise.table if onward else self.tape.choose((realise.map, realise.map, realise.readonly)))
        if self.tape.chance(50):
            flag = self.tape.choose(sorted(realise.map))
            fields[flag] = fields.get(flag, 0) ^ 1
        entry = self.form.entry(fields, target)
        if self.tape.chance(40):
            entry ^= 1 << 8 * self.form.units - 1 - self.tape.below(10)
        return 0 if self.tape.chance(10) else entry

    def _reached(self, args: Args, address: int, real: State) -> int | None:
        """Where the processor finds an access, which remembers what it found until it is told to forget."""
        low = address & self.page - 1
        key = (
            address - low,
            *(a for a in args if a != address),
            *(v for n in self.mmu.loose if isinstance(v := real[n], int)),
        )
        if key not in self.known:
            found = _translated(self.machine, args, real, self.both.host.bus)[0]
            if found is None:
                return None
            self.known[key] = found - low
        return self.known[key] + low

    def _entered(self, real: State) -> bool:
        """Whether the guest could run now; without frames for tables it is interpreted."""
        try:
            return self.mmu.enter(self.virtual, Surroundings(), real)
        except OutOfMemory:
            return False

    def _address(self) -> int:
        address = self.first * self.page + self.tape.choose((0, 0, 8, self.page - 8))
        for level in range(self.form.levels):
            address += self.tape.choose((0, 0, 0, 1)) << self.form.shift + self.form.pages.index * level
        return address

    def _access(self, address: int) -> str | None:
        machine, mmu, translation = self.machine, self.mmu, self.mmu.translation
        mode = self.virtual[machine.modes.leaf]
        assert isinstance(mode, int)
        op = self.tape.choose(accesses(translation))
        real = load_guest(self.both.vmm.division, self.virtual, self.both.guests[0].monitor.own)
        own = real[machine.modes.leaf]
        assert isinstance(own, int)
        given = {self.form.realise.address: address}
        names = [n for n, _ in translation.parameters]

        def args(m: int) -> Args:
            chosen = {names[translation.mode]: m, names[translation.access]: op, **given}
            return tuple(chosen.get(n, 0) for n in names)

        nobody = Surroundings()
        if not self._entered(real):
            return None
        self.both.host.state.update(real)
        guest = self.both.guest.bus
        reached: int | None = None
        mended = 0
        for _ in range(4):
            reached = self._reached(args(own), address, real)
            if reached is not None or not mmu.miss(args(own), self.virtual, nobody, real):
                break
            mended += 1
            if not self._entered(real):
                return None
            self.both.host.state.update(real)
        if mended > 3:
            return f"{address:#x} misses again and again"
        meant, marks = _translated(machine, args(mode), self.virtual, guest)
        value = (
            self._entry(self.tape.chance(128))
            if self.tape.chance(160)
            else self.tape.bits(self.machine.state.memory_unit * self.form.units)
        )
        writes = op in mmu.writes
        inside = meant is not None and self.memory.holds(meant, self.form.units)
        if reached is None and inside and not writes and not marks:
            return f"{address:#x} is kept from the processor, and the guest's tables permit it"
        if reached is None:
            if writes and meant is not None and inside and not marks:
                self.memory.store(meant, self.form.units, value)
            return None
        if meant is None or not inside:
            return f"{address:#x} is reached, and the guest's tables refuse it"
        if self.memory.host_address(meant) != reached or marks:
            return f"{address:#x} leads to {reached:#x} on the processor, not where the guest's tables say"
        if writes:
            self.both.host.bus.store(reached, self.form.units, value)
        return None


def _translated(machine: Machine, args: Args, state: State, memory: Storage) -> tuple[int | None, bool]:
    """Where an access leads (None: it faults), and whether entries are to be marked for it first; nothing is."""
    assert machine.code.translation is not None
    unmarked = _Unmarked(memory)
    found = call(machine, machine.code.translation.function, args, state, Surroundings(memory=unmarked))
    return (found[0] if isinstance(found, tuple) else None), unmarked.marked


class _Unmarked:
    """Memory to which nothing is stored."""

    def __init__(self, memory: Storage) -> None:
        self.memory, self.marked = memory, False

    def load(self, address: int, count: int) -> int:
        return self.memory.load(address, count)

    def store(self, address: int, count: int, value: int) -> None:
        self.marked = True


def extents(data: bytes) -> str | None:
    """EF1 and FOOTPRINT on the machine of the 1974 paper: base and limit give a guest all of what is its own, and nothing else.

    Its addresses a < R.b lead to R.l + a below 1024 (page 414 of the paper); the guest's RAM begins at 0.
    """
    tape, both = Tape(data), ground("pg74").pair()
    mmu, memory, machine = both.guests[0].monitor.mmu, both.guest.bus.ram, both.machine
    assert isinstance(mmu, Bounds) and isinstance(memory, GuestMemory)
    mmu.forget()
    for _ in range(4):
        first = tape.choose((0, tape.below(memory.size), memory.size - 1, memory.size, tape.below(1024)))
        bound = tape.choose((0, 1, memory.size, memory.size - first + 1 & 0x7FF, 1024, tape.below(1025)))
        virtual = {**author("pg74").start, "R.l": first, "R.b": bound, "M": tape.below(2)}
        real = load_guest(both.vmm.division, virtual, both.guests[0].monitor.own)
        size = min(bound, max(0, memory.size - first))
        entered = mmu.enter(virtual, Surroundings(), real)
        if entered != (size > 0):
            return (
                f"R = ({first}, {bound}): {'runs' if entered else 'is interpreted'}, with {size} addresses of its own"
            )
        for address in {0, size - 1, size, size + 1, 1023} if entered else ():
            reached = _translated(machine, (address, 0, 1), real, both.host.bus)[0]
            meant = memory.host_address(first + address) if 0 <= address < size else None
            if reached != meant:
                return f"R = ({first}, {bound}): address {address} leads to {reached}, and should to {meant}"
    return None
