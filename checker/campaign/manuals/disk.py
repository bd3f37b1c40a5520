"""The disk: registers, queues and requests against a model, under an honest driver and under one that is not."""

from __future__ import annotations

from functools import partial
from typing import Final

from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.manuals.bench import WORD, Bench, bench, differs, total
from pgcheck.checker.campaign.manuals.block_device import BlockDevice
from pgcheck.checker.campaign.manuals.manual import Manual
from pgcheck.models.devices.backing import Kept
from pgcheck.models.devices.disk import Disk
from pgcheck.models.memory import Ram

BASE, SIZE = 0x1000, 0x4000
DESCRIPTORS, AVAILABLE, USED, BUFFERS = 0x1400, 0x1800, 0x1C00, 0x2000
REGISTERS = (
    0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x20, 0x24, 0x30, 0x34, 0x38, 0x44, 0x60, 0x64, 0x70, 0x80, 0x84, 0x90, 0x94, 0xA0, 0xA4, 0xFC,
)  # fmt: skip


class Flushing(Kept):
    """A disk in memory that counts how often it was made durable."""

    __slots__ = ("flushes",)

    def __init__(self, data: bytes, *, read_only: bool = False) -> None:
        super().__init__(data, read_only=read_only)
        self.flushes = 0

    def flush(self) -> None:
        self.flushes += 1


def disk(data: bytes) -> str | None:
    """The virtio disk against its model, driven by an honest driver and by one that is not; RAM lies below 4 GiB or above."""
    tape = Tape(data)
    wires = bench(SIZE, tape.choose((0, 1 << 32)) + BASE)
    content, read_only = bytes((7 * k + (k >> 9)) & 0xFF for k in range(6 * 512)), tape.chance(40)
    backing = Flushing(content, read_only=read_only)
    device = Disk(wires, backing)
    found = _placeholder(tape)
    if found:
        return found
    length = tape.choose((8, 4, 16, 2))
    model = BlockDevice(bytearray(SIZE), wires.bus.ram.base, bytearray(content), read_only)
    found = _set_up(tape, device, model, length)
    if found:
        return found
    ram = wires.bus.ram
    index = 0
    for step in range(8):
        count = tape.choose((1, 1, 1, 2, length, length + 1 + tape.below(3 * length)))
        _put(ram, AVAILABLE, (1 if tape.chance(30) else 0), 2)
        for k in range(min(count, length)):
            head = _request(tape, ram, length, k, backing.size)
            _put(ram, AVAILABLE + 4 + 2 * ((index + k) % length), head, 2)
        index = index + count & 0xFFFF
        _put(ram, AVAILABLE + 2, index, 2)
        model.memory[:] = ram.load(ram.base, SIZE).to_bytes(SIZE, "little")
        model.write(0x50, 0)
        got = total(partial(device.write, 0x50, 4, 0))
        if got is not None:
            return f"step {step}: a notification {got}"
        found = _compared(tape, step, device, model)
        if found:
            return found
        if tape.chance(128):
            value = tape.choose((3, 1, 2))
            device.write(0x64, 4, value)
            model.write(0x64, value)
        if tape.chance(40):
            offset, value = (
                tape.choose((0x38, 0x80, 0x84, 0x90, 0x94, 0xA0, 0xA4)),
                tape.choose((0, 1, 2, USED, BUFFERS)),
            )
            device.write(offset, 4, value)
            model.write(offset, value)
        if model.status & 0x40 and tape.chance(128):
            index = 0
            found = _set_up(tape, device, model, length)
            if found:
                return found
    return None


def _compared(tape: Tape, step: int, device: Disk, model: BlockDevice) -> str | None:
    """What differs after a notification: status, memory, what is on the disk, capacity, and registers that there are not."""
    wires, backing = device.wiring, device.backing
    assert isinstance(wires, Bench) and isinstance(backing, Flushing)
    ram = wires.bus.ram
    ours = (device.read(0x70, 4), device.read(0x60, 4), wires.level)
    expected = (model.status, model.interrupt_status, model.interrupt_status != 0)
    found = differs(f"step {step}: status", ours, expected)
    found = found or _first(
        f"step {step}: memory", ram.load(ram.base, SIZE).to_bytes(SIZE, "little"), model.memory, ram.base
    )
    found = found or _first(f"step {step}: the disk", backing.data, model.sectors, 0)
    found = found or differs(f"step {step}: flushes", backing.flushes, model.flushes)
    for offset in (0x100, 0x101, 0x104, 0x108, 0x1F8):
        capacity = 6 >> 8 * (offset - 0x100)
        found = found or differs(f"capacity at {offset:#x}", total(partial(device.read, offset, 4)), capacity)
    odd = tape.choose(((0x60, 1), (0x70, 2), (0x02, 4), (0x34, 8), (0x00, 1)))
    found = found or differs(f"{odd[1]} bytes at {odd[0]:#x}", total(partial(device.read, *odd)), 0)
    return found


