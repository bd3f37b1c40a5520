"""Physical memory: RAM, windows and nothing elsewhere, against a plain dictionary of units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgcheck.models.memory import Bus, Ram, Window

BASE, SIZE, WIDTH = 0x80, 0x60, 8


class Recorder:
    """A device that notes what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def read(self, offset: int, count: int) -> int:
        self.calls.append(("read", offset, count))
        return 0x5A

    def write(self, offset: int, count: int, value: int) -> None:
        self.calls.append(("write", offset, count, value))


class Plain:
    """The same memory, a dictionary from addresses to units."""

    def __init__(self, unit: int, big: bool) -> None:
        self.unit, self.big, self.cells = unit, big, dict[int, int]()

    def load(self, address: int, count: int) -> int:
        units = [self.cells.get(address + k & 0xFF, 0) for k in range(count)]
        return sum(u << self.unit * k for k, u in enumerate(reversed(units) if self.big else units))

    def store(self, address: int, count: int, value: int) -> None:
        for k in range(count):
            place = address + k & 0xFF
            shift = self.unit * (count - 1 - k if self.big else k)
            if BASE <= place < BASE + SIZE:
                self.cells[place] = value >> shift & (1 << self.unit) - 1


accesses = st.lists(st.tuples(st.integers(0, 0xFF), st.sampled_from([1, 2, 4, 8]), st.integers(0)), max_size=20)


@given(unit=st.sampled_from([8, 32, 36]), big=st.booleans(), stores=accesses, loads=accesses)
def test_loads_give_what_was_stored(
    unit: int, big: bool, stores: list[tuple[int, int, int]], loads: list[tuple[int, int, int]]
) -> None:
    bus, plain = Bus(Ram(BASE, SIZE, unit, big, 4), (), unit, big, WIDTH), Plain(unit, big)
    for address, count, value in stores:
        value &= (1 << unit * count) - 1
        bus.store(address, count, value)
        plain.store(address, count, value)
    for address, count, _ in stores + loads:
        assert bus.load(address, count) == plain.load(address, count)


def test_an_access_that_leaves_memory_is_made_unit_by_unit() -> None:
    device = Recorder()
    bus = Bus(Ram(0, 0x10, 8, False), (Window(0x10, 4, device),), 8, False, WIDTH)
    bus.store(0x0E, 4, 0x44332211)
    assert bus.load(0x0E, 2) == 0x2211 and device.calls == [("write", 0, 1, 0x33), ("write", 1, 1, 0x44)]
    device.calls.clear()
    assert bus.load(0x10, 4) == 0x5A and device.calls == [("read", 0, 4)]
    assert bus.load(0x13, 2) == 0x5A and bus.load(0x40, 8) == 0


def test_addresses_wrap() -> None:
    bus = Bus(Ram(0, 0x10, 8, False), (), 8, False, WIDTH)
    bus.store(0xFF, 2, 0xBBAA)
    assert bus.load(0, 1) == 0xBB and bus.load(0xFF, 2) == 0xBB00


def test_ram_hides_a_device_at_the_same_address() -> None:
    device = Recorder()
    bus = Bus(Ram(0, 0x10, 8, False), (Window(0, 4, device),), 8, False, WIDTH)
    bus.store(0, 1, 7)
    assert bus.load(0, 1) == 7 and device.calls == []


@given(
    stores=st.lists(st.tuples(st.integers(0, 0x3C), st.sampled_from([1, 2, 4])), max_size=12),
    unit=st.sampled_from([8, 36]),
)
def test_the_pages_of_all_stores_are_dirty_and_no_others(stores: list[tuple[int, int]], unit: int) -> None:
    ram = Ram(0, 0x40, unit, False, 3)
    ram.store(0, 1, 1)
    assert ram.clean() == {0} and ram.clean() == set()
    for address, count in stores:
        ram.store(address, count, 1)
    assert ram.dirty == {page for address, count in stores for page in (address >> 3, address + count - 1 >> 3)}


def test_a_watcher_hears_every_store_to_its_page_until_it_leaves() -> None:
    ram = Ram(0x1000, 0x40, 8, False, 3)
    heard: list[tuple[int, int]] = []

    def watcher(address: int, count: int) -> None:
        heard.append((address, count))

    ram.store(0x1009, 1, 1)
    ram.watch(0x1008, watcher)
    ram.watch(0x100F, watcher)
    ram.store(0x1009, 1, 2)
    ram.store(0x1006, 4, 3)
    ram.store(0x1010, 4, 3)
    assert heard == [(0x1009, 1), (0x1006, 4)]
    ram.unwatch(0x100A, watcher)
    ram.unwatch(0x100A, watcher)
    ram.store(0x1009, 1, 2)
    assert len(heard) == 2 and ram.dirty == {0, 1, 2}


def test_two_watchers_of_a_page_both_hear() -> None:
    ram = Ram(0, 0x40, 8, False, 3)
    first: list[int] = []
    second: list[int] = []
    ram.watch(0, lambda address, count: first.append(address))
    ram.watch(0, lambda address, count: second.append(address))
    ram.store(3, 1, 0)
    assert first == second == [3]


@pytest.mark.parametrize("unit", [8, 32])
def test_restore_undoes_the_stores_since_clean(unit: int) -> None:
    ram = Ram(0, 0x3E, unit, False, 4)
    ram.store(2, 1, 9)
    ram.store(0x3D, 1, 5)
    images = {page: ram.page(page) for page in ram.clean()}
    before = ram.load(0, 0x3E)
    ram.store(2, 4, 0x01010101)
    ram.store(0x20, 1, 1)
    ram.store(0x3D, 1, 7)
    heard: list[tuple[int, int]] = []
    ram.watch(0x21, lambda address, count: heard.append((address, count)))
    ram.restore(images)
    assert ram.load(0, 0x3E) == before and not ram.dirty and heard == [(0x20, 0x10)]
    ram.store(0, 1, 1)
    assert ram.dirty == {0}
