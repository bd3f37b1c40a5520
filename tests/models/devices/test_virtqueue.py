"""Rings, descriptors and buffers anywhere and over one another, against a plain model; and every write of a device is seen (DV1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import pytest

from pgcheck.isa.words import Order
from pgcheck.isa.words import order as by_name
from pgcheck.models.devices import virtqueue
from pgcheck.models.devices.backing import Kept
from pgcheck.models.devices.disk import Disk
from pgcheck.models.memory import Bus, Ram
from pgcheck.vmm.guest_memory import GuestMemory
from tests.models.wiring import Bench

BASE, SIZE = 0x1000, 0x1000
END = BASE + SIZE
SECTORS = 4
CONTENT = bytes(k * 7 + 1 & 0xFF for k in range(512 * SECTORS))
CASES = 1200
PIECE = 64


@dataclass
class Case:
    """What a driver has laid out: the queue, and RAM."""

    length: int
    descriptors: int
    available: int
    used: int
    ram: bytearray


@dataclass
class Model:
    """A virtio block device on an array of bytes (virtio 1.2, sections 2.7 and 5.2): one notification."""

    case: Case
    disk: bytearray
    seen: int = 0
    done: int = 0
    status: int = 15
    interrupts: int = 0
    written: set[int] = field(default_factory=set)

    def get(self, address: int, count: int) -> bytes:
        if not BASE <= address <= END - count:
            raise IndexError
        return bytes(self.case.ram[address - BASE : address - BASE + count])

    def put(self, address: int, data: bytes) -> None:
        if not BASE <= address <= END - len(data):
            raise IndexError
        self.case.ram[address - BASE : address - BASE + len(data)] = data
        self.written |= set(range(address, address + len(data)))

    def number(self, address: int, count: int) -> int:
        return int.from_bytes(self.get(address, count), "little")

    def notified(self) -> None:
        case = self.case
        try:
            if case.descriptors % 16 or case.available % 2 or case.used % 4:
                raise IndexError
            waiting = (self.number(case.available + 2, 2) - self.seen) % 65536
            if waiting > case.length:
                raise IndexError
            for _ in range(waiting):
                head = self.number(case.available + 4 + self.seen % case.length * 2, 2)
                self.seen = (self.seen + 1) % 65536
                count = self.request(*self.parts(head))
                self.put(
                    case.used + 4 + self.done % case.length * 8,
                    head.to_bytes(4, "little") + count.to_bytes(4, "little"),
                )
                self.done = (self.done + 1) % 65536
                self.put(case.used + 2, self.done.to_bytes(2, "little"))
            if waiting and not self.number(case.available, 2) & 1:
                self.interrupts |= 1
        except IndexError:
            self.status |= 64
            self.interrupts |= 2

    def parts(self, number: int) -> tuple[list[int], list[int]]:
        """The addresses of the bytes that a chain lets the device read, and write."""
        reads: list[int] = []
        writes: list[int] = []
        for _ in range(self.case.length):
            if number >= self.case.length:
                raise IndexError
            at = self.case.descriptors + 16 * number
            address, length, flags = self.number(at, 8), self.number(at + 8, 4), self.number(at + 12, 2)
            number = self.number(at + 14, 2)
            if flags & ~3 or not length or not BASE <= address <= END - length:
                raise IndexError
            if not flags & 2 and writes:
                raise IndexError
            (writes if flags & 2 else reads).extend(range(address, address + length))
            if not flags & 1:
                return reads, writes
        raise IndexError

    def request(self, reads: list[int], writes: list[int]) -> int:
        if len(reads) < 16 or not writes:
            raise IndexError
        given = b"".join(self.get(address, 1) for address in reads)
        kind, sector = int.from_bytes(given[:4], "little"), int.from_bytes(given[8:16], "little")
        data, status = b"", 0
        if kind == 0 and (len(writes) - 1) % 512 == 0 and 512 * sector + len(writes) - 1 <= len(self.disk):
            data = bytes(self.disk[512 * sector : 512 * sector + len(writes) - 1])
        elif kind == 1 and (len(given) - 16) % 512 == 0 and 512 * sector + len(given) - 16 <= len(self.disk):
            self.disk[512 * sector : 512 * sector + len(given) - 16] = given[16:]
        elif kind in (0, 1):
            status = 1
        elif kind == 8:
            data = b"pgcheck".ljust(20, b"\0")[: len(writes) - 1]
        elif kind != 4:
            status = 2
        for address, byte in zip(writes, data, strict=False):
            self.put(address, bytes([byte]))
        self.put(writes[-1], bytes([status]))
        return len(data) + 1


def drawn(seed: int) -> Case:
    """A queue whose parts lie apart, at an edge of RAM, over one another or outside, with requests that are mostly well made."""
    random = Random(seed)

    def address(align: int, size: int) -> int:
        inside = random.randrange(BASE, END - size + 1)
        edge = random.choice(
            (BASE, END - size, END - size + 1, END - 1, BASE - 1, BASE - size, 1 << 63, (1 << 64) - size, 0)
        )
        chosen = inside if random.random() < 0.93 else edge
        return chosen & -align if random.random() < 0.98 else chosen

    length = random.choice((1, 2, 4, 4, 8, 8, 16))
    descriptors, available, used = address(16, 16 * length), address(2, 4 + 2 * length), address(4, 4 + 8 * length)
    if random.random() < 0.3:
        used = (random.choice((descriptors, available)) + random.choice((0, 4, 16, 32))) & -4
    rings = (descriptors, available, available + 2, available + 4, used, used + 2, used + 4)
    ram = bytearray(random.choice((0, 0, 255, 1)) for _ in range(SIZE))

    def put(at: int, data: bytes) -> None:
        if BASE <= at <= END - len(data):
            ram[at - BASE : at - BASE + len(data)] = data

    def descriptor(number: int, size: int, flags: int) -> int:
        """One descriptor, which mostly goes on with the next; where its memory lies."""
        place = address(1, size) if random.random() < 0.75 else random.choice(rings) + random.choice((0, 0, 2, 8, 16))
        odd = random.random() < 0.02
        following = random.randrange(length + 1) if odd else (number + 1) % length
        fields = (
            (place % 2**64, 8),
            (random.choice((0, size, 1 << 32 - 1)) if odd else size, 4),
            (flags | 4 * odd, 2),
            (following, 2),
        )
        put(descriptors + 16 * number, b"".join(value.to_bytes(count, "little") for value, count in fields))
        return place

    heads = [*range(0, length - 1, 3)] or [0]
    for head in heads:
        kind = random.choice((0, 0, 1, 1, 4, 8, 9))
        moved = random.choice((512, 512, 20, 1024))
        header = kind.to_bytes(4, "little") + bytes(4) + random.randrange(5).to_bytes(8, "little")
        put(descriptor(head, 16 if random.random() < 0.9 else 528, 1), header)
        if head + 2 < length:
            descriptor(head + 1, moved, 1 if kind == 1 else 3)
            descriptor(head + 2, random.choice((1, 1, 513)), 2)
        elif head + 1 < length:
            descriptor(head + 1, random.choice((1, 513, 21)), 2)
    for number in range(length):
        put(
            available + 4 + 2 * number,
            random.choice((*heads, *heads, random.randrange(length + 1))).to_bytes(2, "little"),
        )
    waiting = random.randrange(1, len(heads) + 1) if random.random() < 0.95 else random.randrange(65536)
    put(available, random.randrange(2).to_bytes(2, "little") + waiting.to_bytes(2, "little"))
    return Case(length, descriptors, available, used, ram)


def notified(bench: Bench, case: Case) -> Disk:
    """The device after the driver has set the queue up and notified it."""
    backing = Kept(CONTENT)
    disk = Disk(bench, backing)
    for offset, value in ((0x70, 3), (0x24, 1), (0x20, 1), (0x70, 11), (0x38, case.length)):
        disk.write(offset, 4, value)
    for offset, place in ((0x80, case.descriptors), (0x90, case.available), (0xA0, case.used)):
        disk.write(offset, 4, place & 0xFFFFFFFF)
        disk.write(offset + 4, 4, place >> 32 & 0xFFFFFFFF)
    for offset, value in ((0x44, 1), (0x70, 15), (0x50, 0)):
        disk.write(offset, 4, value)
    return disk


def order(ram: Ram | GuestMemory) -> Order:
    return by_name((ram if isinstance(ram, Ram) else ram.host).big_endian)


def filled(ram: Ram | GuestMemory, case: Case) -> None:
    for at in range(0, SIZE, PIECE):
        ram.store(BASE + at, PIECE, int.from_bytes(case.ram[at : at + PIECE], order(ram)))


def contents(ram: Ram | GuestMemory) -> bytes:
    return b"".join(ram.load(BASE + at, PIECE).to_bytes(PIECE, order(ram)) for at in range(0, SIZE, PIECE))


@pytest.mark.parametrize("big", [False, True], ids=["little", "big"])
def test_a_device_does_what_the_model_does_wherever_its_parts_lie(big: bool) -> None:
    ends: dict[str, int] = {"served": 0, "refused": 0, "overlapping": 0}
    for seed in range(CASES // 2 * big, CASES // 2 * (1 + big)):
        case, bench = drawn(seed), Bench(SIZE, big=big)
        assert isinstance(bench.bus.ram, Ram)
        filled(bench.bus.ram, case)
        disk = notified(bench, case)
        model = Model(case, bytearray(CONTENT))
        model.notified()
        assert isinstance(disk.backing, Kept)
        assert contents(bench.bus.ram) == case.ram, f"case {seed}"
        assert disk.backing.data == model.disk, f"case {seed}"
        assert (disk.status, disk.interrupts) == (model.status, model.interrupts), f"case {seed}"
        assert (disk.queue.seen, disk.queue.used_index) == (model.seen, model.done), f"case {seed}"
        assert bench.line == bool(model.interrupts)
        ends["served"] += model.done
        ends["refused"] += model.status != 15
        table = range(case.descriptors, case.descriptors + 16 * case.length)
        ends["overlapping"] += any(address in table for address in model.written)
    assert min(ends.values()) >= 50, ends


# ---- who watches memory is told of every write of a device


def scattered() -> tuple[Bench, GuestMemory]:
    """A guest's devices: RAM in frames of its host that are in no order."""
    bench = Bench(SIZE)
    host = Bus(Ram(0, 8 * SIZE, 8, big_endian=False), (), 8, False, 64)
    memory = GuestMemory(BASE, [13, 5, 29, 2, 17, 30, 7, 11], host, 9)
    bench.bus.ram = memory
    return bench, memory


