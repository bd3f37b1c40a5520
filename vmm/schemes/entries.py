"""Page tables: the guest's are shadowed by tables that the monitor writes, and that the processor walks."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import Entries
from pgcheck.vmm.mmu import Audit, Audited, Finding, Mechanism
from pgcheck.vmm.paging.coherence import ShadowAudit
from pgcheck.vmm.paging.ledger import Context
from pgcheck.vmm.paging.shadow import ShadowTables
from pgcheck.vmm.statistics import EVENTS


def audit(what: Audited) -> Audit:
    """SH1 and RC1 of a guest's shadow tables."""
    coherent = ShadowAudit(what.mmu, what.guest, what.allocator)
    return lambda: [*coherent(), *astray(what)]


def astray(what: Audited) -> Iterator[Finding]:
    """RC1: the tables that the processor would walk are those that the monitor chose."""
    tables: ShadowTables = what.mmu
    used = tables.tlb.used
    if isinstance(used, Context) and used.frames and used in tables.contexts.values():
        if what.host.state[tables.form.root] != tables.pointer(used):
            yield Finding("RC1", "", used.frames[0], "the processor's root is not that of the tables in use")


def frame(machine: Machine, wanted: int) -> int:
    """The processor's pages."""
    scheme = machine.code.scheme
    return scheme.shift if isinstance(scheme, Entries) else wanted


ENTRIES = Mechanism(
    scheme=Entries,
    made=ShadowTables,
    audit=audit,
    frame=frame,
    events=tuple(event for event in EVENTS if event != "bound"),
    does="shadow tables in place of the guest's",
    exits="the first use of a page, and again after a flush",
)
