"""Where trap entry takes its target from, and which instructions return: found by asking the specification's own trap entry.

A source is a leaf or a memory cell whose bits, flipped one at a time, move the PC that a trap loads by a power of two. No vector table,
descriptor or return instruction is known by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product, starmap
from typing import Protocol

from pgcheck.checker.campaign.cases.interrupts import Interrupts
from pgcheck.checker.campaign.cases.inventory import Inventory, Units
from pgcheck.checker.campaign.cases.layout import Layout
from pgcheck.checker.campaign.cases.lookups import Lookups, lookups
from pgcheck.checker.campaign.cases.trial import Recorder, Trial
from pgcheck.isa.idl.state import ScalarLeaf
from pgcheck.isa.machine.machine import Machine
from pgcheck.models.memory import Bus
from pgcheck.models.reference.cycle import decoded, deliver, execute
from pgcheck.models.state import Exit, State, Surroundings, copied, scalar

MAX_CODES = 24


class Storing(Protocol):
    """Memory that can be stored to."""

    def store(self, address: int, count: int, value: int) -> None: ...


@dataclass(frozen=True, slots=True)
class InLeaf:
    """A leaf that holds a trap's target."""

    leaf: str

    def width(self, machine: Machine) -> int:
        return machine.state.leaves[self.leaf].width

    def put(self, state: State, memory: Storing, word: int) -> None:
        state[self.leaf] = word


@dataclass(frozen=True, slots=True)
class InMemory:
    """A memory cell of `count` units that holds a trap's target."""

    address: int
    count: int

    def width(self, machine: Machine) -> int:
        return self.count * machine.state.memory_unit

    def put(self, state: State, memory: Storing, word: int) -> None:
        memory.store(self.address, self.count, word)


Place = InLeaf | InMemory


@dataclass(frozen=True, slots=True)
class Source:
    """A place that holds a trap's target.

    With `word` in it the PC becomes `start`; setting bit `k` of it besides adds `steps[k]`. `others` are the bits that set other
    leaves: (leaf, bit of the leaf, bit of the source).
    """

    place: Place
    word: int
    start: int
    steps: Mapping[int, int]
    others: tuple[tuple[str, int, int], ...]

    def aimed(self, target: int, wanted: Mapping[str, int]) -> int:
        """The word under which a trap goes to `target`, as near as it can, and sets leaves as wanted."""
        word, rest = self.word, target - self.start
        for bit, step in sorted(self.steps.items(), key=lambda s: -s[1]):
            if 0 < step <= rest:
                word |= 1 << bit
                rest -= step
        for leaf, of_leaf, bit in self.others:
            if leaf in wanted:
                word = word & ~(1 << bit) | (wanted[leaf] >> of_leaf & 1) << bit
        return word


@dataclass(frozen=True, slots=True)
class Vectors:
    """All sources of trap targets, encodings that return from a trap to where it happened, and targets that nothing decides, in order.

    `lookups` are the tables that this takes.
    """

    sources: tuple[Source, ...]
    returns: tuple[Units, ...]
    fixed: tuple[int, ...] = ()
    lookups: Lookups = field(default_factory=Lookups)


def vectors(inventory: Inventory, where: Layout, asked: Interrupts) -> Vectors:
    """The sources and returns of a machine with a layout, for traps and for interrupts."""
    machine = inventory.machine
    trial = Trial(machine, where.base, where.size, where.user, where.stack)
    found: dict[Place, Source | None] = {}
    user = machine.modes.user.values
    fixed: set[int] = set()
    tables = _looked_up(inventory, trial, where)
    modes = [(mode, tables.laid(trial, mode).state) for mode in (*user, *machine.modes.supervisor.values)]
    tried = [(exit_, state) for exit_, (_, state) in product(_exits(machine), modes)]
    for exit_, state in (*tried, *_interrupted(machine, {**trial.state, **tables.leaves}, asked)):
        here = trial.under(state)
        if not _sources(inventory, here, exit_, tables, found):
            fixed |= _fixed(here, exit_, (where.user, where.stack))
    sources = {place: source for place, source in found.items() if source is not None}
    for entries in tables.alike.values():
        for known in [sources[place] for place in starmap(InMemory, entries) if place in sources][:1]:
            for place in starmap(InMemory, entries):
                sources.setdefault(place, replace(known, place=place))
    middle = where.base + where.size // 2
    entered = tables.laid(trial, user[0]) if user else trial
    returns = (
        _returns(inventory, entered, tuple(sources.values()), where.user, middle) if (sources or fixed) and user else ()
    )
    inside = tuple(sorted(a for a in fixed if where.base <= a < where.end))
    return Vectors(tuple(sources.values()), returns, inside, tables)


