"""ISO2: no guest reaches what is not its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.outcome import Failure, Ground, Outcome
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.models.memory import Ram, Watcher
from pgcheck.vmm.mmu import tables_of


def iso2(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """While a guest has its turn, all that is touched are its own frames and those of the tables kept for it.

    Where it is left by trap entries these store to the monitor's own memory.
    """
    machines = ground.pair(cases[0], guests=2)
    machines.clear()
    ram = machines.host_ram
    guests = machines.guests
    left = [case.steps for case in cases]
    for guest, case in zip(guests, cases, strict=True):
        machines.start(guest.computer, case)
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
                stop = machines.run(guest.computer, steps)
                machines.events["turn"] += stop.exit is None
                left[which] = 0 if stop.exit is not None else left[which] - steps
                owned = machines.vmm.allocator.owned
                own = owned(guest.name) | owned(tables_of(guest.name))
                own |= machines.vmm.kept if guest.monitor.gate is not None else frozenset()
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


ISO2: Final = Property(
    "ISO2",
    iso2,
    title="a guest reaches its own frames and no others",
    claim="while a guest has its turn, only its own frames and those of its shadow tables are touched",
    subject=(("turn",), ("direct",)),
    order=40,
    guests=2,
    cases=2,
)
