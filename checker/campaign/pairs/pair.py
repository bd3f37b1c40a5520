"""Two machines that should be one: a bare computer, and a guest of a monitor; made once and reset between cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.cases.layout import Layout, host_frames
from pgcheck.checker.campaign.cases.rings import SECTOR, SECTORS
from pgcheck.checker.campaign.cases.tape import sites
from pgcheck.checker.campaign.pairs.recording import Quick, Recording, Swift
from pgcheck.checker.campaign.pairs.timeline import Timeline, counting, timeline
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.once import once
from pgcheck.isa.terms import TRUE
from pgcheck.models.computer.computer import Computer
from pgcheck.models.devices.backing import Kept
from pgcheck.models.devices.device import held
from pgcheck.models.devices.standard import standard
from pgcheck.models.engine import Engine, Interpreter, VmExit
from pgcheck.models.generated.compiled import Compiled, Heat
from pgcheck.models.memory import Ram
from pgcheck.models.state import copied
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.mmu import mechanism
from pgcheck.vmm.paging.shadow import ShadowTables
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.statistics import Statistics
from pgcheck.vmm.vmm import Guest, Vmm, page_shift

TABLES = 32
CONTENT: Final = bytes(7 * k + (k >> 9) & 0xFF for k in range(SECTORS * SECTOR))
"""What is on a disk when a case begins."""
FEVERISH: Final = Heat(warm=2, hot=4, longest=5)
CROSSING: Final = 3  # of eight cases this one enters and leaves guests by the machine's own return and trap entry


def _crossed(policy: Policy, *, located: bool) -> bool:
    """Whether it is known how guests are entered and left, and if they must be `located`, as a monitor below another asks, each trap then tells where it was taken."""
    if policy.crossing is None:
        return False
    return not located or all(one.located is TRUE for one in policy.crossing.recoveries.values())


@dataclass(slots=True)
class Pair:
    """A bare computer and a guest computer, with the host that the guest's monitor runs on.

    `bare_ram` and `host_ram` are their memories, `tables` the frames for shadow tables that each guest has, `below` the guests that monitors run in, `printed` is what the consoles of the two
    printed, `disks` is what is on theirs, `timelines` is what happens to each from outside, and `events` counts what happened to guests.
    """

    machine: Machine
    policy: Policy
    layout: Layout
    bare: Computer
    oracle: Recording | Quick | Swift
    bare_ram: Ram
    host: Computer
    host_ram: Ram
    vmm: Vmm
    guests: tuple[Guest, ...]
    tables: int
    below: tuple[Guest, ...]
    printed: tuple[list[int], list[int]]
    disks: tuple[Kept, Kept]
    timelines: dict[Computer, Timeline] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)

    @property
    def guest(self) -> Computer:
        return self.guests[0].computer

    @contextmanager
    def hosted_by(self, engine: Engine) -> Iterator[None]:
        """Meanwhile the host runs on another engine."""
        before, self.host.engine = self.host.engine, engine
        try:
            yield
        finally:
            self.host.engine = before

    def load(self, case: Case) -> None:
        """Both machines as the case begins."""
        self.bare_ram.restore({})
        self.oracle.log.clear()
        self.clear()
        self.start(self.bare, case)
        self.start(self.guest, case)
        self.host.surroundings.undefined = sites(case.site + 256)  # the monitor hands the guest's own on

    def clear(self) -> None:
        """Forget everything about earlier guests: their memory, what was derived from it, what was counted."""
        for guest in (*self.vmm.guests, *self.below):
            if isinstance(guest.monitor.mmu, ShadowTables):
                guest.monitor.mmu.forget()
            guest.monitor.statistics = Statistics()
            guest.used, guest.quota, guest.stopped, guest.lost = 0, None, None, ""
            guest.events.clear()
            guest.computer.interrupts = 0
        self.vmm.tlb.used = None
        self.bare.interrupts = 0
        self.events.clear()
        self.timelines.clear()
        self.host.surroundings.clock = 0
        self.host_ram.restore({})
        self.vmm.lay()
        for engine in self._feverish():
            engine.runtime = None  # what is hot is the case's alone

    def start(self, computer: Computer, case: Case) -> None:
        """Put a computer into the state in which a case begins; its memory must be zero."""
        for guest in self.guests:
            if guest.computer is computer:
                crosses = case.site % 8 == CROSSING and _crossed(self.policy, located=bool(self.below))
                self.vmm.cross(guest, on=crosses)
        computer.state.clear()
        computer.state.update(copied(case.state))
        computer.surroundings.clock = 0
        computer.surroundings.undefined = sites(case.site)
        store = computer.bus.store
        for address, count, value in case.stores:
            store(address, count, value)
        if case.events or case.writes or case.commands:
            self.timelines[computer] = timeline(case)

    def blocks(self) -> int:
        """The functions of generated code that were made for this case alone."""
        runtimes = [engine.runtime for engine in self._feverish() if engine.runtime is not None]
        contexts = [context for runtime in runtimes for context in runtime.contexts.values()]
        return sum(entry.run is not None for context in contexts for entry in context.entries.values())

    def _feverish(self) -> list[Compiled]:
        """The engines that make code for a case alone."""
        engines = (self.host.engine, self.oracle)
        return [engine for engine in engines if isinstance(engine, Compiled) and engine.heat is FEVERISH]

    def run(self, computer: Computer, steps: int, intercept: Set[str] = frozenset()) -> VmExit:
        """Let a computer take steps, while what its case says happens to it."""
        given = self.timelines.get(computer)
        if given is None:
            return computer.run(steps, intercept)
        happened = Counter[str]()
        stop = given.run(computer, steps, intercept, happened)
        if computer is not self.bare:
            self.events += happened
        return stop


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What two machines are made of: `guests` on one host, whose monitor is itself a guest at `depth` 2, and so on.

    Without `devices` the processor and its memory stand alone; with them what consoles print is kept. Both sides run on the compiled
    engine, the bare one instruction by instruction, or both on the reference binding (`plain`), or the bare machine alone (`checked`).
    `tables` are the frames for shadow tables that a guest gets at most, `least` those that it cannot do without. Where it is `hot`, what a host executes a few times becomes a block of generated code,
    and where it is `swift`, what the bare machine does.
    """

    guests: int = 1
    depth: int = 1
    devices: bool = False
    plain: bool = False
    checked: bool = False
    tables: int = TABLES
    least: int = 0
    hot: bool = False
    swift: bool = False


