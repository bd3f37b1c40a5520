"""The machines of a batch in native memory, and tables as native code reads them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms.ir import EXECUTE, UNMODELLED, UNPREDICTABLE
from pgcheck.models.memory import GUARD, Bus, Ram
from pgcheck.models.native.batches.monitored import RANGE
from pgcheck.models.native.batches.steps import ENDS, EXCLUDED, EXECUTES, EXIT, SIDE
from pgcheck.models.native.batches.text import WORD, Fields
from pgcheck.models.native.lowering.layout import BLOCK, RECORDS, Layout, Place
from pgcheck.models.native.lowering.plan import Unsupported
from pgcheck.models.native.lowering.threaded import exported
from pgcheck.models.native.runtime import Interpreter, Runtime
from pgcheck.models.state import Cells, State

ONES = (1 << 64) - 1


class Words:
    """A table in memory that native code reads and counts in: fields of words by name."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.words = (ctypes.c_uint64 * len(fields.names))()

    @property
    def address(self) -> int:
        return ctypes.addressof(self.words)

    def __getitem__(self, name: str) -> int:
        return self.words[self.fields[name] // WORD]

    def __setitem__(self, name: str, value: int) -> None:
        self.words[self.fields[name] // WORD] = value & ONES


def numbers(values: Iterable[int]) -> Any:
    """Words one behind the other, one at least."""
    held = [v & ONES for v in values] or [0]
    return (ctypes.c_uint64 * len(held))(*held)


def ram(machine: Machine, size: int) -> Ram:
    """RAM of a number of units. Raises Unsupported."""
    state, base = machine.state, machine.platform.ram_base
    if base + size > 1 << state.address_width or state.memory_unit > 64 or size * cell(machine) % WORD:
        raise Unsupported
    return Ram(base, size, state.memory_unit, state.big_endian)


def part(whole: Ram, first: int, size: int) -> Ram:
    """RAM that lies in other RAM, from its unit `first` on."""
    made = Ram(whole.base, size, whole.unit, whole.big_endian)
    room = 1 << max(size - 1, 0).bit_length()
    held = memoryview(whole.cells) if isinstance(whole.cells, bytearray) else whole.cells
    assert isinstance(held, memoryview)
    made.cells = held[first : first + room + GUARD // held.itemsize]
    return made


def cell(machine: Machine) -> int:
    """Bytes of a unit of RAM."""
    return 1 if machine.state.memory_unit == 8 else WORD


def blocks(size: int) -> int:
    """Blocks of so many units."""
    return (size - 1 >> BLOCK) + 1


class Side:
    """One machine: native code at work on its RAM, and what the batch's code knows of it. `answer` is what serves its requests."""

    def __init__(self, tier: Interpreter, held: Ram, intercept: frozenset[str], answer: int) -> None:
        machine = tier.plan.machine
        bus = Bus(held, (), machine.state.memory_unit, machine.state.big_endian, machine.state.address_width)
        self.runtime, self.held = Runtime(tier, bus, held), held
        self.mirror, self.layout = self.runtime.mirror, tier.plan.layout
        self.mirror.set("host", answer)
        self.mirror.set("zeros", 1)
        self.words = Words(SIDE)
        self._exits = self._rows(intercept)
        rule = machine.code.interrupt
        layout = self.layout
        self._set("fetch", self.function(machine.code.fetch))
        self._set("pending", 0 if rule is None else self.function(rule.pending))
        self._set("waiting", 0 if rule is None or not rule.waiting else self.function(rule.waiting))
        self._set("interrupt", 0 if rule is None else self.function(rule.deliver))
        self._set("enter", tier.linked.address("enter"))
        self._set("exits", ctypes.addressof(self._exits))
        self._set("scratch", layout.records.at + ((1 << RECORDS) - 2) * layout.record)
        self._set("quiet", layout.quiet.at)
        self._set("dirty", layout.dirty.at)
        self._set("block", min(held.size, 1 << BLOCK) * cell(machine))
        self._set("supervisors", sum(1 << v for v in machine.modes.supervisor.values if v < 64))
        above = machine.platform.firmware
        self._set("above", 0 if above is None else self.function(above.call))

    def _set(self, name: str, value: int) -> None:
        self.words[name] = value

    @property
    def address(self) -> int:
        return self.mirror.address

    def function(self, name: str) -> int:
        """The address of a function of the specification. Raises Unsupported."""
        try:
            return self.runtime.tier.linked.address(exported(self.runtime.plan, name))
        except KeyError:
            raise Unsupported from None

    def handler(self, name: str) -> int:
        """The code of an instruction."""
        return self.runtime.handler_of(name)

    def _rows(self, intercept: frozenset[str]) -> Any:
        """The table of exits; behind those that code takes, one row for the delivery of each terminator without arguments."""
        machine, tier = self.runtime.machine, self.runtime.tier
        rules, size = machine.code.exits, len(EXIT.names)
        self.exits = [function for function, _, _ in tier.written.exits]
        whole = [*self.exits, *rules]
        place = {name: len(self.exits) + k for k, name in enumerate(rules)}
        table = (ctypes.c_uint64 * (size * len(whole)))()
        start, found = ctypes.addressof(table), list[int]()
        for name in whole:
            rule = rules.get(name)
            executes = rule is not None and rule.kind == EXECUTE
            deliver = 0 if rule is None or executes else self.function(name)
            nested = place.get(rule.nested) if rule is not None else None
            kind = EXECUTES if executes else EXCLUDED if name in (UNMODELLED, UNPREDICTABLE) else ENDS
            row = [deliver, 0 if nested is None else start + nested * EXIT.size, int(name in intercept), kind]
            found += row
        ctypes.memmove(table, numbers(found), ctypes.sizeof(table))
        return table

    # ---- state and memory

    def image(self, state: State) -> bytes:
        """The leaves of a state as they lie in native memory."""
        layout, mirror = self.layout, self.mirror
        for name, place in layout.scalars.items():
            value = state[name]
            assert isinstance(value, int)
            mirror.put(place, value)
        for name, row in mirror.leaves.rows.items():
            held = state[name]
            assert isinstance(held, Cells)
            for index in range(row.size):
                if row.has(index):
                    row.put(index, held[index])
        first, size = extent(layout)
        return bytes(mirror.memory[first : first + size])

    def dirtied(self) -> None:
        """Have all of RAM restored when the next case begins."""
        first = self.layout.dirty.at
        self.mirror.memory[first : first + blocks(self.held.size)] = b"\1" * blocks(self.held.size)


def extent(layout: Layout) -> tuple[int, int]:
    """Where the leaves lie, and the bytes that they take."""
    first = min((p.at for p in layout.scalars.values()), default=layout.sink.at)
    return first, layout.sink.at - first


def ranges(layout: Layout, names: Sequence[str]) -> list[int]:
    """Where leaves lie, those beside each other together: rows of `RANGE`."""
    spans = sorted(_span(layout, name) for name in names if name in layout.scalars or name in layout.arrays)
    merged: list[list[int]] = []
    for at, size in spans:
        if merged and sum(merged[-1]) == at:
            merged[-1][1] += size
        else:
            merged.append([at, size])
    assert len(RANGE.names) == 2
    return [word for span in merged for word in span]


def _span(layout: Layout, name: str) -> tuple[int, int]:
    place = layout.scalars.get(name)
    if isinstance(place, Place):
        return place.at, place.bits // 8
    region = layout.arrays[name]
    return region.at, region.end - region.at


def cut_rows(side: Side, tables: Mapping[str, tuple[int, int]]) -> list[int]:
    """The tables that a monitor owns: rows of `CUT`."""
    functions = side.runtime.plan.functions
    return [w for name, (keep, value) in tables.items() for w in (functions[name], side.function(name), keep, value)]