def untold(case: Case, bench: Bench, ram: Ram | GuestMemory) -> set[int]:
    """The bytes that a device changed without telling who watches them."""
    filled(ram, case)
    told: set[int] = set()

    def watcher(address: int, count: int) -> None:
        told.update(range(address, address + count))

    page = 1 << ram.page_shift
    for first in range(BASE, END, page):
        ram.watch(first, watcher)
    if isinstance(ram, Ram):
        ram.clean()
    before = contents(ram)
    notified(bench, case)
    changed = {BASE + k for k, (a, b) in enumerate(zip(before, contents(ram), strict=True)) if a != b}
    if isinstance(ram, Ram):
        dirty = {address for address in changed if address - BASE >> ram.page_shift not in ram.dirty}
        return changed - told | dirty
    return changed - told


def watched(kind: str) -> tuple[Bench, Ram | GuestMemory]:
    if kind == "guest":
        return scattered()
    bench = Bench(SIZE)
    bench.bus.ram = Ram(BASE, SIZE, 8, big_endian=False, page_shift=6)
    return bench, bench.bus.ram


@pytest.mark.parametrize("kind", ["host", "guest"])
def test_every_write_of_a_device_is_told(kind: str) -> None:
    for seed in range(300):
        bench, ram = watched(kind)
        assert untold(drawn(seed), bench, ram) == set(), f"case {seed}"


def silent(memory: virtqueue.Memory, address: int, data: bytes) -> None:
    """A write that goes past whoever watches."""
    ram = memory.bus.ram
    cells, at = (ram.cells, address - ram.base) if isinstance(ram, Ram) else (None, 0)
    if cells is not None and isinstance(cells, bytearray):
        cells[at : at + len(data)] = data
    elif isinstance(ram, GuestMemory):
        for k, byte in enumerate(data):
            ram.host.store(ram.host_address(address + k), 1, byte)


def first_only(memory: virtqueue.Memory, address: int, data: bytes) -> None:
    """A write of which only the first byte is told."""
    silent(memory, address, data)
    if data:
        memory.bus.store(address, 1, data[0])


@pytest.mark.parametrize("kind", ["host", "guest"])
@pytest.mark.parametrize("write", [silent, first_only])
def test_a_write_that_is_not_told_is_found(
    write: Callable[[virtqueue.Memory, int, bytes], None], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtqueue.Memory, "write", write)
    assert any(untold(drawn(seed), *watched(kind)) for seed in range(40))
