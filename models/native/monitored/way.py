"""The loop at work for one guest: what Python tells it before it runs, and what it reads off it afterwards."""

from __future__ import annotations

import ctypes
import mmap
import struct
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.once import once
from pgcheck.isa.terms import mask
from pgcheck.isa.terms.ir import BUILTIN_EXITS, EXECUTE, Block
from pgcheck.models.native import kept
from pgcheck.models.native.linking import Linked
from pgcheck.models.native.lowering.layout import RECORDS
from pgcheck.models.native.lowering.threaded import exported
from pgcheck.models.native.monitored.loop import NAME
from pgcheck.models.native.monitored.rounds import AT, LEFT, NOW, ROUNDS, TURNS, Rounds
from pgcheck.models.native.monitored.split import ROWS, Apart, Split
from pgcheck.models.native.records import Context
from pgcheck.models.native.runtime import Interpreter, Runtime
from pgcheck.models.state import Cells, Exit, Fetched, State

_PRIVATE: Final = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
Key = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """The loop of an interpreter and a split as code, and where it keeps what."""

    apart: Apart
    enter: Callable[[int], int]
    rounds: Callable[[int], int]
    always: bool
    """What the guest changes without a trap decides on whether it goes on."""


@once
def made(machine: Machine, tier: Interpreter, split: Split) -> Made:
    """The loop of an interpreter and a split. Raises Unavailable and Unsupported."""
    loop = Rounds(tier.plan, split, len(tier.written.exits))
    linked = Linked(kept.compiled(loop.text, 1))
    return Made(loop.apart, linked.function(NAME), linked.function(ROUNDS), loop.asks or loop.always)


@dataclass(slots=True)
class Told:
    """What the loop has done since it was asked last: instructions completed and traps delivered on the guest's state, the keys that
    were `chosen`, each once, in the order in which they were chosen last, and how often what is placed has `moved`."""

    emulated: list[tuple[Fetched | None, int]] = field(default_factory=list)
    reflected: list[tuple[Fetched | None, int]] = field(default_factory=list)
    chosen: list[Key] = field(default_factory=list)
    moved: int = 0


