"""A computer: a processor with physical memory, devices, interrupt lines and a clock of steps."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from pgcheck.isa.machine.machine import Interrupt, Machine
from pgcheck.isa.machine.platform import Attachment
from pgcheck.isa.terms.ir import BUILTIN_EXITS, HALT
from pgcheck.models.devices.device import Device, Inputs, Maker
from pgcheck.models.devices.standard import standard
from pgcheck.models.engine import Engine, Interpreter, VmExit, pending, waiting
from pgcheck.models.memory import Bus, Ram, Region, Registers, Window
from pgcheck.models.reference.cycle import enter, serve
from pgcheck.models.state import Exit, State, Surroundings, reset

MAX_DEFAULT_RAM = 1 << 24
STUCK = "waits for an interrupt that cannot come"


class Clock:
    """The registers of a leaf that counts steps: from 0, or from what was written, which the next step reads."""

    __slots__ = ("ahead", "surroundings")

    def __init__(self, surroundings: Surroundings) -> None:
        self.surroundings = surroundings
        self.ahead = 0

    def read(self, offset: int, count: int) -> int:
        return self.surroundings.clock + self.ahead

    def write(self, offset: int, count: int, value: int) -> None:
        self.ahead = value - self.surroundings.clock - 1


@dataclass(frozen=True, slots=True)
class Socket:
    """A range of elements of a leaf that are registers of a device: `size` of them from `base` on, from register `first` on."""

    base: int
    size: int
    first: int
    device: Device


class Panel:
    """The registers of a leaf that devices share; elements that none has read 0 and ignore writes."""

    __slots__ = ("sockets",)

    def __init__(self) -> None:
        self.sockets: list[Socket] = []

    def read(self, offset: int, count: int) -> int:
        for socket in self.sockets:
            if 0 <= offset - socket.base < socket.size:
                return socket.device.read(offset - socket.base + socket.first, count)
        return 0

    def write(self, offset: int, count: int, value: int) -> None:
        for socket in self.sockets:
            if 0 <= offset - socket.base < socket.size:
                socket.device.write(offset - socket.base + socket.first, count, value)
                return


class Wires:
    """The connections of one device."""

    __slots__ = ("computer", "device", "leaf", "pin")

    def __init__(self, computer: Computer, line: str) -> None:
        name, _, pin = line.rpartition(".")
        self.computer, self.pin = computer, int(pin) if pin.isdigit() else 0
        self.leaf, self.device = ("", name) if self.pin else (line, "")

    def clock(self) -> int:
        return self.computer.surroundings.clock

    def signal(self, level: bool) -> None:
        if self.leaf:
            self.computer.state[self.leaf] = int(level)
        elif self.pin:
            self.computer.inputs[self.device].request(self.pin, level)

    def expect(self, time: int) -> None:
        surroundings = self.computer.surroundings
        surroundings.deadline = min(surroundings.deadline, max(time, surroundings.clock + 1))

    @property
    def bus(self) -> Bus:
        return self.computer.bus


class Computer:
    """A machine that runs: what a program, or a monitor, is given.

    `state` is the processor's, `bus` physical memory. A monitor's guest is a computer too, whose RAM is part of its host's and
    whose engine is the monitor; so monitors run on monitors. `interrupts` counts those that were delivered. `makers` make the devices that the platform names, by default the
    standard ones, with a silent console and no disk. Raises ValueError for a model that they do not know.
    """

    __slots__ = ("bus", "devices", "engine", "inputs", "interrupts", "machine", "state", "surroundings")

    def __init__(
        self,
        machine: Machine,
        engine: Engine | None = None,
        ram: Region | None = None,
        makers: Mapping[str, Maker] | None = None,
    ) -> None:
        self.machine = machine
        self.engine = engine or Interpreter(machine)
        self.state: State = reset(machine)
        self.state.update(machine.begins)
        choices = machine.platform.choices
        self.surroundings = Surroundings(lambda site, instance, width: choices.get(site, 0))
        width = machine.state.address_width
        self.bus = Bus(ram or new_ram(machine), (), machine.state.memory_unit, machine.state.big_endian, width)
        self.surroundings.memory = self.bus
        self.devices: dict[str, Device] = {}
        self.inputs: dict[str, Inputs] = {}
        self.interrupts = 0
        self._attach(standard() if makers is None else makers)

    def _attach(self, makers: Mapping[str, Maker]) -> None:
        platform = self.machine.platform
        ports: dict[str, Registers] = {name: Clock(self.surroundings) for name in platform.clock}
        panels: dict[str, Panel] = {}
        windows: list[Window] = []
        for given in platform.devices:
            device = self._made(given, makers)
            for number, leaf in enumerate(given.leaves):
                share = device.size // len(given.leaves)
                panels.setdefault(leaf, Panel()).sockets.append(Socket(given.base, share, number * share, device))
            if not given.leaves and device.size:
                windows.append(Window(given.base, device.size, device))
        self.bus.windows = tuple(windows)
        self.surroundings.ports = ports | panels

    def _made(self, given: Attachment, makers: Mapping[str, Maker]) -> Device:
        maker = makers.get(given.model)
        if maker is None:
            raise ValueError(f"no device '{given.model}' for {given.name}; there are {', '.join(makers)}")
        device = maker(given, Wires(self, given.line))
        self.devices[given.name] = device
        if isinstance(device, Inputs):
            self.inputs[given.name] = device
        return device

    @property
    def clock(self) -> int:
        return self.surroundings.clock

    def run(self, budget: int, intercept: Set[str] = frozenset()) -> VmExit:
        """Take at most `budget` steps; time in which the processor waits counts as steps."""
        start = self.clock
        end, interrupted = start + budget, False
        while self.clock < end:
            self._tick()
            event = min((due for due in map(_due, self.devices.values()) if due is not None), default=None)
            if interrupted and waiting(self.machine, self.state, self.surroundings):
                if event is None:
                    return VmExit(self.clock - start, Exit(HALT, (), STUCK))
                self.surroundings.clock = min(max(event, self.clock + 1), end)
                continue
            limit = end if event is None else min(end, max(event, self.clock + 1))
            stop = self.engine.run(self.state, self.surroundings, limit - self.clock, intercept)
            rule, interrupted = self.machine.code.interrupt, stop.interrupted
            if rule is not None and stop.exit is None and stop.interrupted and self._pending():
                stop = self._interrupt(rule, intercept)
            if stop.exit is not None:
                return VmExit(self.clock - start, stop.exit, stop.fetched, stop.fetching)
        return VmExit(self.clock - start)

    def _tick(self) -> None:
        for device in self.devices.values():
            due = device.due()
            if due is not None and due <= self.clock:
                device.tick(self.clock)

    def _pending(self) -> bool:
        return pending(self.machine, self.state, self.surroundings)

    def _interrupt(self, rule: Interrupt, intercept: Set[str]) -> VmExit:
        """Take the pending interrupt; an exit within its delivery is entered like any other."""
        ended = serve(self.machine, rule.deliver, self.state, self.surroundings)
        if ended is not None and ended.function not in intercept and ended.function not in BUILTIN_EXITS:
            ended = enter(self.machine, ended, self.state, self.surroundings)
        if ended is None:
            self.surroundings.clock += 1
            self.interrupts += 1
        return VmExit(0, ended)


def _due(device: Device) -> int | None:
    return device.due()


def new_ram(machine: Machine, size: int = 0) -> Ram:
    """RAM as the platform has it, or of `size` units."""
    platform = machine.platform
    size = size or platform.ram_size or min(machine.state.memory_size, MAX_DEFAULT_RAM)
    return Ram(platform.ram_base, size, machine.state.memory_unit, machine.state.big_endian)
