"""Guest-physical memory is the guest's frames, and its watchers hear of every store."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgcheck.models.memory import Bus, Ram
from pgcheck.vmm.guest_memory import GuestMemory

SHIFT = 4
UNITS = st.sampled_from([(8, False), (8, True), (36, True), (36, False)])


def memory(frames: list[int], unit: int = 8, big: bool = False, base: int = 64) -> tuple[GuestMemory, Bus]:
    bus = Bus(Ram(0, 8 << SHIFT, unit, big, SHIFT), (), unit, big, 16)
    return GuestMemory(base, frames, bus, SHIFT), bus


@given(UNITS, st.permutations(range(8)), st.integers(0, 50), st.integers(1, 14), st.integers(0))
def test_it_is_like_ram_in_one_piece(
    kind: tuple[int, bool], frames: list[int], at: int, count: int, value: int
) -> None:
    unit, big = kind
    value &= (1 << unit * count) - 1
    guest, bus = memory(frames[:4], unit, big)
    plain = Ram(64, 4 << SHIFT, unit, big, SHIFT)
    guest.store(64 + at, count, value)
    plain.store(64 + at, count, value)
    assert guest.load(64 + at, count) == value
    assert [guest.load(64 + k, 1) for k in range(64)] == [plain.load(64 + k, 1) for k in range(64)]
    others = [bus.load((frame << SHIFT) + k, 1) for frame in frames[4:] for k in range(1 << SHIFT)]
    assert not any(others)


def test_an_address_leads_to_its_frame() -> None:
    guest, _ = memory([5, 2, 7])
    assert [guest.host_address(64 + at) for at in (0, 15, 16, 47)] == [80, 95, 32, 127]


def test_what_it_holds() -> None:
    guest, _ = memory([5, 2, 7])
    assert guest.holds(64) and guest.holds(111) and guest.holds(64, 48)
    assert not guest.holds(63) and not guest.holds(112) and not guest.holds(111, 2) and not guest.holds(64, 49)


def test_watchers_hear_of_stores_to_their_page_once_each() -> None:
    guest, _ = memory([5, 2, 7])
    heard: list[tuple[int, int]] = []

    def watcher(address: int, count: int) -> None:
        heard.append((address, count))

    guest.watch(64 + 20, watcher)
    guest.watch(64 + 40, watcher)
    guest.store(64, 4, 1)
    assert heard == []
    guest.store(64 + 14, 4, 1)
    guest.store(64 + 30, 4, 1)
    assert heard == [(78, 4), (94, 4)]
    guest.unwatch(64 + 16, watcher)
    guest.store(64 + 20, 1, 1)
    assert heard == [(78, 4), (94, 4)]
    guest.store(64 + 30, 4, 1)
    assert heard == [(78, 4), (94, 4), (94, 4)]


def test_a_page_that_becomes_watched_is_announced_to_all_who_protect() -> None:
    guest, _ = memory([5, 2, 7])
    first: list[int] = []
    second: list[int] = []
    guest.on_watch += [first.append, second.append]

    def watcher(address: int, count: int) -> None: ...

    def other(address: int, count: int) -> None: ...

    guest.watch(70, watcher)
    guest.watch(71, watcher)
    guest.watch(72, other)
    assert (first, second) == ([70], [70])
    assert guest.watched(64) and not guest.watched(80)
    guest.unwatch(64, watcher)
    assert guest.watched(64)
    guest.unwatch(64, other)
    assert not guest.watched(64)
    guest.unwatch(64, other)
    guest.watch(64, other)
    assert first == [70, 64]


def test_a_watcher_may_stop_watching_when_it_hears() -> None:
    guest, _ = memory([5, 2, 7])
    heard: list[str] = []

    def once(address: int, count: int) -> None:
        heard.append("once")
        guest.unwatch(address, once)

    def always(address: int, count: int) -> None:
        heard.append("always")

    guest.watch(64, once)
    guest.watch(64, always)
    guest.store(64, 1, 1)
    guest.store(64, 1, 1)
    assert heard == ["once", "always", "always"]


def test_stores_reach_the_host_before_watchers_hear() -> None:
    guest, _ = memory([5, 2, 7])
    found: list[int] = []
    guest.watch(64, lambda address, count: found.append(guest.load(64, 1)))
    guest.store(64, 1, 9)
    assert found == [9]


@pytest.mark.parametrize(("base", "frames"), [(65, [1]), (64, [1, 2, 1])])
def test_a_shape_that_is_no_memory_is_refused(base: int, frames: list[int]) -> None:
    with pytest.raises(ValueError, match="begin|two pages"):
        memory(frames, base=base)


def test_memory_on_memory() -> None:
    outer, bus = memory([5, 2, 7], base=0)
    inner = GuestMemory(0, [2, 0], Bus(outer, (), 8, False, 16), SHIFT)
    inner.store(14, 4, 0x04030201)
    assert bus.load((7 << SHIFT) + 14, 2) == 0x0201
    assert bus.load(5 << SHIFT, 2) == 0x0403
    heard: list[tuple[int, int]] = []
    outer.watch(0, lambda address, count: heard.append((address, count)))
    inner.store(17, 1, 1)
    assert heard == [(1, 1)]
