"""Requests in rings: served, over one another and over page tables, and a store of a device that nobody hears of is noticed."""

from __future__ import annotations

from functools import cache

import pytest

from pgcheck.checker.campaign import finding
from pgcheck.checker.campaign.cases.case import TAPE, Author, Case
from pgcheck.checker.campaign.cases.rings import rings
from pgcheck.checker.campaign.cases.tape import Tape, counted
from pgcheck.checker.campaign.pairs.outcome import Failure, Ground
from pgcheck.checker.campaign.table import PROPERTIES
from pgcheck.models.devices.virtqueue import Memory
from pgcheck.models.memory import Ram
from pgcheck.vmm.guest_memory import GuestMemory
from tests.specifications import machine, machine_of
from tests.vmm.lockstep import policy_of

DV1 = PROPERTIES["DV1"]


@cache
def author() -> Author:
    return Author(machine_of("riscv64"), policy_of("riscv64", "s_in_u"))


def drawn(number: int) -> Case:
    return DV1.drawn(author(), counted("rings", number, TAPE))[0]


def first_failure(cases: int) -> Failure | None:
    ground = Ground(author())
    found = (DV1.tried(ground, (drawn(k),), None).failure for k in range(cases))
    return next((failure for failure in found if failure is not None), None)


def test_only_a_device_with_rings_gets_requests() -> None:
    assert [r.device for r in author().outside.rings] == ["disk"]
    assert rings(machine("pg74"), author().layout) == ()
    assert all(not PROPERTIES["EQ2"].drawn(author(), counted("rings", k, TAPE))[0].commands for k in range(20))


def test_rings_and_buffers_lie_in_memory_and_over_one_another() -> None:
    (one,) = author().outside.rings
    layout = author().layout
    over = shared = 0
    for k in range(120):
        found = one.draw(Tape(counted("drawn", k, TAPE)), 24)
        spans = [(a, a + n) for a, n, _ in found.stores]
        assert all(layout.base <= a and b <= layout.end for a, b in spans)
        over += any(a < d and c < b for i, (a, b) in enumerate(spans) for c, d in spans[:i])
        shared += any(layout.page(a) in layout.tables for a, _ in spans)
        assert all(device == "disk" and count == 4 for _, device, _, count, _ in found.commands)
    assert over > 5 and shared > 5


@pytest.mark.slow
def test_requests_are_served() -> None:
    ground = Ground(author())
    outcomes = [DV1.tried(ground, (drawn(k),), None) for k in range(60)]
    assert all(o.failure is None for o in outcomes)
    assert sum(bool(o.events.get("request")) for o in outcomes) >= 6


@pytest.mark.slow
def test_a_store_of_a_device_that_the_monitor_does_not_hear_of_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def quietly(self: Memory, address: int, data: bytes) -> None:
        self._check(address, len(data))
        ram = self.bus.ram
        if not isinstance(ram, GuestMemory):
            self.bus.store(address, len(data), int.from_bytes(data, self.bus.order))
            return
        host = ram.host.ram
        assert isinstance(host, Ram)
        for k, byte in enumerate(data):
            host.cells[ram.host_address(address + k) - host.base] = byte

    monkeypatch.setattr(Memory, "write", quietly)
    assert first_failure(500) is not None


@pytest.mark.slow
@pytest.mark.parametrize("identifier", ["DV1", "DV2"])
def test_a_finding_about_a_device_is_a_file_that_runs_again(identifier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(self: Memory, address: int, data: bytes) -> None:
        wrong = isinstance(self.bus.ram, GuestMemory) or identifier == "DV2"
        for k, byte in enumerate(data):
            self.bus.store(address + k, 1, byte ^ (wrong and not k))

    monkeypatch.setattr(Memory, "write", half)
    ground, one, of = Ground(author()), PROPERTIES[identifier], author()
    tapes = (counted("rings", k, TAPE) for k in range(60))
    outcomes = ((tape, one.tried(ground, one.drawn(of, tape), None).failure) for tape in tapes)
    tape, failure = next((tape, failure) for tape, failure in outcomes if failure is not None)
    found = finding.Finding(failure, one.drawn(of, tape), tape, "0", 0)
    document = finding.read(finding.finding_text(of.machine, of.policy, found, "0"))
    again = finding.again(of.machine, document).failure
    assert again is not None
    monkeypatch.undo()
    assert finding.again(of.machine, document).failure is None
