"""The disk against a plain array of bytes, for drivers that keep the rules and for drivers that do not (DV1)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pgcheck.models.devices.backing import Backing, HostFile, Kept
from pgcheck.models.devices.disk import MAX_REQUEST, Disk
from tests.models.wiring import Bench
from tests.specifications import ROOT

DESCRIPTORS, AVAILABLE, USED, BUFFERS = 0x1000, 0x1100, 0x1200, 0x1400
LENGTH = 8
IN, OUT, FLUSH, GET_ID = 0, 1, 4, 8
SECTORS = 6
CONTENT = bytes(k * 7 & 0xFF for k in range(512 * SECTORS + 100))


@dataclass
class Driver:
    """A driver of the disk in a test's RAM: it writes descriptors and rings as virtio 1.2 says, or as the test says."""

    bench: Bench
    disk: Disk
    index: int = 0
    used: int = 0
    next: int = field(default=BUFFERS)

    def put(self, address: int, data: bytes) -> None:
        self.bench.bus.store(address, len(data), int.from_bytes(data, "little"))

    def get(self, address: int, count: int) -> bytes:
        return self.bench.bus.load(address, count).to_bytes(count, "little")

    def register(self, offset: int, value: int) -> None:
        self.disk.write(offset, 4, value)

    def start(self, features: int = 1 << 32, length: int = LENGTH) -> None:
        for status in (0, 1, 3):
            self.register(0x70, status)
        for page in (0, 1):
            self.register(0x24, page)
            self.register(0x20, features >> 32 * page & 0xFFFFFFFF)
        self.register(0x70, 11)
        self.register(0x30, 0)
        self.register(0x38, length)
        for offset, address in ((0x80, DESCRIPTORS), (0x90, AVAILABLE), (0xA0, USED)):
            self.register(offset, address)
            self.register(offset + 4, 0)
        self.register(0x44, 1)
        self.register(0x70, 15)
        self.index = self.used = 0
        self.put(AVAILABLE, bytes(4))
        self.put(USED, bytes(4))

    def descriptor(self, number: int, address: int, length: int, flags: int, next_: int) -> None:
        packed = b"".join(v.to_bytes(n, "little") for v, n in ((address, 8), (length, 4), (flags, 2), (next_, 2)))
        self.put(DESCRIPTORS + 16 * number, packed)

    def chain(self, first: int, parts: list[tuple[int, int, bool]]) -> None:
        """Descriptors from `first` on and around, for (address, length, writable)."""
        for k, (address, length, writable) in enumerate(parts):
            more = k + 1 < len(parts)
            following = (first + k + 1) % LENGTH if more else 0
            self.descriptor((first + k) % LENGTH, address, length, more | 2 * writable, following)

    def offer(self, head: int) -> None:
        self.put(AVAILABLE + 4 + 2 * (self.index % LENGTH), head.to_bytes(2, "little"))
        self.index = self.index + 1 & 0xFFFF
        self.put(AVAILABLE + 2, self.index.to_bytes(2, "little"))

    def kick(self) -> None:
        self.register(0x50, 0)

    def request(self, kind: int, sector: int, data: bytes, room: int, cuts: list[int]) -> tuple[int, bytes, int]:
        """One request in pieces cut at `cuts`: its status, what the device wrote before it, and the used length."""
        given = kind.to_bytes(4, "little") + bytes(4) + sector.to_bytes(8, "little") + data
        self.put(BUFFERS, given + b"\xcc" * (room + 1))
        inside = sorted({c % (len(given) + room) + 1 for c in cuts[: LENGTH - 2]} | {len(given)} - {0})
        edges = [0, *(c for c in inside if c < len(given) + room + 1), len(given) + room + 1]
        edges = sorted(set(edges))
        parts = [(BUFFERS + a, b - a, a >= len(given)) for a, b in zip(edges, edges[1:], strict=False)]
        head = self.index * 3 % LENGTH
        self.chain(head, parts)
        self.offer(head)
        self.kick()
        self.used = self.used + 1 & 0xFFFF
        assert int.from_bytes(self.get(USED + 2, 2), "little") == self.used
        entry = self.get(USED + 4 + 8 * ((self.used - 1) % LENGTH), 8)
        assert entry[:4] == head.to_bytes(4, "little")
        written = self.get(BUFFERS + len(given), room + 1)
        return written[-1], written[:-1], int.from_bytes(entry[4:], "little")


