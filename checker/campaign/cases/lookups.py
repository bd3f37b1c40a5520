"""Tables in memory that the processor looks up when it takes a trap or returns from one, laid out by asking the specification's own lookups.

An entry is what the specification says a monitor's own is (`tables: monitor`), in a guest's memory: the registers that say where tables lie
are found by pointing them somewhere and seeing what a lookup loads, the bits of entries by flipping those of memory. Where a return takes
entries of its own they are those of trap entry for user mode. No table, descriptor or register is known by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Final

from pgcheck.checker.campaign.cases.trial import Recorder, Trial
from pgcheck.isa.idl.state import ScalarLeaf
from pgcheck.isa.idl.types import Bitfield
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import mask
from pgcheck.isa.terms.reads import leaves_read
from pgcheck.models.reference.cycle import call, decoded, deliver, execute
from pgcheck.models.state import Exit, State, Surroundings, copied, scalar

Lookup = tuple[str, tuple[int, ...]]
WIDEST: Final = 8
"""Bits of an argument all of whose values get an entry."""
ALIGNED: Final = 64
FRESH: Final = range(1, 16)
DEPTH: Final = 3
FEW: Final = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a lookup finds its entry: `count` units at an address; bit `bits[k]` of them is bit k of what is found."""

    address: int
    count: int
    bits: Mapping[int, int]
    found: int


@dataclass(slots=True)
class Lookups:
    """Tables in a guest's memory: the leaves that say where, the entries by (address, units), and general leaves that name those of user mode.

    `alike` has the entries that were written for one table.
    """

    leaves: dict[str, int] = field(default_factory=dict)
    entries: dict[tuple[int, int], int] = field(default_factory=dict)
    alike: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    user: dict[str, int] = field(default_factory=dict)

    def laid(self, trial: Trial, mode: int) -> Trial:
        """A trial whose memory has the tables, in a mode."""
        machine = trial.machine
        for (address, count), value in self.entries.items():
            trial.bus.store(address, count, value)
        names = self.user if mode in machine.modes.user.values else {}
        return trial.under({**trial.state, **self.leaves, **names, machine.modes.leaf: mode})


class Asking:
    """An oracle that notes lookups, and answers some; without `given` all, as a monitor's own entries do."""

    def __init__(self, machine: Machine, given: Mapping[Lookup, int] | None = None) -> None:
        self.machine, self.given = machine, given
        self.asked: dict[Lookup, None] = {}

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None:
        return None

    def probe(self, name: str, args: tuple[int, ...]) -> int | None:
        return None

    def table(self, name: str, args: tuple[int, ...]) -> int | None:
        self.asked[name, args] = None
        table = self.machine.code.tables[name]
        return table.responded(0, table.monitor) if self.given is None else self.given.get((name, args))


