"""The world switch: what is the guest's, what is the monitor's, and that nothing of either is lost or shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgcheck.models.state import Cells
from pgcheck.vmm.world import World, load_guest, lost, save_guest, world
from tests.specifications import machine_of
from tests.vmm.lockstep import CONFIGURATIONS, policy_of

DIVISION = World(("A", "P"), {"M": 1, "R": 7})


def test_registers_are_shared_and_control_state_is_the_monitors() -> None:
    found = world(machine_of("pg74"), policy_of("pg74"))
    assert set(found.shared) == {"A", "C", "P"}
    assert found.own == {"M": 1, "R.l": 0, "R.b": 1024, "EXPIRED": 0}


def test_memory_and_devices_are_the_computers() -> None:
    machine = machine_of("pg74")
    found = world(machine, policy_of("pg74"))
    assert {*machine.state.leaves} - {*found.shared, *found.own} == {"E", "DEVICE", "TIMER"}


def test_mirrored_control_state_is_shared() -> None:
    machine, rules = machine_of("pg74"), policy_of("pg74")
    found = world(machine, replace(rules, mirrored=frozenset({"R.l"})))
    assert "R.l" in found.shared and set(found.own) == {"M", "R.b", "EXPIRED"}


def test_a_guest_whose_mode_is_the_processors_shares_it() -> None:
    machine = machine_of("riscv64")
    below, above = (world(machine, policy_of("riscv64", d)) for d in ("s_in_u", "vmm_in_m"))
    assert "current_mode" in above.shared and "sepc.ADDRESS" in above.shared and "mip.SEIP" in above.shared
    assert below.own["current_mode"] == 0 and "sepc.ADDRESS" in below.own
    fixed = CONFIGURATIONS["riscv64", "vmm_in_m"].constants
    assert {n: above.own[n] for n in fixed} == fixed
    assert above.own["medeleg.BP"] == 0 and above.own["mideleg.SEI"] == 1


def test_the_guest_goes_on_with_its_registers_under_the_monitors_control_state() -> None:
    virtual = {"A": 1, "P": 2, "M": 0, "R": 3}
    assert load_guest(DIVISION, virtual, DIVISION.own) == {"A": 1, "P": 2, "M": 1, "R": 7}
    assert virtual == {"A": 1, "P": 2, "M": 0, "R": 3}


def test_what_the_guest_has_done_is_captured_without_its_control_state() -> None:
    virtual = {"A": 1, "P": 2, "M": 0, "R": 3}
    assert {**virtual, **save_guest(DIVISION, {"A": 5, "P": 6, "M": 1, "R": 7})} == {"A": 5, "P": 6, "M": 0, "R": 3}


@pytest.mark.parametrize(
    ("change", "names"), [({}, ()), ({"A": 9, "P": 9}, ()), ({"M": 0}, ("M",)), ({"M": 0, "R": 0}, ("M", "R"))]
)
def test_only_the_monitors_leaves_can_be_lost(change: dict[str, int], names: tuple[str, ...]) -> None:
    before = {"A": 1, "P": 2, "M": 1, "R": 7}
    assert lost(DIVISION, {**before, **change}, before) == names


@pytest.mark.parametrize(
    ("cells", "same"),
    [
        (Cells(5), True),
        (Cells(5, {3: 5}), True),
        (Cells(5, {3: 4}), False),
        (Cells(4), False),
        (Cells(4, {0: 5}), False),
    ],
)
def test_arrays_are_lost_when_an_element_differs(cells: Cells, same: bool) -> None:
    found = lost(World((), {"X": 5}, ("X",)), {"X": cells}, {"X": Cells(5)})
    assert (found == ()) is same
