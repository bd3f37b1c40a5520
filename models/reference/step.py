"""What lowered code asks of a step, on Python integers: leaves, elements, physical memory, and the answers of the surroundings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn

from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.once import once
from pgcheck.isa.terms import Term, mask
from pgcheck.isa.terms.ir import TRANSLATE, UNPREDICTABLE, Block
from pgcheck.isa.terms.names import CHOICE, READ, Space
from pgcheck.isa.words import joined, split
from pgcheck.models.state import Cells, Ended, Exit, Oracle, State, Surroundings

Actions = dict[int, tuple[Block, Callable[["Step"], tuple[int, ...] | None]]]


@once
def _actions(machine: Machine) -> Actions:
    """What has been made of blocks, found by their identity: hashing statements would cost more than running them."""
    return {}


class Step:
    """Runs lowered code on a state, which it changes in place; writes before an exit persist."""

    __slots__ = (
        "access",
        "actions",
        "bound",
        "encoding",
        "first",
        "instances",
        "length",
        "locals",
        "machine",
        "next",
        "operands",
        "state",
        "surroundings",
    )

    def __init__(
        self, machine: Machine, state: State, operands: Mapping[str, int], surroundings: Surroundings | None = None
    ) -> None:
        self.machine, self.state, self.operands = machine, state, operands
        self.surroundings = surroundings or Surroundings()
        self.locals: dict[str, int] = {}
        self.next = 0
        self.encoding: Term | None = None
        self.length = 0
        self.access: tuple[int, ...] | None = None
        self.instances: dict[tuple[Space, str], int] = {}
        self.first = 0
        self.bound = mask(machine.state.address_width)
        self.actions = _actions(machine)

    # ---- what expressions and statements ask for

    def instance(self, space: Space, name: str) -> int:
        """Which instance of a site or volatile leaf the next one is."""
        count = self.instances.get((space, name), self.first)
        self.instances[space, name] = count + 1
        return count

    def scalar(self, leaf: str) -> int:
        value = self.state[leaf]
        assert isinstance(value, int)
        return value

    def set_scalar(self, leaf: str, value: int) -> None:
        port = self.surroundings.ports.get(leaf)
        if port is None:
            self.state[leaf] = value
        else:
            port.write(0, 1, value)

    def cells(self, leaf: str) -> Cells:
        value = self.state[leaf]
        assert isinstance(value, Cells)
        return value

    def undefined(self, site: str, width: int) -> int:
        return self.surroundings.undefined(site, self.instance(CHOICE, site), width)

    def volatile(self, name: str, index: int | None) -> int:
        """A fresh value, by default the stored one; reading a device may change it."""
        leaf, surroundings = self.machine.state.leaves[name], self.surroundings
        port = surroundings.ports.get(name)
        if port is not None:
            return port.read(index or 0, 1) & mask(leaf.element_width)
        instance = self.instance(READ, name)
        held = self.state[name]
        value = held[index or 0] if isinstance(held, Cells) else held
        if surroundings.volatile is not None:
            value = surroundings.volatile(leaf, instance, index)
        if leaf.role == "device":
            after = self.instance(READ, name)
            if surroundings.volatile_write is not None:
                changed = surroundings.volatile_write(leaf, after)
                if changed is not None:
                    self.state[name] = changed
        return value

    def end(self, function: str, args: tuple[int, ...], note: str = "") -> NoReturn:
        """End with an exit."""
        raise Ended(Exit(function, args, note, self.access))

    def in_range(self, leaf: ArrayLeaf, index: int) -> None:
        if index >= leaf.size:
            self.end(UNPREDICTABLE, (), f"index beyond {leaf.name}")

    def element(self, name: str, index: int) -> int:
        leaf = self.machine.state.arrays[name]
        self.in_range(leaf, index)
        for place, fixed in leaf.hardwired:
            if index == place:
                return fixed
        return self.cells(name)[index]

    def set_element(self, name: str, index: int, value: int) -> None:
        leaf = self.machine.state.arrays[name]
        self.in_range(leaf, index)
        port = self.surroundings.ports.get(name)
        if port is not None:
            port.write(index, 1, value)
        elif all(index != place for place, _ in leaf.hardwired):
            self.cells(name)[index] = value

    def load(self, address: int, width: int) -> int:
        """`width` bits of physical memory from `address` on."""
        machine, bound = self.machine, self.bound
        unit = machine.state.memory_unit
        count = width // unit
        if self.surroundings.memory is not None:
            return self.surroundings.memory.load(address & bound, count)
        memory = self.cells(machine.state.memory)
        return joined([memory[address + k & bound] for k in range(count)], unit, machine.state.order)

    def write(self, address: int, value: int, width: int) -> None:
        """Set `width` bits of physical memory from `address` on."""
        machine, bound = self.machine, self.bound
        unit = machine.state.memory_unit
        count = width // unit
        if self.surroundings.memory is not None:
            self.surroundings.memory.store(address & bound, count, value)
            return
        memory = self.cells(machine.state.memory)
        for k, piece in enumerate(split(value, count, unit, machine.state.order)):
            memory[address + k & bound] = piece

    def answer(self, oracle: Oracle, name: str, args: tuple[int, ...]) -> tuple[int, ...] | None:
        """What the oracle says in place of a cut; None for all other functions."""
        translation = self.machine.code.translation
        if translation is not None and name == translation.function:
            translated = oracle.translate(args)
            if translated is None:
                return None
            fault, address = translated
            if fault:
                self.end(TRANSLATE, args)
            return (address,)
        if translation is not None and name in translation.probes:
            value = oracle.probe(name, args)
            return None if value is None else (value,)
        if name in self.machine.code.tables:
            value = oracle.table(name, args)
            return None if value is None else (value,)
        return None
