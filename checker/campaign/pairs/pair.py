"""Two machines that should be one: a bare computer, and a guest of a monitor; made once and reset between cases."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pgcheck.checker.campaign.cases.case import Case, sites
from pgcheck.checker.campaign.cases.layout import Layout
from pgcheck.checker.campaign.pairs.recording import Quick, Recording
from pgcheck.isa.machine.machine import Machine
from pgcheck.models.computer.computer import Computer
from pgcheck.models.devices.standard import standard
from pgcheck.models.engine import Engine, Interpreter
from pgcheck.models.generated.compiled import Compiled
from pgcheck.models.memory import Ram
from pgcheck.models.state import copied
from pgcheck.vmm.paging.shadow import ShadowTables
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.statistics import Statistics
from pgcheck.vmm.vmm import Guest, Vmm, page_shift

HOST_FRAMES = 160
TABLES = 32


@dataclass(slots=True)
class Pair:
    """A bare computer and a guest computer, with the host that the guest's monitor runs on.

    `below` are the guests that monitors run in, `printed` is what the consoles of the two printed.
    """

    machine: Machine
    policy: Policy
    layout: Layout
    bare: Computer
    oracle: Recording | Quick
    host: Computer
    vmm: Vmm
    guests: tuple[Guest, ...]
    below: tuple[Guest, ...]
    printed: tuple[list[int], list[int]]

    @property
    def guest(self) -> Computer:
        return self.guests[0].computer

    def load(self, case: Case) -> None:
        """Both machines as the case begins."""
        self.bare.bus.ram.restore({})  # type: ignore[attr-defined]  # made here: it is a Ram
        self.oracle.log.clear()
        self.clear()
        start(self.bare, case)
        start(self.guest, case)
        self.host.surroundings.undefined = sites(case.site + 256)  # the monitor hands the guest's own on
        self.host.surroundings.clock = 0

    def clear(self) -> None:
        """Forget everything about earlier guests: their memory, what was derived from it, the statistics."""
        for guest in (*self.vmm.guests, *self.below):
            if isinstance(guest.monitor.mmu, ShadowTables):
                guest.monitor.mmu.forget()
            guest.monitor.statistics = Statistics()
            guest.used, guest.stopped, guest.lost = 0, None, ""
        self.host.bus.ram.restore({})  # type: ignore[attr-defined]  # made here: it is a Ram


def start(computer: Computer, case: Case) -> None:
    """Put a computer into the state in which a case begins; its memory must be zero."""
    computer.state.clear()
    computer.state.update(copied(case.state))
    computer.surroundings.clock = 0
    computer.surroundings.undefined = sites(case.site)
    store = computer.bus.store
    for address, count, value in case.stores:
        store(address, count, value)


def pair(
    machine: Machine,
    policy: Policy,
    layout: Layout,
    *,
    guests: int = 1,
    depth: int = 1,
    devices: bool = False,
    quick: bool = True,
) -> Pair:
    """A bare computer and `guests` guests on one host; at `depth` 2 and more their monitor is itself a guest.

    Without `devices` the processor and its memory stand alone; with them what consoles print is kept. With `quick` both sides run on the compiled engine, else on the
    reference binding.
    """
    if not devices:
        machine = replace(machine, platform=replace(machine.platform, devices=()))
    oracle = Quick(machine) if quick else Recording(machine)
    engine: Engine = Compiled(machine) if quick else Interpreter(machine)
    shift = page_shift(machine)
    printed: tuple[list[int], list[int]] = ([], [])
    bare = Computer(machine, oracle, _ram(machine, layout.size, shift), standard(printed[0].append))
    host = outer = Computer(
        machine, engine, _ram(machine, _host_size(machine, layout, depth + (machine.state.memory_unit != 8)), shift)
    )
    below: list[Guest] = []
    for level in range(depth - 1, 0, -1):
        below.append(Vmm(outer, policy).guest(f"monitor{level}", _host_size(machine, layout, level)))
        outer = below[-1].computer
    vmm = Vmm(outer, policy)
    makers = standard(printed[1].append)
    made_guests = tuple(vmm.guest(f"guest{k}", layout.size, makers, tables=TABLES) for k in range(guests))
    return Pair(machine, policy, layout, bare, oracle, host, vmm, made_guests, tuple(below), printed)


def _ram(machine: Machine, size: int, shift: int) -> Ram:
    return Ram(machine.platform.ram_base, size, machine.state.memory_unit, machine.state.big_endian, shift)


def _host_size(machine: Machine, layout: Layout, depth: int) -> int:
    """Units of RAM in which `depth` monitors on each other find room for their guests, within what the machine can address."""
    shift = page_shift(machine)
    reach = 1 << machine.state.address_width
    wanted = layout.size << depth if machine.state.memory_unit != 8 else (HOST_FRAMES << shift) * depth
    return min(wanted, reach - machine.platform.ram_base)


def difference(pair_: Pair, bare: Computer, guest: Computer) -> str:
    """The first leaf, or memory, that differs; empty when the abstraction of the guest is the bare machine."""
    if bare.state != guest.state:
        for name, value in bare.state.items():
            other = guest.state[name]
            if value != other:
                return name
    if bare.clock != guest.clock:
        return "clock"
    return pair_.machine.state.memory if not same_memory(pair_, bare, guest) else ""


def same_memory(pair_: Pair, bare: Computer, guest: Computer) -> bool:
    """Whether the two computers' RAM holds the same."""
    ours, theirs = bare.bus.ram, guest.bus.ram
    host = pair_.host.bus.ram
    frames = getattr(theirs, "frames", None)
    if frames is None or getattr(theirs, "host", None) is not pair_.host.bus:
        page = 1 << pair_.vmm.page_shift
        return all(ours.load(a, page) == theirs.load(a, page) for a in range(ours.base, ours.base + ours.size, page))
    assert isinstance(ours, Ram) and isinstance(host, Ram)
    shift = theirs.page_shift  # type: ignore[attr-defined]  # a GuestMemory, by its frames
    length, base = 1 << shift, host.base
    cells, others = ours.cells, host.cells
    for number, frame in enumerate(frames):
        at = (frame << shift) - base
        if cells[number << shift : (number << shift) + length] != others[at : at + length]:
            return False
    return True
