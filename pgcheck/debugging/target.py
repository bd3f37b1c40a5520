"""A computer as a debugger sees it: registers, and memory at the addresses that the program uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.platform import Register
from pgcheck.isa.terms import mask
from pgcheck.models.computer.computer import Computer
from pgcheck.models.reference.cycle import holds
from pgcheck.models.state import State, cells, copied, scalar
from pgcheck.vmm.translate import accesses, values, walk, with_argument

PAGE: Final = 1 << 8
"""Addresses of one such range lie in one page."""


class Target:
    """A computer that is stopped. Registers and memory are bytes in the machine's order."""

    def __init__(self, computer: Computer, registers: Sequence[Register]) -> None:
        self.computer, self.registers = computer, registers
        self.machine: Machine = computer.machine

    @property
    def place(self) -> int:
        """Where the program is."""
        return scalar(self.computer.state, self.machine.state.pc)

    # ---- registers

    def read(self, number: int) -> bytes | None:
        """The value of a register; None where the machine has none."""
        register = self.registers[number]
        if not register.pieces:
            return None
        value = 0
        for part, index in register.pieces:
            held = part.fixed if not part.leaf else self._held(part.leaf, index)
            value = value << part.high - part.low + 1 | held
        return value.to_bytes(register.bits // 8, self.machine.state.order)

    def write(self, number: int, data: bytes) -> bool:
        """Set a register; False, and nothing done, where the machine has none, or the state would be no legal one."""
        register, state = self.registers[number], self.computer.state
        if not register.pieces or len(data) != register.bits // 8:
            return False
        value, changed = int.from_bytes(data, self.machine.state.order), copied(state)
        for part, index in reversed(register.pieces):
            width = part.high - part.low + 1
            if part.leaf:
                self._set(changed, part.leaf, index, value & mask(width))
            value >>= width
        if not all(holds(self.machine, term, changed) for term in self.machine.legal):
            return False
        for leaf in {part.leaf for part, _ in register.pieces if part.leaf}:
            state[leaf] = changed[leaf]
        return True

    def _held(self, leaf: str, index: int | None) -> int:
        state = self.computer.state
        return scalar(state, leaf) if index is None else cells(state, leaf)[index]

    def _set(self, state: State, leaf: str, index: int | None, value: int) -> None:
        if index is None:
            state[leaf] = value
        elif index not in dict(self.machine.state.arrays[leaf].hardwired):
            cells(state, leaf)[index] = value

    # ---- memory

    def load(self, address: int, count: int) -> bytes | None:
        """Memory from an address on; None where some of it is mapped by nothing, or no RAM."""
        bus, found = self.computer.bus, bytearray()
        for at, size in _ranges(address, count):
            place = self.physical(at)
            if place is None or not bus.is_ram(place, size):
                return None
            found += bus.load(place, size).to_bytes(size, bus.order)
        return bytes(found)

    def store(self, address: int, data: bytes) -> bool:
        """Set memory from an address on, also where the program may not; False, and nothing done, where there is no RAM."""
        bus, ranges = self.computer.bus, list(_ranges(address, len(data)))
        places = [self.physical(at) for at, _ in ranges]
        if any(p is None or not bus.is_ram(p, size) for p, (_, size) in zip(places, ranges, strict=True)):
            return False
        for place, (at, size) in zip(places, ranges, strict=True):
            if place is not None:
                bus.store(place, size, int.from_bytes(data[at - address : at - address + size], bus.order))
        return True

    def physical(self, address: int) -> int | None:
        """Where an address leads: as the processor is now, or else in another mode; nothing is changed by asking."""
        translation = self.machine.code.translation
        if translation is None:
            return address & mask(self.machine.state.address_width)
        known = self.machine.platform.debugger
        given = known.arguments if known is not None else {}
        args = [given.get(name, 0) for name, _ in translation.parameters]
        width = self.machine.code.functions[translation.function].parameters[translation.address][1]
        args[translation.address] = address & mask(width)
        now = scalar(self.computer.state, self.machine.modes.leaf)
        for mode in (now, *(m for m in values(translation, translation.mode) if m != now)):
            for access in accesses(translation):
                asked = with_argument(tuple(args), translation.access, access)
                asked = with_argument(asked, translation.mode, mode)
                found = walk(self.machine, asked, self.computer.state, self.computer.surroundings, pretend=True)
                if found.address is not None:
                    return found.address
        return None


def _ranges(address: int, count: int) -> Sequence[tuple[int, int]]:
    """The (address, count) of a range, each within one page."""
    ends = sorted({address, *range((address // PAGE + 1) * PAGE, address + count, PAGE), address + count})
    return [(a, b - a) for a, b in zip(ends, ends[1:], strict=False)]
