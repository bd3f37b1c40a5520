"""Regions at work on one computer: which code is hot, what of it is compiled, and how tier 0 comes into it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final

from pgcheck.models.native.linking import Linked, Unavailable
from pgcheck.models.native.records import Context, Records
from pgcheck.models.native.regions.body import NAME, ORIGINS
from pgcheck.models.native.regions.region import Region, Writer
from pgcheck.models.native.runtime import Runtime
from pgcheck.models.state import Fetched

SHORT: Final = 1 << 17
"""Steps after which is looked for hot code, at first."""
LONG: Final = 1 << 25
MOST: Final = 256
"""Regions at a time."""

Compile = Callable[[str], bytes]


class Regions:
    """The regions of a runtime."""

    def __init__(self, runtime: Runtime, compiled: Compile, every: int = SHORT) -> None:
        self.runtime, self.compiled = runtime, compiled
        self.every = self._left = every
        self.made = 0
        self._generation = 0
        self._origins: dict[int, int] = {}
        """By slot, the code of tier 0 for its record; what only fills a record is not replaced, for then the record is not filled."""
        self._tried: set[tuple[int, int]] = set()
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
        return self._left <= 0

    def sampled(self, context: Context, pc: int) -> None:
        """Execution is at an address now: where it is no region, there should be one."""
        self._look(context, pc)
        self._left = self.every

    def _look(self, context: Context, pc: int) -> None:
        if self._generation != self.records.generation:
            self._generation = self.records.generation
            self._tried.clear()
            self._origins.clear()
            if len(self._linked) >= MOST:
                self._linked.clear()
        slot = context.slots.get(pc)
        if slot is None or self.records.handler(slot) == self.runtime.handler(self.records.fetched[slot]):
            return  # it has never run
        region = None if (context.number, pc) in self._tried else self._region(context, pc)
        self._tried.add((context.number, pc))
        if region is None:
            self.every = min(LONG, 2 * self.every)
        else:
            self._install(context, region)

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
            try:
                linked = Linked(self.compiled(region.text))
            except Unavailable:
                return
            self._linked[key] = linked
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
        self._tried.update((context.number, pc) for pc in region.addresses)
