"""Shadow page tables: the example of the lecture, and what it generalises to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcheck.models.state import Cells
from pgcheck.vmm.allocator import OutOfMemory
from pgcheck.vmm.paging.pages import NoTables
from pgcheck.vmm.paging.shadow import MAX_CONTEXTS
from tests.vmm.stage import FETCH, I386, MIRRORED, READ, RISCV, WRITE, Kind, Party, Stage, play

KINDS = pytest.mark.parametrize("kind", [RISCV, MIRRORED, I386], ids=["own mode", "mirrored mode", "marks entries"])


def lecture(kind: Kind = RISCV, **options: Any) -> tuple[Stage, Party, Party]:
    """Guests A (frame = page) and B (frame = page + 20), with the maps of the lecture."""
    stage = Stage(kind, **options)
    a = stage.party("A", range(16), range(40, 52))
    b = stage.party("B", range(20, 36), range(60, 72))
    for party, entries in ((a, {5: 10, 8: 11, 2: 12}), (b, {4: 10, 5: 11, 6: 12})):
        for page, to in entries.items():
            party.map(page, to, **({"U": 0} if kind is MIRRORED else {}))
    return stage, a, b


@KINDS
def test_the_example_of_the_lecture(kind: Kind) -> None:
    stage, a, b = lecture(kind)
    for page in (5, 8, 2):
        a.touch(page)
    for page in (4, 5, 6):
        b.touch(page)
    assert a.shadow() == {5: 10, 8: 11, 2: 12}
    assert b.shadow() == {4: 30, 5: 31, 6: 32}
    assert stage.audit() == []


def test_a_page_that_both_guests_map_is_not_the_same_page() -> None:
    _, a, b = lecture(keeps=lambda: True)
    assert a.touch(5) == 10
    assert b.touch(5) == 31
    assert a.touch(5) == 10


def test_without_a_flush_at_the_switch_a_page_of_the_other_guest_is_reached() -> None:
    stage, a, b = lecture(keeps=lambda: True)
    stage.tlb.forget = lambda: None
    assert a.touch(5) == 10
    assert b.touch(5) == 10


@KINDS
def test_what_the_guest_maps_to_nothing_is_reached_no_more(kind: Kind) -> None:
    stage, a, _ = lecture(kind, keeps=lambda: True)
    assert a.touch(5) == 10
    a.map(5, None)
    assert a.touch(5) is None
    a.map(5, 11, **({"U": 0} if kind is MIRRORED else {}))
    assert a.touch(5) == 11
    assert stage.audit() == []


def test_a_page_without_the_write_bit_is_not_stored_to() -> None:
    stage, a, _ = lecture()
    a.map(5, 10, W=0, D=0)
    assert a.touch(5) == 10
    assert a.touch(5, WRITE) is None
    a.map(5, 10)
    assert a.touch(5, WRITE) == 10
    assert stage.audit() == []


@KINDS
def test_page_tables_that_are_mapped_are_not_stored_to_directly(kind: Kind) -> None:
    stage, a, _ = lecture(kind)
    flags = {"U": 0} if kind is MIRRORED else {}
    last = kind.levels
    a.map(7, last, **flags)
    assert a.touch(7, READ) == last
    assert a.touch(7, WRITE) is None
    assert a.touch(5) == 10
    assert a.store(7, 5, a.entry({**kind.page, **flags}, 12))
    assert a.touch(5) == 12
    assert stage.audit() == []


@KINDS
@pytest.mark.parametrize("table", range(4, 16))
def test_a_page_that_becomes_a_page_table_is_protected(kind: Kind, table: int) -> None:
    stage, a, _ = lecture(kind, keeps=lambda: True)
    flags = {"U": 0} if kind is MIRRORED else {}
    a.map(6, table, **flags)
    assert a.touch(6, WRITE) == table
    a.poke(table, 3, a.entry({**kind.page, **flags}, 12))
    a.poke(kind.levels - 1, 1, a.entry(stage.realise.table, table))
    assert a.touch(3 | 1 << kind.index) == 12
    assert stage.audit() == []
    assert a.touch(6, WRITE) is None
    assert a.store(6, 3, 0)
    assert a.touch(3 | 1 << kind.index) is None
    assert stage.audit() == []


def test_a_page_that_is_a_page_table_no_more_is_stored_to_directly_again() -> None:
    stage, a, _ = lecture()
    a.map(6, 9)
    a.poke(9, 3, a.entry(RISCV.page, 12))
    a.poke(2, 1, a.entry(stage.realise.table, 9))
    assert a.touch(3 | 1 << 9) == 12
    assert a.touch(6, WRITE) is None
    a.poke(2, 1, 0)
    assert a.touch(6, WRITE) == 9
    assert not a.memory.watched(9 << 12)


def test_a_superpage_of_the_guest_is_mapped_page_by_page() -> None:
    stage = Stage(RISCV, frames=600)
    a = stage.party("A", range(512, 512 + 64), range(40, 60))
    a.poke(2, 1, a.entry(RISCV.page, 0))
    assert [a.touch(512 + k, WRITE) for k in (0, 1, 2, 5, 63)] == [512, None, None, 517, 575]
    assert [a.touch(512 + k) for k in (1, 2)] == [513, 514]
    assert a.touch(512 + 64) is None
    assert stage.audit() == []


def test_tables_that_map_themselves() -> None:
    stage, a, _ = lecture()
    a.poke(1, 1, a.entry(stage.realise.table, 1))
    itself = (1 << 18) + (1 << 9) + 1
    a.poke(1, 2, a.entry(RISCV.page, 1))
    assert a.touch(itself) in (1, None)
    a.poke(3, 9, a.entry(RISCV.page, 3))
    assert a.touch(9) == 3
    assert a.touch(9, WRITE) is None
    assert a.store(9, 9, 0)
    assert a.touch(9) is None
    assert stage.audit() == []


@pytest.mark.parametrize("root", [200, (1 << 44) - 1])
def test_tables_outside_ram_are_left_to_the_instruction(root: int) -> None:
    stage, a, _ = lecture()
    a.root(root)
    assert a.touch(5) is None
    assert a.memory.watchers == {}
    assert stage.audit() == []
    _, same, _ = lecture()
    assert same.touch(5) == 10 and same.memory.watchers


def test_an_address_that_no_table_can_map_is_the_guests_fault() -> None:
    _, a, _ = lecture()
    assert a.touch(1 << 40) is None
    assert a.touch(5) == 10


def test_a_guest_page_outside_ram_is_left_to_the_instruction() -> None:
    stage, a, _ = lecture()
    a.map(5, 16)
    a.map(6, 1 << 43)
    assert a.touch(5) is None
    assert a.touch(6) is None
    assert a.touch(8) == 11
    assert stage.audit() == []


def test_only_an_access_that_is_made_marks_the_entry() -> None:
    _, a, _ = lecture(I386)
    entry = (I386.levels << 12) + 5 * 4

    def marks() -> tuple[int, int]:
        value = a.memory.load(entry, 4)
        return value >> 5 & 1, value >> 6 & 1

    assert marks() == (0, 0)
    a.touch(5, READ)
    assert marks() == (1, 0)
    a.touch(5, FETCH)
    assert marks() == (1, 0)
    a.touch(5, WRITE)
    assert marks() == (1, 1)


def test_what_is_permitted_follows_the_leaves_that_change_without_a_trap() -> None:
    stage, a, _ = lecture(MIRRORED)
    a.map(5, 10)
    a.map(6, 11, U=0, R=0, W=0, D=0)
    assert a.touch(5) is None
    a.change(mstatus__SUM=1)
    assert a.touch(5, WRITE) == 10
    assert a.touch(5, FETCH) is None
    a.change(mstatus__MXR=1)
    assert a.touch(6) == 11
    a.change(mstatus__SUM=0, mstatus__MXR=0)
    assert a.touch(6) is None
    assert a.touch(5) is None
    a.change(current_mode=0)
    assert a.touch(5) == 10
    assert a.touch(6) is None
    assert stage.audit() == []


@KINDS
def test_a_page_is_missed_once_for_all_that_its_entry_permits(kind: Kind) -> None:
    stage, a, b = lecture(kind)
    for op in (WRITE, READ, FETCH, READ):
        for page in (5, 8, 2):
            a.touch(page, op)
            b.touch(page, op)
    assert a.misses == 3
    a.map(5, 9, **({"U": 0} if kind is MIRRORED else {}))
    for page in (5, 8, 2, 5):
        a.touch(page, WRITE)
    assert a.misses == 4


def test_tables_that_are_given_up_leave_nothing_behind() -> None:
    stage, a, _ = lecture()
    a.touch(5)
    frames = [f for c in a.mmu.contexts.values() for f in c.frames]
    assert any(stage.ram.load(f << 12, 1 << 12) for f in frames)
    a.mmu.forget()
    assert not any(stage.ram.load(f << 12, 1 << 12) for f in frames)


def segments(a: Party, **leaves: int) -> None:
    """Give segment 3 of a guest its own base, limit or rights."""
    for name, value in leaves.items():
        held = a.virtual[name.replace("__", ".")]
        assert isinstance(held, Cells)
        a.virtual[name.replace("__", ".")] = Cells(held.fill, {**held, 3: value})
    a.stage.running = None


def test_an_entry_serves_all_segments_by_linear_address() -> None:
    stage, a, _ = lecture(I386, keeps=lambda: True)
    a.map(4, 9)
    assert [a.touch(4, seg=0), a.touch(5, seg=0), a.touch(4, seg=3)] == [9, 10, 9]
    segments(a, SEGBASE=0x1000)
    assert [a.touch(4, seg=0), a.touch(5, seg=0), a.touch(4, seg=3)] == [9, 10, 10]
    segments(a, SEGBASE=0x800)
    assert [a.touch(4, seg=3, offset=0x7FF), a.touch(4, seg=3, offset=0x800)] == [9, 10]
    assert a.touch(4, WRITE, seg=3) == 9
    segments(a, SEGLIM=0x4FFF)
    assert a.touch(4, seg=3, offset=0xFFC, size=4) == 10
    assert a.touch(4, seg=3, offset=0xFFD, size=4) is None
    assert a.touch(4, seg=0, offset=0xFFD, size=4) == 9
    segments(a, SEGRIGHTS__TYPE=1)
    assert a.touch(4, WRITE, seg=3) is None
    assert a.touch(4, WRITE, seg=0) == 9
    assert stage.audit() == []


def test_what_a_read_only_segment_fills_another_segment_still_writes() -> None:
    stage, a, _ = lecture(I386)
    segments(a, SEGRIGHTS__TYPE=1)
    assert a.touch(5, seg=3) == 10
    assert a.touch(5, WRITE, seg=0) == 10
    assert stage.audit() == []


def test_a_guest_that_changes_its_root_without_end_takes_no_more_and_no_more() -> None:
    stage, a, b = lecture()
    assert b.touch(5) == 31
    for k in range(300):
        a.root(1 + k % 8 | (k << 4) << 12)
        a.touch(5)
        a.root(1)
        assert a.touch(5) == 10
    assert len(a.mmu.contexts) <= MAX_CONTEXTS
    assert len(a.mmu.allocator.owner) <= 12
    assert b.touch(5) == 31
    assert stage.audit() == []


@pytest.mark.parametrize("tables", [3, 4, 5, 12])
def test_with_few_frames_for_tables_every_access_is_still_made(tables: int) -> None:
    stage = Stage(RISCV)
    a = stage.party("A", range(16), range(40, 40 + tables))
    a.map(5, 10)
    for k in range(1, 4):
        a.poke(2, k, a.entry(stage.realise.table, 3))
    for k in (0, 1, 2, 3, 0, 2):
        assert a.touch(5 | k << 9) == 10
        assert stage.audit() == []


def test_fewer_frames_than_one_page_needs_are_refused() -> None:
    with pytest.raises(OutOfMemory):
        Stage(RISCV).party("A", range(16), range(40, 42))


def test_a_frame_that_no_entry_can_point_to_is_refused() -> None:
    stage = Stage(I386)
    stage.allocator.free.append(1 << 20)
    with pytest.raises(NoTables):
        stage.party("A", [*range(15), 1 << 20], range(40, 50))


def test_a_state_of_the_monitors_without_translation_is_refused() -> None:
    stage = Stage(RISCV)
    stage.own["satp.MODE"] = 0
    with pytest.raises(NoTables):
        stage.party("A", range(16), range(40, 50))


def test_a_root_that_the_guest_sets_without_a_trap_is_refused() -> None:
    stage = Stage(Kind(**{**{n: getattr(RISCV, n) for n in RISCV.__slots__}, "shared": ("satp.PPN", "satp.MODE")}))
    with pytest.raises(NoTables):
        stage.party("A", range(16), range(40, 50))


def test_forgetting_gives_everything_back() -> None:
    stage, a, _ = lecture()
    for page in (5, 8, 2):
        a.touch(page, WRITE)
    a.mmu.forget()
    stage.running = None
    assert a.memory.watchers == {} and a.mmu.allocator.owner == {}
    assert all(stage.ram.load(f << 12, 1 << 12) == 0 for f in range(40, 52))
    assert a.touch(5) == 10
    assert stage.audit() == []


PAGES, FRAMES = st.integers(0, 5), st.integers(1, 15)
ACTIONS = st.one_of(
    st.tuples(st.just("map"), PAGES, FRAMES, st.sets(st.sampled_from("RWXUAD"), max_size=2)),
    st.tuples(st.just("unmap"), PAGES),
    st.tuples(st.just("touch"), PAGES, st.sampled_from([READ, WRITE, FETCH])),
    st.tuples(st.just("store"), PAGES, PAGES, FRAMES),
    st.tuples(st.just("root"), st.sampled_from([1, 1, 1, 2, 3, 9])),
    st.tuples(st.just("paging"), st.integers(0, 1)),
    st.tuples(st.just("mode"), st.integers(0, 1), st.integers(0, 1), st.integers(0, 1)),
)
TAPES = st.lists(st.tuples(st.integers(0, 1), ACTIONS), min_size=5, max_size=40)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([RISCV, MIRRORED]),
    st.permutations(range(32)),
    TAPES,
    st.integers(3, 10),
    st.lists(st.booleans(), max_size=64),
)
def test_small_maps_on_all_permutations_of_frames(
    kind: Kind, frames: list[int], tape: list[tuple[int, Any]], tables: int, kept: list[bool]
) -> None:
    play(kind, frames, tape, tables, kept)
