"""An external memory management unit answers with the guest's frames, or refuses."""

from __future__ import annotations

import pytest

from pgcheck.models.memory import Bus, Ram
from pgcheck.models.state import State, Surroundings, reset
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.schemes.external import ExternalMmu
from pgcheck.vmm.translate import Walk
from tests.specifications import machine

USER, SUPERVISOR = 0, 1


def guest(frames: list[int], base: int = 0) -> tuple[ExternalMmu, Surroundings, State, State]:
    spec = machine("m68010")
    bus = Bus(Ram(0, 1 << 16, 8, True, 10), (), 8, True, 24)
    memory = GuestMemory(base, frames, bus, 10)
    virtual, real = reset(spec), reset(spec)
    real[spec.modes.leaf] = USER
    return ExternalMmu(spec, memory), Surroundings(memory=Bus(memory, (), 8, True, 24)), virtual, real


def args(mmu: ExternalMmu, address: int, size: int = 1, op: int = 0, mode: int = USER) -> tuple[int, ...]:
    given = {"a": address, "bytes": size, "op": op, "mode": mode}
    return tuple(given[n] for n, _ in mmu.translation.parameters)


@pytest.mark.parametrize("virtual_mode", [USER, SUPERVISOR])
def test_addresses_lead_to_the_guests_frames(virtual_mode: int) -> None:
    mmu, around, virtual, real = guest([9, 4])
    virtual[mmu.machine.modes.leaf] = virtual_mode
    assert mmu.enter(virtual, around, real)
    assert mmu.answer(args(mmu, 0x123), virtual, around, real) == (False, 9 << 10 | 0x123)
    assert mmu.answer(args(mmu, 0x7FF), virtual, around, real) == (False, 4 << 10 | 0x3FF)


@pytest.mark.parametrize("address", [0x800, 0xFFFFFF, 1 << 16])
def test_what_is_no_ram_of_the_guest_is_refused(address: int) -> None:
    mmu, around, virtual, real = guest([9, 4])
    assert mmu.answer(args(mmu, address), virtual, around, real) == (True, 0)
    assert not mmu.miss(args(mmu, address), virtual, around, real)


def test_ram_need_not_begin_at_zero() -> None:
    mmu, around, virtual, real = guest([9, 4], base=0x1000)
    assert mmu.answer(args(mmu, 0xFFE, 2), virtual, around, real) == (True, 0)
    assert mmu.answer(args(mmu, 0x1000), virtual, around, real) == (False, 9 << 10)


def test_what_the_guests_own_translation_refuses_is_refused() -> None:
    """An odd address of a word is an address error (MC68000 user's manual, 6.3.9)."""
    mmu, around, virtual, real = guest([9, 4])
    assert mmu.answer(args(mmu, 0x101, 2), virtual, around, real) == (True, 0)
    assert mmu.answer(args(mmu, 0x101, 1), virtual, around, real) == (False, 9 << 10 | 0x101)


@pytest.mark.parametrize("virtual_mode", [USER, SUPERVISOR])
@pytest.mark.parametrize("mode", [USER, SUPERVISOR])
def test_what_the_processor_asks_in_its_own_mode_is_asked_in_the_guests(
    mode: int, virtual_mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An access that names another mode than the processor's keeps it: that is the guest's own word."""
    mmu, around, virtual, real = guest([9, 4])
    virtual[mmu.machine.modes.leaf] = virtual_mode
    seen: list[tuple[int, ...]] = []

    def noting(machine: object, asked: tuple[int, ...], *given: object, **more: object) -> Walk:
        seen.append(asked)
        return Walk(0x100, (), ())

    monkeypatch.setattr("pgcheck.vmm.schemes.external.walk", noting)
    assert mmu.answer(args(mmu, 0x100, mode=mode), virtual, around, real) == (False, 9 << 10 | 0x100)
    assert seen == [args(mmu, 0x100, mode=virtual_mode if mode == USER else mode)]
