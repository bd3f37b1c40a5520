"""ISO3: no guest finds what is left of an earlier one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.outcome import Ground, Outcome, excluded, failed
from pgcheck.checker.campaign.pairs.pair import Pair, has_tables
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import mask
from pgcheck.models.state import cells, holding

FRESH: Final = 8


def iso3(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """Nothing of a pattern that fills free memory and the processor before a guest is made shows in the guest.

    The pattern is random for each case, so that no program can hold it by chance.
    """
    case = cases[0]
    machines = ground.pair(case)
    machines.load(case)
    machine = machines.machine
    pattern = _pattern(case, machine)
    _poison(machines, pattern)
    expected = machines.run(machines.bare, case.steps)
    log = machines.oracle.log
    if excluded(expected.exit):
        return Outcome(tuple(log), excluded=True)
    machines.run(machines.guest, case.steps)
    guest = machines.guest.state
    for name, held in guest.items():
        leaf = machine.state.leaves[name]
        if leaf.width >= 16 and not leaf.volatile:
            values = cells(guest, name).values(leaf.size) if isinstance(leaf, ArrayLeaf) else {held}
            if pattern & mask(leaf.width) in values:
                return failed("ISO3", log, 0, name, "holds what was in the processor before")
    tables = min(FRESH, machines.tables)
    fresh = machines.vmm.guest("fresh", machines.layout.size, tables=tables) if _room(machines, tables) else None
    if fresh is not None:
        ram = fresh.computer.bus.ram
        step = min(64, ram.size)
        residue = next((a for a in range(ram.base, ram.base + ram.size, step) if ram.load(a, step)), None)
        machines.vmm.remove(fresh)
        if residue is not None:
            return failed("ISO3", log, case.steps, "memory", f"a new guest's memory is not zero near {residue:#x}")
    return Outcome(tuple(log), events={"guest": int(fresh is not None)})


def _pattern(case: Case, machine: Machine) -> int:
    digest = hashlib.blake2b(repr((case.site, case.steps, case.stores[:8])).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") | 1 << 63 | 1


def _poison(machines: Pair, pattern: int) -> None:
    """Fill the host's free frames and the processor's general registers."""
    host = machines.host
    shift, unit = machines.vmm.page_shift, machines.machine.state.memory_unit
    word = pattern & (1 << unit) - 1
    count = 1 << shift
    page = sum(word << unit * k for k in range(count))
    for frame in tuple(machines.vmm.allocator.free)[:8]:
        host.bus.store(frame << shift, count, page)
    state = machines.machine.state
    wide = [leaf for leaf in state.general if leaf.name != state.memory and leaf.width >= 16]
    host.state.update(holding(machines.machine, {leaf.name: pattern & mask(leaf.width) for leaf in wide}))


def _room(machines: Pair, tables: int) -> bool:
    """Whether one more guest finds room."""
    wanted = (machines.layout.size >> machines.vmm.page_shift) + (tables if has_tables(machines.machine) else 0)
    return len(machines.vmm.allocator.free) >= wanted


ISO3: Final = Property(
    "ISO3",
    iso3,
    title="a new guest finds nothing of an earlier one",
    claim="nothing of what was in free memory and in the processor before shows in a guest",
    subject=(("direct",), ("guest",)),
    order=40,
    guests=2,
)
