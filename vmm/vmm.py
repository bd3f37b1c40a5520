"""A virtual machine monitor: guests on one host, their memory, and the schedule by which they share the processor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from pgcheck.isa.machine.machine import Machine
from pgcheck.models.computer.computer import Computer
from pgcheck.models.devices.device import Maker
from pgcheck.models.engine import VmExit
from pgcheck.models.state import holding, reset
from pgcheck.vmm.allocator import Allocator
from pgcheck.vmm.binding import REFERENCE
from pgcheck.vmm.gate import Gate, ResourceControlLost
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.mmu import Mmu, Tenant, mechanism, tables_of
from pgcheck.vmm.monitor import TrapAndEmulate
from pgcheck.vmm.native.turns import taken
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.routines import Routines
from pgcheck.vmm.statistics import Event
from pgcheck.vmm.tlb import Tlb
from pgcheck.vmm.world import World, world

TABLE_FRAMES = 96
QUANTUM = 10_000


@dataclass(slots=True)
class Guest:
    """A guest and its account: at most `quota` steps, of which it has `used` some.

    `stopped` says how it ended: by an exit; without one its quota is used up, or `lost` names the real state that it changed
    (which only a policy that was forced lets happen). `events` counts what became of its mappings.
    """

    name: str
    computer: Computer
    monitor: TrapAndEmulate
    quota: int | None = None
    used: int = 0
    stopped: VmExit | None = None
    lost: str = ""
    events: Counter[Event] = field(default_factory=Counter)


class Vmm:
    """A monitor on `host`, under a policy.

    A guest is a computer, so a monitor can run on it. With `crosses` guests are entered and left by the machine's own return and trap entry,
    else by an exchange of leaves. `kept` are the frames to which trap entries store then. `serves` is what the monitor does for a device of the
    host's that has interrupted a guest: it sees to it that the device asks no more; without it the host's devices stand still. `steps` is how a guest
    takes at most so many. Raises ValueError where the policy does not say how.
    """

    def __init__(
        self,
        host: Computer,
        policy: Policy,
        *,
        crosses: bool = False,
        serves: Callable[[], None] | None = None,
        steps: Callable[[Computer, int], VmExit] = Computer.run,
    ) -> None:
        if crosses and policy.crossing is None:
            raise ValueError(f"it is not proved how guests of {host.machine.identity.name} are entered and left")
        self.host, self.policy, self.crosses, self.serves, self.steps = host, policy, crosses, serves, steps
        self.machine: Machine = host.machine
        self.division: World = world(self.machine, policy)
        self.page_shift = page_shift(self.machine)
        ram = host.bus.ram
        first, last = -(-ram.base >> self.page_shift), ram.base + ram.size >> self.page_shift
        # An address of 0 in a table or a base register is where a mistake leads: the first frame is nobody's.
        own = kept(self.machine, policy)
        self.kept = frozenset(range(first, first + own))
        self.allocator = Allocator(range(max(first + own, 1), last))
        self.lay()
        self.tlb = Tlb()
        self.guests: list[Guest] = []

    def guest(
        self,
        name: str,
        ram_size: int,
        makers: Mapping[str, Maker] | None = None,
        quota: int | None = None,
        tables: int = TABLE_FRAMES,
    ) -> Guest:
        """A new guest with RAM of `ram_size` units, at most `quota` steps, and `tables` frames for its shadow tables if it needs any.

        Raises OutOfMemory, Unmappable, ValueError for a name that is taken or a size that is no whole number of frames.
        """
        if any(g.name == name for g in self.guests):
            raise ValueError(f"there is a guest {name} already")
        if ram_size <= 0 or ram_size & (1 << self.page_shift) - 1:
            raise ValueError(
                f"a guest's RAM is a whole number of frames of {1 << self.page_shift:#x} units, not {ram_size:#x}"
            )
        frames = self.allocator.take_run(name, ram_size >> self.page_shift)
        for frame in frames:
            self.zero(frame)
        try:
            memory = GuestMemory(self.machine.platform.ram_base, frames, self.host.bus, self.page_shift)
            events: Counter[Event] = Counter()
            mmu = self._mmu(name, memory, tables, events)
            engine = TrapAndEmulate(
                self.host, self.division, self.policy, mmu, gate=self._gate() if self.crosses else None
            )
            engine.serves = self.serves
            guest = Guest(name, Computer(self.machine, engine, memory, makers), engine, quota, events=events)
            engine.binding = Routines(self.machine, frozenset(guest.computer.surroundings.ports)).binding()
        except Exception:
            self._release(name)
            raise
        self.guests.append(guest)
        return guest

    def lay(self) -> None:
        """Lay down the entries of the monitor's tables in its own memory."""
        for address, value in () if self.policy.crossing is None else self.policy.crossing.laid.items():
            self.host.bus.store(address, 1, value)

    def remove(self, guest: Guest) -> None:
        """Forget a guest: its frames are zeroed and free again."""
        self.guests.remove(guest)
        guest.monitor.mmu.forget()
        self._release(guest.name)

    def run(self, budget: int, quantum: int = QUANTUM) -> Iterator[Guest]:
        """Let the guests take turns of `quantum` steps until each has stopped or taken `budget` steps; gives each that stops."""
        left = {g.name: budget for g in self.guests if g.stopped is None}
        while turns := [g for g in self.guests if left.get(g.name)]:
            begun = self.compiled(turns, left, quantum)
            for guest in turns:
                if all(g is not guest for g in self.guests):  # removed since the round began
                    continue
                turn = min(quantum - begun.get(guest.name, 0), left[guest.name])
                if turn == 0:
                    continue
                left[guest.name] -= self.turn(guest, turn)
                if guest.stopped is not None:
                    left[guest.name] = 0
                    yield guest

    def compiled(self, turns: list[Guest], left: dict[str, int], quantum: int) -> Mapping[str, int]:
        """Let guests take turns for as long as native code sees to them alone; what each has taken of the round that is begun then."""
        names = [g.name for g in turns]
        found = None
        if self.steps is Computer.run:
            found = taken(self.host, self.tlb, turns, [left[name] for name in names], quantum)
        if found is None:
            return {}
        for name, steps in zip(names, found, strict=True):
            left[name] -= steps
        whole = min(found) // quantum * quantum
        return {name: steps - whole for name, steps in zip(names, found, strict=True)}

    def turn(self, guest: Guest, steps: int) -> int:
        """Let a guest take steps within its quota; how many it took."""
        if guest.quota is not None:
            steps = min(steps, guest.quota - guest.used)
        began = guest.computer.clock
        try:
            stop = self.steps(guest.computer, steps)
        except ResourceControlLost as failure:
            guest.lost, stop = str(failure), VmExit(0)
        taken = guest.computer.clock - began
        guest.used += taken
        if stop.exit is not None or guest.lost or guest.used == guest.quota:
            guest.stopped = VmExit(guest.used, stop.exit, stop.fetched, stop.fetching)
        return taken

    def _release(self, name: str) -> None:
        for owner in (name, tables_of(name)):
            for frame in sorted(self.allocator.owned(owner)):
                self.zero(frame)
                self.allocator.release(frame, owner)

    def zero(self, frame: int) -> None:
        self.host.bus.store(frame << self.page_shift, 1 << self.page_shift, 0)

    def cross(self, guest: Guest, *, on: bool) -> None:
        """Enter and leave a guest by the machine's own return and trap entry from now on, or by an exchange of leaves (the only way without a crossing)."""
        guest.monitor.gate = self._gate() if on else None

    def _gate(self) -> Gate | None:
        if self.policy.crossing is None:
            return None
        deployment = next(d for d in self.machine.deployments if d.name == self.policy.deployment)
        return Gate(self.machine, deployment, self.policy.crossing, self.division.shared, REFERENCE)

    def _mmu(self, name: str, memory: GuestMemory, tables: int, events: Counter[Event]) -> Mmu:
        crossing, ram = self.policy.crossing, self.host.bus.ram.base
        tenant = Tenant(
            name=name,
            machine=self.machine,
            host=self.host.bus,
            memory=memory,
            real={**reset(self.machine), **holding(self.machine, self.division.own)},
            pool=lambda: Allocator(self.allocator.take_run(tables_of(name), tables)),
            shared=frozenset(self.division.shared),
            tlb=self.tlb,
            events=events,
            private={} if crossing is None else {a: ram + offset for a, offset in crossing.pages.items()},
        )
        return mechanism(self.machine).made(tenant)


def hidden(machine: Machine, policy: Policy) -> tuple[tuple[int, int], ...] | None:
    """The (first, last) addresses at which the monitor has pages of its own while guests run: what a guest does there is interpreted.

    None where a policy does not say how guests are left and entered, so that it is not known.
    """
    if policy.crossing is None:
        return None
    found: list[tuple[int, int]] = []
    for address in sorted(policy.crossing.pages):
        last = address + (1 << page_shift(machine)) - 1
        if found and found[-1][1] == address - 1:
            found[-1] = found[-1][0], last
        else:
            found.append((address, last))
    return tuple(found)


def kept(machine: Machine, policy: Policy) -> int:
    """The frames at the beginning of RAM that are the monitor's own."""
    keep = 0 if policy.crossing is None else policy.crossing.keep
    return -(-keep >> page_shift(machine))


def page_shift(machine: Machine) -> int:
    """Binary logarithm of the units of a page frame: 2**10 or less, so that memory has eight frames, unless the processor has its own."""
    size = machine.platform.ram_size or machine.state.memory_size
    wanted = max(0, min(10 if machine.state.address_width > 14 else 5, size.bit_length() - 4))
    return mechanism(machine).frame(machine, wanted)
