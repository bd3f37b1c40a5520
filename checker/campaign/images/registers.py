"""How registers are loaded from an address and stored to one, found by trying the instructions of a specification."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pgcheck.checker.campaign.cases.inventory import Inventory, Units, required
from pgcheck.checker.campaign.cases.layout import Layout
from pgcheck.checker.campaign.cases.trial import Recorder
from pgcheck.isa.encoding.codec import encode
from pgcheck.isa.encoding.encoding import Encoding
from pgcheck.isa.idl.state import Leaf
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import mask
from pgcheck.isa.words import joined, split
from pgcheck.models.memory import Bus
from pgcheck.models.reference.cycle import decoded, execute
from pgcheck.models.state import Cells, State, Surroundings, cells, copied, reset

DRAWS = 160
MARKER = 0x5A3C96E1D2B4870F
Register = tuple[str, int]


@dataclass(frozen=True, slots=True)
class RegisterMove:
    """An instruction that moves a register from or to an address."""

    instruction: Instruction
    encoding: Encoding
    operands: Mapping[str, int]
    address: str

    def units(self, where: int) -> Units:
        width = self.encoding.operands[self.address].width
        return encode(self.encoding, {**self.operands, self.address: where & mask(width)})


def stepped(machine: Machine, state: State, units: Units, bus: Bus) -> tuple[State, Recorder] | None:
    """The state after an instruction and the memory it used; None when it ends in an exit."""
    found = copied(state)
    recorder = Recorder(bus, pretend=True)
    fetched = decoded(machine, lambda k: units[k] if k < len(units) else 0)
    if fetched is None or execute(machine, fetched, found, Surroundings(memory=recorder))[0] is not None:
        return None
    return found, recorder


class Registers:
    """The general registers of a machine, as (array, element), with an instruction that loads and one that stores each, if found."""

    def __init__(self, inventory: Inventory, where: Layout) -> None:
        self.inventory, self.where = inventory, where
        self.machine = machine = inventory.machine
        self.arrays = [a for a in machine.state.registers if a.size <= 64 and a.width % machine.state.memory_unit == 0]
        self.loads: dict[Register, RegisterMove] = {}
        self.stores: dict[Register, RegisterMove] = {}
        self._find()

    def _find(self) -> None:
        machine = self.machine
        widest = max((a.width for a in self.arrays), default=0)
        wanted = {
            (a.name, k)
            for a in self.arrays
            if a.width == widest
            for k in range(a.size)
            if all(k != place for place, _ in a.hardwired)
        }
        source = random.Random(f"{machine.identity.name} accesses")
        for instruction in machine.instructions:
            facts = self.inventory.of.get(instruction.id)
            if facts is None or not (facts.loads or facts.stores):
                continue
            if wanted <= self.loads.keys() and wanted <= self.stores.keys():
                return
            for access in self._drawn(instruction, source, DRAWS):
                self._try(access)
        for known in {a.instruction.id: a.instruction for a in (*self.loads.values(), *self.stores.values())}.values():
            if not (wanted <= self.loads.keys() and wanted <= self.stores.keys()):
                for access in self._drawn(known, source, 12 * DRAWS):
                    self._try(access)

    def _drawn(self, instruction: Instruction, source: random.Random, draws: int) -> Iterator[RegisterMove]:
        encoding = instruction.encoding
        if encoding is None:
            return
        forced = required(encoding)
        wide = [n for n, o in encoding.operands.items() if 8 <= o.width and n not in forced]
        for address in wide:
            for _ in range(draws):
                drawn = self.inventory.decoded(instruction, encoding, source, forced)
                if drawn is not None:
                    yield RegisterMove(instruction, encoding, drawn.operands, address)

    def _try(self, access: RegisterMove) -> None:
        """Note what an access loads or stores, if it does just that."""
        where = self.where.data[0]
        try:
            units = access.units(where)
        except ValueError:
            return
        trial = self.inventory.trial
        state = reset(self.machine)
        state[self.machine.state.pc] = self.where.kernel
        for array in self.arrays:
            marks = {k: MARKER * (k + 3) & mask(array.width) for k in range(array.size)}
            state[array.name] = Cells(0, {**marks, **dict(array.hardwired)})
        count = max((a.width for a in self.arrays), default=0) // self.machine.state.memory_unit
        mark = MARKER & mask(count * self.machine.state.memory_unit)
        trial.bus.store(where, count, mark)
        found = stepped(self.machine, state, units, trial.bus)
        trial.bus.store(where, count, 0)
        if found is None:
            return
        changed = [
            (a.name, k) for a in self.arrays for k in range(a.size) if _element(found[0], a, k) != _element(state, a, k)
        ]
        cells = list(range(where, where + count))
        loaded = sorted({a + k for a, n in found[1].loads for k in range(n)})
        stored = self._stored(found[1])
        if len(changed) == 1 and not stored and loaded == cells:
            name, index = changed[0]
            if _element(found[0], self.machine.state.leaves[name], index) == mark:
                self.loads.setdefault((name, index), access)
        if not changed and sorted(stored) == cells:
            value = joined([stored[c] for c in cells], self.machine.state.memory_unit, self.machine.state.order)
            for array in self.arrays:
                for k in range(array.size):
                    if _element(state, array, k) == value:
                        self.stores.setdefault((array.name, k), access)

    def _stored(self, recorder: Recorder) -> dict[int, int]:
        """What was stored, by address."""
        unit, order, found = self.machine.state.memory_unit, self.machine.state.order, dict[int, int]()
        for (address, count), value in (recorder.pretended or {}).items():
            found.update(zip(range(address, address + count), split(value, count, unit, order), strict=True))
        return found


def _element(state: State, array: Leaf, index: int) -> int:
    return cells(state, array.name)[index]