def _looked_up(inventory: Inventory, trial: Trial, where: Layout) -> Lookups:
    """The tables that trap entry and return look up, in the first block of memory."""
    machine = inventory.machine
    encodings = (units for i in inventory.groups["control"] for units in inventory.pool(i)[:4])
    return lookups(trial, list(_exits(machine)), encodings, where.base, where.block, where.stack)


def _fixed(trial: Trial, exit_: Exit, places: Iterable[int]) -> set[int]:
    """Where a trap goes, if it goes there from any place."""
    pc = trial.machine.state.pc
    ended = [trial.run(exit_, {**trial.state, pc: place}) for place in places]
    targets = {scalar(after[0], pc) for after in ended if after is not None}
    return targets if len(targets) == 1 and None not in ended else set()


def _interrupted(machine: Machine, state: State, asked: Interrupts) -> Iterator[tuple[Exit, State]]:
    """The delivery of an interrupt as an exit, with the states in which each line asks for it."""
    rule = machine.code.interrupt
    for mode, opened in asked.open.items() if rule is not None else ():
        for values, line in product(opened, asked.lines):
            yield Exit(rule.deliver if rule else "", ()), {**state, **values, line: 1, machine.modes.leaf: mode}


def _exits(machine: Machine) -> Iterator[Exit]:
    """Each terminator with a payload for each of its causes."""
    for name, rule in machine.code.exits.items():
        if rule.kind == "execute":
            continue
        ranges: list[Iterable[int]] = []
        for place, (_, width) in enumerate(machine.code.functions[name].parameters):
            if place == rule.selector:
                ranges.append(sorted({v for v, _ in rule.kinds} | ({0, 4, 5, 6, 7} if width <= 8 else {0})))
            else:
                ranges.append(
                    range(1 << width) if width <= 4 and len(machine.code.functions[name].parameters) == 1 else (0,)
                )
        for place, args in enumerate(product(*ranges)):
            if place < MAX_CODES:
                yield Exit(name, args)


def _sources(
    inventory: Inventory, trial: Trial, exit_: Exit, tables: Lookups, found: dict[Place, Source | None]
) -> bool:
    """Note what the places that a trap entry reads are; whether there is a source among them."""
    machine, any_ = trial.machine, False
    for name, leaf in machine.state.leaves.items():
        if leaf.role == "vector" and isinstance(leaf, ScalarLeaf) and leaf.width > 8:
            source = _probe(trial, exit_, InLeaf(name), 0)
            if source is not None:
                found.setdefault(InLeaf(name), source)
                any_ = True
    plain = trial.run(exit_, trial.state)
    loads = plain[1].loads if plain is not None else _attempted(trial, exit_)
    for address, count in dict.fromkeys(_whole(access, tables) for access in loads):
        place = InMemory(address, count)
        if not trial.bus.is_ram(address, count):
            continue
        if found.get(place) is None and (place not in found or (address, count) not in tables.entries):
            words = (trial.bus.load(address, count),) if plain is not None else _words(inventory)
            found[place] = next(filter(None, (_probe(trial, exit_, place, word) for word in words)), None)
        any_ = any_ or found[place] is not None
    return any_


def _whole(access: tuple[int, int], tables: Lookups) -> tuple[int, int]:
    """The entry of a table that an access is made to, or the access."""
    address, count = access
    inside = (e for e in tables.entries if e[0] <= address and address + count <= e[0] + e[1])
    return next(inside, access)


def _attempted(trial: Trial, exit_: Exit) -> list[tuple[int, int]]:
    recorder = Recorder(trial.bus, pretend=True)
    deliver(trial.machine, exit_, copied(trial.state), Surroundings(memory=recorder))
    return recorder.loads