def driver(backing: Backing | None = None, **features: int) -> Driver:
    bench = Bench()
    made = Driver(bench, Disk(bench, Kept(CONTENT) if backing is None else backing))
    made.start(**features)
    return made


cuts = st.lists(st.integers(0, 5000), max_size=5)
sectors = st.one_of(st.integers(0, SECTORS + 2), st.sampled_from([1 << 55, (1 << 64) - 1, (1 << 63) - SECTORS]))


class DiskMachine(RuleBasedStateMachine):
    """The disk as its sectors. Every request of a driver that keeps the rules is answered as the data sheet says."""

    def __init__(self) -> None:
        super().__init__()
        self.content = bytearray(CONTENT)
        self.backing = Kept(CONTENT)
        self.driver = driver(self.backing)

    def within(self, sector: int, count: int) -> bool:
        return count % 512 == 0 and sector + count // 512 <= SECTORS

    @rule(sector=sectors, count=st.sampled_from([0, 1, 511, 512, 1024, 1536]), pieces=cuts)
    def read(self, sector: int, count: int, pieces: list[int]) -> None:
        status, data, length = self.driver.request(IN, sector, b"", count, pieces)
        if self.within(sector, count):
            assert (status, data) == (
                0,
                bytes(self.content[512 * sector : 512 * sector + count]),
            ) and length == count + 1
        else:
            assert status == 1 and data == b"\xcc" * count

    @rule(sector=sectors, count=st.sampled_from([0, 5, 512, 1024]), fill=st.integers(0, 255), pieces=cuts)
    def write(self, sector: int, count: int, fill: int, pieces: list[int]) -> None:
        data = bytes((fill + k) & 0xFF for k in range(count))
        status, _, length = self.driver.request(OUT, sector, data, 0, pieces)
        assert length == 1 and status == (0 if self.within(sector, count) else 1)
        if status == 0:
            self.content[512 * sector : 512 * sector + count] = data

    @rule(pieces=cuts)
    def flush(self, pieces: list[int]) -> None:
        assert self.driver.request(FLUSH, 0, b"", 0, pieces)[0] == 0

    @rule(kind=st.sampled_from([2, 3, 5, 11, 0xFFFFFFFF]), room=st.integers(0, 20))
    def unknown(self, kind: int, room: int) -> None:
        status, data, length = self.driver.request(kind, 0, b"", room, [])
        assert (status, data, length) == (2, b"\xcc" * room, 1)

    @rule()
    def name(self) -> None:
        assert self.driver.request(GET_ID, 0, b"", 20, [])[:2] == (0, b"pgcheck" + bytes(13))

    @rule()
    def reset(self) -> None:
        self.driver.start()

    @rule(value=st.integers(0, 3))
    def acknowledge(self, value: int) -> None:
        before = self.driver.disk.read(0x60, 4)
        self.driver.register(0x64, value)
        assert self.driver.disk.read(0x60, 4) == before & ~value

    @invariant()
    def sound(self) -> None:
        assert self.backing.data == self.content
        assert self.driver.bench.line == (self.driver.disk.read(0x60, 4) != 0)
        assert not self.driver.disk.read(0x70, 4) & 0x40


TestDisk = DiskMachine.TestCase
TestDisk.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)


