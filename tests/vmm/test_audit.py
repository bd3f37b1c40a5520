"""The auditors: silent on a correct monitor, and not on any of the mistakes that monitors have been shipped with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pgcheck.vmm.audit import Auditor, audit
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.mmu import Tenant
from pgcheck.vmm.paging.entries import Form
from pgcheck.vmm.paging.ledger import Context, Shadow
from pgcheck.vmm.paging.shadow import ShadowTables
from pgcheck.vmm.schemes.bounds import Bounds, Extent
from pgcheck.vmm.tlb import Tlb
from pgcheck.vmm.vmm import Vmm
from tests.specifications import machine_of
from tests.vmm import programs
from tests.vmm.lockstep import Pair, pair, policy_of
from tests.vmm.stage import FETCH, MIRRORED, READ, RISCV, WRITE, Kind, play

Tape = list[tuple[int, Any]]
TOUCHES: Tape = [(0, ("touch", page, op)) for page in (0, 1, 4, 5) for op in (READ, WRITE, FETCH)]
SCRIPTS: list[tuple[Kind, Tape]] = [
    (RISCV, [*TOUCHES, (0, ("unmap", 4)), *TOUCHES, (0, ("map", 4, 9, set())), *TOUCHES]),
    (RISCV, [(0, ("touch", 4, READ)), (1, ("touch", 4, READ)), (0, ("touch", 4, READ))]),
    (RISCV, [(0, ("map", 4, 9, {"W"})), *TOUCHES, (0, ("map", 4, 10, {"R", "W"})), *TOUCHES, (0, ("map", 4, 10, {"A"})), *TOUCHES]),
    (RISCV, [(0, ("map", 0, 3, set())), *TOUCHES, (0, ("store", 0, 4, 9)), *TOUCHES]),
    (RISCV, [(0, ("paging", 0)), *((0, ("touch", k, WRITE)) for k in range(6)), (0, ("paging", 1)), *TOUCHES]),
    (RISCV, [*TOUCHES, (0, ("mode", 1, 0, 0)), *TOUCHES, (0, ("mode", 0, 0, 0)), *TOUCHES]),
    (RISCV, [(0, ("root", r)) if k % 2 else t for r in (1, 3, 2, 9, 1) for k, t in enumerate(TOUCHES)]),
    (RISCV, [t for page in (0, 4) for t in [(0, ("map", 4, 6, {"D"})), (0, ("touch", 4, READ)), (0, ("store", page, 4, 8)), *TOUCHES]]),
    (MIRRORED, [t for s in ((0, 0, 0), (1, 1, 0), (1, 0, 1), (1, 0, 0), (0, 1, 1)) for t in [(0, ("mode", *s)), *TOUCHES]]),
    (MIRRORED, [t for s in ((1, 1, 0), (1, 0, 0)) for t in [(0, ("mode", *s)), (0, ("touch", 4, READ))]]),
    (MIRRORED, [(0, ("map", 4, 9, {"U"})), (0, ("mode", 1, 1, 0)), *TOUCHES, (0, ("mode", 0, 0, 0)), *TOUCHES]),
    (MIRRORED, [(0, ("map", 4, 9, {"R", "W"})), (0, ("mode", 1, 1, 1)), *TOUCHES, (0, ("mode", 1, 1, 0)), *TOUCHES]),
]  # fmt: skip


def goes_wrong(frames: list[int] | None = None) -> bool:
    """Whether one of the scripts shows something wrong."""
    for kind, tape in SCRIPTS:
        for tables in (6, 3):
            try:
                play(kind, frames or list(range(32)), tape, tables)
            except (AssertionError, IndexError, KeyError, ValueError):
                return True
    return False


def test_a_correct_monitor_passes() -> None:
    assert not goes_wrong()
    assert not goes_wrong([31 - k for k in range(32)])


def nothing(*args: object) -> None:
    return


original = {n: getattr(ShadowTables, n) for n in ("_fill", "permitted_to", "give_up", "_drop", "__init__", "_table")}


def fill(change: Callable[[Any], Any]) -> Callable[..., Any]:
    """The fill with other arguments."""
    return lambda self, context, args, page, permitted, derived, real: original["_fill"](
        self, *change((context, args, page, permitted, derived, real))
    )


def everything(self: ShadowTables, *args: Any) -> Any:
    permitted, derived = original["permitted_to"](self, *args)
    return frozenset().union(*self.available), derived


def writable(self: ShadowTables, *args: Any) -> Any:
    permitted, derived = original["permitted_to"](self, *args)
    stores = {w for p in self.available for w in p if w[0] in self.writes}
    return permitted | frozenset(w for w in stores if (READ, *w[1:]) in permitted), derived


def by_root_only(self: ShadowTables, *args: Any, **options: Any) -> None:
    original["__init__"](self, *args, **options)
    self._chosen = lambda virtual: virtual["satp.PPN"]


def by_mode_only(self: ShadowTables, *args: Any, **options: Any) -> None:
    original["__init__"](self, *args, **options)
    self._chosen = lambda virtual: virtual["current_mode"]


def only_the_mode_shared(self: ShadowTables, tenant: Tenant) -> None:
    original["__init__"](self, replace(tenant, shared=tenant.shared & {"current_mode"}))


def kept_in_the_books(self: ShadowTables, entry: Shadow, event: str) -> None:
    self.host.store(entry.slot, self.form.units, self._deny)


def dropped_in_the_books_only(self: ShadowTables, entry: Shadow, event: str) -> None:
    entry.context.entries.pop(entry.page, None)
    self.ledger.remove(entry)


def unscrubbed(self: ShadowTables, keep: Context | None) -> int:
    return self.allocator.take(self.tables) if self.allocator.free else original["_table"](self, keep)


def unzeroed(self: ShadowTables, context: Context) -> None:
    """Give a context up, and leave in its frames what is there, for a table that is not cleared either."""
    frames = {f: self.host.load(f << self.shift, 1 << self.shift) for f in context.frames}
    original["give_up"](self, context)
    for frame, contents in frames.items():
        self.host.store(frame << self.shift, 1 << self.shift, contents)


MUTANTS: dict[str, tuple[type, str | tuple[str, ...], Any]] = {
    "a page-table page is not write-protected": (ShadowTables, "_protected", lambda self, permitted: permitted),
    "a page that becomes a page table stays writable": (ShadowTables, "_protect", nothing),
    "a store to a page table invalidates nothing": (ShadowTables, "stored", nothing),
    "fill ignores all of the guest's permissions": (ShadowTables, "permitted_to", everything),
    "fill ignores the guest's write bit": (ShadowTables, "permitted_to", writable),
    "fill takes the next page": (ShadowTables, "_fill", fill(lambda a: (*a[:2], a[2] ^ 1 << 12, *a[3:]))),
    "fill forgets where an entry comes from": (ShadowTables, "_fill", fill(lambda a: (*a[:4], frozenset(), a[5]))),
    "fill knows only one of the tables": (ShadowTables, "_fill", fill(lambda a: (*a[:4], frozenset(sorted(a[4])[:1]), a[5]))),
    "guest-physical is taken for physical": (GuestMemory, "host_address", lambda self, address: address),
    "an entry that points to the next frame": (Form, "pointing", lambda self, entry, address: entry | (address >> 12 ^ 1) << 10),
    "all modes have one context": (ShadowTables, "__init__", by_root_only),
    "all roots have one context": (ShadowTables, "__init__", by_mode_only),
    "what changes without a trap is forgotten": (ShadowTables, "__init__", only_the_mode_shared),
    "nothing is ever flushed": (Tlb, "flush", nothing),
    "no flush at a switch": (Tlb, "use", nothing),
    "a dropped entry stays in the books": (ShadowTables, "_drop", kept_in_the_books),
    "a dropped entry stays in the tables": (ShadowTables, "_drop", dropped_in_the_books_only),
    "a table is not cleared": (ShadowTables, ("_table", "give_up"), (unscrubbed, unzeroed)),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, attributes, changes = MUTANTS[name]
    if isinstance(attributes, str):
        attributes, changes = (attributes,), (changes,)
    for attribute, change in zip(attributes, changes, strict=True):
        monkeypatch.setattr(where, attribute, change)
    assert goes_wrong()


# ---- a whole monitor


def running(machine: str = "riscv64", deployment: str = "s_in_u") -> tuple[Vmm, Pair]:
    """A monitor with two guests, one of which has run for a while."""
    spec = machine_of(machine)
    setup, size = (programs.riscv, programs.RISCV_SIZE) if machine == "riscv64" else (programs.pg74, programs.PG74_SIZE)
    found = pair(spec, policy_of(machine, deployment), size, setup(spec))
    return found.vmm, found


@pytest.mark.parametrize("deployment", ["s_in_u", "vmm_in_m"])
def test_a_program_is_audited_after_every_few_steps(deployment: str) -> None:
    vmm, found = running(deployment=deployment)
    auditor = Auditor(vmm)
    entries = 0
    for _ in range(170):
        found.step(3)
        assert auditor() == ()
        mmu = found.guest.monitor.mmu
        assert isinstance(mmu, ShadowTables)
        entries = max(entries, sum(len(c.entries) for c in mmu.contexts.values()))
    assert audit(vmm) == ()
    assert entries > 3


def tables_of(vmm: Vmm) -> ShadowTables:
    mmu = vmm.guests[0].monitor.mmu
    assert isinstance(mmu, ShadowTables) and mmu.current is not None and mmu.current.entries
    return mmu


def entry_elsewhere(vmm: Vmm) -> None:
    entry = next(iter(tables_of(vmm).current.entries.values()))  # type: ignore[union-attr]
    vmm.host.bus.store(entry.slot, 8, vmm.host.bus.load(entry.slot, 8) ^ 1 << 10)


def entry_added(vmm: Vmm) -> None:
    entry = next(iter(tables_of(vmm).current.entries.values()))  # type: ignore[union-attr]
    vmm.host.bus.store(entry.slot ^ 1 << 11, 8, vmm.host.bus.load(entry.slot, 8))


def entry_lost(vmm: Vmm) -> None:
    mmu = tables_of(vmm)
    assert mmu.current is not None
    mmu.current.entries.popitem()


def table_of_another(vmm: Vmm) -> None:
    mmu = tables_of(vmm)
    assert mmu.current is not None
    vmm.allocator.owner[mmu.current.frames[-1]] = "somebody"


def superpage(vmm: Vmm) -> None:
    mmu = tables_of(vmm)
    assert mmu.current is not None
    vmm.host.bus.store((mmu.current.frames[0] << 12) + 8 * 7, 8, mmu.form.entry(mmu.form.realise.map))


def frame_of_another(vmm: Vmm) -> None:
    frame = vmm.guests[0].monitor.mmu.memory.frames[3]
    vmm.allocator.owner[frame] = "somebody"


def frame_free(vmm: Vmm) -> None:
    vmm.allocator.free.append(vmm.guests[0].monitor.mmu.memory.frames[3])


def frame_free_twice(vmm: Vmm) -> None:
    vmm.allocator.free.append(vmm.allocator.free[0])


def root_elsewhere(vmm: Vmm) -> None:
    vmm.host.state["satp.PPN"] = 77


def stored_behind_the_monitor(vmm: Vmm) -> None:
    """A guest's page-table entry is changed without its monitor hearing of it."""
    mmu = tables_of(vmm)
    assert mmu.current is not None
    entry = next(e for e in mmu.current.entries.values() if e.derived)
    at = mmu.memory.host_address(max(entry.derived)[0])
    vmm.host.bus.store(at, 8, 0)


