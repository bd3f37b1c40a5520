"""What generated code works on: RAM, translations and code that hold as long as the memory they were read from does not change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import mask
from pgcheck.models.generated.access import VIEWS
from pgcheck.models.generated.program import Program, Values
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.reference.step import Step
from pgcheck.models.state import Ended, Exit, Fetched, State, Surroundings

CODE, WALK = 1, 2
_WITH: Final = {use: bytes(flags | use for flags in range(256)) for use in (CODE, WALK)}
_WITHOUT: Final = {use: bytes(flags & ~use for flags in range(256)) for use in (CODE, WALK)}
MOST_TRANSLATIONS: Final = 4096
MOST_ENTRIES: Final = 4096
MOST_CONTEXTS: Final = 64

Reads = list[tuple[int, int]]


class Impossible(Exception):
    """What was tried out would touch more than RAM, or change it."""


@dataclass(slots=True, eq=False)
class Entry:
    """Code at an address in a context: instructions by their addresses, and the function, once it was worth making."""

    trace: dict[int, Fetched]
    run: Any = None


@dataclass(slots=True, eq=False)
class Table:
    """Translations of one context with the arguments `fixed` besides the address: page number to place in RAM minus address."""

    fixed: tuple[int, ...]
    places: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Context:
    """What was made for one choice of values of the leaves that fetch and translation read.

    `heat` counts how often the block at an address was entered; what was stored to there has to become hotter.
    """

    values: Values
    entries: dict[int, Entry] = field(default_factory=dict)
    heat: dict[int, int] = field(default_factory=dict)
    stores: dict[int, int] = field(default_factory=dict)
    tables: dict[tuple[int, ...], Table] = field(default_factory=dict)

    def table(self, fixed: tuple[int, ...]) -> Table:
        return self.tables.setdefault(fixed, Table(fixed))


@dataclass(slots=True, eq=False)
class Page:
    """What depends on a page of RAM: CODE and WALK by unit, and the entries read from it."""

    used: bytearray
    entries: set[tuple[Context, int]] = field(default_factory=set)


class Runtime:
    """Memory as generated code sees it, of one computer.

    `check` is set when the context or what makes interrupts pending may have changed, or code was stored to: the engine looks after the
    instruction. `reads` collects physical reads while something is tried out that must do nothing else. `seen` are the values of the
    leaves that make interrupts pending when none was and nothing changed by asking.
    """

    __slots__ = (
        "access", "base", "bound", "bus", "cells", "check", "contexts", "entries", "machine", "next", "order", "pages", "program", "ram", "reads", "seen",
        "size", "step", "surroundings", "translate", "views",
    )  # fmt: skip

    def __init__(self, program: Program, bus: Bus, ram: Ram) -> None:
        self.program, self.machine, self.bus, self.ram = program, program.machine, bus, ram
        machine: Machine = program.machine
        self.bound = mask(machine.state.address_width)
        self.check = False
        self.access: tuple[int, ...] | None = None
        self.next = 0
        self.reads: Reads | None = None
        self.surroundings = Surroundings()
        self.step: Step = Step(machine, {}, {}, self.surroundings)
        self.contexts: dict[Values, Context] = {}
        self.pages: dict[int, Page] = {}
        self.entries = 0
        self.base, self.size = ram.base, ram.size
        self.cells = ram.cells if isinstance(ram.cells, bytearray) else None
        self.order = ram.order
        self.views = _views(ram)
        translation = machine.code.translation
        self.translate: Callable[..., int] | None = None
        if translation is not None and program.pages:
            self.translate = program.function(translation.function)
        self.seen: Values | None = None

    # ---- what generated code calls

    def load(self, address: int, count: int) -> int:
        place = address - self.base
        if 0 <= place <= self.size - count:
            if self.reads is not None:
                self.reads.append((address, count))
            cells = self.cells
            return (
                int.from_bytes(cells[place : place + count], self.order)
                if cells is not None
                else self.ram.load(address, count)
            )
        if self.reads is not None:
            raise Impossible
        self.check = True
        return self.bus.load(address, count)

    def store(self, address: int, count: int, value: int) -> None:
        if self.reads is not None:
            raise Impossible
        if 0 <= address - self.base <= self.size - count:
            self.ram.store(address, count, value)
            return
        self.check = True
        self.bus.store(address, count, value)

    def deliver(self, machine: Machine, exit_: Exit, state: State, surroundings: Surroundings | None) -> Exit | None:
        """Trap entry, as the reference binding makes it."""
        self.next = self.step.scalar(machine.state.pc)
        self.step.instances.clear()
        try:
            self.program.function(exit_.function)(self, state, *exit_.args)
        except Ended as ended:
            self.access = None
            return ended.exit
        state[machine.state.pc] = self.next
        return None

    def load_virtual(self, table: Table, state: State, address: int, count: int) -> int:
        return self.load(self.translated(table, state, address) & self.bound, count)

    def store_virtual(self, table: Table, state: State, address: int, count: int, value: int) -> None:
        self.store(self.translated(table, state, address) & self.bound, count, value)

    def translated(self, table: Table, state: State, address: int) -> int:
        """Translate, and remember it for the page if it only read RAM."""
        program = self.program
        args = (*table.fixed[: program.address], address, *table.fixed[program.address :])
        translate = self.translate
        assert translate is not None
        self.access = args
        reads: Reads = []
        self.reads = reads
        try:
            found: int = translate(self, state, *args)
        except Impossible:
            self.reads = None
            found = translate(self, state, *args)
            self.access = None
            return found
        finally:
            self.reads = None
        self.access = None
        ram, size = self.ram, 1 << program.pages
        first = found & -size
        if found <= self.bound and ram.base <= first and first + size <= ram.base + ram.size:
            if len(table.places) >= MOST_TRANSLATIONS:
                table.places.clear()
            table.places[address >> program.pages] = found - address - ram.base
            self.depend(reads, WALK)
        return found

    # ---- what holds for which state and memory

    def context(self, state: State) -> Context:
        """The context of a state."""
        key = self.program.context_of(state)
        known = self.contexts.get(key)
        if known is None:
            if len(self.contexts) >= MOST_CONTEXTS:
                self.forget()
            known = self.contexts[key] = Context(key)
        return known

    def add(self, context: Context, pc: int, entry: Entry, reads: Iterable[tuple[int, int]]) -> None:
        """Keep an entry as long as what was read for it stays."""
        context.entries[pc] = entry
        self.entries += 1
        self.depend(reads, CODE, (context, pc))

    def depend(self, reads: Iterable[tuple[int, int]], use: int, entry: tuple[Context, int] | None = None) -> None:
        """From now on be told of stores to what was read, for `use`."""
        ram = self.ram
        for address, count in reads:
            first, last = address - ram.base, address - ram.base + count - 1
            for number in range(first >> ram.page_shift, (last >> ram.page_shift) + 1):
                page = self.pages.get(number)
                if page is None:
                    page = self.pages[number] = Page(bytearray(1 << ram.page_shift))
                    ram.watch(ram.base + (number << ram.page_shift), self.stored)
                start = number << ram.page_shift
                units = slice(max(first - start, 0), min(last - start, mask(ram.page_shift)) + 1)
                page.used[units] = page.used[units].translate(_WITH[use])
                if entry is not None:
                    page.entries.add(entry)

    def stored(self, address: int, count: int) -> None:
        """Forget what was made from units that were stored to."""
        ram = self.ram
        first, last = address - ram.base, address - ram.base + count - 1
        for number in range(first >> ram.page_shift, (last >> ram.page_shift) + 1):
            page = self.pages.get(number)
            if page is None:
                continue
            start = number << ram.page_shift
            used = page.used[max(first - start, 0) : last - start + 1]
            if CODE in used or CODE | WALK in used:
                self._forget_code(number, page)
            if WALK in used or CODE | WALK in used:
                self._forget_walks()

    def _forget_code(self, number: int, page: Page) -> None:
        self.check = True
        for context, pc in page.entries:
            if context.entries.pop(pc, None) is not None:
                stores = context.stores[pc] = min(context.stores.get(pc, 0) + 1, 16)
                context.heat[pc] = -(1 << stores)
        page.entries.clear()
        page.used = page.used.translate(_WITHOUT[CODE])
        self._release(number, page)

    def _forget_walks(self) -> None:
        for context in self.contexts.values():
            for table in context.tables.values():
                table.places.clear()
        for number, page in tuple(self.pages.items()):
            page.used = page.used.translate(_WITHOUT[WALK])
            self._release(number, page)

    def _release(self, number: int, page: Page) -> None:
        if not any(page.used):
            del self.pages[number]
            self.ram.unwatch(self.ram.base + (number << self.ram.page_shift), self.stored)

    def forget(self) -> None:
        """Forget everything."""
        self.check = True
        self.entries = 0
        self.contexts.clear()
        for number in self.pages:
            self.ram.unwatch(self.ram.base + (number << self.ram.page_shift), self.stored)
        self.pages.clear()


def _views(ram: Ram) -> tuple[Any, ...]:
    """RAM as arrays of `VIEWS`, its bytes beyond the last whole element left out; None where units are no bytes."""
    if not isinstance(ram.cells, bytearray):
        return (None,) * len(VIEWS)
    return tuple(memoryview(ram.cells)[: ram.size // n * n].cast(kind) for n, kind in VIEWS.items())
