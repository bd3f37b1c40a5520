"""A guest's device that writes into its page tables, or over parts of them: the shadow tables follow."""

from __future__ import annotations

from random import Random

import pytest

from pgcheck.models.devices.virtqueue import Memory
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.paging.shadow import ShadowTables
from tests.vmm.stage import FETCH, I386, READ, RISCV, WRITE, Kind, Party, Stage

PAGES = range(4)
ROUNDS = 12


def staged(kind: Kind) -> tuple[Stage, Party]:
    stage = Stage(kind)
    party = stage.party("A", range(16, 0, -1), range(40, 46))
    for page in PAGES:
        party.map(page, party.base + page + 1)
    return stage, party


def touched(party: Party) -> None:
    for page in PAGES:
        for op in (READ, WRITE, FETCH):
            party.check(page, op)


def incoherent(kind: Kind, seed: int) -> bool:
    """Whether the shadow tables or an access go wrong while a device writes pieces of entries, of whatever length and alignment."""
    random = Random(seed)
    stage, party = staged(kind)
    assert party.surroundings.memory is not None
    device = Memory(party.surroundings.memory)  # type: ignore[arg-type]  # the guest's bus
    units, table = party.units, party.base + stage.kind.levels << stage.shift
    for _ in range(ROUNDS):
        touched(party)
        entries = [
            party.entry(
                stage.kind.page if random.random() < 0.7 else stage.realise.deny, party.base + random.randrange(1, 9)
            )
            for _ in PAGES
        ]
        image = b"".join(entry.to_bytes(units, "little") for entry in entries)
        first = random.randrange(len(image))
        length = random.choice((1, 2, units, units + 1, len(image)))
        piece = image[first : first + length]
        if random.random() < 0.2:  # over the end of the page before
            piece, first = bytes(3) + image[:length], -3
        device.write(table + first, piece)
        stage.running = None  # the write enters the monitor
        if stage.audit():
            return True
        try:
            touched(party)
        except AssertionError:
            return True
    return False


@pytest.mark.parametrize("kind", [RISCV, I386], ids=["riscv64", "i386"])
def test_shadow_tables_follow_what_a_device_writes(kind: Kind) -> None:
    assert [seed for seed in range(6) if incoherent(kind, seed)] == []


@pytest.mark.parametrize("kind", [RISCV, I386], ids=["riscv64", "i386"])
def test_a_device_that_is_not_heard_is_found(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GuestMemory, "watch", lambda self, address, watcher: None)
    monkeypatch.setattr(GuestMemory, "watched", lambda self, address: True)
    assert any(incoherent(kind, seed) for seed in range(6))


@pytest.mark.parametrize("kind", [RISCV, I386], ids=["riscv64", "i386"])
def test_a_store_of_which_only_the_first_unit_counts_is_found(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = ShadowTables.stored
    monkeypatch.setattr(ShadowTables, "stored", lambda self, address, count: stored(self, address, 1))
    assert any(incoherent(kind, seed) for seed in range(6))