class Laying:
    """Finds where lookups look, and writes entries there, in memory from an address on."""

    def __init__(self, trial: Trial, exits: Sequence[Exit], start: int, size: int, stack: int) -> None:
        self.trial, self.exits, self.end, self.stack = trial, exits, start + size, stack
        self.machine = trial.machine
        self.found = Lookups()
        self.free = start
        self._known: dict[Lookup, Entry | None] = {}

    def laid(self) -> Lookups:
        """The entries that trap entry takes, in each mode."""
        asked: dict[Lookup, None] = {}
        modes = self.machine.modes
        for exit_, mode in product(self.exits, (*modes.user.values, *modes.supervisor.values)):
            asked |= self._asked(exit_, mode)
        for name, _ in list(asked):
            widths = [w for _, w in self.machine.code.functions[name].parameters]
            if len(widths) == 1 and 2 < widths[0] <= WIDEST:
                asked |= dict.fromkeys((name, (value,)) for value in range(1 << widths[0]))
        for name in dict.fromkeys(name for name, _ in asked):
            self._point(name, [args for other, args in asked if other == name])
        for name, args in asked:
            table = self.machine.code.tables[name]
            self._write((name, args), table.responded(0, table.monitor))
        self._stack(asked)
        return self.found

    def _asked(self, exit_: Exit, mode: int) -> dict[Lookup, None]:
        oracle = Asking(self.machine)
        state: State = {**copied(self.trial.state), self.machine.modes.leaf: mode}
        memory = Recorder(self.trial.bus, pretend=True)
        deliver(self.machine, exit_, state, Surroundings(memory=memory, oracle=oracle))
        return oracle.asked

    # ---- where tables lie

    @cached_property
    def _walked(self) -> frozenset[str]:
        """The leaves that translation reads, which say nothing of tables."""
        translation = self.machine.code.translation
        functions = self.machine.code.functions
        return leaves_read(functions, translation.function, self.machine.code.exits) if translation else frozenset()

    def _point(self, name: str, arguments: Sequence[tuple[int, ...]]) -> None:
        """Let the registers that a lookup reads lead to memory that is free, with the widest limits."""
        leaves = self.machine.state.leaves
        read = leaves_read(self.machine.code.functions, name, self.machine.code.exits) - self._walked
        wide = [
            n for n in sorted(read) if leaves[n].control and isinstance(leaves[n], ScalarLeaf) and leaves[n].width > 8
        ]
        if any(self._place(name, args) for args in arguments[:1]):
            return
        limits = {n: mask(leaves[n].width) for n in wide if n not in self.found.leaves}
        for base in limits:
            given = {**limits, base: self.free}
            ends = [self._loads(name, args, given) for args in arguments]
            if all(ends) and all(self.free <= at and at + n <= self.end for loads in ends for at, n in loads):
                self.found.leaves |= self._needed(name, arguments[0], base, given)
                last = max(at + n for loads in ends for at, n in loads)
                self.free = -(-last // ALIGNED) * ALIGNED
                self._known.clear()
                return

    def _needed(self, name: str, args: tuple[int, ...], base: str, given: Mapping[str, int]) -> dict[str, int]:
        """Those of some leaves without which a lookup loads something else."""
        loads = self._loads(name, args, given)
        without = {n: {k: v for k, v in given.items() if k != n} for n in given}
        return {n: v for n, v in given.items() if n == base or self._loads(name, args, without[n]) != loads}

    def _loads(self, name: str, args: tuple[int, ...], given: Mapping[str, int]) -> list[tuple[int, int]]:
        memory = Recorder(self.trial.bus, pretend=True)
        call(self.machine, name, args, {**copied(self.trial.state), **given}, Surroundings(memory=memory))
        return memory.loads

    # ---- entries

    def _value(self, lookup: Lookup) -> int:
        state: State = {**copied(self.trial.state), **self.found.leaves}
        result = call(self.machine, *lookup, state, Surroundings(memory=self.trial.bus))
        return result[0] if isinstance(result, tuple) else 0

    def _place(self, name: str, args: tuple[int, ...]) -> Entry | None:
        """The entry of a lookup, if it is memory without a gap of which each bit is one of what is found."""
        if (name, args) not in self._known:
            self._known[name, args] = self._sought(name, args)
        return self._known[name, args]

    def _sought(self, name: str, args: tuple[int, ...]) -> Entry | None:
        loads = sorted(set(self._loads(name, args, self.found.leaves)))
        if not loads or not all(self.trial.bus.is_ram(at, n) for at, n in loads):
            return None
        address, count = loads[0][0], sum(n for _, n in loads)
        if loads[-1][0] + loads[-1][1] != address + count:
            return None
        bus = self.trial.bus
        held = bus.load(address, count)
        before = self._value((name, args))
        known = next((e for (n, _), e in self._known.items() if n == name and e is not None), None)
        if known is not None and known.count == count:
            return Entry(address, count, known.bits, before)
        bits: dict[int, int] = {}
        for bit in range(count * self.machine.state.memory_unit):
            bus.store(address, count, held ^ 1 << bit)
            changed = self._value((name, args)) ^ before
            if changed and not changed & changed - 1:
                bits[changed.bit_length() - 1] = bit
        bus.store(address, count, held)
        return Entry(address, count, bits, before)

    def _write(self, lookup: Lookup, wanted: int) -> bool:
        """Write an entry, so that a lookup finds what is wanted of it; whether it does."""
        entry = self._place(*lookup)
        if entry is None or (entry.address, entry.count) in self.found.entries:
            return False
        word = sum(1 << bit for of_found, bit in entry.bits.items() if wanted >> of_found & 1)
        self._put(entry, word)
        self.found.alike.setdefault(lookup[0], []).append((entry.address, entry.count))
        missed = self._value(lookup) ^ wanted
        return not any(missed >> k & 1 for k in entry.bits)

    def _put(self, entry: Entry, word: int) -> None:
        self.trial.bus.store(entry.address, entry.count, word)
        self.found.entries[entry.address, entry.count] = word

    # ---- where trap entry stores

    def _stack(self, asked: Mapping[Lookup, None]) -> None:
        """Let trap entry store below the stack, by bits of entries that nothing is said of."""
        machine = self.machine
        user = machine.modes.user.values[0]
        count = Counter(name for name, _ in asked)
        for name, args in (lookup for lookup in asked if count[lookup[0]] <= FEW):
            entry, table = self._place(name, args), machine.code.tables[name]
            stored = self._stored(user)
            if entry is None or not isinstance(table.type, Bitfield) or stored is None or self._near(stored):
                continue
            said = table.type.replaced(0, dict.fromkeys(table.monitor, -1))
            self._aim(entry, [bit for k, bit in entry.bits.items() if not said >> k & 1], stored, user)

    def _aim(self, entry: Entry, bits: Iterable[int], stored: int, mode: int) -> None:
        word, width = self.found.entries.get((entry.address, entry.count), 0), self.machine.state.address_width
        steps: dict[int, int] = {}
        for bit in bits:
            self._put(entry, word ^ 1 << bit)
            moved = self._stored(mode)
            if moved is not None and moved != stored:
                steps[bit] = moved - stored & mask(width)
        rest = self.stack - ALIGNED - stored & mask(width)
        for bit, step in sorted(steps.items(), key=lambda s: -s[1]):
            if step <= rest:
                word, rest = word | 1 << bit, rest - step
        self._put(entry, word)

    def _stored(self, mode: int) -> int | None:
        """The address of the first store of a trap entry."""
        for exit_ in self.exits:
            trial = self.found.laid(self.trial, mode)
            after = trial.run(exit_, trial.state)
            if after is not None and after[1].stores:
                return after[1].stores[0][0]
        return None

    def _near(self, address: int) -> bool:
        return self.trial.ram.base <= address < self.trial.ram.base + self.trial.ram.size

    # ---- what a return takes

    def returned(self, encodings: Iterable[tuple[int, ...]]) -> None:
        """Add the entries under which some instruction returns from a trap to user mode, and the leaves that name them there."""
        user = self.machine.modes.user.values[0]
        for exit_ in self.exits:
            if self._after(exit_, user, {}) is None:
                continue
            for units in encodings:
                chosen = self._solved(units, exit_, user, {}, DEPTH)
                if chosen and all(self._named(units, exit_, user, *one) for one in chosen.items()):
                    return
            return

    def _after(self, exit_: Exit, mode: int, changes: Mapping[str, int]) -> tuple[State, Recorder] | None:
        """The state after a trap from a mode, with some leaves changed before it."""
        trial = self.found.laid(self.trial, mode)
        return trial.run(exit_, {**trial.state, **changes})

    def _returning(
        self, units: tuple[int, ...], exit_: Exit, mode: int, changes: Mapping[str, int], given: Mapping[Lookup, int]
    ) -> tuple[bool, list[Lookup]]:
        """Whether an instruction leads back to a mode after a trap, and what it looks up."""
        machine, oracle = self.machine, Asking(self.machine, given)
        entered = self._after(exit_, mode, changes)
        fetched = decoded(machine, lambda k: units[k] if k < len(units) else 0)
        if entered is None or fetched is None:
            return False, []
        state, memory = entered
        ended = execute(machine, fetched, state, Surroundings(memory=memory, oracle=oracle))[0]
        return ended is None and scalar(state, machine.modes.leaf) == mode, list(oracle.asked)

    def _solved(
        self, units: tuple[int, ...], exit_: Exit, mode: int, given: dict[Lookup, int], depth: int
    ) -> dict[Lookup, int] | None:
        """Entries under which an instruction leads back to a mode."""
        leads, asked = self._returning(units, exit_, mode, {}, given)
        if leads:
            return given
        wanted = next((lookup for lookup in asked if lookup not in given), None)
        if wanted is None or not depth:
            return None
        tried = (
            self._solved(units, exit_, mode, {**given, wanted: word}, depth - 1) for word in self._words(wanted[0])
        )
        return next((found for found in tried if found is not None), None)

    def _words(self, name: str) -> tuple[int, ...]:
        """Entries of a table: those of a monitor in tables of the same type, with a field that is as wide as the mode set to anything."""
        tables, width = self.machine.code.tables, self.machine.state.leaves[self.machine.modes.leaf].width
        kind = tables[name].type
        if not isinstance(kind, Bitfield):
            return ()
        fields = [f for f, (high, low) in kind.ranges.items() if high - low + 1 == width]
        alike = [t for t in tables.values() if t.type == kind and len(t.monitor) > 2]
        words = [t.responded(0, {**t.monitor, f: v}) for t in alike for f in fields for v in range(1 << width)]
        return tuple(dict.fromkeys(words))

    def _named(self, units: tuple[int, ...], exit_: Exit, mode: int, lookup: Lookup, word: int) -> bool:
        """Write an entry for user mode where a general leaf can name it, apart from what trap entry looks up."""
        machine = self.machine
        names = [leaf.name for leaf in machine.state.general if isinstance(leaf, ScalarLeaf) and 8 < leaf.width]
        before = self._returning(units, exit_, mode, {}, {})[1]
        for name, value in product(names, FRESH):
            if name in self.found.user or name == machine.state.pc:
                continue
            asked = self._returning(units, exit_, mode, {name: value}, {})[1]
            other = next((one for one in asked if one[0] == lookup[0] and one not in before), None)
            if other is not None and self._write(other, word):
                self.found.user[name] = value
                return True
        return False


def lookups(
    trial: Trial, exits: Sequence[Exit], encodings: Iterable[tuple[int, ...]], start: int, size: int, stack: int
) -> Lookups:
    """The tables of a guest's memory in `size` units from `start` on; nothing for a machine that looks nothing up."""
    if not trial.machine.code.tables or not trial.machine.modes.user.values:
        return Lookups()
    laying = Laying(trial, exits, start, size, stack)
    laying.laid()
    laying.returned(encodings)
    return laying.found
