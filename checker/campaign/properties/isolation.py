"""Isolation: no guest sees or reaches another, or what is left of one (ISO1, ISO2, ISO3)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.outcome import Failure, Ground, Outcome, excluded, failed
from pgcheck.checker.campaign.pairs.pair import Pair, start
from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import mask
from pgcheck.models.computer.computer import Computer
from pgcheck.models.engine import VmExit
from pgcheck.models.memory import Ram, Region, Watcher
from pgcheck.models.state import cells, copied, holding

View = tuple[object, ...]


def iso1(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """ISO1: of two runs in which guest A is the same and guest B differs, A has the same view: state, memory, clock, stops."""
    first, *others = cases
    machines = ground.pair(guests=2)
    views = [_together(machines, first, other, stride) for other in others]
    if views[0] != views[1]:
        place = next(k for k, (a, b) in enumerate(zip(*views, strict=True)) if a != b)
        names = (*machines.machine.state.leaves, "memory", "clock", "stops")
        failure = Failure("ISO1", first.steps, "", (), names[place], "differs with what the other guest does")
        return Outcome((), failure=failure)
    return Outcome((), taken=sum(g.computer.clock for g in machines.guests))


def _together(machines: Pair, first: Case, other: Case, stride: int | None) -> View:
    """The view of guest A after it has run by turns with guest B."""
    machines.clear()
    machines.host.surroundings.clock = 0
    guests = [g.computer for g in machines.guests]
    for guest, case in zip(guests, (first, other), strict=True):
        start(guest, case)
    stops: list[list[VmExit]] = [[], []]
    left = [first.steps, other.steps]
    turn = 0
    while any(left):
        for which, case in enumerate((first, other)):
            steps = min(left[which], stride or case.turns[turn % len(case.turns)])
            if steps:
                stop = guests[which].run(steps)
                stops[which].append(stop)
                left[which] = 0 if stop.exit is not None else left[which] - steps
        turn += 1
    guest = guests[0]
    ended = tuple((s.exit.function, s.exit.args) for s in stops[0] if s.exit is not None)
    return (*copied(guest.state).values(), _memory(guest), guest.clock, ended)


def _memory(guest: Computer) -> object:
    ram = guest.bus.ram
    step = 64
    return tuple(ram.load(at, step) for at in range(ram.base, ram.base + ram.size, step))


class Traced:
    """RAM that notes every page frame that is touched."""

    def __init__(self, ram: Ram) -> None:
        self.ram = ram
        self.loaded: set[int] = set()
        self.stored: set[int] = set()

    @property
    def base(self) -> int:
        return self.ram.base

    @property
    def size(self) -> int:
        return self.ram.size

    def load(self, address: int, count: int) -> int:
        self._note(self.loaded, address, count)
        return self.ram.load(address, count)

    def store(self, address: int, count: int, value: int) -> None:
        self._note(self.stored, address, count)
        self.ram.store(address, count, value)

    def watch(self, address: int, watcher: Watcher) -> None:
        self.ram.watch(address, watcher)

    def unwatch(self, address: int, watcher: Watcher) -> None:
        self.ram.unwatch(address, watcher)

    def _note(self, kind: set[int], address: int, count: int) -> None:
        shift = self.ram.page_shift
        kind.update(range(address >> shift, (address + count - 1 >> shift) + 1))


def iso2(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """ISO2: while a guest has its turn, all that is touched are its own frames and those of the tables kept for it."""
    machines = ground.pair(guests=2)
    machines.clear()
    ram: Region = machines.host.bus.ram
    assert isinstance(ram, Ram)
    guests = machines.guests
    left = [case.steps for case in cases]
    for guest, case in zip(guests, cases, strict=True):
        start(guest.computer, case)
    traced = Traced(ram)
    machines.host.bus.ram = traced
    try:
        turn = 0
        while any(left):
            for which, (guest, case) in enumerate(zip(guests, cases, strict=True)):
                steps = min(left[which], stride or case.turns[turn % len(case.turns)])
                if not steps:
                    continue
                traced.loaded.clear()
                traced.stored.clear()
                stop = guest.computer.run(steps)
                left[which] = 0 if stop.exit is not None else left[which] - steps
                owned = machines.vmm.allocator.owned
                own = owned(guest.name) | owned(f"{guest.name}:tables")
                beyond = (traced.loaded | traced.stored) - own
                if beyond:
                    kind = "stored" if beyond & traced.stored else "loaded"
                    failure = Failure(
                        "ISO2", guest.computer.clock, "", (), kind, f"frame {min(beyond):#x} is not {guest.name}'s"
                    )
                    return Outcome((), failure=failure)
            turn += 1
    finally:
        machines.host.bus.ram = ram
    return Outcome((), taken=sum(g.computer.clock for g in guests))


def iso3(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """ISO3: nothing of a pattern that fills free memory and the processor before a guest is made shows in the guest.

    The pattern is random for each case, so that no program can hold it by chance.
    """
    case = cases[0]
    machines = ground.pair()
    machines.load(case)
    machine = machines.machine
    pattern = _pattern(case, machine)
    _poison(machines, pattern)
    expected = machines.bare.run(case.steps)
    log = machines.oracle.log
    if excluded(expected.exit):
        return Outcome(tuple(log), True)
    machines.guest.run(case.steps)
    guest = machines.guest.state
    for name, held in guest.items():
        leaf = machine.state.leaves[name]
        if leaf.width >= 16 and not leaf.volatile:
            values = cells(guest, name).values(leaf.size) if isinstance(leaf, ArrayLeaf) else {held}
            if pattern & mask(leaf.width) in values:
                return failed("ISO3", log, 0, name, "holds what was in the processor before")
    fresh = machines.vmm.guest("fresh", machines.layout.size, tables=8) if _room(machines) else None
    if fresh is not None:
        ram = fresh.computer.bus.ram
        residue = next((a for a in range(ram.base, ram.base + ram.size, 64) if ram.load(a, 64)), None)
        machines.vmm.remove(fresh)
        if residue is not None:
            return failed("ISO3", log, case.steps, "memory", f"a new guest's memory is not zero near {residue:#x}")
    return Outcome(tuple(log))


def _pattern(case: Case, machine: Machine) -> int:
    digest = hashlib.blake2b(repr((case.site, case.steps, case.stores[:8])).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") | 1 << 63 | 1


def _poison(machines: Pair, pattern: int) -> None:
    """Fill the host's free frames and the processor's general registers."""
    host = machines.host
    shift, unit = machines.vmm.page_shift, machines.machine.state.memory_unit
    word = pattern & (1 << unit) - 1
    count = 1 << shift
    page = sum(word << unit * k for k in range(count))
    for frame in tuple(machines.vmm.allocator.free)[:8]:
        host.bus.store(frame << shift, count, page)
    state = machines.machine.state
    wide = [leaf for leaf in state.general if leaf.name != state.memory and leaf.width >= 16]
    host.state.update(holding(machines.machine, {leaf.name: pattern & mask(leaf.width) for leaf in wide}))


def _room(machines: Pair) -> bool:
    return len(machines.vmm.allocator.free) >= (machines.layout.size >> machines.vmm.page_shift) + 8
