"""Auditors: what must be true of a host whenever no guest runs, as functions of its state.

SH1: shadow tables are coherent with the guest's (coherence.py), through frames of its own, and no page-table page can be stored to.
FOOTPRINT: every address that the processor accepts under base and limit is the guest's. ISO2: frames have one owner. RC1: the
processor's root is one of the monitor's. `Auditor` looks at what has changed since it looked last, a new one at everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgcheck.isa.terms import mask
from pgcheck.models.state import State, holding, reset
from pgcheck.vmm.allocator import Allocator
from pgcheck.vmm.bounds import Bounds, Extent
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.paging.coherence import Finding as Finding
from pgcheck.vmm.paging.coherence import ShadowAudit
from pgcheck.vmm.paging.shadow import Context, ShadowTables
from pgcheck.vmm.vmm import Guest, Vmm


class Auditor:
    """The laws of one monitor, checked after any exit."""

    def __init__(self, vmm: Vmm) -> None:
        self.vmm = vmm
        self._shadow: dict[str, ShadowAudit] = {}
        self._owned: object = None
        self._extents: set[tuple[str, tuple[int, ...], Extent]] = set()

    def __call__(self) -> tuple[Finding, ...]:
        """What does not hold now, of what has changed."""
        vmm = self.vmm
        found: list[Finding] = []
        owned = dict(vmm.allocator.owner), list(vmm.allocator.free), [*_table_frames(vmm.guests)]
        if owned != self._owned:
            self._owned = owned
            found += ownership(vmm.allocator, vmm.guests)
        for guest in vmm.guests:
            mmu = guest.monitor.mmu
            if isinstance(mmu, ShadowTables):
                known = self._shadow.get(guest.name)
                if known is None or known.tables is not mmu:
                    known = self._shadow[guest.name] = ShadowAudit(mmu, guest.name, vmm.allocator)
                found += known()
            elif isinstance(mmu, Bounds):
                for key, extent in mmu.known.items():
                    if extent is not None and (guest.name, key, extent) not in self._extents:
                        self._extents.add((guest.name, key, extent))
                        found += footprint(mmu, guest.name, key, extent, vmm.allocator, guest.monitor.division.own)
        found += root(vmm)
        return tuple(found)


def audit(vmm: Vmm) -> tuple[Finding, ...]:
    """All that does not hold of a monitor's host now."""
    return Auditor(vmm)()


def root(vmm: Vmm) -> Iterator[Finding]:
    """RC1: the tables that the processor would walk are those that the monitor chose."""
    used = vmm.tlb.used
    if isinstance(used, Context) and used.frames:
        mmu = next(
            (
                g.monitor.mmu
                for g in vmm.guests
                if isinstance(g.monitor.mmu, ShadowTables) and used in g.monitor.mmu.contexts.values()
            ),
            None,
        )
        if isinstance(mmu, ShadowTables) and vmm.host.state[mmu.form.root] != mmu.pointer(used):
            yield Finding("RC1", "", used.frames[0], "the processor's root is not that of the tables in use")


def ownership(allocator: Allocator, guests: list[Guest]) -> Iterator[Finding]:
    """ISO2: a frame is free or one owner's, and a guest's RAM and tables lie in its own."""
    free = set(allocator.free)
    if len(free) != len(allocator.free):
        yield Finding("ISO2", "", 0, "a frame is free twice")
    for frame in free & allocator.owner.keys():
        yield Finding("ISO2", allocator.owner[frame], frame, "a free frame has an owner")
    used: dict[int, str] = {}
    for guest in guests:
        memory = (
            guest.monitor.mmu.memory if isinstance(guest.monitor.mmu, ShadowTables | Bounds) else guest.computer.bus.ram
        )
        if isinstance(memory, GuestMemory):
            yield from _owned(allocator, used, guest.name, guest.name, memory.frames)
        if isinstance(guest.monitor.mmu, ShadowTables):
            mmu = guest.monitor.mmu
            yield from _owned(
                allocator, used, guest.name, mmu.tables, [f for c in mmu.contexts.values() for f in c.frames]
            )


def _table_frames(guests: list[Guest]) -> Iterator[int]:
    for guest in guests:
        if isinstance(guest.monitor.mmu, ShadowTables):
            for context in guest.monitor.mmu.contexts.values():
                yield from context.frames


def _owned(
    allocator: Allocator, used: dict[int, str], guest: str, owner: str, frames: list[int] | tuple[int, ...]
) -> Iterator[Finding]:
    for frame in frames:
        if allocator.owner.get(frame) != owner:
            yield Finding(
                "ISO2", guest, frame, f"a frame of {allocator.owner.get(frame, 'nobody')} is used as {owner}'s"
            )
        if frame in used:
            yield Finding("ISO2", guest, frame, f"a frame is used by {used[frame]} as well")
        used[frame] = owner


def footprint(
    bounds: Bounds, guest: str, key: tuple[int, ...], extent: Extent, allocator: Allocator, own: Mapping[str, int]
) -> Iterator[Finding]:
    """FOOTPRINT: under an extent, the processor accepts what the guest's relocation accepts, and finds it in the guest's frames.

    Checked at the first and last address of every page, at the ends of the extent and at the ends of the address space.
    """
    machine = bounds.machine
    base = reset(machine)
    virtual = bounds.reach({**base, **dict(zip(bounds.depends, key, strict=True))})
    real: State = {**base, **holding(machine, own)}
    processor = bounds.reach({**real, bounds.realise.base: extent.base, bounds.realise.limit: extent.limit})
    memory, page, last = bounds.memory, 1 << bounds.memory.page_shift, mask(bounds.width)
    ends = {0, extent.size - 1, extent.size, extent.size + 1, last, last - 1, *(1 << k for k in range(bounds.width))}
    for at in range(0, min(last, 2 * mask(machine.state.address_width)), page):
        ends |= {at, at + page - 1}
    for address in sorted(e for e in ends if 0 <= e <= last):
        reached = processor(address)
        if reached is None:
            continue
        if allocator.owner.get(reached >> memory.page_shift) != guest:
            yield Finding("FOOTPRINT", guest, address, f"the processor reaches {reached:#x}, which is not the guest's")
        meant = virtual(address)
        if meant is None or not memory.holds(meant) or memory.host_address(meant) != reached:
            yield Finding(
                "FOOTPRINT", guest, address, f"the processor reaches {reached:#x}, the guest means something else"
            )