def _words(inventory: Inventory) -> Iterator[int]:
    """Instructions of one unit: what a machine may execute in place of a vector."""
    for instruction in inventory.machine.instructions:
        for units in inventory.pool(instruction)[:1]:
            if len(units) == 1:
                yield units[0]


def _probe(trial: Trial, exit_: Exit, place: Place, word: int) -> Source | None:
    """The source that a place is when it holds a word; None if it has nothing to do with where the trap goes."""
    machine, pc = trial.machine, trial.machine.state.pc
    content = trial.bus.load(place.address, place.count) if isinstance(place, InMemory) else 0

    def ran(word: int) -> State | None:
        state = copied(trial.state)
        place.put(state, trial.bus, word)
        after = trial.run(exit_, state)
        if isinstance(place, InMemory):
            place.put(state, trial.bus, content)
        return None if after is None else after[0]

    first = ran(word)
    if first is None:
        return None
    start = scalar(first, pc)
    steps: dict[int, int] = {}
    others: list[tuple[str, int, int]] = []
    for bit in range(place.width(machine)):
        after = ran(word ^ 1 << bit)
        if after is None:
            continue
        now = scalar(after, pc)
        if now != start and not word >> bit & 1:
            steps[bit] = now - start
        for name, held in after.items():
            before = first[name]
            if name != pc and place != InLeaf(name) and isinstance(held, int) and isinstance(before, int):
                change = held ^ before
                if change and machine.state.leaves[name].control and change & change - 1 == 0:
                    others.append((name, change.bit_length() - 1, bit))
    if not any(step > 0 for step in steps.values()):
        return None
    return Source(place, word, start, steps, tuple(others))


class Caught:
    """Memory that only notes what is stored to it."""

    def __init__(self) -> None:
        self.made: list[tuple[int, int, int]] = []

    def store(self, address: int, count: int, value: int) -> None:
        self.made.append((address, count, value))


def aim(machine: Machine, sources: Iterable[Source], state: State, memory: Storing, target: int) -> None:
    """Let every trap go to `target`, in supervisor mode and with the relocation of reset."""
    wanted = {
        n: leaf.reset
        for n, leaf in machine.state.leaves.items()
        if isinstance(leaf, ScalarLeaf) and leaf.role == "relocation"
    }
    wanted[machine.modes.leaf] = machine.modes.supervisor.values[0]
    known: dict[tuple[int, int, int], int] = {}
    for source in sources:
        key = source.word, source.start, id(source.steps)
        if key not in known:
            known[key] = source.aimed(target, wanted)
        source.place.put(state, memory, known[key])


def _returns(
    inventory: Inventory, trial: Trial, sources: tuple[Source, ...], code: int, handler: int
) -> tuple[Units, ...]:
    """Encodings that, run where a trap went, go back to user mode at the place of the trap or behind it."""
    machine = trial.machine
    user = machine.modes.user.values[0]
    trial.state[machine.modes.leaf] = user
    aim(machine, sources, trial.state, trial.bus, handler)
    near = {code + k for k in range(0, 9)}
    found: dict[Units, None] = {}
    for exit_ in _exits(machine):
        after = copied(trial.state)
        if deliver(machine, exit_, after, Surroundings(memory=trial.bus)) is not None:
            continue
        if after[machine.modes.leaf] not in machine.modes.supervisor.values:
            continue
        for instruction in inventory.groups["control"]:
            for units in inventory.pool(instruction):
                if units not in found and _goes_back(machine, units, after, trial.bus, near, user):
                    found[units] = None
        if found:
            break
    return tuple(found)


def _goes_back(machine: Machine, units: Units, after: State, bus: Bus, near: set[int], user: int) -> bool:
    state = copied(after)
    fetched = decoded(machine, lambda k: units[k] if k < len(units) else 0)
    if fetched is None:
        return False
    ended, _ = execute(machine, fetched, state, Surroundings(memory=Recorder(bus, pretend=True)))
    return ended is None and state[machine.state.pc] in near and state[machine.modes.leaf] == user
