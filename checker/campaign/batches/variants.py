"""What the cases of a batch are: a drawn case with other programs, registers and words of memory, as a tape of numbers says.

Native code reads the same tapes (`models/native/batches/cases.py`): a number of 16 bits for each choice, and 0 is to leave the drawn case as it is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

from pgcheck.checker.campaign.cases.case import Author, Case, Placed
from pgcheck.checker.campaign.cases.inventory import Units, cells_of
from pgcheck.checker.campaign.cases.tape import Tape, counted
from pgcheck.checker.campaign.cases.words import Words
from pgcheck.isa.idl.state import ScalarLeaf
from pgcheck.isa.terms import mask
from pgcheck.isa.words import joined, split
from pgcheck.models.native.batches.cases import CHOICES, VALUES
from pgcheck.models.native.batches.form import MOST_BYTES, Form, Program
from pgcheck.models.native.batches.parts import cell
from pgcheck.models.native.lowering.layout import Layout
from pgcheck.models.state import State, cells, copied

LONGEST: Final = 24
"""Instructions of a program at most."""
SELDOM: Final = 49152
"""A trap handler stays as it was drawn in so many of 65536 cases."""
TAPE: Final = 4096


class Variants:
    """The cases like those that an author draws. Raises ValueError for a machine that native code has no room for."""

    def __init__(self, author: Author, native: Layout) -> None:
        self.author, self.machine, self.native = author, author.machine, native
        self._each = cell(self.machine)
        where = author.layout
        modes = author.deployment.modes
        kernel, user = modes.supervisor.values[0], modes.user.values[0]
        self._entries: dict[Units, int] = {}
        programs = ((where.kernel, 0, kernel), (where.user, 0, user), (where.handler, SELDOM, kernel))
        slot, found = 0, list[Program]()
        for start, calm, mode in programs:
            at, room = (start - where.base) * self._each, where.room(start) * self._each
            found.append(Program(at, room, slot, LONGEST, calm, self._choices(mode, kernel=mode == kernel)))
            slot += 1 + LONGEST
        self.programs = tuple(found)
        self.leaves = tuple(self._numbered(slot))
        slot += len(self.leaves)
        self.data = tuple((address, count, slot + k) for k, (address, count) in enumerate(self._words()))
        self.slots = slot + len(self.data)

    def _choices(self, mode: int, *, kernel: bool) -> list[int]:
        """The entries that a number chooses among: plain ones first, then as often as the author draws each."""
        source = random.Random(f"{self.machine.identity.name} {mode}")
        tape = Tape(source.randbytes(16 * CHOICES))
        drawn = [*self.author.inventory.some[:1], *self.author.program(tape, CHOICES - 1, kernel=kernel)]
        fitting = [units for units in drawn if len(units) * self._unit <= MOST_BYTES]
        if not fitting:
            raise ValueError(f"encodings of {self.machine.identity.name} are too long")
        return [self._entry(fitting[k % len(fitting)]) for k in range(CHOICES)]

    @property
    def _unit(self) -> int:
        """Bytes of RAM for a unit of code."""
        return self.machine.decoding.decode.unit // self.machine.state.memory_unit * self._each

    def _entry(self, units: Units) -> int:
        return self._entries.setdefault(units, len(self._entries))

    def _numbered(self, slot: int) -> Iterator[tuple[str, int | None, int, int]]:
        """The general registers: leaf, element, width and slot of each."""
        machine = self.machine
        for name, leaf in machine.state.leaves.items():
            if leaf.control or name in (machine.state.memory, machine.state.pc, *self.author.states.sequencing):
                continue
            if isinstance(leaf, ScalarLeaf):
                if name in self.native.scalars:
                    yield name, None, leaf.width or 1, slot
                    slot += 1
            elif leaf.size <= 64 and leaf.width and name in self.native.arrays:
                fixed = {index for index, _ in leaf.hardwired}
                for index in range(leaf.size):
                    if index not in fixed:
                        yield name, index, leaf.width, slot
                        slot += 1

    def _words(self) -> Iterator[tuple[int, int]]:
        """The words of data: address and units of each."""
        where, count = self.author.layout, self.author.words // self.machine.state.memory_unit
        count = max(1, min(count, 8 // self._each))
        for start in (*where.data, where.stack):
            for k in range(min(8, where.block // (2 * count) or 1)):
                yield start + k * count, count

    @cached_property
    def drawn(self) -> tuple[int, ...]:
        """Words that mean something, of 64 bits: what registers and words of memory are chosen from."""
        tape = Tape(counted(f"{self.machine.identity.name} words", 0, 32 * VALUES))
        words = Words(self.author.meaning, tape, self.author.start_state())
        return tuple(words.draw(64) for _ in range(VALUES))

    @cached_property
    def form(self) -> Form:
        """The tables that native code reads."""
        entries = [b"".join(self._stored(one) for one in cells_of(self.machine, units)) for units in self._entries]
        count = self.data[0][1] if self.data else 1
        words = tuple(b"".join(self._stored(one) for one in self._units(v, count)) for v in self.drawn)
        base = self.author.layout.base
        return Form(
            programs=self.programs,
            leaves=tuple((self._place(name, index), mask(width), slot) for name, index, width, slot in self.leaves),
            data=tuple(((at - base) * self._each, n * self._each, slot) for at, n, slot in self.data),
            entries=tuple(entries),
            values=self.drawn,
            words=words,
            slots=self.slots,
        )

    def _stored(self, value: int) -> bytes:
        return value.to_bytes(self._each, "little")

    def _units(self, value: int, count: int) -> Sequence[int]:
        """A word of memory in units, from the lowest address on."""
        unit = self.machine.state.memory_unit
        return split(value & mask(count * unit), count, unit, self.machine.state.order)

    def _place(self, name: str, index: int | None) -> int:
        place = self.native.scalars.get(name)
        if place is not None:
            return place.at
        region = self.native.arrays[name]
        return region.at + (index or 0) * region.size

    # ---- reading a tape

    def case(self, drawn: Case, tape: bytes) -> Case:
        """The case of a tape, like a drawn one."""

        def number(slot: int) -> int:
            return int.from_bytes(tape[2 * slot : 2 * slot + 2], "little")

        state: State = copied(drawn.state)
        for name, index, width, slot in self.leaves:
            if chosen := number(slot):
                value = self.drawn[chosen % VALUES] & mask(width)
                if index is None:
                    state[name] = value
                else:
                    cells(state, name)[index] = value
        stores = [*drawn.stores, *self._programs(number), *self._data(number)]
        return replace(drawn, state=state, stores=tuple(stores))

    def _programs(self, number: Callable[[int], int]) -> Iterator[Placed]:
        every = tuple(self._entries)
        base, unit, order = self.author.layout.base, self.machine.state.memory_unit, self.machine.state.order
        for program in self.programs:
            length = max(0, number(program.slot) - program.calm) * program.scale >> 32
            address, left = base + program.at // self._each, program.room // self._each
            for k in range(length):
                units = cells_of(self.machine, every[program.choices[number(program.slot + 1 + k) % CHOICES]])
                if len(units) > left:
                    break
                yield address, len(units), joined(units, unit, order)
                address, left = address + len(units), left - len(units)

    def _data(self, number: Callable[[int], int]) -> Iterator[Placed]:
        unit, order = self.machine.state.memory_unit, self.machine.state.order
        for address, count, slot in self.data:
            if chosen := number(slot):
                yield address, count, joined(self._units(self.drawn[chosen % VALUES], count), unit, order)


def image(case: Case, author: Author) -> list[tuple[int, bytes]]:
    """What a case stores, as bytes of RAM in the order in which it does; nothing beyond RAM."""
    machine, where = author.machine, author.layout
    each, unit = cell(machine), machine.state.memory_unit
    found: list[tuple[int, bytes]] = []
    for address, count, value in case.stores:
        units = split(value, count, unit, machine.state.order)
        inside = [(address + k, one) for k, one in enumerate(units) if where.base <= address + k < where.end]
        if inside:
            data = b"".join(one.to_bytes(each, "little") for _, one in inside)
            found.append(((inside[0][0] - where.base) * each, data))
    return found