def _set_up(tape: Tape, device: Disk, model: BlockDevice, length: int) -> str | None:
    """A driver's set-up with things left out, done twice or put in between; then a proper one. Every register reads as in the model."""
    high = model.base >> 32
    steps = [
        (0x70, 0),
        (0x70, 1),
        (0x70, 3),
        (0x14, 1),
        (0x24, 0),
        (0x20, 1 << 9),
        (0x24, 1),
        (0x20, 1),
        (0x70, 11),
        (0x30, 0),
        (0x38, length),
        (0x80, DESCRIPTORS),
        (0x84, high),
        (0x90, AVAILABLE),
        (0x94, high),
        (0xA0, USED),
        (0xA4, high),
        (0x44, 1),
        (0x70, 15),
    ]
    odd = list(steps) if tape.chance(128) else []
    for _ in range(tape.below(5) if odd else 0):
        _disturb(tape, odd, length)
    for offset, value in odd if odd and tape.chance(80) else (*odd, *steps):
        for wrong in ((offset, 2), (offset, 8), (offset + 2, 4)) if tape.chance(30) else ():
            device.write(*wrong, value)
        got = total(partial(device.write, offset, 4, value))
        model.write(offset, value)
        found = differs(f"writing {value:#x} to {offset:#x}", got, None)
        for at in (tape.choose(REGISTERS), 0x70, 0x10, 0x44):
            ours = total(partial(device.read, at, 4))
            found = found or differs(f"register {at:#x} after {value:#x} to {offset:#x}", ours, model.read(at))
        if found:
            return found
    return None


def _placeholder(tape: Tape) -> str | None:
    """Without a disk the device says so, by DeviceID 0, and nothing else of it changes."""
    device = Disk(bench(SIZE, BASE), None)
    device.write(tape.choose(REGISTERS), 4, tape.bits(32))
    ours = [device.read(at, 4) for at in (0x00, 0x04, 0x08, 0x44, 0x60, 0x70, 0x100)]
    return differs("a disk that is none", ours, [0x74726976, 2, 0, 0, 0, 0, 0])


def _disturb(tape: Tape, steps: list[tuple[int, int]], length: int) -> None:
    """Change a driver's steps in one place."""
    at = tape.below(len(steps))
    offset, value = steps[at]
    match tape.below(5):
        case 0:
            del steps[at]
        case 1:
            odd = tape.choose((0, 1, 2, 3, 128, 256, 8, 1 << 5, tape.bits(32)))
            steps.insert(at, (tape.choose(REGISTERS), odd))
        case 2:
            steps[at] = (
                offset,
                tape.choose((0, 1, 2, value + 1, value + 2, 3 * length, 0x80, 1 << tape.below(32), tape.bits(32)))
                & WORD,
            )
        case 3:
            steps.append((offset, value))
        case _:
            off = tape.choose((1, 2, 4, 8))
            steps[:] = [(o, v + off) if o == tape.choose((0x80, 0x90, 0xA0)) else (o, v) for o, v in steps]


def _put(ram: Ram | object, address: int, value: int, count: int) -> None:
    assert isinstance(ram, Ram)
    ram.store(ram.base - BASE + address, count, value & (1 << 8 * count) - 1)


def _request(tape: Tape, ram: object, length: int, slot: int, size: int) -> int:
    """Write one request's descriptors and header; the number of the first. A hostile driver changes one field of them."""
    kind = tape.choose((0, 1, 0, 1, 4, 8, 3))
    sector = tape.choose((0, 1, 2, 5, 6, tape.bits(8), (1 << 64) - 1, 1 << 55))
    bytes_ = tape.choose((512, 512, 1024, 256, 3072, 3584))
    at = BUFFERS + 0x1000 * (slot % 2)
    header = at
    _put(ram, header, kind, 4)
    _put(ram, header + 8, sector, 8)
    for k in range(0, bytes_ if kind == 1 else 0, 8):
        _put(ram, at + 0x20 + k, tape.byte() * 0x0101010101010101 ^ k, 8)
    first = 3 * slot % length
    into = 0 if kind == 1 else 2
    parts = [[header, 16, 0], [at + 0x20, bytes_, into], [at + 0xFF0, 1, 2]]
    if kind == 1 and tape.chance(60):  # the header and the data in one descriptor
        parts = [[header, 16 + 16, 0], [at + 0x20, bytes_, 0], [at + 0xFF0, 1, 2]]
        parts[1][1] -= 16
    if kind != 1 and length >= 8 and tape.chance(60):  # the data in two descriptors
        cut = tape.choose((256, 1, 200))
        parts[1:2] = [[at + 0x20, cut, 2], [at + 0x20 + cut, bytes_ - cut, 2]]
    if length < 4:
        parts = [parts[0], [at + 0x20, bytes_ + 1, 2]] if kind != 1 else [[header, 16 + bytes_, 0], parts[2]]
    numbers = [(first + k) % length for k in range(len(parts))]
    links = [n | 1 << 16 for n in numbers[1:]] + [0]
    assert isinstance(ram, Ram)
    above = ram.base - BASE
    rows = [[above + p, n, f | link >> 16, link & 0xFFFF] for (p, n, f), link in zip(parts, links, strict=True)]
    head = numbers[0]
    if tape.chance(60):
        row, column = tape.below(len(rows)), tape.below(4)
        rows[row][column] = tape.choose((0, 0xFFFF, length, above + BASE + SIZE - 8, 3, 4, 6, tape.bits(16), 1 << 31))
    if tape.chance(20):
        head = tape.choose((0xFFFF, length, 0xFFFE, tape.bits(16)))
        numbers, rows = [*numbers, -1], [*rows, rows[0]]  # a copy in front of the table, where no descriptor is
    for number, (place, count, flags, link) in zip(numbers, rows, strict=True):
        for offset, value, width in ((0, place, 8), (8, count, 4), (12, flags, 2), (14, link, 2)):
            _put(ram, DESCRIPTORS + 16 * number + offset, value, width)
    return head


def _first(what: str, ours: bytes | bytearray, expected: bytes | bytearray, base: int) -> str | None:
    if ours == expected:
        return None
    at = next(k for k, (a, b) in enumerate(zip(ours, expected, strict=True)) if a != b)
    return f"{what} at {base + at:#x}: {ours[at : at + 8].hex()}, the model has {expected[at : at + 8].hex()}"


DISK: Final = Manual("disk", disk)
