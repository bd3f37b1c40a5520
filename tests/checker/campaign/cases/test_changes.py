"""Changes of translations: which bits decide is read off the walk, and programs and devices make them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pgcheck.checker.campaign.cases.accesses import Accesses, accesses
from pgcheck.checker.campaign.cases.case import TAPE, Author
from pgcheck.checker.campaign.cases.changes import Changes
from pgcheck.checker.campaign.cases.inventory import Inventory
from pgcheck.checker.campaign.cases.layout import layout
from pgcheck.checker.campaign.cases.tables import tables
from pgcheck.checker.campaign.cases.tape import Tape, counted
from pgcheck.checker.campaign.cases.trial import Trial
from pgcheck.checker.campaign.pairs.outcome import Ground
from pgcheck.checker.campaign.table import PROPERTIES
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.reference.cycle import advance
from pgcheck.models.state import Cells, State, Surroundings, cells, reset
from pgcheck.vmm.paging.shadow import ShadowTables
from tests.specifications import machine, machine_of
from tests.vmm.lockstep import policy_of

PPN = range(10, 54)
RISCV = machine("riscv64")
WHERE = layout(RISCV)


def found(how: Accesses | None = None) -> Changes:
    spaces = tables(RISCV, WHERE, reset(RISCV))
    assert spaces is not None
    return Changes(spaces, how or Accesses((), ()))


def test_the_bits_that_decide_are_those_of_the_manual() -> None:
    """Sv39: RSW (9-8) and G (5) decide nothing; in an entry that points to a table R, W, X, U, A and D are reserved or make it a page."""
    *above, last = found().deciding
    assert [d.level for d in (*above, last)] == [0, 1, 2]
    for deciding in above:
        assert {bit for bits in deciding.bits.values() for bit in bits} == {0, 1, 2, 3, 4, 6, 7, *PPN, *range(54, 64)}
    assert set(last.bits["moved"]) == set(PPN) and set(last.bits["refused"]) == {0, 1, 2, 3, 6, 7, *range(54, 64)}
    assert last.bits["permitted"] == (4,)


def test_a_change_is_a_store_to_an_entry_of_the_walk_of_a_page_in_use() -> None:
    changes = found()
    spaces, counts = changes.tables, set[int]()
    for k in range(200):
        tape = Tape(counted("changes", k, 512))
        drawn, root = spaces.draw(tape), WHERE.tables[0]
        made = changes.change(tape, root, drawn.entries, kernel=bool(k % 2))
        if made is None:
            continue
        page, change = made
        slots = spaces.slots(page >> 12, root, drawn.entries)
        assert any(change.address < slot + 8 and slot < change.address + change.count for slot in slots)
        counts.add(change.count)
    assert counts == {1, 2, 4, 8, 16}


def test_a_script_uses_a_page_and_makes_the_change_through_registers() -> None:
    trial = Trial(RISCV, WHERE.base, WHERE.size, WHERE.kernel, WHERE.stack)
    how = accesses(Inventory(RISCV, frozenset(), (0, 1, *WHERE.places), trial))
    assert {a.count for a in how.stores} == {a.count for a in how.loads} == {1, 2, 4, 8}
    changes, seen = found(how), 0
    for k in range(60):
        tape = Tape(counted("script", k, 512))
        made = changes.change(tape, WHERE.tables[0], changes.tables.draw(tape).entries, kernel=True)
        state: State = {**reset(RISCV), "X": Cells(0, {0: 0}), "PC": WHERE.kernel, "current_mode": 1}
        script = list(changes.script(tape, state, *made)) if made is not None else []
        if made is None or not script:
            continue
        page, change = made
        ram = Ram(WHERE.base, WHERE.size, 8, False)
        memory = Bus(ram, (), 8, False, 64)
        for number, (word,) in enumerate(script):
            memory.store(WHERE.kernel + 4 * number, 4, word)
        assert cells(state, "X")[0] == 0
        if change.address % change.count:
            continue
        for _ in script:
            assert advance(RISCV, state, Surroundings(memory=memory)) is None
        width = min(change.count, 8)
        stored = ram.load(change.address, width)
        assert stored in (change.value & (1 << 8 * width) - 1, 0) or page <= change.address < page + 4096
        seen += 1
    assert seen > 20


def narrow(address: int, count: int) -> tuple[int, int]:
    return address, 0 if count < 8 else count


def unaligned(address: int, count: int) -> tuple[int, int]:
    return address, 0 if address % 8 else count


def one_entry(address: int, count: int) -> tuple[int, int]:
    return address, min(count, 8)


@pytest.mark.slow
@pytest.mark.parametrize("deaf", [narrow, unaligned, one_entry])
def test_a_monitor_that_misses_some_stores_to_its_guests_tables_is_found(
    deaf: Callable[[int, int], tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ShadowTables.stored

    def wrong(self: ShadowTables, address: int, count: int) -> None:
        at, heard = deaf(address, count)
        if heard:
            right(self, at, heard)

    machine_, law = machine_of("riscv64"), PROPERTIES["SH1"]
    author = Author(machine_, policy_of("riscv64", "s_in_u"))
    ground = Ground(author)
    monkeypatch.setattr(ShadowTables, "stored", wrong)
    tapes = (counted("deaf", k, TAPE) for k in range(300))
    failures = (law.tried(ground, law.drawn(author, tape), None).failure for tape in tapes)
    assert next((f.law for f in failures if f is not None), "") == "SH1"
