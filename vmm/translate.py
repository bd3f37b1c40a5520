"""Translation as a monitor uses it: the specification's own walk, with the loads it made."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from pgcheck.isa.idl.types import Enum
from pgcheck.isa.machine.machine import Machine, Translation
from pgcheck.isa.machine.once import once
from pgcheck.isa.terms import mask
from pgcheck.isa.words import joined, split
from pgcheck.models.generated.lines import TooLong, Unsupported
from pgcheck.models.generated.program import Program
from pgcheck.models.memory import Region, Storage
from pgcheck.models.reference.cycle import call
from pgcheck.models.state import Cells, Ended, State, Surroundings, frozen

Args = tuple[int, ...]


class Walk(NamedTuple):
    """A translation that was made: the physical address (None: it faulted), and the (address, units) of its loads and stores."""

    address: int | None
    loads: tuple[tuple[int, int], ...]
    stores: tuple[tuple[int, int], ...]


class Unmappable(Exception):
    """The scheme that a specification declares cannot map a guest's memory; the message says why."""


class Outside(Exception):
    """A walk left RAM: what it finds there can change by itself, and looking at it can change it."""


class Inside:
    """RAM as physical memory that has nothing else: an access that leaves it raises Outside and is not made."""

    __slots__ = ("ram",)

    def __init__(self, ram: Region) -> None:
        self.ram = ram

    def load(self, address: int, count: int) -> int:
        self._check(address, count)
        return self.ram.load(address, count)

    def store(self, address: int, count: int, value: int) -> None:
        self._check(address, count)
        self.ram.store(address, count, value)

    def _check(self, address: int, count: int) -> None:
        if address < self.ram.base or address + count > self.ram.base + self.ram.size:
            raise Outside


class Snapshot(Inside):
    """RAM as it was when it was looked at first since `renew`."""

    __slots__ = ("known",)

    def __init__(self, ram: Region) -> None:
        super().__init__(ram)
        self.known: dict[tuple[int, int], int] = {}

    def renew(self) -> None:
        self.known.clear()

    def load(self, address: int, count: int) -> int:
        value = self.known.get((address, count))
        if value is None:
            value = self.known[address, count] = super().load(address, count)
        return value


class Held:
    """Physical memory that is a leaf of a state."""

    __slots__ = ("cells", "machine")

    def __init__(self, cells: Cells, machine: Machine) -> None:
        self.cells, self.machine = cells, machine

    def load(self, address: int, count: int) -> int:
        space = self.machine.state
        units = [self.cells[address + k & mask(space.address_width)] for k in range(count)]
        return joined(units, space.memory_unit, space.order)

    def store(self, address: int, count: int, value: int) -> None:
        space = self.machine.state
        for k, unit in enumerate(split(value, count, space.memory_unit, space.order)):
            self.cells[address + k & mask(space.address_width)] = unit


class Recorder:
    """Physical memory that notes accesses; with `pretend`, stores are seen by later loads but never reach memory."""

    __slots__ = ("access", "loads", "memory", "pretend", "pretended", "stores")

    def __init__(self, memory: Storage, *, pretend: bool) -> None:
        self.memory, self.pretend = memory, pretend
        self.pretended: dict[tuple[int, int], int] = {}
        self.loads: list[tuple[int, int]] = []
        self.stores: list[tuple[int, int]] = []
        self.access: Args | None = None

    def load(self, address: int, count: int) -> int:
        self.loads.append((address, count))
        if self.pretended and (address, count) in self.pretended:
            return self.pretended[address, count]
        return self.memory.load(address, count)

    def store(self, address: int, count: int, value: int) -> None:
        self.stores.append((address, count))
        if self.pretend:
            self.pretended[address, count] = value
        else:
            self.memory.store(address, count, value)


def walk(machine: Machine, args: Args, state: State, surroundings: Surroundings, *, pretend: bool = False) -> Walk:
    """Translate under a state; with `pretend`, updates of entries (accessed, dirty) stay unmade. Raises what its memory raises."""
    translation = machine.code.translation
    if translation is None or surroundings.memory is None:
        raise TypeError(f"{machine.identity.name} has no translation, or the walk no memory")
    memory = Recorder(surroundings.memory, pretend=pretend)
    translate = (
        _compiled(machine, translation.function) if surroundings.oracle is None and not surroundings.ports else None
    )
    address: int | None
    if translate is not None:
        try:
            address = translate(memory, state, *args)
        except Ended:
            address = None
        return Walk(address, tuple(memory.loads), tuple(memory.stores))
    recorded = Surroundings(
        surroundings.undefined,
        oracle=surroundings.oracle,
        memory=memory,
        ports=surroundings.ports,
        clock=surroundings.clock,
    )
    result = call(machine, translation.function, args, state, recorded)
    return Walk(result[0] if isinstance(result, tuple) else None, tuple(memory.loads), tuple(memory.stores))


@once
def _compiled(machine: Machine, name: str) -> Callable[..., int] | None:
    """Translation as a Python function of memory, state and arguments; None where it is more than a function of these."""
    program = Program(machine, frozenset())
    effects = program.facts.function(name)
    if effects.volatile or effects.free or effects.writes or effects.moves:
        return None
    try:
        return program.function(name)
    except (Unsupported, TooLong, RecursionError):
        return None


def accesses(translation: Translation) -> tuple[int, ...]:
    """The values of the access argument."""
    return values(translation, translation.access)


def values(translation: Translation, position: int) -> tuple[int, ...]:
    """The values that an argument can have: those of its enum, or all of its width."""
    kind = translation.parameters[position][1]
    if isinstance(kind, Enum):
        return tuple(sorted(set(kind.members.values())))
    return tuple(range(1 << getattr(kind, "width", 1)))


def with_argument(args: Args, position: int, value: int) -> Args:
    """The arguments with one replaced."""
    return (*args[:position], value, *args[position + 1 :])


def root_key(state: State, leaves: Collection[str]) -> tuple[object, ...]:
    """What translation depends on besides memory, as a value."""
    return tuple([frozen(state[name]) for name in leaves])
