"""How accesses reach RAM and devices, again: unit by unit where they leave it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.manuals.bench import differs, total
from pgcheck.models.memory import Bus, Ram, Window


def bus(data: bytes, *, big: bool) -> str | None:
    """An access that leaves RAM or a window is made unit by unit: a window sees only what lies in it."""
    tape = Tape(data)
    log: list[tuple[str, int, int, int]] = []
    windows = (
        Window(0x40, 8, _Noting("a", log)),
        Window(0x48, 6, _Noting("b", log)),
        Window(0x60, 8, _Noting("c", log)),
    )
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
