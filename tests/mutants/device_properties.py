"""DV1: every device does what its manual says, whatever a driver does to it, and never fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.models.devices.console import Console
from pgcheck.models.devices.interrupt_controller import InterruptController
from pgcheck.models.devices.ticker import Ticker
from pgcheck.models.devices.timer import Timer
from pgcheck.models.memory import Bus, Ram, Window
from pgcheck.vmm.guest_memory import GuestMemory
from tests.mutants.device_models import Plic, Serial

WORD = (1 << 32) - 1


@dataclass
class Bench:
    """A device's wires: a clock that the test moves, and what the device signalled and expects."""

    bus: Bus
    now: int = 0
    level: bool = False
    expected: list[int] = field(default_factory=list)

    def clock(self) -> int:
        return self.now

    def signal(self, level: bool) -> None:
        self.level = level

    def expect(self, time: int) -> None:
        self.expected.append(time)


def bench(size: int = 0, base: int = 0) -> Bench:
    return Bench(Bus(Ram(base, size, 8, False), (), 8, False, 40))


def total(act: Callable[[], int | None]) -> int | None | str:
    """What a device answers; a device that raises anything at all breaks the rule that it is total, and the text says how."""
    try:
        return act()
    except Exception as error:
        return f"raises {type(error).__name__}"


def differs(what: str, ours: object, expected: object) -> str | None:
    return None if ours == expected else f"{what}: {ours!r}, the manual says {expected!r}"


def console(data: bytes) -> str | None:
    """The 16550 against its state machine; a burst of writes fills what can be filled."""
    tape = Tape(data)
    line = [tape.byte() for _ in range(tape.below(40))]
    wires, sent = bench(), list[int]()
    left = list(line)

    def source(count: int) -> bytes:
        taken = bytes(left[:count])
        del left[:count]
        return taken

    device, model = Console(wires, sent.append, source), Serial(list(line))
    for step in range(40):
        offset, count = tape.below(8), tape.choose((1, 1, 1, 2, 4))
        if tape.chance(110):
            ours, expected = total(partial(device.read, offset, count)), model.read(offset)
            found = differs(f"step {step}: register {offset} reads", ours, expected)
            if found:
                return found
        else:
            value = tape.choose((0, 1, 2, 3, 5, 7, 0x10, 0x1F, 0x80, 0xFF, tape.byte()))
            for _ in range(1 + tape.below(24) if offset == 0 else 1):
                ours = total(partial(device.write, offset, count, value))
                model.write(offset, value)
                if ours is not None:
                    return f"step {step}: register {offset} {ours}"
        found = differs(f"step {step}: interrupt", wires.level, model.interrupts()) or differs("sent", sent, model.sent)
        if found:
            return found
    return None


def interrupt_controller(data: bytes) -> str | None:
    """The PLIC against its state machine: requests, claims, completions, and registers that are none."""
    tape = Tape(data)
    lines = tape.choose((32, 8, 40))
    wires = bench()
    device, model = InterruptController(wires, lines), Plic(lines)
    last = 0
    pins = [1 + tape.below(lines - 1) for _ in range(3)]
    for offset, value in (*((4 * pin, 1 + tape.below(3)) for pin in pins), (0x2080, sum(1 << p for p in pins) & WORD)):
        device.write(offset, 4, value)
        model.write(offset, value)
    for step in range(48):
        if tape.chance(90):
            pin, level = tape.choose((*pins, 1 + tape.below(lines - 1))), tape.chance(160)
            device.request(pin, level)
            model.request(pin, level)
        else:
            offset, count = _register(tape, lines), tape.choose((4, 4, 4, 4, 4, 1, 8, 2))
            usual = count == 4 and offset % 4 == 0
            if tape.chance(128):
                ours = total(partial(device.read, offset, count))
                expected = model.read(offset) if usual else 0
                last = expected if offset == 0x201004 and usual else last
                found = differs(f"step {step}: {count} bytes at {offset:#x}", ours, expected)
                if found:
                    return found
            else:
                value = tape.choose((last, last, 1, 2, 0, WORD, 7, *pins, tape.below(lines + 8), tape.bits(32)))
                ours = total(partial(device.write, offset, count, value))
                if usual:
                    model.write(offset, value)
                if ours is not None:
                    return f"step {step}: a write to {offset:#x} {ours}"
        found = differs(f"step {step}: interrupt", wires.level, model.interrupts())
        if found:
            return found
    return None


