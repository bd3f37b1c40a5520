"""One bit in a shadow table, or in a guest's table behind the monitor: the auditors report each that changes what the processor reaches."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgcheck.models.state import Surroundings
from pgcheck.vmm.translate import walk
from tests.vmm.stage import FETCH, I386, MIRRORED, READ, RISCV, WRITE, Kind, Party, Stage

PAGES = range(4)
TOUCHED = range(3)


def staged(kind: Kind) -> tuple[Stage, Party]:
    """A guest that has reached a few of its pages, one of them only for reading."""
    stage = Stage(kind)
    party = stage.party("A", range(1, 17), range(40, 46))
    for page in PAGES:
        party.map(page, party.base + page + 1)
    if kind is not I386:
        party.map(1, party.base + 2, W=0)
    if "current_mode" in kind.shared:
        party.change(current_mode=0)
    for page in TOUCHED:
        for op in (READ, WRITE, FETCH):
            party.check(page, op)
    assert stage.audit() == []
    return stage, party


def incoherent(stage: Stage, party: Party) -> bool:
    """Whether the processor reaches something by an address that the guest does not mean by it."""
    real = party.real()
    mode = real[stage.machine.modes.leaf]
    assert isinstance(mode, int)
    for page in PAGES:
        for op in (READ, WRITE, FETCH):
            args = party.args(page << stage.shift, op, mode)
            reached = walk(stage.machine, args, real, Surroundings(memory=stage.bus), pretend=True)
            if reached.address is None:
                continue
            meant = party.walk(page, op)
            if reached.stores or meant.stores or meant.address is None:
                return True
            if not party.memory.holds(meant.address) or party.memory.host_address(meant.address) != reached.address:
                return True
    return False


def places(stage: Stage, party: Party, *, shadow: bool) -> Iterator[int]:
    """The host's addresses of the entries of all tables in use that are not empty, and of a few that are."""
    if shadow:
        frames = [*party.mmu.frames()]
    else:
        frames = [party.memory.frames[page] for page in range(1, stage.kind.levels + 1)]
    for frame in frames:
        first = frame << stage.shift
        yield from range(first, first + 5 * party.units, party.units)


@pytest.mark.parametrize("shadow", [True, False], ids=["shadow", "guest"])
@pytest.mark.parametrize("kind", [RISCV, MIRRORED, I386], ids=["riscv64", "mirrored", "i386"])
def test_a_bit_in_any_entry_is_seen(kind: Kind, shadow: bool) -> None:
    stage, party = staged(kind)
    planted, missed = 0, []
    for at in places(stage, party, shadow=shadow):
        entry = stage.bus.load(at, party.units)
        for bit in range(8 * party.units):
            stage.bus.store(at, party.units, entry ^ 1 << bit)
            if incoherent(stage, party):
                planted += 1
                if not stage.audit():
                    missed.append(f"bit {bit} of the entry at {at:#x}")
            stage.bus.store(at, party.units, entry)
    assert planted >= 20 and missed == []


@pytest.mark.parametrize("kind", [RISCV, I386], ids=["riscv64", "i386"])
def test_an_auditor_that_has_looked_before_sees_what_has_changed_since(kind: Kind) -> None:
    stage, party = staged(kind)
    assert party.incremental() == []
    missed = []
    for shadow in (True, False):
        for at in places(stage, party, shadow=shadow):
            entry = stage.bus.load(at, party.units)
            for bit in (0, 1, 2, 12 if kind is I386 else 10):
                stage.bus.store(at, party.units, entry ^ 1 << bit)
                if incoherent(stage, party) != bool(found := party.incremental()) and not found:
                    missed.append(f"bit {bit} of the entry at {at:#x}")
                stage.bus.store(at, party.units, entry)
                party.incremental()
    assert missed == [] and party.incremental() == []
