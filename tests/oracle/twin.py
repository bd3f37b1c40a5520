"""A bare machine and a guest of the real monitor with the same memory, of which a cell gets its value when either side first looks at it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Set
from dataclasses import dataclass, field, replace

from pgcheck.checker.values import Payload
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import Entries
from pgcheck.isa.terms import Term
from pgcheck.isa.terms.ir import BUILTIN_EXITS, EXECUTE, HALT, UNMODELLED, UNPREDICTABLE
from pgcheck.models.computer.computer import Computer
from pgcheck.models.engine import Interpreter, VmExit, waiting
from pgcheck.models.memory import Ram, Storage
from pgcheck.models.reference.cycle import deliver, enter, firmware, holds
from pgcheck.models.state import Exit, State, Surroundings, copied
from pgcheck.vmm.allocator import OutOfMemory
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.paging.shadow import ShadowTables
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.statistics import Statistics
from pgcheck.vmm.vmm import Guest, Vmm, page_shift

FRAMES = 16
Drawn = Callable[[str, int, int], int]
WAITING = "waiting"
LEFT_OPEN = (UNMODELLED, UNPREDICTABLE)


class LazyRam(Ram):
    """RAM some of whose pages have no contents yet: `ask` gives a unit of them when it is first read."""

    __slots__ = ("ask", "known", "lazy", "read", "rewritten")

    def __init__(self, machine: Machine, size: int, page_shift: int) -> None:
        state = machine.state
        super().__init__(machine.platform.ram_base, size, state.memory_unit, state.big_endian, page_shift)
        self.ask: Callable[[int], int] = int
        self.lazy: frozenset[int] = frozenset()
        self.known: set[int] = set()
        self.read: set[int] = set()
        self.rewritten = False

    def load(self, address: int, count: int) -> int:
        self.read.update(range(address, address + count))
        for unit in range(address, address + count):
            if unit not in self.known and unit - self.base >> self.page_shift in self.lazy:
                self.known.add(unit)
                self.cells[unit - self.base] = self.ask(unit)
        return super().load(address, count)

    def store(self, address: int, count: int, value: int) -> None:
        units = range(address, address + count)
        self.known.update(units)
        self.rewritten = self.rewritten or not self.read.isdisjoint(units)
        super().store(address, count, value)

    def turn(self) -> None:
        """From now on `rewritten` says whether a unit was stored to after it was read."""
        self.read.clear()
        self.rewritten = False

    def forget(self) -> None:
        """Undo all stores; the lazy pages have no contents again."""
        self.restore({})
        self.known.clear()


def is_one_of(machine: Machine, ended: Exit, payloads: Collection[Payload]) -> bool:
    """Whether a trap is one of some."""
    same = [p for p in payloads if p.function == ended.function]
    names = [n for n, _ in machine.code.functions[ended.function].parameters] if same else []
    return any({*p.values} <= {*zip(names, ended.args, strict=True)} for p in same)


@dataclass(slots=True)
class Overlay:
    """A memory whose stores are not kept."""

    below: Storage
    stored: dict[tuple[int, int], int] = field(default_factory=dict)

    def load(self, address: int, count: int) -> int:
        return self.stored.get((address, count), self.below.load(address, count))

    def store(self, address: int, count: int, value: int) -> None:
        self.stored[address, count] = value


@dataclass(slots=True)
class Watched:
    """The processor's engine, which notes how a guest stopped the processor itself: by an exit that is no trap, or by waiting.

    What is `delegated` of a terminator that the monitor takes it delivers by itself, where that does not end in what `monitor` says.
    """

    machine: Machine
    monitor: Term
    delegated: Collection[Payload] = ()
    ended: str = ""

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        stop = Interpreter(self.machine).run(state, surroundings, budget, intercept)
        steps = stop.steps
        while stop.exit is not None and self.delivers(stop.exit, state, surroundings):
            nested = self.nested(stop.exit, state, surroundings)
            nested = firmware(self.machine, state, surroundings) if nested is None else nested
            if nested is not None:
                stop = replace(stop, exit=nested)
                continue
            surroundings.clock += 1
            steps += 1
            stop = Interpreter(self.machine).run(state, surroundings, budget - steps, intercept)
            steps += stop.steps
        stop = replace(stop, steps=steps)
        if stop.exit is not None and stop.exit.function in (HALT, *LEFT_OPEN):
            self.ended = stop.exit.function
        elif waiting(self.machine, copied(state), surroundings):
            self.ended = WAITING
        return stop

    def delivers(self, ended: Exit, state: State, surroundings: Surroundings) -> bool:
        """Whether a trap that need not enter the monitor does not, from this state."""
        if not is_one_of(self.machine, ended, self.delegated):
            return False
        after, memory = copied(state), surroundings.memory
        assert memory is not None
        nested = self.nested(ended, after, replace(surroundings, memory=Overlay(memory)))
        return nested is not None or not holds(self.machine, self.monitor, after)

    def nested(self, ended: Exit, state: State, surroundings: Surroundings) -> Exit | None:
        """Deliver a trap: the trap within it, if there is one."""
        found = deliver(self.machine, ended, state, surroundings)
        within = self.machine.code.exits[ended.function].nested
        return found if found is None or found.function in BUILTIN_EXITS or not within else Exit(within, ())


@dataclass(slots=True)
class Plainly:
    """The bare machine's engine, which notes that an instruction with `restart: partial` has stored to its own word before it trapped."""

    machine: Machine
    ram: LazyRam
    overwritten: bool = False

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        every = {name for name, rule in self.machine.code.exits.items() if rule.kind != EXECUTE}
        steps = 0
        while steps < budget:
            self.ram.turn()
            stop = Interpreter(self.machine).run(state, surroundings, 1, every)
            steps += stop.steps
            if stop.exit is None and stop.steps and not stop.interrupted:
                continue
            if stop.fetched is not None and stop.fetched.instruction.partial:
                self.overwritten = self.overwritten or self.ram.rewritten
            if stop.exit is None or stop.exit.function in (*BUILTIN_EXITS, *intercept):
                return replace(stop, steps=steps)
            beyond = enter(self.machine, stop.exit, state, surroundings)
            if beyond is not None:
                return replace(stop, steps=steps, exit=beyond)
            surroundings.clock += 1
            steps += 1
        return VmExit(steps)


