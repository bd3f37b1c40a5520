"""Batches at work: two machines and a monitor in native memory, and what Python tells and asks of them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import TRUE, Term, evaluate, mask
from pgcheck.models.native import kept
from pgcheck.models.native.batches.cases import BEGUN, COUNTER, DIFFERENT, DONE, PLACES, SEED, WORDS, word
from pgcheck.models.native.batches.form import Form, Laid
from pgcheck.models.native.batches.monitored import MONITOR
from pgcheck.models.native.batches.parts import Side, Words, blocks, cell, cut_rows, extent, numbers, part, ram, ranges
from pgcheck.models.native.batches.program import text
from pgcheck.models.native.batches.steps import TAKEN, End
from pgcheck.models.native.batches.text import WORD
from pgcheck.models.native.batches.words import BITS, Known
from pgcheck.models.native.linking import Linked
from pgcheck.models.native.lowering.layout import BLOCK
from pgcheck.models.native.lowering.plan import Unsupported
from pgcheck.models.native.runtime import interpreter
from pgcheck.models.state import Cells, Exit, State, holding

COUNTED: Final = ("cases", "taken", "asides", "excluded", "stopped", "entries", "direct steps", "exits", "interpreted")
"""What is counted of a batch, by name."""


@dataclass(frozen=True, slots=True)
class Monitored:
    """How a guest is run: `shared` leaves are its own on the processor, `own` have the monitor's values; states of which `direct` holds run there.

    Exits of `intercept` enter the monitor; `tables` are what is kept of a guest's entry in a table, and what else is in it.
    """

    shared: Sequence[str]
    own: Mapping[str, int]
    direct: Term
    intercept: frozenset[str]
    tables: Mapping[str, tuple[int, int]]


class Batch:
    """A bare machine with `size` units of RAM, and a guest with as many under a monitor. Raises Unavailable and Unsupported."""

    def __init__(self, machine: Machine, size: int, monitored: Monitored) -> None:
        translation = machine.code.translation
        if translation is None:
            raise Unsupported
        self.machine, self.size, self.monitored = machine, size, monitored
        ports, cuts = frozenset(machine.platform.clock), frozenset(machine.code.tables)
        plain = interpreter(machine, ports, frozenset(), 1)
        asked = interpreter(machine, ports, cuts | {translation.function}, 1)
        self.layout, other = plain.plan.layout, asked.plan.layout
        if plain.written.left_out or asked.written.left_out:
            raise Unsupported
        if (self.layout.scalars, self.layout.arrays) != (other.scalars, other.arrays):
            raise Unsupported
        predicates = {} if monitored.direct is TRUE else {"direct": monitored.direct}
        above = machine.platform.firmware
        if above is not None:
            predicates["above"] = above.when
        self._linked = Linked(kept.compiled(text(plain.plan, predicates), 1))
        answer = self._linked.address("answer")
        self.first = size if size < 1 << BLOCK else blocks(size) << BLOCK
        beside = ram(machine, 2 * self.first)
        self.bare = Side(plain, ram(machine, size), frozenset(), answer)
        self.virtual = Side(plain, part(beside, self.first, size), frozenset(), answer)
        self.real = Side(asked, beside, monitored.intercept, answer)
        self._image = (ctypes.c_uint8 * (beside.size * cell(machine)))()
        tiers = [(side.layout, side.handler) for side in (self.bare, self.real)]
        self.known = Known(machine, tiers)
        self._tape = numbers([0] * WORDS)
        self.volatile: dict[str, int] = {}
        """Where the values of volatile leaves lie."""
        self._laid: Laid | None = None
        self._held: list[Any] = []
        self.words = Words(MONITOR)
        self._told(translation.function, translation.mode)
        ctypes.c_uint64.from_address(self._linked.address("context")).value = self.words.address
        self._functions: dict[str, Callable[..., int]] = {}

    # ---- what native code is told

    def _kept(self, table: Any) -> int:
        self._held.append(table)
        return ctypes.addressof(table)

    def _told(self, translation: str, mode: int) -> None:
        words, given = self.words, self.monitored
        for name, side in (("bare", self.bare), ("virtual", self.virtual), ("real", self.real)):
            words[name], words[f"{name} side"] = side.address, side.words.address
            side.words["tree"], side.words["shift"] = ctypes.addressof(self.known.tree), 64 - (BITS - 1)
            number = int(side is self.real)
            side.words["templates"] = ctypes.addressof(self.known.templates[number])
            side.words["counts"] = ctypes.addressof(self.known.counts[number])
            side.words["firmware"] = 0 if not side.words["above"] else self._linked.address("above")
            offset = 0 if side is self.real else self.first * cell(self.machine)
            side.words["unknown"] = words.address + MONITOR["unknown"]
            side.words["image"] = ctypes.addressof(self._image) + offset
        self.real.words["interrupt"] = 0  # the processor's interrupts are the monitor's
        # What the guest's routines do is counted apart from the bare machine's steps.
        self.virtual.words["counts"] = ctypes.addressof(self.known.counts[1])
        words["direct"] = 0 if given.direct is TRUE else self._linked.address("direct")
        words["partial"] = ctypes.addressof(self.known.partial)
        first, size = extent(self.layout)
        words["leaves"], words["leaves size"] = first, size
        for name, table, leaves in (("shares", "shared", given.shared), ("owns", "own", tuple(given.own))):
            rows = ranges(self.layout, leaves)
            words[table], words[name] = self._kept(numbers(rows)), len(rows) // 2
        if not words["shares"]:
            raise Unsupported
        functions, modes = self.real.runtime.plan.functions, self.machine.modes.leaf
        words["translate"], words["translation"] = self.virtual.function(translation), functions[translation]
        words["mode"], words["real mode"] = self.layout.arguments[mode].at, given.own.get(modes, (1 << 64) - 1)
        code = self.machine.code
        most = max(len(code.functions[name].parameters) for name in (translation, *code.tables))
        words["arguments"] = max(1, most)
        rows = cut_rows(self.virtual, given.tables)
        words["tables"], words["cuts"] = self._kept(numbers(rows)), len(given.tables)
        base = self.machine.platform.ram_base
        words["ram"], words["size"], words["host"] = base, self.size, base + self.first
        words["blocks"], words["host blocks"] = blocks(self.size), blocks(2 * self.first)
        words["behind"] = self.first >> BLOCK
        words["below"] = 0 if words["behind"] else self.first * cell(self.machine)
        words["tape"] = ctypes.addressof(self._tape)
        self._volatile()

    def _volatile(self) -> None:
        """Have native code keep the volatile leaves that nothing outside the machine decides on."""
        machine, plan = self.machine, self.bare.runtime.plan
        kept, at = [0] * len(plan.leaves), 1
        for name in sorted(plan.outside - plan.ports - {machine.state.memory}):
            kept[plan.leaves[name]] = at
            self.volatile[name] = at
            leaf = machine.state.leaves[name]
            if max(leaf.element_width, 1) > 64 or (isinstance(leaf, ArrayLeaf) and leaf.size > 1 << 12):
                raise Unsupported
            at += leaf.size if isinstance(leaf, ArrayLeaf) else 1
        self._initial = numbers([0] * at)
        self.words["volatile"], self.words["initial"] = WORD * at, ctypes.addressof(self._initial)
        table = self._kept(numbers(kept))
        for side in (self.bare, self.virtual, self.real):
            side.words["kept"], side.words["values"] = table, self._kept(numbers([0] * at))

    def begin(self, state: State, cells: Sequence[tuple[int, bytes]], steps: int, form: Form) -> None:
        """Begin with a state, RAM of zeros but for some bytes, and a form of what cases differ in."""
        if self._laid is None or self._laid.form is not form:
            self._laid = Laid(form)
        first, size = extent(self.layout)
        image = self.bare.image(state)
        self._leaves = (ctypes.c_uint8 * size).from_buffer_copy(image)
        own = self.real.image(self._real(state))
        self._own = (ctypes.c_uint8 * size).from_buffer_copy(own)
        for name, at in self.volatile.items():
            held = state[name]
            for index in range(self.machine.state.arrays[name].size) if isinstance(held, Cells) else (0,):
                self._initial[at + index] = held[index] if isinstance(held, Cells) else held
        ctypes.memset(ctypes.addressof(self._image), 0, len(self._image))
        offset = self.first * cell(self.machine)
        for at, data in cells:
            ctypes.memmove(ctypes.addressof(self._image) + offset + at, data, len(data))
        for side in (self.bare, self.virtual, self.real):
            side.dirtied()
        words = self.words
        words["begin"], words["image"] = ctypes.addressof(self._leaves), ctypes.addressof(self._own)
        words["steps"], words["form"], words["words"] = steps, self._laid.words.address, form.tape

    def _real(self, state: State) -> State:
        """A state with the monitor's values."""
        return {**state, **holding(self.machine, self.monitored.own)}

    # ---- running

    def _call(self, name: str, *args: int) -> int:
        found = self._functions.get(name)
        if found is None:
            kind = ctypes.CFUNCTYPE(ctypes.c_uint64, *[ctypes.c_uint64] * len(args))
            found = self._functions[name] = kind(self._linked.address(f"x_{name}"))
        return found(*args)

    def run(self, seed: int, first: int, end: int) -> int | None:
        """Run the cases of a seed from a number up to another: the number of the first that differs, if one does."""
        words = self.words
        words["seed"], words["number"], words["phase"] = seed, first, BEGUN
        while (found := self._call("batch", words.address, end)) != DONE:
            if found == DIFFERENT:
                return words["number"] - 1
            if not self._learnt():
                words["phase"] = BEGUN
                words["number"] += 1
                words["cases"] += 1
                words["asides"] += 1
        return None

    def one(self, tape: bytes) -> tuple[int, str]:
        """Run the case of a tape: how it ended, and where the machines differ."""
        ctypes.memset(self._tape, 0, 8 * WORDS)
        ctypes.memmove(self._tape, tape, min(len(tape), 8 * WORDS))
        self.words["phase"] = BEGUN
        while (found := self._call("one", self.words.address)) == End.UNKNOWN:
            if not self._learnt():
                return End.ASIDE, ""
        return found, PLACES[self.words["place"]]

    def tape(self) -> bytes:
        """The tape of the last case."""
        return bytes(self._tape)[: 8 * self.words["words"]]

    def differs(self) -> str:
        """Where the two machines differ as they are."""
        return PLACES[self._call("differs", self.words.address)]

    def _learnt(self) -> bool:
        """Have native code know the instruction that it has stopped at."""
        side = next(s for s in (self.bare, self.virtual, self.real) if s.address == self.words["unknown"])
        runtime, decode = side.runtime, self.machine.decoding.decode
        pc = side.mirror.number(side.layout.scalars[self.machine.state.pc])
        stride, bound = decode.unit // decode.pc_unit, mask(self.machine.state.leaves[self.machine.state.pc].width)

        def more(k: int) -> int:
            ctypes.c_uint64.from_address(self._linked.address("here")).value = side.address
            side.mirror.set("logged", 0)
            found = runtime.call(self.machine.code.fetch, (pc + k * stride & bound,))
            return 0 if isinstance(found, Exit) else found[0]

        return self.known.learn(side.words["node"], side.words["unit"], more)

    # ---- what was counted

    def counts(self) -> dict[str, int]:
        """What happened in all cases so far."""
        return {name: self.words[name] for name in COUNTED} | {
            "traps": self.bare.words["traps"],
            "interrupts": self.virtual.words["interrupts"],
        }

    def taken(self) -> dict[int, tuple[int, ...]]:
        """How often the bare machine did what (`steps.TAKEN`) with each instruction that is known, by its number; 0 is a fetch that failed."""
        size = len(TAKEN.names)
        counts = self.known.counts[0][: size * len(self.known.found)]
        rows = zip(range(len(self.known.found)), zip(*[iter(counts)] * size, strict=True), strict=True)
        return {number: row for number, row in rows if any(row)}


def tape(seed: int, number: int, count: int) -> bytes:
    """The tape of a case of a seed, by its number: `count` words, as native code draws them."""
    found = bytearray()
    for at in range(count):
        given = {SEED: seed, COUNTER: number * WORDS + at & mask(64)}
        (value,) = evaluate([word()], given.__getitem__, lambda a, i: 0, lambda n, a, w: 0)
        found += value.to_bytes(WORD, "little")
    return bytes(found)