def watched_unheard(vmm: Vmm) -> None:
    """A page becomes watched while an entry permits stores to it."""
    mmu = tables_of(vmm)
    assert mmu.current is not None
    entry = next(e for e in mmu.current.entries.values() if any(way[0] in mmu.writes for way in e.permitted))
    mmu.memory.watchers[entry.guest_page - mmu.memory.base >> mmu.memory.page_shift] = [lambda address, count: None]


SPOILED = {
    "a watched page can be stored to": (watched_unheard, "SH1"),
    "an entry leads elsewhere": (entry_elsewhere, "SH1"),
    "an entry is in the tables only": (entry_added, "SH1"),
    "an entry is in the books only": (entry_lost, "SH1"),
    "a table lies in another's frame": (table_of_another, "SH1"),
    "an entry of an upper table maps memory": (superpage, "SH1"),
    "a table lies in a frame that it does not own": (table_of_another, "ISO2"),
    "a frame of RAM is another's": (frame_of_another, "ISO2"),
    "a frame of RAM is free": (frame_free, "ISO2"),
    "a frame is free twice": (frame_free_twice, "ISO2"),
    "the root is not the monitor's": (root_elsewhere, "RC1"),
    "a page table was stored to unheard": (stored_behind_the_monitor, "SH1"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_spoiled_is_found_by_both_auditors(name: str) -> None:
    vmm, found = running()
    found.step(300)
    vmm.guests[0].computer.run(0)
    auditor = Auditor(vmm)
    assert auditor() == () == auditor()
    spoil, law = SPOILED[name]
    spoil(vmm)
    assert law in {f.law for f in auditor()}
    assert law in {f.law for f in audit(vmm)}


def test_two_guests_in_the_same_frames_are_found() -> None:
    vmm, found = running()
    other = GuestMemory(0, vmm.guests[0].monitor.mmu.memory.frames, vmm.host.bus, vmm.page_shift)
    assert audit(vmm) == ()
    guest = vmm.guests[0]
    vmm.guests.append(type(guest)("other", guest.computer, guest.monitor))
    assert other.frames
    assert {f.law for f in audit(vmm)} >= {"ISO2"}


def test_extents_are_audited_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    vmm, found = running("pg74", "default")
    auditor = Auditor(vmm)
    for _ in range(20):
        found.step(3)
        assert auditor() == ()
    mmu = found.guest.monitor.mmu
    assert isinstance(mmu, Bounds) and mmu.known
    key, extent = next((k, e) for k, e in mmu.known.items() if e is not None)
    mmu.known[key] = Extent(extent.base + 32, extent.limit, extent.size)
    assert {f.law for f in auditor()} == {"FOOTPRINT"}
    assert auditor() == ()
    assert {f.law for f in audit(vmm)} == {"FOOTPRINT"}
