"""Native code of one machine, and that code at work on the RAM of one computer."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.once import once
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.native import kept, linking
from pgcheck.models.native.host import HELD, Host
from pgcheck.models.native.linking import Linked
from pgcheck.models.native.lowering.layout import Place
from pgcheck.models.native.lowering.plan import Plan
from pgcheck.models.native.lowering.threaded import EMPTIED, SEEK, UNFILLED, Writer, Written, exported
from pgcheck.models.native.mirror import Mirror
from pgcheck.models.native.records import Context, Records, Values
from pgcheck.models.state import Exit, Fetched


@dataclass(frozen=True, slots=True)
class Interpreter:
    """Tier 0 of a machine with devices behind certain leaves."""

    plan: Plan
    written: Written
    linked: Linked


@once
def interpreter(machine: Machine, ports: frozenset[str], cuts: frozenset[str], level: int) -> Interpreter:
    """Tier 0 of a machine. Raises Unavailable and Unsupported."""
    linking.backend()
    plan = Plan(machine, ports, cuts)
    written = Writer(plan).written()
    often, rare = written.texts
    return Interpreter(plan, written, Linked(kept.compiled(often, level), kept.compiled(rare, 0)))


class Sampler(Protocol):
    """What has hot code compiled: it is told where execution is now and then."""

    def due(self) -> int:
        """The steps to take before it is told."""
        ...

    def took(self, steps: int) -> bool:
        """Whether, these steps taken too, it is to be told."""
        ...

    def sampled(self, context: Context, pc: int) -> None: ...


class Runtime:
    """Native code at work on the RAM of one computer."""

    regions: Sampler | None = None

    def __init__(self, tier: Interpreter, bus: Bus, ram: Ram) -> None:
        self.tier, self.plan, self.bus, self.ram = tier, tier.plan, bus, ram
        self.machine = tier.plan.machine
        self.mirror = Mirror(tier.plan.layout, bus, ram, tier.plan.watched)
        self.host = Host(tier.plan, self.mirror)
        self.mirror.set("host", self.host.address)
        linked, names = tier.linked, tier.written.handlers
        size = len(names)
        table = (ctypes.c_uint64 * size).from_address(linked.address("handlers"))
        every = (*self.machine.instructions, self.machine.code.undefined)
        self.instructions = {i.id: i for i in every}
        self._of = dict(zip(self.instructions, table[3:], strict=True))
        emptied = linked.function(EMPTIED)
        unfilled, seek = (table[names.index(name)] for name in (UNFILLED, SEEK))
        self.mirror.emptied = lambda: emptied(self.mirror.address)
        self.records = Records(self.mirror, unfilled, seek, self.mirror.emptied)
        self.enter = linked.function("enter")
        self._functions: dict[str, Callable[[int], int]] = {}
        self._places: dict[str | tuple[int, ...], tuple[Place, ...]] = {}

    def handler(self, fetched: Fetched | None) -> int:
        """The code of an instruction; None is what no encoding accepts."""
        return self.handler_of(self.machine.code.undefined.id if fetched is None else fetched.instruction.id)

    def handler_of(self, instruction: str) -> int:
        """The code of an instruction, by its id."""
        return self._of[instruction]

    def call(self, name: str, args: tuple[int, ...] = ()) -> tuple[int, ...] | Exit:
        """The results of a function of the specification on the state in native memory, or the exit it took."""
        found = self._functions.get(name)
        if found is None:
            found = self._functions[name] = self.tier.linked.function(exported(self.plan, name))
        for place, value in zip(self.plan.layout.arguments, args, strict=False):
            self.mirror.put(place, value)
        if found(self.mirror.address):
            return self.exit()
        return tuple(map(self.mirror.number, self._results(name)))

    def _results(self, name: str) -> tuple[Place, ...]:
        """Where the results of a function are left."""
        known = self._places.get(name)
        if known is None:
            at, places = self.plan.layout.value.at, list[Place]()
            for width in self.machine.code.functions[name].results:
                places.append(Place(at, width))
                at += places[-1].bits // 8
            known = self._places[name] = tuple(places)
        return known

    def _payload(self, widths: tuple[int, ...]) -> tuple[Place, ...]:
        """Where the arguments of an exit are left."""
        known = self._places.get(widths)
        if known is None:
            places = zip(self.plan.layout.arguments, widths, strict=False)
            known = self._places[widths] = tuple(Place(p.at, width) for p, width in places)
        return known

    def exit(self) -> Exit:
        """The exit that the exit record tells. Raises what the host raised."""
        mirror, layout = self.mirror, self.plan.layout
        translating, number = mirror.get("translating"), mirror.get("exit")
        mirror.set("translating", 0)
        translation, access = self.machine.code.translation, None
        if translating and translation is not None:
            access = tuple(mirror.number(p) for p in layout.accessed[: len(translation.parameters)])
        if number == HELD:
            return replace(self.host.taken(), access=access)
        function, note, widths = self.tier.written.exits[number]
        return Exit(function, tuple(map(mirror.number, self._payload(widths))), note, access)

    def context(self) -> Context:
        """The context of the state in native memory."""
        found = self.records.context(self._values({}))
        for name, place in zip(("hash", "tlb"), self.tables(found), strict=True):
            self.mirror.set(name, place)
        return found

    def other(self, leaves: Mapping[str, int]) -> Context | None:
        """The context of that state with other leaves, if there is one."""
        return self.records.contexts.get(self._values(leaves))

    def tables(self, context: Context) -> tuple[int, int]:
        """Where the table of records and the soft TLB of a context lie."""
        layout = self.plan.layout
        return self.records.table(context), layout.tlb.at + layout.table(context.number)

    def _values(self, leaves: Mapping[str, int]) -> Values:
        """The values of what contexts are made of, but for some leaves."""
        mirror, layout = self.mirror, self.plan.layout
        values: list[int | bytes] = []
        for name in self.plan.context:
            place = layout.scalars.get(name)
            if name in leaves:
                values.append(leaves[name])
            elif place is not None:
                values.append(mirror.number(place))
            else:
                region = layout.arrays[name]
                size = self.machine.state.arrays[name].size
                values.append(bytes(mirror.memory[region.at : region.at + size * region.size]))
        return tuple(values)
