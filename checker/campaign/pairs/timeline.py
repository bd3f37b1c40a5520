"""What happens to a computer from outside while it runs: interrupt lines change, devices store to memory, devices are accessed."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.isa.terms.ir import HALT
from pgcheck.models.computer.computer import STUCK, Computer, Panel
from pgcheck.models.engine import VmExit
from pgcheck.models.memory import Registers, Window
from pgcheck.models.state import Exit

WAITS = Exit(HALT, (), STUCK)


class Happening(Protocol):
    """Something that happens to a computer at one time; what it was is counted in `happened`."""

    def happen(self, computer: Computer, happened: Counter[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Line:
    """An interrupt line has another level."""

    leaf: str
    level: int

    def happen(self, computer: Computer, happened: Counter[str]) -> None:
        computer.state[self.leaf] = self.level


@dataclass(frozen=True, slots=True)
class Write:
    """A device stores to memory."""

    address: int
    count: int
    value: int

    def happen(self, computer: Computer, happened: Counter[str]) -> None:
        computer.bus.store(self.address, self.count, self.value)
        happened["dma"] += 1


@dataclass(frozen=True, slots=True)
class Command:
    """Another master writes a register of a device; nothing where there is no such device."""

    device: str
    offset: int
    count: int
    value: int

    def happen(self, computer: Computer, happened: Counter[str]) -> None:
        device = computer.devices.get(self.device)
        if device is not None:
            device.write(self.offset, self.count, self.value)


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happens before the step at a clock, by clock; `times` are those, in order."""

    times: Sequence[int]
    at: Mapping[int, Sequence[Happening]]

    def run(self, computer: Computer, steps: int, intercept: Set[str], happened: Counter[str]) -> VmExit:
        """Let a computer take steps while this happens to it; a wait for what is to come takes steps too."""
        start = computer.clock
        end, stop = start + steps, VmExit(0)
        while computer.clock < end:
            for one in self.at.get(computer.clock, ()):
                one.happen(computer, happened)
            place = bisect_right(self.times, computer.clock)
            following = self.times[place] if place < len(self.times) else None
            limit = end if following is None else min(end, following)
            stop = computer.run(limit - computer.clock, intercept)
            if stop.exit == WAITS and following is not None:
                computer.surroundings.clock, stop = limit, VmExit(0)
                happened["wait"] += limit == following
            if stop.exit is not None:
                break
        return VmExit(computer.clock - start, stop.exit, stop.fetched, stop.fetching)


def timeline(case: Case) -> Timeline:
    """What happens in a case."""
    at: dict[int, list[Happening]] = {}
    for clock, leaf, level in case.events:
        at.setdefault(clock, []).append(Line(leaf, level))
    for clock, address, count, value in case.writes:
        at.setdefault(clock, []).append(Write(address, count, value))
    for clock, device, offset, count, value in case.commands:
        at.setdefault(clock, []).append(Command(device, offset, count, value))
    return Timeline(sorted(at), at)


class Counted:
    """A device's registers; accesses to them are counted."""

    __slots__ = ("events", "registers")

    def __init__(self, registers: Registers, events: Counter[str]) -> None:
        self.registers, self.events = registers, events

    def read(self, offset: int, count: int) -> int:
        self.events["device"] += 1
        return self.registers.read(offset, count)

    def write(self, offset: int, count: int, value: int) -> None:
        self.events["device"] += 1
        self.registers.write(offset, count, value)


def counting(computer: Computer, events: Counter[str]) -> None:
    """From now on count the accesses to a computer's devices."""
    computer.bus.windows = tuple(Window(w.base, w.size, Counted(w.device, events)) for w in computer.bus.windows)
    computer.surroundings.ports = {
        name: Counted(port, events) if isinstance(port, Panel) else port
        for name, port in computer.surroundings.ports.items()
    }