@once
def alone(machine: Machine) -> Machine:
    """The machine without devices: one for all arrangements, which share the code that is made of it."""
    return replace(machine, platform=replace(machine.platform, devices=()))


def pair(machine: Machine, policy: Policy, layout: Layout, arrangement: Arrangement) -> Pair:
    """A bare computer, and guests on a host. Raises OutOfMemory where the machine has no room for them."""
    depth = arrangement.depth
    if not arrangement.devices:
        machine = alone(machine)
    oracle: Recording | Quick | Swift = Swift(machine, FEVERISH) if arrangement.swift else Quick(machine)
    if arrangement.plain or arrangement.checked:
        oracle = Recording(machine)
    compiled = Compiled(machine, FEVERISH) if arrangement.hot else Compiled(machine)
    engine: Engine = Interpreter(machine) if arrangement.plain else compiled
    shift = page_shift(machine)
    printed: tuple[list[int], list[int]] = ([], [])
    disks = Kept(CONTENT), Kept(CONTENT)
    bare_ram = _ram(machine, layout.size, shift)
    host_ram = _ram(machine, _host_size(machine, layout, depth + 1), shift)
    host = outer = Computer(machine, engine, host_ram)
    below: list[Guest] = []
    for level in range(depth - 1, 0, -1):
        below.append(
            Vmm(outer, policy).guest(
                f"monitor{level}", _host_size(machine, layout, level + 1 if has_tables(machine) else level)
            )
        )
        outer = below[-1].computer
    vmm, makers = Vmm(outer, policy), standard(printed[1].append, disk=disks[1])
    tables = _table_frames(vmm, layout, arrangement)
    guests = tuple(vmm.guest(f"guest{k}", layout.size, makers, tables=tables) for k in range(arrangement.guests))
    found = Pair(
        machine=machine,
        policy=policy,
        layout=layout,
        bare=Computer(machine, oracle, bare_ram, standard(printed[0].append, disk=disks[0])),
        oracle=oracle,
        bare_ram=bare_ram,
        host=host,
        host_ram=host_ram,
        vmm=vmm,
        guests=guests,
        tables=tables,
        below=tuple(below),
        printed=printed,
        disks=disks,
    )
    if arrangement.devices:
        counting(found.guest, found.events)
    return found


def _ram(machine: Machine, size: int, shift: int) -> Ram:
    return Ram(machine.platform.ram_base, size, machine.state.memory_unit, machine.state.big_endian, shift)


def _host_size(machine: Machine, layout: Layout, depth: int) -> int:
    """Units of RAM in which monitors on each other, one less than `depth`, find room for their guests, within what the machine can address."""
    reach = (1 << machine.state.address_width) - machine.platform.ram_base
    wanted = (
        (host_frames(machine) << page_shift(machine)) * (depth - 1) if has_tables(machine) else layout.size << depth
    )
    return min(wanted, reach)


def _table_frames(vmm: Vmm, layout: Layout, arrangement: Arrangement) -> int:
    """The frames for shadow tables that each guest gets: what is wanted, but so that a second guest finds room if that can be."""
    free, pages = len(vmm.allocator.free), layout.size >> vmm.page_shift
    shares = [free // guests - pages for guests in (max(2, arrangement.guests), arrangement.guests)]
    return min(arrangement.tables, next((share for share in shares if share >= arrangement.least), arrangement.least))


def has_tables(machine: Machine) -> bool:
    """Whether guests need frames for tables besides those of their memory."""
    return "drop" in mechanism(machine).events


def difference(pair_: Pair, bare: Computer, guest: Computer) -> str:
    """The first leaf, the clock, a device's register or memory that differs; empty when the abstraction of the guest is the bare machine."""
    if bare.state != guest.state:
        for name, value in bare.state.items():
            other = guest.state[name]
            if value != other:
                return name
    if bare.clock != guest.clock:
        return "clock"
    for name, device in bare.devices.items():
        ours, theirs = held(device), held(guest.devices[name])
        if ours != theirs:
            return f"{name}.{next(register for register in ours if ours[register] != theirs.get(register))}"
    return pair_.machine.state.memory if not same_memory(pair_, bare, guest) else ""


def same_memory(pair_: Pair, bare: Computer, guest: Computer) -> bool:
    """Whether the RAM of the bare computer and that of a guest hold the same."""
    theirs = guest.bus.ram
    if not isinstance(theirs, GuestMemory) or theirs.host is not pair_.host.bus:
        ours, page = bare.bus.ram, 1 << pair_.vmm.page_shift
        return all(ours.load(a, page) == theirs.load(a, page) for a in range(ours.base, ours.base + ours.size, page))
    length, base = 1 << theirs.page_shift, pair_.host_ram.base
    cells, others = pair_.bare_ram.cells, pair_.host_ram.cells
    for number, frame in enumerate(theirs.frames):
        at, here = frame * length - base, number * length
        if cells[here : here + length] != others[at : at + length]:
            return False
    return True