class HostileMachine(RuleBasedStateMachine):
    """A driver that writes anything anywhere: the device never fails, and its disk changes by whole sectors that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.backing = Kept(CONTENT)
        self.driver = driver(self.backing)

    @initialize()
    def begin(self) -> None:
        self.driver.start()

    @rule(address=st.integers(0x1000, 0x1300), data=st.binary(max_size=32))
    def scribble(self, address: int, data: bytes) -> None:
        self.driver.put(address, data)

    @rule(offset=st.integers(0, 0x1FF), width=st.sampled_from([1, 2, 4, 8]), value=st.integers(0, (1 << 64) - 1))
    def write(self, offset: int, width: int, value: int) -> None:
        self.driver.disk.write(offset, width, value & (1 << 8 * width) - 1)

    @rule(offset=st.integers(0, 0x1FF), width=st.sampled_from([1, 2, 4, 8]))
    def read(self, offset: int, width: int) -> None:
        assert 0 <= self.driver.disk.read(offset, width) < 1 << 8 * width

    @rule(
        parts=st.lists(
            st.tuples(
                st.sampled_from([0, 0xFFF, 0x1000, BUFFERS, 0x4FFF, 0x5000, (1 << 64) - 8]),
                st.sampled_from([0, 1, 16, 512, 513, 0xFFFFFFFF]),
                st.integers(0, 7),
                st.integers(0, LENGTH),
            ),
            min_size=1,
            max_size=LENGTH,
        ),
        head=st.integers(0, LENGTH),
        header=st.binary(min_size=16, max_size=16),
        step=st.integers(0, 12),
    )
    def kick(self, parts: list[tuple[int, int, int, int]], head: int, header: bytes, step: int) -> None:
        self.driver.put(BUFFERS, bytes([header[0] & 1]) + bytes(7) + header[8:])
        for k, (address, length, flags, following) in enumerate(parts):
            self.driver.descriptor(k, address, length, flags, following)
        for _ in range(step):
            self.driver.offer(head)
        self.driver.kick()

    @rule()
    def restart(self) -> None:
        self.driver.start()

    @invariant()
    def bounded(self) -> None:
        assert len(self.backing.data) == len(CONTENT) and self.backing.data[512 * SECTORS :] == CONTENT[512 * SECTORS :]


TestHostile = HostileMachine.TestCase
TestHostile.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)

GOOD = [(BUFFERS, 16, False), (BUFFERS + 16, 512, True), (BUFFERS + 528, 1, True)]


def served(made: Driver) -> bool:
    """Whether the device has done what was offered last; otherwise it must ask for a reset."""
    made.kick()
    needs_reset = bool(made.disk.read(0x70, 4) & 0x40)
    assert needs_reset == bool(made.disk.read(0x60, 4) & 2) and made.bench.line
    done = int.from_bytes(made.get(USED + 2, 2), "little") == made.index
    assert done != needs_reset
    return done


def test_a_good_chain_is_served() -> None:
    made = driver()
    made.chain(0, GOOD)
    made.offer(0)
    assert served(made) and made.get(BUFFERS + 16, 513) == CONTENT[:512] + b"\0"


@pytest.mark.parametrize(
    "parts",
    [
        [(BUFFERS, 15, False), *GOOD[1:]],
        [GOOD[0]],
        [GOOD[1], GOOD[0]],
        [(0xFF8, 16, False), *GOOD[1:]],
        [GOOD[0], (0x5000 - 511, 512, True), GOOD[2]],
        [GOOD[0], (BUFFERS + 16, 0, True), GOOD[2]],
        [GOOD[0], (BUFFERS + 16, 0xFFFFFFFF, True), GOOD[2]],
        [GOOD[0], ((1 << 64) - 256, 512, True), GOOD[2]],
    ],
)
def test_a_bad_chain_asks_for_a_reset_and_a_reset_helps(parts: list[tuple[int, int, bool]]) -> None:
    made = driver()
    made.chain(0, parts)
    made.offer(0)
    assert not served(made)
    made.start()
    made.chain(0, GOOD)
    made.offer(0)
    assert served(made)


def test_a_chain_that_loops_or_leaves_the_queue_or_is_indirect_asks_for_a_reset() -> None:
    for flags, following in ((1, 0), (1, LENGTH), (4, 0)):
        made = driver()
        made.chain(0, GOOD)
        made.descriptor(0, BUFFERS, 16, flags, following)
        made.offer(0)
        assert not served(made)


def test_a_descriptor_outside_the_queue_asks_for_a_reset_although_there_is_one_in_memory() -> None:
    made = driver()
    made.register(0x44, 0)
    made.register(0x38, 4)
    made.register(0x44, 1)
    made.chain(2, GOOD)
    made.offer(2)
    assert not served(made)
    made.start()
    made.chain(5, GOOD)
    made.offer(5)
    assert served(made)


def test_flags_that_are_not_known_ask_for_a_reset() -> None:
    made = driver()
    made.chain(0, GOOD)
    made.descriptor(2, *GOOD[2][:2], 2 | 8, 0)
    made.offer(0)
    assert not served(made)


def test_a_device_that_needs_a_reset_serves_nothing() -> None:
    made = driver()
    made.offer(LENGTH)
    assert not served(made)
    made.chain(0, GOOD)
    made.offer(0)
    made.kick()
    assert made.get(USED + 2, 2) == bytes(2)
    made.start()
    made.offer(0)
    assert served(made)


def test_a_head_outside_the_queue_asks_for_a_reset() -> None:
    made = driver()
    made.offer(LENGTH)
    assert not served(made)


def test_more_requests_than_the_queue_holds_ask_for_a_reset() -> None:
    made = driver()
    made.chain(0, GOOD)
    for _ in range(LENGTH):
        made.offer(0)
    assert served(made)
    for _ in range(LENGTH + 1):
        made.offer(0)
    assert not served(made)


@pytest.mark.parametrize(
    ("offset", "address"), [(0x80, 0x1008), (0x90, 0x1101), (0xA0, 0x1202), (0x90, 0x4FFF), (0xA0, 0x5000)]
)
def test_a_ring_that_is_not_aligned_or_not_in_memory_asks_for_a_reset(offset: int, address: int) -> None:
    made = driver()
    made.chain(0, GOOD)
    made.offer(0)
    made.register(0x44, 0)
    made.register(offset, address)
    made.register(0x44, 1)
    made.kick()
    assert made.disk.read(0x70, 4) & 0x40


def test_features_that_were_not_offered_are_refused() -> None:
    for features, accepted in (
        (1 << 32, 8),
        (0, 0),
        (1 << 32 | 1 << 9, 8),
        (1 << 32 | 1 << 3, 0),
        (1 << 32 | 1 << 5, 0),
    ):
        made = driver(features=features)
        assert made.disk.read(0x70, 4) & 8 == accepted


def test_nothing_is_served_before_the_driver_is_ready() -> None:
    made = driver()
    made.register(0x70, 0)
    made.chain(0, GOOD)
    made.offer(0)
    made.kick()
    assert made.disk.read(0x60, 4) == 0 and made.get(USED + 2, 2) == bytes(2)
    made.start()
    made.offer(0)
    assert served(made)


def test_a_driver_can_do_without_interrupts() -> None:
    made = driver()
    made.put(AVAILABLE, b"\1\0")
    made.chain(0, GOOD)
    made.offer(0)
    made.kick()
    assert made.get(USED + 2, 2) == b"\1\0" and not made.bench.line


def test_the_length_of_a_queue_is_a_power_of_two_up_to_the_limit() -> None:
    for length, ready in ((0, 0), (1, 1), (3, 0), (128, 1), (256, 0)):
        assert driver(length=length).disk.read(0x44, 4) == ready


def test_a_request_moves_a_bounded_amount() -> None:
    bench = Bench(2 * MAX_REQUEST + 0x10000)
    made = Driver(bench, Disk(bench, Kept(bytes(4 * MAX_REQUEST))))
    made.start()
    for count, status in ((MAX_REQUEST, 0), (MAX_REQUEST + 512, 1)):
        assert made.request(IN, 0, b"", count, [])[0] == status


def test_a_read_only_disk_says_so_and_refuses_writes() -> None:
    made = driver(Kept(CONTENT, read_only=True))
    assert made.disk.read(0x10, 4) & 1 << 5 and not driver().disk.read(0x10, 4) & 1 << 5
    assert made.request(OUT, 0, bytes(512), 0, [])[0] == 1 and made.request(IN, 0, b"", 512, [])[:2] == (
        0,
        CONTENT[:512],
    )


def test_without_a_disk_there_is_a_placeholder() -> None:
    bench = Bench()
    made = Driver(bench, Disk(bench, None))
    made.start()
    assert [made.disk.read(offset, 4) for offset in (0, 4, 8, 0x70)] == [0x74726976, 2, 0, 0]


def test_a_disk_needs_bytes() -> None:
    with pytest.raises(ValueError, match="bytes"):
        Disk(Bench(unit=32), None)


def test_the_capacity_counts_whole_sectors() -> None:
    disk = driver().disk
    assert (disk.read(0x100, 8), disk.read(0x100, 4), disk.read(0x104, 4), disk.read(0x100, 1)) == (
        SECTORS,
        SECTORS,
        0,
        SECTORS,
    )


class Failing(Kept):
    """A disk whose host fails."""

    def read(self, at: int, count: int) -> bytes:
        raise OSError("broken")

    def write(self, at: int, data: bytes) -> None:
        raise OSError("broken")

    def flush(self) -> None:
        raise OSError("broken")


def test_a_failure_of_the_host_is_an_error_of_the_disk() -> None:
    made = driver(Failing(CONTENT))
    assert [made.request(*r, [])[0] for r in ((IN, 0, b"", 512), (OUT, 0, bytes(512), 0), (FLUSH, 0, b"", 0))] == [
        1,
        1,
        1,
    ]


# ---- host files


def test_a_host_file_is_read_and_written_in_place(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.write_bytes(CONTENT)
    disk = HostFile(path)
    made = driver(disk)
    assert made.request(OUT, 2, b"x" * 512, 0, [])[0] == 0 and made.request(IN, 2, b"", 512, [])[1] == b"x" * 512
    assert path.read_bytes() == CONTENT[:1024] + b"x" * 512 + CONTENT[1536:]
    disk.close()


def test_a_host_file_that_shrinks_gives_errors_and_does_not_grow(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.write_bytes(CONTENT)
    disk = HostFile(path)
    made = driver(disk)
    os.truncate(path, 512)
    assert made.request(IN, 1, b"", 512, [])[0] == 1 and made.request(OUT, 1, bytes(512), 0, [])[0] == 1
    assert made.request(IN, 0, b"", 512, [])[0] == 0 and path.stat().st_size == 512
    disk.close()


@pytest.mark.parametrize("name", ["missing", "folder"])
def test_what_is_no_file_cannot_be_a_disk(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="Is a directory|No such file"):
        HostFile(tmp_path / name)


def test_a_flush_reaches_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "disk"
    path.write_bytes(CONTENT)
    disk = HostFile(path)
    made, synced = driver(disk), list[int]()
    monkeypatch.setattr(os, "fsync", synced.append)
    assert made.request(OUT, 0, bytes(512), 0, [])[0] == 0 and synced == []
    assert made.request(FLUSH, 0, b"", 0, [])[0] == 0 and synced == [disk.descriptor]
    disk.close()


CHILD = """
import os, signal, sys
from pathlib import Path
from tests.models.devices.test_disk import FLUSH, OUT, HostFile, driver
made = driver(HostFile(Path(sys.argv[1])))
assert made.request(OUT, 3, b"kept" * 128, 0, [])[0] == 0 and made.request(FLUSH, 0, b"", 0, [])[0] == 0
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_flushed_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.write_bytes(CONTENT)
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert path.read_bytes()[1536:2048] == b"kept" * 128


@given(at=st.integers(0, len(CONTENT)), data=st.binary(max_size=64))
def test_a_kept_disk_reads_what_was_written(at: int, data: bytes) -> None:
    data = data[: len(CONTENT) - at]
    disk = Kept(CONTENT)
    disk.write(at, data)
    assert disk.read(at, len(data)) == data and disk.size == len(CONTENT)