@dataclass(slots=True)
class Twin:
    """The two machines; `origin` gives the first value of a unit of the guest's memory."""

    machine: Machine
    bare: Computer
    bare_ram: LazyRam
    plainly: Plainly
    host: Computer
    host_ram: LazyRam
    engine: Watched
    guest: Guest
    origin: Callable[[int], int] = field(default=lambda address: 0)

    def begin(self, state: State, origin: Callable[[int], int], bares: Drawn, guests: Drawn) -> None:
        """Both machines in one state, with memory that nobody has looked at, and what their sites and volatile leaves give."""
        guest = self.guest
        if isinstance(guest.monitor.mmu, ShadowTables):
            guest.monitor.mmu.forget()
        guest.monitor.statistics = Statistics()
        guest.used, guest.stopped, guest.lost, self.engine.ended = 0, None, "", ""
        self.plainly.overwritten = False
        self.origin = origin
        self.bare_ram.forget()
        self.host_ram.forget()
        for computer, drawn in ((self.bare, bares), (guest.computer, guests), (self.host, guests)):
            surroundings = computer.surroundings
            surroundings.clock, surroundings.undefined = 0, drawn
            surroundings.volatile = lambda leaf, number, index, drawn=drawn: drawn(leaf.name, number, leaf.width)
        for computer in (self.bare, guest.computer):
            computer.state.clear()
            computer.state.update(copied(state))

    def bare_again(self, state: State) -> None:
        """The bare machine as it began; the guest stays as it is."""
        self.bare_ram.forget()
        self.bare.state.clear()
        self.bare.state.update(copied(state))
        self.bare.surroundings.clock = 0

    @property
    def memory(self) -> GuestMemory:
        found = self.guest.computer.bus.ram
        assert isinstance(found, GuestMemory)
        return found

    def difference(self) -> str:
        """The first leaf, the clock or the first unit of memory in which the guest is not the bare machine."""
        bare, guest = self.bare, self.guest.computer
        for name, value in bare.state.items():
            if value != guest.state[name]:
                return name
        if bare.clock != guest.clock:
            return "clock"
        memory, base = self.memory, self.memory.base
        seen = {a for a in self.bare_ram.known if a < base + memory.size} | {
            self.guest_address(a)
            for a in self.host_ram.known
            if a - self.host_ram.base >> memory.page_shift in self.host_ram.lazy
        }
        for address in sorted(seen):
            if self.bare_ram.load(address, 1) != memory.load(address, 1):
                return f"{self.machine.state.memory}[{address:#x}]"
        return ""

    @property
    def overwritten(self) -> bool:
        """Whether an instruction of the bare machine has overwritten itself before it trapped: what guests are assumed not to do."""
        return self.plainly.overwritten

    def first(self, address: int) -> int:
        """The first value of a unit of the bare machine's memory."""
        return self.origin(address)

    def first_of_the_guest(self, address: int) -> int:
        """The first value of a unit of the host's memory that is the guest's."""
        return self.origin(self.guest_address(address))

    def guest_address(self, address: int) -> int:
        """What an address of the host is to the guest, whose frame it lies in."""
        memory = self.memory
        page = memory.frames.index(address >> memory.page_shift)
        return memory.base + (page << memory.page_shift | address & (1 << memory.page_shift) - 1)


def alone(machine: Machine) -> Machine:
    """The processor and its memory without devices: what they do, the runs do."""
    return replace(machine, platform=replace(machine.platform, devices=()))


def twin(machine: Machine, policy: Policy, delegated: Collection[Payload] = (), *, crosses: bool = False) -> Twin:
    """A bare machine with as much memory as a guest, and that on a host with a frame left for the monitor and a few for its tables.

    With `crosses` the guest is entered and left as on the machine itself; `delegated` traps do not enter. Raises what `Vmm` raises.
    """
    machine = alone(machine)
    base, shift = machine.platform.ram_base, page_shift(machine)
    frames = min((1 << machine.state.address_width) - base >> shift, FRAMES)
    tables = max(1, frames // 4) if isinstance(machine.code.scheme, Entries) else 1
    last: OutOfMemory | None = None
    for size in range(frames - tables, 0, -1):
        bare_ram, host_ram = LazyRam(machine, size << shift, shift), LazyRam(machine, frames << shift, shift)
        engine = Watched(
            machine, next(d.monitor for d in machine.deployments if d.name == policy.deployment), delegated
        )
        vmm = Vmm(Computer(machine, engine, host_ram, {}), policy, crosses=crosses)
        try:
            guest = vmm.guest("guest", size << shift, {}, tables=tables)
        except OutOfMemory as error:
            last = error
            continue
        plainly = Plainly(machine, bare_ram)
        bare = Computer(machine, plainly, bare_ram, {})
        made = Twin(machine, bare, bare_ram, plainly, vmm.host, host_ram, engine, guest)
        bare_ram.ask, host_ram.ask = made.first, made.first_of_the_guest
        bare_ram.lazy = frozenset(range(size))
        host_ram.lazy = frozenset(frame - (base >> shift) for frame in made.memory.frames)
        return made
    raise last or OutOfMemory("the host has no frame for a guest")
