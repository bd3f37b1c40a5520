"""Guests with page tables on one processor, without instructions: what an access reaches, and what the guest's own tables mean by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgcheck.isa.machine.choices import Fields
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import Entries
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.state import State, Surroundings, holding, reset
from pgcheck.vmm.allocator import Allocator
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.mmu import Finding, Tenant, tables_of
from pgcheck.vmm.paging.coherence import ShadowAudit
from pgcheck.vmm.paging.shadow import ShadowTables
from pgcheck.vmm.tlb import Tlb
from pgcheck.vmm.translate import Args, Walk, walk
from tests.specifications import machine as _machine

READ, WRITE, FETCH = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Kind:
    """A machine with page tables, as a stage needs it: which leaves say what, and the entry of an ordinary page."""

    name: str
    mode: int
    state: Fields
    root: Callable[[int], Fields]
    page: Fields
    levels: int
    index: int
    shared: tuple[str, ...] = ()
    given: Fields = field(default_factory=dict)

    @property
    def machine(self) -> Machine:
        return _machine(self.name)


PTE = {"V": 1, "R": 1, "W": 1, "X": 1, "U": 1, "A": 1, "D": 1}
RISCV = Kind("riscv64", 0, {"satp.MODE": 8}, lambda page: {"satp.PPN": page}, PTE, 3, 9)
MIRRORED = Kind(
    "riscv64",
    1,
    {"satp.MODE": 8},
    lambda page: {"satp.PPN": page},
    PTE,
    3,
    9,
    ("current_mode", "mstatus.SUM", "mstatus.MXR"),
)
I386 = Kind(
    "i386",
    3,
    {"CR0.PG": 1, "CR0.WP": 1},
    lambda page: {"CR3": page << 12},
    {"P": 1, "RW": 1, "US": 1},
    2,
    10,
    ("SEL",),
    {"CR0.PG": 1, "CR0.WP": 1},
)


class Processor:
    """Walks the host's tables; what it has found it may keep (`keeps`, asked at each access) until it is told to forget.

    It tells neither roots nor guests apart, and keeps nothing that it has not found.
    """

    def __init__(
        self, machine: Machine, bus: Bus, checks: tuple[str, ...], keeps: Callable[[], bool] = lambda: False
    ) -> None:
        self.machine, self.surroundings, self.keeps = machine, Surroundings(memory=bus), keeps
        self.checks = checks
        self.kept: dict[object, int] = {}

    def access(self, args: Args, real: State) -> int | None:
        key = args, *[real[n] for n in self.checks]
        if key in self.kept and self.keeps():
            return self.kept[key]
        found = walk(self.machine, args, real, self.surroundings).address
        if found is not None:
            self.kept.setdefault(key, found)
        return found


class Stage:
    """One host: RAM from 0 on, `frames` page frames of it, a processor, and guests."""

    def __init__(self, kind: Kind, frames: int = 128, keeps: Callable[[], bool] = lambda: False) -> None:
        self.kind, self.machine = kind, kind.machine
        found = self.machine.code.confined_by(Entries)
        assert found is not None
        self.translation, self.realise = found
        self.shift = self.realise.shift
        machine = self.machine
        self.ram = Ram(0, frames << self.shift, machine.state.memory_unit, machine.state.big_endian, self.shift)
        width = machine.state.address_width
        self.bus = Bus(self.ram, (), machine.state.memory_unit, machine.state.big_endian, width)
        self.allocator = Allocator(range(frames))
        self.tlb = Tlb()
        self.processor = Processor(
            machine, self.bus, tuple(n for n in kind.shared if n in machine.state.scalars), keeps
        )
        self.tlb.forget = self.processor.kept.clear
        self.own: State = {**reset(machine), **holding(machine, self.realise.given)}
        self.own[machine.modes.leaf] = kind.mode
        self.parties: list[Party] = []
        self.running: tuple[Party, State] | None = None

    def party(
        self,
        name: str,
        frames: Sequence[int],
        tables: Iterable[int],
        base: int = 0,
        private: Mapping[int, int] | None = None,
    ) -> Party:
        """A guest with RAM in `frames`, from `base` on, and frames for its shadow tables; `private` are frames of the monitor's by page."""
        for frame in frames:
            self._give(frame, name)
        pool = list(tables)
        for frame in pool:
            self._give(frame, tables_of(name))
        own = {page << self.shift: frame << self.shift for page, frame in (private or {}).items()}
        party = Party(self, name, GuestMemory(base, frames, self.bus, self.shift), Allocator(pool), own)
        self.parties.append(party)
        return party

    def _give(self, frame: int, owner: str) -> None:
        self.allocator.free.remove(frame)
        self.allocator.owner[frame] = owner

    def audit(self) -> list[Finding]:
        """What does not hold of any guest's tables, by an auditor that sees them for the first time."""
        return [f for p in self.parties for f in ShadowAudit(p.mmu, p.name, self.allocator)()]


