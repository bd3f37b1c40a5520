"""Instructions that load and store through a register, found by trying them: a program that makes accesses of one's choice."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pgcheck.checker.campaign.cases.inventory import Inventory, Units
from pgcheck.checker.campaign.cases.trial import Recorder
from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import mask
from pgcheck.isa.words import joined, split
from pgcheck.models.reference.cycle import decoded, execute
from pgcheck.models.state import Cells, State, Surroundings, cells, copied

TRIES: Final = 500
Register = tuple[str, int]
Marks = Mapping[Register, int]


@dataclass(frozen=True, slots=True)
class Access:
    """An instruction that makes one access of `count` units: at the address in `base` and `distance` more.

    A store takes its value from `value`; a load leaves general registers other than those in `changes` alone.
    """

    units: Units
    count: int
    base: Register
    distance: int
    value: Register | None
    changes: frozenset[Register]


@dataclass(frozen=True, slots=True)
class Accesses:
    """Loads and stores through registers; either may be empty."""

    loads: tuple[Access, ...]
    stores: tuple[Access, ...]


def accesses(inventory: Inventory) -> Accesses:
    """What an inventory's instructions do in supervisor mode, tried on two sets of register contents."""
    machine, trial = inventory.machine, inventory.trial
    arrays = [a for a in machine.state.registers if a.size <= 64 and a.width >= min(9, machine.state.address_width)]
    source = random.Random(f"{machine.identity.name} registers")
    marks = [_marks(source, arrays, trial.ram.base, trial.ram.size) for _ in range(2)]
    loads: list[Access] = []
    stores: list[Access] = []
    group = inventory.groups["memory"] if arrays else ()
    for instruction in group:
        pool = inventory.smooth(instruction, machine.modes.supervisor.values[0])
        for units in pool[:: max(1, len(pool) * len(group) // TRIES)]:
            found = _access(inventory, units, marks)
            if found is not None:
                (loads if found.value is None else stores).append(found)
    return Accesses(tuple(loads), tuple(stores))


def aimed(machine: Machine, state: State, access: Access, address: int, value: int | None = None) -> Units:
    """An access at an address, or before it where that is not aligned; the registers that this takes, and a value to store, are set in `state`."""
    held = {access.base: address // access.count * access.count - access.distance}
    if value is not None and access.value is not None:
        held[access.value] = value
    for (name, index), word in held.items():
        cells(state, name)[index] = word & mask(machine.state.leaves[name].width)
    return access.units


def _marks(source: random.Random, arrays: Sequence[ArrayLeaf], base: int, size: int) -> Marks:
    """Register contents that are addresses of RAM, no two alike."""
    step = max(1, min(16, size // 16))
    quarter = size // 4 // step
    places = source.sample(range(quarter, 3 * quarter), min(2 * quarter, sum(a.size for a in arrays)))
    drawn = iter(places)
    return {
        (array.name, k): base + step * next(drawn, quarter) & mask(array.width)
        for array in arrays
        for k in range(array.size)
        if all(k != place for place, _ in array.hardwired)
    }


def _access(inventory: Inventory, units: Units, marks: Sequence[Marks]) -> Access | None:
    """The access that an encoding makes, if it is one and its address is told by a register."""
    runs = [_run(inventory, units, given) for given in marks]
    seen = [run for run in runs if run is not None]
    if len(seen) < len(marks):
        return None
    stored = [run[1].stores for run in seen]
    loaded = [run[1].loads for run in seen]
    made = [_whole(accesses) for accesses in (stored if stored[0] else loaded)]
    if None in made or (stored[0] and any(loaded)):
        return None
    places = [one for one in made if one is not None]
    width = inventory.machine.state.address_width
    base = next(_common([(m, one[0]) for m, one in zip(marks, places, strict=True)], width), None)
    if base is None:
        return None
    count = places[0][1]
    distance = places[0][0] - marks[0][base] & mask(width)
    value = None
    if stored[0]:
        bits = count * inventory.machine.state.memory_unit
        wanted = [(m, _held(inventory, run[1], one)) for m, run, one in zip(marks, seen, places, strict=True)]
        value = next((r for r in marks[0] if all(m[r] & mask(bits) == held for m, held in wanted)), None)
        if value is None or value == base:
            return None
    changes = frozenset(r for m, run in zip(marks, seen, strict=True) for r in m if cells(run[0], r[0])[r[1]] != m[r])
    return None if value is not None and changes else Access(units, count, base, distance, value, changes)


def _whole(made: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """Accesses that follow each other without a gap as one."""
    if not made:
        return None
    start, end = made[0][0], made[0][0]
    for address, count in made:
        if address != end:
            return None
        end += count
    return start, end - start


def _held(inventory: Inventory, recorder: Recorder, place: tuple[int, int]) -> int:
    """What an instruction stored to units that follow each other."""
    state = inventory.machine.state
    units = [
        unit
        for (address, count), value in sorted(recorder.pretended.items())
        if place[0] <= address < place[0] + place[1]
        for unit in split(value, count, state.memory_unit, state.order)
    ]
    return joined(units, state.memory_unit, state.order)


def _common(addresses: Sequence[tuple[Marks, int]], width: int) -> Iterator[Register]:
    """The registers from which both addresses are equally far."""
    for register in addresses[0][0]:
        if len({at - marks[register] & mask(width) for marks, at in addresses}) == 1:
            yield register


def _run(inventory: Inventory, units: Units, marks: Marks) -> tuple[State, Recorder] | None:
    machine, trial = inventory.machine, inventory.trial
    state = copied(trial.state)
    state[machine.modes.leaf] = machine.modes.supervisor.values[0]
    for name in {name for name, _ in marks}:
        hardwired = dict(machine.state.arrays[name].hardwired)
        state[name] = Cells(0, {**{k: v for (n, k), v in marks.items() if n == name}, **hardwired})
    recorder = Recorder(trial.bus, pretend=True)
    fetched = decoded(machine, lambda k: units[k] if k < len(units) else 0)
    if fetched is None or execute(machine, fetched, state, Surroundings(memory=recorder))[0] is not None:
        return None
    return state, recorder
