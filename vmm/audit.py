"""Auditors: what must be true of a host whenever no guest runs, as functions of its state.

ISO2: frames have one owner. What else must hold is the mapping scheme's: SH1, that shadow tables are coherent with the guest's, and RC1, that
the processor's root is one of the monitor's (paging/coherence.py, schemes/entries.py); FOOTPRINT, that every address that the processor accepts
under base and limit is the guest's (schemes/bounds.py). `Auditor` looks at what has changed since it looked last, a new one at everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pgcheck.vmm.allocator import Allocator
from pgcheck.vmm.mmu import Audit, Audited, Finding, Mmu, mechanism, tables_of
from pgcheck.vmm.vmm import Guest, Vmm


class Auditor:
    """The laws of one monitor, checked after any exit."""

    def __init__(self, vmm: Vmm) -> None:
        self.vmm = vmm
        self._audits: dict[str, tuple[Mmu, Audit]] = {}
        self._owned: object = None

    def __call__(self) -> tuple[Finding, ...]:
        """What does not hold now, of what has changed."""
        vmm = self.vmm
        found: list[Finding] = []
        tables = [[*guest.monitor.mmu.frames()] for guest in vmm.guests]
        owned = dict(vmm.allocator.owner), list(vmm.allocator.free), tables
        if owned != self._owned:
            self._owned = owned
            found += ownership(vmm.allocator, vmm.guests)
        for guest in vmm.guests:
            found += self._audit(guest)()
        return tuple(found)

    def _audit(self, guest: Guest) -> Audit:
        """The audit of a guest's memory management; another guest of the name has another."""
        mmu = guest.monitor.mmu
        known = self._audits.get(guest.name)
        if known is None or known[0] is not mmu:
            vmm = self.vmm
            what = Audited(guest.name, mmu, vmm.host, vmm.allocator, guest.monitor.division.own)
            known = self._audits[guest.name] = mmu, mechanism(vmm.machine).audit(what)
        return known[1]


def audit(vmm: Vmm) -> tuple[Finding, ...]:
    """All that does not hold of a monitor's host now."""
    return Auditor(vmm)()


def ownership(allocator: Allocator, guests: list[Guest]) -> Iterator[Finding]:
    """ISO2: a frame is free or one owner's, and a guest's RAM and tables lie in its own."""
    free = set(allocator.free)
    if len(free) != len(allocator.free):
        yield Finding("ISO2", "", 0, "a frame is free twice")
    for frame in free & allocator.owner.keys():
        yield Finding("ISO2", allocator.owner[frame], frame, "a free frame has an owner")
    used: dict[int, str] = {}
    for guest in guests:
        mmu = guest.monitor.mmu
        for owner, frames in ((guest.name, mmu.memory.frames), (tables_of(guest.name), mmu.frames())):
            yield from _owned(allocator, used, guest.name, owner, frames)


def _owned(
    allocator: Allocator, used: dict[int, str], guest: str, owner: str, frames: Iterable[int]
) -> Iterator[Finding]:
    for frame in frames:
        if allocator.owner.get(frame) != owner:
            yield Finding(
                "ISO2", guest, frame, f"a frame of {allocator.owner.get(frame, 'nobody')} is used as {owner}'s"
            )
        if frame in used:
            yield Finding("ISO2", guest, frame, f"a frame is used by {used[frame]} as well")
        used[frame] = owner