def _register(tape: Tape, lines: int) -> int:
    """An offset: a priority, a set, a threshold or claim register, just past one, or anywhere."""
    kind = tape.below(10)
    if kind < 2:
        return 4 * tape.below(lines)
    if kind == 2:
        return 4 * (lines + tape.below(4 * lines))
    if kind == 3:
        return tape.choose((0x1000, 0x1004, 0x1008, 0x1002))
    if kind == 4:
        return tape.choose((0x2080, 0x2080, 0x2084, 0x2088, 0x2000))
    if kind < 9:
        return tape.choose((0x201004, 0x201004, 0x201004, 0x201000, 0x201008))
    return tape.below(0x4000000)


def timer(data: bytes) -> str | None:
    """mtime and mtimecmp of the RISC-V privileged manual, section 3.2.1: requested while mtime >= mtimecmp."""
    tape = Tape(data)
    wires = bench()
    device, compare = Timer(wires), (1 << 64) - 1
    for step in range(40):
        match tape.below(3):
            case 0:
                offset, count = tape.choose(((0, 8), (8, 8), (0, 4), (8, 4), (12, 4), (4, 4), (9, 1), (4, 8)))
                whole = wires.now | compare << 64
                ours = total(partial(device.read, offset, count))
                expected = whole >> 8 * offset & (1 << 8 * count) - 1
                found = differs(f"step {step}: {count} bytes at {offset}", ours, expected)
                if found:
                    return found
            case 1:
                offset, count = tape.choose(((8, 8), (8, 8), (8, 4), (12, 4), (0, 8), (4, 8)))
                value = tape.choose(
                    (wires.now + tape.below(64), tape.bits(8 * count), (1 << 8 * count) - 1, 0, wires.now)
                )
                value &= (1 << 8 * count) - 1
                ours = total(partial(device.write, offset, count, value))
                if ours is not None:
                    return f"step {step}: a write {ours}"
                hole = (1 << 8 * count) - 1 << 8 * offset
                compare = (compare << 64 & ~hole | value << 8 * offset) >> 64
                if wires.now < compare and compare not in wires.expected[-1:]:
                    return f"step {step}: nobody was told of {compare}"
            case _:
                wires.now += tape.choose((1, 2, 5, tape.below(300)))
        found = _due(device, compare if wires.now < compare < (1 << 64) - 1 else None, wires.now)
        found = found or differs(f"step {step}: interrupt at {wires.now}", wires.level, wires.now >= compare)
        if found:
            return found
    return None


