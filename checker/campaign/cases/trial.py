"""Trying single instructions and traps on a scratch machine, to know what they would do."""

from __future__ import annotations

from copy import copy

from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import mask
from pgcheck.models.memory import Bus, Ram, Storage
from pgcheck.models.reference.cycle import call, decoded, deliver, execute
from pgcheck.models.state import Cells, Exit, State, Surroundings, copied, reset, scalar

Access = tuple[int, int]


class Recorder:
    """Physical memory that notes the (address, units) of accesses; with `pretend`, stores are seen by later loads but never reach memory.

    What makes cases shares nothing with the monitor that is to run them.
    """

    __slots__ = ("loads", "memory", "pretend", "pretended", "stores")

    def __init__(self, memory: Storage, *, pretend: bool) -> None:
        self.memory, self.pretend = memory, pretend
        self.pretended: dict[Access, int] = {}
        self.loads: list[Access] = []
        self.stores: list[Access] = []

    def load(self, address: int, count: int) -> int:
        self.loads.append((address, count))
        held = self.pretended.get((address, count))
        return self.memory.load(address, count) if held is None else held

    def store(self, address: int, count: int, value: int) -> None:
        self.stores.append((address, count))
        if self.pretend:
            self.pretended[address, count] = value
        else:
            self.memory.store(address, count, value)


def walked(
    machine: Machine, args: tuple[int, ...], state: State, memory: Storage
) -> tuple[int | None, tuple[Access, ...], tuple[Access, ...]]:
    """How a machine translates: the address (None: it refuses), and the entries that it loads and would store, by the plain evaluator."""
    assert machine.code.translation is not None
    recorder = Recorder(memory, pretend=True)
    found = call(machine, machine.code.translation.function, args, state, Surroundings(memory=recorder))
    return None if isinstance(found, Exit) else found[0], tuple(recorder.loads), tuple(recorder.stores)


class Trial:
    """A state after reset whose PC is at `code` and whose wide registers point to `stack`, and zeroed RAM."""

    def __init__(self, machine: Machine, base: int, size: int, code: int, stack: int) -> None:
        self.machine = machine
        self.ram = Ram(base, size, machine.state.memory_unit, machine.state.big_endian)
        width = machine.state.address_width
        self.bus = Bus(self.ram, (), machine.state.memory_unit, machine.state.big_endian, width)
        self.state = reset(machine)
        for name, leaf in machine.state.leaves.items():
            saved = leaf.role == "saved" and leaf.element_width > 16
            if isinstance(leaf, ArrayLeaf):
                if saved or (not leaf.control and name != machine.state.memory and leaf.width > 8):
                    self.state[name] = Cells(stack & mask(leaf.width))
            elif saved:
                self.state[name] = stack & mask(leaf.width)
        self.state[machine.state.pc] = code

    def under(self, state: State) -> Trial:
        """The same RAM, and another state."""
        found = copy(self)
        found.state = state
        return found

    def run(self, exit_: Exit, state: State) -> tuple[State, Recorder] | None:
        """The state after a delivery; None when it ended in another exit."""
        after = copied(state)
        recorder = Recorder(self.bus, pretend=True)
        ended = deliver(self.machine, exit_, after, Surroundings(memory=recorder))
        return None if ended is not None else (after, recorder)

    def origins(self) -> list[str]:
        """The leaves in which trap entry keeps the PC, perhaps without its low bits."""
        machine, found = self.machine, dict[str, None]()
        state = copied(self.state)
        state[machine.modes.leaf] = machine.modes.user.values[0]
        here = scalar(state, machine.state.pc)
        for name, rule in machine.code.exits.items():
            parameters = machine.code.functions[name].parameters
            after = self.run(Exit(name, (0,) * len(parameters)), state) if rule.kind != "execute" else None
            for leaf in machine.state.control if after is not None else ():
                held, before = (after[0][leaf.name], state[leaf.name]) if after is not None else (0, 0)
                if leaf.role == "saved" and held != before and held in (here, here >> 1, here >> 2):
                    found[leaf.name] = None
        return list(found)

    def moves(self, units: tuple[int, ...], mode: int, array: ArrayLeaf, leaves: list[str]) -> int | None:
        """The element of a general array that an instruction copies into one of some leaves, perhaps without its low bits."""
        machine = self.machine
        after = copied(self.state)
        after[machine.modes.leaf] = mode
        marks = {k: self.ram.base + 64 * (k + 1) for k in range(array.size)}
        for place, fixed in array.hardwired:
            marks[place] = fixed
        after[array.name] = Cells(0, marks)
        before = {n: after[n] for n in leaves}
        fetched = decoded(machine, lambda k: units[k] if k < len(units) else 0)
        if (
            fetched is None
            or execute(machine, fetched, after, Surroundings(memory=Recorder(self.bus, pretend=True)))[0] is not None
        ):
            return None
        for name in leaves:
            held = scalar(after, name)
            for index, mark in marks.items():
                if held != before[name] and mark > 64 and held in (mark, mark >> 1, mark >> 2):
                    return index
        return None

    def goes_on(self, units: tuple[int, ...], mode: int) -> bool:
        """Whether an instruction completes in a mode, and goes on in RAM."""
        machine = self.machine
        after = copied(self.state)
        after[machine.modes.leaf] = mode
        fetched = decoded(machine, lambda k: units[k] if k < len(units) else 0)
        if fetched is None:
            return False
        ended, _ = execute(machine, fetched, after, Surroundings(memory=Recorder(self.bus, pretend=True)))
        pc = scalar(after, machine.state.pc)
        return ended is None and self.ram.base <= pc < self.ram.base + self.ram.size
