"""The walk as a monitor makes it is the reference binding's, and touches nothing that it should not."""

from __future__ import annotations

import random

import pytest

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import Entries
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.reference.cycle import call
from pgcheck.models.state import State, Surroundings, reset
from pgcheck.vmm.translate import Inside, Outside, Recorder, Snapshot, values, walk, with_argument
from tests.specifications import machine

PAGES = 12


def tables(spec: Machine, rng: random.Random) -> Bus:
    """RAM in which many words are entries that point into it."""
    ram = Ram(0, PAGES << 12, 8, False, 12)
    units, low = (8, 10) if spec.identity.name == "riscv64" else (4, 12)
    for at in range(0, PAGES << 12, units):
        if rng.randrange(3):
            flags = rng.choice([1, 0xCF, 0xDF, 0x07, 0x67, rng.getrandbits(low)])
            ram.store(at, units, rng.randrange(PAGES) << low | flags)
    return Bus(ram, (), 8, False, 64 if units == 8 else 32)


def states(spec: Machine, rng: random.Random) -> State:
    state = reset(spec)
    if spec.identity.name == "riscv64":
        state |= {"satp.MODE": rng.choice([0, 8, 8, 8]), "satp.PPN": rng.randrange(PAGES)}
        state |= {"mstatus.SUM": rng.getrandbits(1), "mstatus.MXR": rng.getrandbits(1)}
    else:
        state |= {"CR0.PG": rng.choice([0, 1, 1, 1]), "CR3": rng.randrange(PAGES) << 12, "CR4.PSE": rng.getrandbits(1)}
        state |= {"CR0.WP": rng.getrandbits(1)}
    return state


def arguments(spec: Machine, rng: random.Random) -> tuple[int, ...]:
    paged = spec.code.confined_by(Entries)
    assert paged is not None
    translation, tables = paged
    found: list[int] = []
    for position, (name, _) in enumerate(translation.parameters):
        if name == tables.address:
            found.append(rng.choice([rng.getrandbits(13), rng.getrandbits(31), rng.getrandbits(32)]))
        else:
            found.append(rng.choice(values(translation, position)))
    return tuple(found)


@pytest.mark.parametrize("name", ["riscv64", "i386"])
@pytest.mark.parametrize("pretend", [True, False])
def test_it_is_the_reference_bindings_walk(name: str, pretend: bool) -> None:
    spec, rng = machine(name), random.Random(1)
    reached = stored = 0
    for _ in range(40):
        bus, twin = tables(spec, random.Random(rng.random())), None
        state = states(spec, rng)
        for _ in range(20):
            args = arguments(spec, rng)
            before = bus.load(0, PAGES << 12)
            twin = Bus(Ram(0, PAGES << 12, 8, False, 12), (), 8, False, 64 if name == "riscv64" else 32)
            twin.store(0, PAGES << 12, before)
            recorder = Recorder(twin, pretend=False)
            assert spec.code.translation is not None
            result = call(spec, spec.code.translation.function, args, state, Surroundings(memory=recorder))
            found = walk(spec, args, state, Surroundings(memory=bus), pretend=pretend)
            assert found.address == (result[0] if isinstance(result, tuple) else None)
            assert (found.loads, found.stores) == (tuple(recorder.loads), tuple(recorder.stores))
            assert bus.load(0, PAGES << 12) == (before if pretend else twin.load(0, PAGES << 12))
            reached += found.address is not None
            stored += bool(found.stores)
    assert reached > 50
    assert (stored > 5) == (name == "i386")


def test_what_is_pretended_is_seen_by_later_loads_only() -> None:
    ram = Ram(0, 64, 8, False, 4)
    recorder = Recorder(ram, pretend=True)
    recorder.store(8, 4, 7)
    assert (recorder.load(8, 4), ram.load(8, 4), recorder.load(12, 4)) == (7, 0, 0)
    assert (recorder.stores, recorder.loads) == ([(8, 4)], [(8, 4), (12, 4)])


@pytest.mark.parametrize(("address", "count"), [(12, 8), (16, 1), (-1, 1), (100, 4)])
def test_beyond_ram_nothing_is_looked_at(address: int, count: int) -> None:
    inside = Inside(Ram(0, 16, 8, False, 4))
    with pytest.raises(Outside):
        inside.load(address, count)
    with pytest.raises(Outside):
        inside.store(address, count, 0)


def test_a_snapshot_stays_until_it_is_renewed() -> None:
    ram = Ram(0, 16, 8, False, 4)
    snapshot = Snapshot(ram)
    assert snapshot.load(0, 4) == 0
    ram.store(0, 4, 9)
    assert snapshot.load(0, 4) == 0
    assert snapshot.load(0, 2) == 9
    snapshot.renew()
    assert snapshot.load(0, 4) == 9


def test_one_argument_is_replaced() -> None:
    assert with_argument((1, 2, 3), 1, 9) == (1, 9, 3)
