"""Base and limit: the processor accepts nothing but what the guest's own relocation accepts, in the guest's frames."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcheck.isa.machine.machine import Machine
from pgcheck.models.computer.computer import Computer
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.state import State, Surroundings, reset
from pgcheck.vmm.allocator import Allocator
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.mmu import Audited
from pgcheck.vmm.schemes.bounds import MAX_KNOWN, Bounds, Extent, NoBounds, first, footprint
from tests.specifications import machine


def bounds(name: str, first_frame: int, count: int, shift: int) -> tuple[Bounds, Surroundings]:
    """A guest with `count` frames from `first_frame` on, on a host as large as the address space."""
    spec = machine(name)
    width = spec.state.address_width
    bus = Bus(
        Ram(0, 1 << width, spec.state.memory_unit, spec.state.big_endian, shift),
        (),
        spec.state.memory_unit,
        spec.state.big_endian,
        width,
    )
    memory = GuestMemory(0, range(first_frame, first_frame + count), bus, shift)
    return Bounds(spec, bus, memory), Surroundings(
        memory=Bus(memory, (), spec.state.memory_unit, spec.state.big_endian, width)
    )


def virtual(spec: Machine, mode: int, **leaves: int) -> State:
    state = reset(spec)
    state[spec.modes.leaf] = mode
    state.update({n.replace("_", "."): v for n, v in leaves.items()})
    return state


def accepted(mmu: Bounds, real: State, upto: int) -> dict[int, int]:
    """Where the processor leads each address that it accepts."""
    reach = mmu.reach(real)
    return {a: at for a in range(upto) if (at := reach(a)) is not None}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1023), st.integers(0, 1024), st.integers(1, 12), st.integers(1, 16), st.integers(0, 1))
def test_pg74_exactly_the_guests_addresses(base: int, limit: int, at: int, count: int, mode: int) -> None:
    mmu, around = bounds("pg74", at, count, 5)
    state = virtual(mmu.machine, mode, R_l=base, R_b=limit)
    real = virtual(mmu.machine, 1)
    size = count << 5
    meant = {a: (at << 5) + base + a for a in range(min(limit, 1024 - base)) if base + a < size}
    if mmu.enter(state, around, real):
        assert accepted(mmu, real, 1100) == meant
        assert all((at << 5) <= place < (at + count << 5) for place in meant.values())
    else:
        assert meant == {}


@pytest.mark.parametrize(
    ("reloc", "prot"),
    [(0, 1023), (0, 4095), (1024, 2047), (3072, 1023), (2048, 4095), (4096, 1023), (0, (1 << 18) - 1)],
)
@pytest.mark.parametrize("mode", [0, 1])
def test_pdp10_a_legal_limit_and_only_the_guests_addresses(reloc: int, prot: int, mode: int) -> None:
    """PROT counts in blocks of 1024 words, RELOC is a multiple of 1024 (KA10 maintenance manual).

    It has instructions with `restart: partial`: what admits less than the guest's own does not run.
    """
    at, count = 5, 4
    mmu, around = bounds("pdp10-ka10", at, count, 10)
    state = virtual(mmu.machine, mode, RELOC=reloc, PROT=prot)
    real = virtual(mmu.machine, 1)
    base, size = (reloc, prot + 1) if mode else (0, 1 << 18)
    entered = mmu.enter(state, around, real)
    assert entered == (base + size <= count << 10)
    if entered:
        assert real["RELOC"] == (at << 10) + base
        assert isinstance(real["PROT"], int) and real["PROT"] + 1 == size
        assert accepted(mmu, real, 8192) == {a: (at << 10) + base + a for a in range(size)}


def test_relocation_that_wraps_around_is_not_followed() -> None:
    mmu, around = bounds("pdp10-ka10", 5, 4, 10)
    state = virtual(mmu.machine, 1, RELOC=(1 << 18) - 1024, PROT=4095)
    assert not mmu.enter(state, around, virtual(mmu.machine, 1))


def test_bounds_that_end_at_the_top_of_memory_fit() -> None:
    mmu, around = bounds("pdp10-ka10", 0, 256, 10)
    real = virtual(mmu.machine, 1)
    assert mmu.enter(virtual(mmu.machine, 0), around, real)
    assert (real["RELOC"], real["PROT"]) == (0, (1 << 18) - 1)


def test_a_guest_that_loads_many_bounds_is_remembered_in_part() -> None:
    mmu, around = bounds("pg74", 2, 8, 5)
    for k in range(3 * MAX_KNOWN):
        mmu.enter(virtual(mmu.machine, 1, R_l=k, R_b=10), around, virtual(mmu.machine, 1))
    assert len(mmu.known) <= MAX_KNOWN
    mmu.forget()
    assert mmu.known == {}


def test_frames_that_are_no_run_are_refused() -> None:
    mmu, _ = bounds("pg74", 2, 4, 5)
    with pytest.raises(ValueError, match="run"):
        Bounds(mmu.machine, mmu.host, GuestMemory(0, [4, 6], mmu.host, 5))


def test_bounds_that_a_guest_sets_without_a_trap_are_refused() -> None:
    mmu, _ = bounds("pg74", 2, 4, 5)
    with pytest.raises(NoBounds):
        Bounds(mmu.machine, mmu.host, mmu.memory, ("R.b",))


def test_translation_that_loads_is_refused() -> None:
    mmu, _ = bounds("pg74", 2, 4, 5)
    riscv = machine("riscv64")
    assert riscv.code.translation is not None
    how = dataclasses.replace(mmu.realise, address="va")
    changed = dataclasses.replace(riscv.code.translation, realise=how)
    other = dataclasses.replace(riscv, code=dataclasses.replace(riscv.code, translation=changed))
    with pytest.raises(NoBounds):
        Bounds(other, mmu.host, mmu.memory)


@pytest.mark.parametrize(
    ("extent", "what"),
    [
        (Extent(64, 128, 128), set()),
        (Extent(64, 100, 100), set()),
        (Extent(64, 129, 129), {"not the guest's", "something else"}),
        (Extent(0, 128, 128), {"not the guest's", "something else"}),
        (Extent(65, 127, 127), {"something else"}),
    ],
)
def test_the_footprint_is_the_guests(extent: Extent, what: set[str]) -> None:
    mmu, _ = bounds("pg74", 2, 4, 5)
    frames = Allocator(range(1, 32))
    frames.free = [f for f in frames.free if f not in mmu.memory.frames]
    frames.owner = dict.fromkeys(mmu.memory.frames, "a")
    key = tuple({"R.l": 0, "R.b": 1024, "M": 1}[n] for n in mmu.depends)
    found = list(footprint(Audited("a", mmu, Computer(mmu.machine), frames, {"M": 1}), key, extent))
    assert {w for w in ("not the guest's", "something else") if any(w in f.message for f in found)} == what
    assert {f.law for f in found} <= {"FOOTPRINT"}


@given(st.integers(0, 40), st.integers(0, 45))
def test_the_first_of_a_monotone_condition(end: int, turn: int) -> None:
    assert first(end, lambda value: value >= turn) == min(end, turn)
