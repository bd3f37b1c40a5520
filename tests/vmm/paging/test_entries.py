"""The form of page tables and what their entries permit, against the manuals."""

from __future__ import annotations

import dataclasses

import pytest

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import Entries
from pgcheck.models.state import State, holding, reset
from pgcheck.vmm.paging.entries import form, permissions, settings, writes
from pgcheck.vmm.paging.pages import NoTables, pages
from tests.specifications import machine
from tests.vmm.stage import FETCH, READ, WRITE


def own(machine: Machine, mode: int, **changes: int) -> State:
    """A monitor's state: as after reset, with what its page tables need."""
    assert machine.code.translation is not None
    given = {**machine.code.translation.given, machine.modes.leaf: mode, **changes}
    return {**reset(machine), **holding(machine, given)}


@pytest.mark.parametrize(
    ("name", "mode", "root", "shift", "levels", "units", "index"),
    [("riscv64", 0, "satp.PPN", 12, 3, 8, 9), ("i386", 3, "CR3", 0, 2, 4, 10), ("x86-umip", 3, "CR3", 0, 2, 4, 10)],
)
def test_the_form(name: str, mode: int, root: str, shift: int, levels: int, units: int, index: int) -> None:
    """Sv39: three levels of 512 entries of 8 bytes (privileged manual, 4.4). i386: two of 1024 of 4 (SDM 3A 4.3)."""
    shape = form(machine(name), own(machine(name), mode))
    assert (shape.root, shape.root_shift, shape.levels, shape.units, shape.shift, shape.pages.index) == (
        root,
        shift,
        levels,
        units,
        12,
        index,
    )


def test_segments_are_around_the_walk() -> None:
    found = pages(machine("i386"))
    assert {"SEGBASE", "SEGLIM", "SEL"} <= found.outer
    assert found.inner == {"CR0.PG", "CR0.WP", "CR3", "CR4.PSE"}
    assert found.position == -1
    assert pages(machine("riscv64")).outer == frozenset()


def test_a_linear_address_has_the_base_of_its_segment() -> None:
    i386 = machine("i386")
    state = own(i386, 3)
    bases = holding(i386, {"SEGBASE": 0x1000})["SEGBASE"]
    state["SEGBASE"] = bases
    found = pages(i386)
    names = tuple(n for n, _ in i386.code.translation.parameters) if i386.code.translation else ()
    given = {"seg": 3, "off": 0xFFFFF234, "size": 4, "op": 0, "mode": 3}
    assert found.address(tuple(given[n] for n in names), names, state) == 0x234
    assert found.address(tuple({**given, "seg": 7}[n] for n in names), names, state) == 0xFFFFF234


def test_what_an_entry_permits_in_user_mode() -> None:
    """Sv39, W without R is reserved: nothing, R, RW, X, RX, RWX (privileged manual, table 4.5)."""
    riscv = machine("riscv64")
    state = own(riscv, 0)
    available = permissions(form(riscv, state), state)
    assert set(available) == {
        frozenset((op,) for op in ops)
        for ops in ([], [READ], [READ, WRITE], [FETCH], [READ, FETCH], [READ, WRITE, FETCH])
    }
    assert writes(form(riscv, state), available) == {WRITE}


def test_i386_entries_permit_reading_or_all() -> None:
    i386 = machine("i386")
    state = own(i386, 3)
    available = permissions(form(i386, state), state)
    assert set(available) == {frozenset((op,) for op in ops) for ops in ([], [READ, FETCH], [READ, WRITE, FETCH])}
    assert writes(form(i386, state), available) == {WRITE}


def test_what_an_entry_permits_in_each_mode_and_under_sum_and_mxr() -> None:
    """SUM lets S read and write, never execute, pages with U; MXR makes X readable (privileged manual, 3.1.6.3)."""
    riscv = machine("riscv64")
    state = own(riscv, 1)
    loose = ("current_mode", "mstatus.MXR", "mstatus.SUM")
    available = permissions(form(riscv, state), state, loose)
    s, u = 1, 0
    both = [0, 1]
    user = frozenset((op, u, m, k) for op in (READ, WRITE, FETCH) for m in both for k in both)
    user_data = frozenset((op, s, m, 1) for op in (READ, WRITE) for m in both)
    assert user | user_data in available
    supervisor = frozenset((op, s, m, k) for op in (READ, WRITE, FETCH) for m in both for k in both)
    assert supervisor in available
    only_execute = frozenset((FETCH, s, m, k) for m in both for k in both) | frozenset((READ, s, 1, k) for k in both)
    assert only_execute in available
    assert not any(user <= p and supervisor <= p for p in available)
    assert writes(form(riscv, state), available) == {WRITE}


def test_every_choice_of_the_loose_leaves_is_a_setting() -> None:
    riscv = machine("riscv64")
    assert settings(riscv, ()) == ((),)
    assert set(settings(riscv, ("current_mode", "mstatus.SUM"))) == {(m, s) for m in (0, 1, 3) for s in (0, 1)}
    with pytest.raises(NoTables):
        settings(riscv, ("satp.PPN",))
    with pytest.raises(NoTables):
        settings(machine("i386"), ("SEL",))


def test_a_monitor_that_translates_nothing_has_no_tables() -> None:
    riscv = machine("riscv64")
    with pytest.raises(NoTables, match=r"satp\.MODE"):
        form(riscv, own(riscv, 0, **{"satp.MODE": 0}))


def test_without_a_leaf_for_the_root_there_are_no_tables() -> None:
    riscv = machine("riscv64")
    leaves = {
        n: dataclasses.replace(leaf, role="identity") if n == "satp.PPN" else leaf
        for n, leaf in riscv.state.leaves.items()
    }
    other = dataclasses.replace(riscv, state=dataclasses.replace(riscv.state, leaves=leaves))
    with pytest.raises(NoTables, match="relocation"):
        form(other, own(other, 0))


def test_what_is_known_of_one_machine_is_not_taken_for_another() -> None:
    riscv = machine("riscv64")
    found = riscv.code.confined_by(Entries)
    assert found is not None
    translation, tables = found
    first = permissions(form(riscv, own(riscv, 0)), own(riscv, 0))
    closed = dataclasses.replace(tables, map={**tables.map, "U": 0})
    changed = dataclasses.replace(translation, realise=closed)
    other = dataclasses.replace(riscv, code=dataclasses.replace(riscv.code, translation=changed))
    second = permissions(form(other, own(other, 0)), own(other, 0))
    assert first[frozenset({(READ,), (WRITE,), (FETCH,)})]["U"] == 1
    assert writes(form(riscv, own(riscv, 0)), first) == {WRITE}
    with pytest.raises(NoTables, match="protected"):
        writes(form(other, own(other, 0)), second)


def test_a_frame_that_does_not_fit_is_noticed() -> None:
    i386, riscv = machine("i386"), machine("riscv64")
    assert form(i386, own(i386, 3)).holds((1 << 20) - 1)
    assert not form(i386, own(i386, 3)).holds(1 << 20)
    assert form(riscv, own(riscv, 0)).holds((1 << 44) - 1)
    assert not form(riscv, own(riscv, 0)).holds(1 << 44)


def test_an_entry_is_its_fields() -> None:
    riscv = machine("riscv64")
    shape = form(riscv, own(riscv, 0))
    fields = {"V": 1, "R": 1, "W": 0, "X": 1, "U": 1, "A": 1, "D": 0}
    assert shape.entry(fields, 0x12345000) == 0x12345 << 10 | 0b01011011
    assert shape.pointing(shape.entry(fields), 0x12345000) == shape.entry(fields, 0x12345000)