class Party:
    """A guest: its memory, its virtual state, and its page tables in its page 1 (the root) and those after it."""

    def __init__(
        self, stage: Stage, name: str, memory: GuestMemory, pool: Allocator, private: Mapping[int, int]
    ) -> None:
        self.stage, self.name, self.memory = stage, name, memory
        kind, machine = stage.kind, stage.machine
        self.mmu = ShadowTables(
            Tenant(
                name,
                machine,
                stage.bus,
                memory,
                stage.own,
                lambda: pool,
                frozenset(kind.shared),
                stage.tlb,
                private=private,
            )
        )
        self.virtual: State = {n: v if isinstance(v, int) else v.copy() for n, v in stage.own.items()}
        self.virtual.update(kind.state)
        self.surroundings = Surroundings(memory=Bus(memory, (), stage.bus.unit, stage.bus.big_endian, 64))
        self.base = memory.base >> stage.shift
        self.units = self.mmu.form.units
        self.misses = 0
        self.incremental = ShadowAudit(self.mmu, name, stage.allocator)
        self.root(self.base + 1)
        for level in range(1, kind.levels):
            self.poke(self.base + level, 0, self.entry(stage.realise.table, self.base + level + 1))

    # ---- its tables

    def entry(self, fields: Fields, page: int) -> int:
        return self.mmu.form.entry(fields, page << self.stage.shift)

    def root(self, page: int) -> None:
        """Use the tables whose root is in a page."""
        self.change(**{n.replace(".", "__"): v for n, v in self.stage.kind.root(page).items()})

    def poke(self, table: int, index: int, entry: int) -> None:
        """Write an entry of the table in a page, as the monitor does when it emulates a store."""
        self.memory.store((table << self.stage.shift) + index * self.units, self.units, entry)
        self.stage.running = None

    def map(self, page: int, to: int | None, **flags: int) -> None:
        """Map a virtual page to a guest-physical one (None: to nothing), by the last table."""
        fields = self.stage.realise.deny if to is None else {**self.stage.kind.page, **flags}
        self.poke(self.base + self.stage.kind.levels, page, self.entry(fields, to or 0))

    # ---- its accesses

    def args(self, address: int, op: int, mode: int, **others: int) -> Args:
        translation = self.stage.translation
        names = [n for n, _ in translation.parameters]
        given = {names.index(self.stage.realise.address): address, translation.access: op, translation.mode: mode}
        given |= {names.index(n): v for n, v in others.items()}
        return tuple(given.get(k, 0) for k in range(len(translation.parameters)))

    def change(self, **leaves: int) -> None:
        """Set leaves of the virtual state; unless all are the guest's own on the processor, that enters the monitor."""
        self.virtual.update({n.replace("__", "."): v for n, v in leaves.items()})
        if {n.replace("__", ".") for n in leaves} - set(self.stage.kind.shared):
            self.stage.running = None

    def real(self) -> State:
        """The processor's state: as the guest has left it, if nothing has entered the monitor since, or set for it anew."""
        shared = {n: self.virtual[n] for n in self.stage.kind.shared}
        if self.stage.running is not None and self.stage.running[0] is self:
            return {**self.stage.running[1], **shared}
        real: State = {**self.stage.own, **shared}
        assert self.mmu.enter(self.virtual, self.surroundings, real)
        self.stage.running = self, real
        return real

    def touch(self, page: int, op: int = READ, offset: int = 0, **others: int) -> int | None:
        """The host frame that an access to a virtual page reaches on the processor; None when the monitor says that it must not."""
        for _ in range(8):
            real = self.real()
            mode = real[self.stage.machine.modes.leaf]
            assert isinstance(mode, int)
            args = self.args((page << self.stage.shift) + offset, op, mode, **others)
            found = self.stage.processor.access(args, real)
            if found is not None:
                return found >> self.stage.shift
            self.stage.running = None
            if not self.mmu.miss(args, self.virtual, self.surroundings, real):
                return None
            self.misses += 1
        raise AssertionError("an access that is never made")

    def check(self, page: int, op: int) -> None:
        """An access reaches what the guest means by it, or the monitor refuses it with reason."""
        reached, meant = self.touch(page, op), self.meant(page, op)
        if reached is not None:
            assert meant is not None and reached == self.frame(meant) and reached in self.memory.frames
        elif meant is not None and self.memory.holds(meant << self.stage.shift, 1 << self.stage.shift):
            tables = {at >> self.stage.shift for at, _ in self.walk(page, op).loads}
            assert op == WRITE and (meant in tables or self.memory.watched(meant << self.stage.shift))

    def walk(self, page: int, op: int) -> Walk:
        """The walk of the guest's own tables."""
        mode = self.virtual[self.stage.machine.modes.leaf]
        assert isinstance(mode, int)
        return walk(
            self.stage.machine,
            self.args(page << self.stage.shift, op, mode),
            self.virtual,
            self.surroundings,
            pretend=True,
        )

    def meant(self, page: int, op: int = READ) -> int | None:
        """The guest-physical page that the guest's own tables give."""
        address = self.walk(page, op).address
        return None if address is None else address >> self.stage.shift

    def frame(self, page: int | None) -> int | None:
        """The host frame of a guest-physical page."""
        return None if page is None else self.memory.host_address(page << self.stage.shift) >> self.stage.shift

    def store(self, page: int, index: int, value: int) -> bool:
        """A store of the guest's to a virtual page: on the processor if it may, emulated if not; False when the guest may not."""
        frame = self.touch(page, WRITE)
        at = index * self.units
        if frame is not None:
            self.stage.bus.store((frame << self.stage.shift) + at, self.units, value)
            return True
        meant = self.meant(page, WRITE)
        if meant is not None:
            assert self.surroundings.memory is not None
            self.surroundings.memory.store((meant << self.stage.shift) + at, self.units, value)
        return meant is not None

    def shadow(self) -> dict[int, int]:
        """The host frame of each virtual page, as the processor finds it in the tables in use."""
        real, found = self.real(), {}
        for page in range(1 << self.stage.kind.index):
            mode = real[self.stage.machine.modes.leaf]
            assert isinstance(mode, int)
            reached = walk(
                self.stage.machine,
                self.args(page << self.stage.shift, READ, mode),
                real,
                Surroundings(memory=self.stage.bus),
            )
            if reached.address is not None:
                found[page] = reached.address >> self.stage.shift
        return found