class Guided:
    """One guest's way from trap to trap on one runtime. Raises Unavailable and Unsupported."""

    def __init__(self, runtime: Runtime, split: Split, mends: Callable[[Exit, int], bool | None]) -> None:
        self.runtime, self.split, self.mended = runtime, split, mends
        self.handled = 0
        found = made(runtime.machine, runtime.tier, split)
        self.apart, self.always = found.apart, found.always
        apart = found.apart
        self._block = mmap.mmap(-1, apart.size + -apart.size % mmap.PAGESIZE, **_PRIVATE)
        self._bytes = memoryview(self._block)
        self._words = self._bytes.cast("Q")
        self._at = ctypes.addressof(ctypes.c_char.from_buffer(self._block))
        self._offset = self._at - runtime.mirror.address & mask(64)
        self._enter, self.rounds = found.enter, found.rounds
        self._generation = -1
        self._seen: dict[int, bool] = {}
        self._known: Mapping[Key, Key] = {}
        self._current: Key = ()
        self._order: list[Key] = []
        self._chosen: dict[Key, None] = {}
        self._moved = self._ahead = 0
        self._laid: tuple[int, int] | None = None
        scalars = runtime.plan.layout.scalars
        plain = len(apart.names) > 1 and all(n in scalars and scalars[n].bits == 64 for n in apart.names)
        self._packed = struct.Struct(f"={apart.number}Q") if plain else None
        self._got = itemgetter(*apart.names) if plain else None
        self._exits()

    def _exits(self) -> None:
        """Which exits enter the monitor, and which can be delivered to the guest by native code alone."""
        runtime, apart, machine = self.runtime, self.apart, self.runtime.machine
        linked, plan = runtime.tier.linked, runtime.plan
        for number, (function, _, _) in enumerate(runtime.tier.written.exits):
            at, rule = apart.exits // 8 + 2 * number, machine.code.exits.get(function)
            self._words[at] = function in self.split.intercept
            plain = function not in BUILTIN_EXITS and rule is not None and rule.kind != EXECUTE
            if plain and self._inside(machine.code.functions[function].body):
                self._words[at + 1] = linked.address(exported(plan, function))
        rule_ = machine.code.interrupt
        for name, place in () if rule_ is None else ((rule_.pending, apart.pending), (rule_.waiting, apart.waiting)):
            if name:
                self._words[place // 8] = linked.address(exported(plan, name))

    def _inside(self, block: Block) -> bool:
        """Whether a block leaves memory alone."""
        effects = self.runtime.plan.facts.block(block)
        return not (effects.loads or effects.stores)

    def enter(self, context: Context) -> bool:
        """As what runs a guest does."""
        records, mirror = self.runtime.records, self.runtime.mirror
        if self._generation != records.generation:
            self._forget()
        laid = records.generation, len(records.contexts)
        if self._laid != laid:
            self._lay()
            self._laid = laid
        mirror.set("monitor", self._offset)
        self._words[self.apart.ends // 8] = mirror.get("clock") + self._ahead + self.handled & mask(64)
        row = self._words[self.apart.row // 8]
        self._enter(mirror.address)
        return row != self._words[self.apart.row // 8]

    def _forget(self) -> None:
        """Records were forgotten: no handler is known."""
        first = self.apart.handlers // 8
        for slot, known in self._seen.items():
            self._words[first + slot] = 0 if known else self._words[first + slot]
        self._seen.clear()
        self._generation = self.runtime.records.generation

    # ---- turns

    @property
    def place(self) -> int:
        """Where what is kept for the guest lies, from native memory on."""
        return self._offset

    def park(self, virtual: State, clock: int) -> bool:
        """Have what the guest shares with the processor wait for its turn; False where it has first to be run from Python."""
        records = self.runtime.records
        known = self._generation == records.generation and self._laid == (records.generation, len(records.contexts))
        if not known or (self.split.keys and self._current not in self._order):
            return False
        for k, word in enumerate(self._split(virtual, self.apart.others)):
            self._words[self.apart.parked // 8 + k] = word
        self._words[self.apart.taken // 8] = self._words[self.apart.handled // 8] = 0
        self._words[self.apart.ends // 8] = clock & mask(64)
        return True

    def parted(self, virtual: State, *, running: bool) -> tuple[int, int]:
        """Take the guest's shared leaves from where they are parked, or where it runs; the steps that it has taken, and those of them on its own state."""
        apart, words = self.apart, self._words
        memory = self.runtime.mirror.memory.cast("Q")
        for name in apart.others:
            number = apart.parked // 8 + apart.first[name]
            found = [memory[at // 8] if running else words[number + k] for k, at in enumerate(apart.words[name])]
            self._put(virtual, name, found)
        self.handled += words[apart.handled // 8]
        return words[apart.taken // 8], words[apart.handled // 8]

    # ---- what Python tells

    def begin(self, virtual: State, real: State, ahead: int | None, reflects: bool) -> None:
        """The guest's values of the monitor's leaves, and the monitor's; how many steps more than the processor it has taken, if its clock
        counts them, and whether its traps may be delivered to it."""
        self.handled = 0
        self._words[self.apart.ticks // 8], self._ahead = ahead is not None, ahead or 0
        for at, state in ((self.apart.virtual, virtual), (self.apart.real, real)):
            if self._packed is not None and self._got is not None:
                self._packed.pack_into(self._block, at, *self._got(state))
            else:
                for k, word in enumerate(self._split(state, self.apart.names)):
                    self._words[at // 8 + k] = word
        self._words[self.apart.reflects // 8] = reflects

    def _split(self, state: State, names: Iterable[str]) -> Iterator[int]:
        arrays, layout = self.runtime.machine.state.arrays, self.runtime.plan.layout
        for name in names:
            held = state[name]
            values = [held] if not isinstance(held, Cells) else [held[i] for i in range(arrays[name].size)]
            bits = layout.scalars[name].bits if name in layout.scalars else 8 * layout.arrays[name].size
            for value in values:
                for k in range(0, bits, 64):
                    yield value >> k & mask(64)

    def rows(self, known: Mapping[Key, Key], current: Key) -> None:
        """What the monitor's leaves `placed` are, by the guest's `keys`; and which it runs under now."""
        self._noted()
        self._current = current
        if known != self._known:
            self._known, self._laid = dict(known), None
        elif current in self._order:
            self._words[self.apart.row // 8] = self._order.index(current)
        else:
            self._laid = None

    def _lay(self) -> None:
        """Lay down the rows for which there are records."""
        apart, words = self.apart, self._words
        self._noted()
        self._order = []
        known = list(self._known.items())[: ROWS - 1]
        if self._current in self._known:
            known = [(self._current, self._known[self._current]), *(k for k in known if k[0] != self._current)]
        for keys, placed in known:
            context = self.runtime.other(dict(zip(self.split.placed, placed, strict=True)))
            if context is None:
                continue
            at = apart.table // 8 + len(self._order) * apart.wide
            for k, word in enumerate((*keys, *placed, *self.runtime.tables(context), 0)):
                words[at + k] = word
            self._order.append(keys)
        words[apart.rows // 8], words[apart.row // 8] = len(self._order), 0

    def _noted(self) -> None:
        """Keep which rows were chosen, before they are laid anew."""
        apart, words = self.apart, self._words
        turns, words[apart.turns // 8] = words[apart.turns // 8], 0
        if not turns:
            return
        moved, words[apart.moved // 8] = words[apart.moved // 8], 0
        self._moved += moved
        self._current = self._order[words[apart.row // 8]]
        last: list[tuple[int, Key]] = []
        for number, keys in enumerate(self._order):
            at = apart.table // 8 + number * apart.wide + apart.wide - 1
            if words[at]:
                last.append((words[at], keys))
                words[at] = 0
        for _, keys in sorted(last):
            self._chosen.pop(keys, None)
            self._chosen[keys] = None

    def trapped(self, slot: int, fetched: Fetched | None) -> None:
        """As what runs a guest does: from now on the instruction is handled, if it can be."""
        runtime = self.runtime
        if slot in self._seen or slot & (1 << RECORDS) - 1 >= runtime.records.most:
            return
        instruction = runtime.machine.code.undefined if fetched is None else fetched.instruction
        fits = not instruction.partial and instruction.id not in runtime.tier.written.left_out
        fits = fits and self._inside(instruction.body)
        self._seen[slot] = fits
        if fits:
            self._words[self.apart.handlers // 8 + slot] = runtime.handler(fetched)

    # ---- what it is told

    def kept(self) -> bool:
        """Whether the monitor's leaves are as it has set them."""
        memory, at = self.runtime.mirror.memory, self.apart.real
        return all(
            memory[place : place + 8 * count] == self._bytes[at + 8 * first : at + 8 * (first + count)]
            for place, first, count in self.apart.own
        )

    def placed(self) -> Mapping[str, int]:
        """The monitor's leaves that hang on what the guest runs under."""
        return {n: self._words[self.apart.real // 8 + self.apart.first[n]] for n in self.split.placed}

    def leave(self, virtual: State) -> None:
        """Have the guest's state be as the loop has left it."""
        apart = self.apart
        if self._packed is not None:
            virtual.update(zip(apart.names, self._packed.unpack_from(self._block, apart.virtual), strict=True))
            return
        for name in apart.names:
            at = apart.virtual // 8 + apart.first[name]
            self._put(virtual, name, self._words[at : at + len(apart.words[name])].tolist())

    def _put(self, state: State, name: str, words: list[int]) -> None:
        """Have a leaf be what words say."""
        held = state[name]
        number = self.runtime.machine.state.arrays[name].size if isinstance(held, Cells) else 1
        count = len(words) // number
        values = [sum(words[i * count + k] << 64 * k for k in range(count)) for i in range(number)]
        if isinstance(held, Cells):
            held.update((i, v) for i, v in enumerate(values) if held[i] != v)
        else:
            state[name] = values[0]

    def told(self) -> Told:
        """What was done, once."""
        apart, words, found = self.apart, self._words, Told()
        touched, words[apart.touched // 8] = words[apart.touched // 8], 0
        for k in range(touched):
            slot = words[apart.slots // 8 + k]
            fetched = self.runtime.records.fetched[slot]
            for table, counts in ((apart.emulated, found.emulated), (apart.reflected, found.reflected)):
                at = table // 8 + slot
                if words[at]:
                    counts.append((fetched, words[at]))
                    words[at] = 0
        self._noted()
        found.moved, self._moved = self._moved, 0
        found.chosen, self._chosen = list(self._chosen), {}
        return found


class Turns:
    """Guests that take turns of `quantum` steps on one processor: `at` is whose turn it is, `last` whose state the processor has in the end; so many turns were `begun`."""

    def __init__(self, guests: Sequence[Guided], quantum: int) -> None:
        self.guests, self.quantum = guests, quantum
        self.last = self.begun = 0
        self._words = array("Q", [len(guests), 0, 0, quantum, 0, 0, *(g.place for g in guests)])

    @property
    def at(self) -> int:
        return self._words[AT]

    def begin(self, states: Sequence[State], clocks: Sequence[int], now: int) -> bool:
        """Have them wait for their turns, from these states and clocks on; False where one has first to be run from Python."""
        self._words[NOW] = now
        first = self.guests[0].rounds
        alike = all(guest.rounds is first for guest in self.guests)
        return alike and all(g.park(s, c) for g, s, c in zip(self.guests, states, clocks, strict=True))

    def run(self, rounds: int, host: State, states: Sequence[State]) -> Sequence[tuple[int, int]]:
        """Let them take turns until that many rounds are over, or one has something to ask; the steps of each, and those of them on its own state."""
        mirror, words = self.guests[0].runtime.mirror, self._words
        words[LEFT] = rounds
        mirror.release()
        host.update({n: held.copy() for n, held in host.items() if isinstance(held, Cells)})  # nobody's while they run
        mirror.enter(host)
        mirror.set("zeros", 0)
        mirror.set("turns", words.buffer_info()[0] - mirror.address & mask(64))
        try:
            self.guests[0].rounds(mirror.address)
        finally:
            mirror.leave(host)
            mirror.release()
            self.begun = words[TURNS]
            running = words[AT] if words[LEFT] else -1
            self.last = running if running >= 0 else len(self.guests) - 1
            found = [
                guest.parted(state, running=k == running)
                for k, (guest, state) in enumerate(zip(self.guests, states, strict=True))
            ]
        return found