def ticker(data: bytes) -> str | None:
    """A line that rises at every multiple of the period; when events were missed, at the next one."""
    tape = Tape(data)
    wires = bench()
    period = 1 + tape.below(600)
    device = Ticker(wires, period)
    for step in range(40):
        due = device.due()
        expected = (wires.now // period + 1) * period
        if due != expected:
            return f"step {step}: at {wires.now} the next tick of a period of {period} is {due}, not {expected}"
        wires.now = expected + tape.choose((0, 0, tape.below(3 * period)))
        device.tick(wires.now)
        if not wires.level:
            return f"step {step}: no request at {wires.now}"
        wires.level = False
    return None


def _due(device: Timer, expected: int | None, now: int) -> str | None:
    """A due event is that of the manual; what is due happens, and does not stay due."""
    due = device.due()
    if due is not None and due <= now:
        device.tick(now)
        due = device.due()
    return differs(f"next event at {now}", due, expected)


def bus(data: bytes) -> str | None:
    """An access that leaves RAM or a window is made unit by unit: a window sees only what lies in it."""
    tape = Tape(data)
    log: list[tuple[str, int, int, int]] = []
    windows = (
        Window(0x40, 8, _Noting("a", log)),
        Window(0x48, 6, _Noting("b", log)),
        Window(0x60, 8, _Noting("c", log)),
    )
    big = tape.chance(128)
    ours = Bus(Ram(0x10, 0x30, 8, big), windows, 8, big, 8)
    ram = bytearray(0x30)
    for step in range(40):
        address = tape.choose((0x10, 0x38, 0x40, 0x48, 0x4E, 0x60, 0xF8)) + tape.below(16) - 8 & 0xFF
        count = tape.choose((1, 2, 4, 8))
        expected: list[tuple[str, int, int, int]] = []
        if tape.chance(128):
            got: int | str | None = total(partial(ours.load, address, count))
            truth: int | str | None = _loaded(ram, address, count, big, expected)
        else:
            value = tape.bits(8 * count)
            got, truth = total(partial(ours.store, address, count, value)), None
            _stored(ram, address, count, value, big, expected)
        found = differs(f"step {step}: {count} units at {address:#x}", got, truth)
        found = found or differs(f"step {step}: {count} units at {address:#x}, the devices", log, expected)
        found = found or differs(
            f"step {step}: RAM", bytes(ours.ram.load(0x10 + k, 1) for k in range(0x30)), bytes(ram)
        )
        if found:
            return found
        log.clear()
    return None


@dataclass
class _Noting:
    """Registers that note what they are asked; a read gives the offset and the count."""

    name: str
    log: list[tuple[str, int, int, int]]

    def read(self, offset: int, count: int) -> int:
        self.log.append((self.name, offset, count, -1))
        return int.from_bytes(bytes([offset + 1] * count), "little")

    def write(self, offset: int, count: int, value: int) -> None:
        self.log.append((self.name, offset, count, value))


PLACES = (("a", 0x40, 8), ("b", 0x48, 6), ("c", 0x60, 8))


def _inside(address: int, count: int) -> tuple[str, int] | None:
    return next(((n, address - b) for n, b, size in PLACES if b <= address and address + count <= b + size), None)


def _loaded(ram: bytearray, address: int, count: int, big: bool, log: list[tuple[str, int, int, int]]) -> int:
    whole = _inside(address, count)
    if whole is not None:
        log.append((*whole, count, -1))
        return int.from_bytes(bytes([whole[1] + 1] * count), "little")
    units = [0] * count
    for k in range(count) if big else reversed(range(count)):
        at = address + k & 0xFF
        one = _inside(at, 1)
        if one is not None:
            log.append((*one, 1, -1))
        units[k] = one[1] + 1 if one is not None else ram[at - 0x10] if 0x10 <= at < 0x40 else 0
    return int.from_bytes(bytes(units), "big" if big else "little")


def _stored(
    ram: bytearray, address: int, count: int, value: int, big: bool, log: list[tuple[str, int, int, int]]
) -> None:
    whole = _inside(address, count)
    if whole is not None:
        log.append((*whole, count, value))
        return
    for k, unit in enumerate(value.to_bytes(count, "big" if big else "little")):
        at = address + k & 0xFF
        one = _inside(at, 1)
        if one is not None:
            log.append((*one, 1, unit))
        elif 0x10 <= at < 0x40:
            ram[at - 0x10] = unit


def guest_memory(data: bytes) -> str | None:
    """A guest's memory in frames of its host in any order is one range of units; who watches a page hears of each store to it once."""
    tape = Tape(data)
    big, shift, pages = tape.chance(128), 4, 6
    frames = list(range(1, 12))
    frames = [frames.pop(tape.below(len(frames))) for _ in range(pages)]
    host = Bus(Ram(0, 12 << shift, 8, big), (), 8, big, 16)
    memory, size = GuestMemory(0x100, frames, host, shift), pages << shift
    truth, heard = bytearray(size), list[tuple[int, int]]()
    protected, watched = list[int](), set[int]()
    memory.on_watch.append(protected.append)

    def watcher(address: int, count: int) -> None:
        heard.append((address, count))

    order: Literal["big", "little"] = "big" if big else "little"
    for step in range(30):
        count = tape.choose((1, 2, 4, 8, 3, 20))
        at = tape.below(size - count + 1)
        page = at >> shift
        what = tape.below(5)
        found: str | None = None
        match what:
            case 0 | 1:
                value = tape.bits(8 * count)
                got = total(partial(memory.store, 0x100 + at, count, value))
                truth[at : at + count] = value.to_bytes(count, order)
                told = [(0x100 + at, count)] if watched & set(range(page, (at + count - 1 >> shift) + 1)) else []
                found = differs(f"step {step}: a store", got, None) or differs(f"step {step}: told", heard, told)
                heard.clear()
            case 2:
                expected = int.from_bytes(truth[at : at + count], order)
                found = differs(
                    f"step {step}: {count} units at {at:#x}", total(partial(memory.load, 0x100 + at, count)), expected
                )
            case 3:
                memory.watch(0x100 + at, watcher)
                found = differs(
                    f"step {step}: protected",
                    [a - 0x100 >> shift for a in protected],
                    [] if page in watched else [page],
                )
                watched.add(page)
                protected.clear()
            case _:
                memory.unwatch(0x100 + at, watcher)
                watched.discard(page)
        asked = tape.below(pages)
        found = found or differs(f"step {step}: watched", memory.watched(0x100 + (asked << shift)), asked in watched)
        near = 0x100 + size - tape.below(20) + 4
        found = found or differs(f"step {step}: {near:#x}", memory.holds(near, 4), near + 4 <= 0x100 + size)
        outside = [f for f in range(12) if f not in frames and host.load(f << shift, 1 << shift)]
        if found or outside:
            return found or f"step {step}: frame {outside[0]} of another has been stored to"
    return None