def play(
    kind: Kind, frames: Sequence[int], tape: Sequence[tuple[int, Any]], tables: int, kept: Sequence[bool] = ()
) -> None:
    """What two guests do on frames in any order, audited after each action; AssertionError for what must not be.

    The processor keeps a translation as long as it may, or as the next of `kept` says.
    """
    keep = iter(kept)
    stage = Stage(kind, keeps=lambda: next(keep, True))
    parties = [
        stage.party("A", frames[:16], range(40, 40 + tables)),
        stage.party("B", frames[16:], range(60, 60 + tables), base=64 << 12),
    ]
    for party in parties:
        for page in range(6):
            party.map(page, party.base + page + 1)
    for who, action in tape:
        party = parties[who]
        match action:
            case ("map", page, frame, dropped):
                party.map(page, party.base + frame, **dict.fromkeys(dropped, 0))
            case ("unmap", page):
                party.map(page, None)
            case ("touch", page, op):
                party.check(page, op)
            case ("store", page, index, frame):
                party.store(page, index, party.entry(kind.page, party.base + frame))
            case ("root", page):
                party.root(party.base + page)
            case ("mode", mode, sum_, mxr):
                party.change(current_mode=mode, mstatus__SUM=sum_, mstatus__MXR=mxr)
            case ("paging", on):
                party.change(satp__MODE=8 * on)
        assert stage.audit() == []
        assert [f for p in parties for f in p.incremental()] == []
