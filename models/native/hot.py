"""Regions at work on one computer: which code is hot, what of it is compiled, and how tier 0 comes into it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final

from pgcheck.models.native.background import shared
from pgcheck.models.native.linking import Linked, Unavailable
from pgcheck.models.native.records import Context, Records
from pgcheck.models.native.regions.body import NAME, ORIGINS
from pgcheck.models.native.regions.region import Region, Writer
from pgcheck.models.native.runtime import Runtime
from pgcheck.models.state import Fetched

SHORT: Final = 1 << 17
"""Steps after which is looked for hot code, at first."""
LONG: Final = 1 << 23
"""At most, then: a look costs as much as some thousand steps."""
STRIDE: Final = 0x9E37
"""By which looks are not evenly apart: a loop may come round as evenly."""
COST: Final = 50_000
"""Steps that have to be taken for an instruction that was written, before another is: a guest that changes its code all the time is not slowed down."""
MOST: Final = 256
"""Regions at a time."""

Compile = Callable[[str], bytes | None]
"""The object file of a text, of no bytes where it cannot be made; None as long as it is not there."""


class Regions:
    """The regions of a runtime: a synchronous `compiled` gives an object file at once."""

    def __init__(self, runtime: Runtime, compiled: Compile, every: int = SHORT, cost: int = COST) -> None:
        self.runtime, self.compiled, self.cost = runtime, compiled, cost
        self.every = self._left = every
        self.made = self._owed = self._looks = 0
        self._generation = 0
        self._origins: dict[int, int] = {}
        """By slot, the code of tier 0 for its record; what only fills a record is not replaced, for then the record is not filled."""
        self._tried: set[tuple[int, int]] = set()
        self._waiting: list[tuple[Context, Region]] = []
        self._linked: dict[tuple[int, str], Linked] = {}
        mirror, layout = runtime.mirror, runtime.plan.layout
        places = [layout.header["ram_base"], layout.header["ram_mask"], *layout.limits.values()]
        self._constants = {p.at: mirror.number(p) for p in places}

    @property
    def records(self) -> Records:
        return self.runtime.records

    def due(self) -> int:
        return max(1, self._left)

    def took(self, steps: int) -> bool:
        self._left -= steps
        self._owed -= steps
        return self._left <= 0

    def sampled(self, context: Context, pc: int) -> None:
        """Execution is at an address now: where it is no region, there should be one."""
        self._look(context, pc)
        waiting, self._waiting = self._waiting, []
        for known, region in waiting:
            self._install(known, region)
        self._looks += 1
        self._left = self.every - (self._looks * STRIDE & (self.every >> 1) - 1)

    def _look(self, context: Context, pc: int) -> None:
        if self._generation != self.records.generation:
            self._generation = self.records.generation
            self._tried.clear()
            self._origins.clear()
            self._waiting.clear()
            if len(self._linked) >= MOST:
                self._linked.clear()
        slot = context.slots.get(pc)
        if slot is None or self.records.handler(slot) == self.runtime.handler(self.records.fetched[slot]):
            return  # it has never run
        if (context.number, pc) in self._tried:
            self.every = self.every if self._waiting else min(LONG, 2 * self.every)
            return
        if self._owed > 0:
            return
        region = self._region(context, pc)
        addresses = (pc,) if region is None else (pc, *region.addresses)
        self._tried.update((context.number, at) for at in addresses)
        self._owed = self.cost * len(addresses)
        if region is not None:
            self._waiting.append((context, region))

    def _region(self, context: Context, pc: int) -> Region | None:
        plan = self.runtime.plan

        def read(at: int) -> Fetched | None:
            slot = context.slots.get(at)
            found = None if slot is None else self.records.fetched[slot]
            return None if found is None or found.instruction.id in self.runtime.tier.written.left_out else found

        values = dict(zip(plan.context, context.values, strict=True))
        return Writer(plan, values, self._constants, read).written(pc)

    def _install(self, context: Context, region: Region) -> None:
        """Have the records of a region's entries lead into it."""
        key = context.number, region.text
        linked = self._linked.get(key)
        if linked is None and len(self._linked) >= MOST:
            self.runtime.mirror.outdated = True  # no record leads into a region once all are forgotten
            return
        if linked is None:
            found = self.compiled(region.text)
            if found is None:
                self._waiting.append((context, region))
            if not found:
                return
            try:
                linked = self._linked[key] = Linked(found)
            except Unavailable:
                return
        self.made += 1
        slots = [context.slots[pc] for pc in region.addresses]
        filling = {slot: self.runtime.handler(self.records.fetched[slot]) for slot in slots}
        table = (ctypes.c_uint64 * (2 * len(slots))).from_address(linked.address(ORIGINS))
        for k, slot in enumerate(slots):
            table[2 * k] = self.records.offset(slot)
            if self._origins.get(slot, filling[slot]) == filling[slot]:
                self._origins[slot] = self.records.handler(slot)
            table[2 * k + 1] = self._origins[slot]
        for slot in (context.slots[pc] for pc in region.entries):
            if self._origins[slot] != filling[slot]:
                self.records.lead(slot, linked.address(NAME))


def in_background(runtime: Runtime) -> Regions:
    """The regions of a runtime, compiled by a process that nothing waits for."""
    return Regions(runtime, shared().found)


def given_up() -> str:
    """Why hot code is not compiled any more in this process; "" where it is."""
    return shared().warning
