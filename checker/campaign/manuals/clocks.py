"""Timers and tickers, again from what they are to do."""

from __future__ import annotations

from functools import partial
from typing import Final

from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.manuals.bench import bench, differs, total
from pgcheck.checker.campaign.manuals.manual import Manual
from pgcheck.models.devices.ticker import Ticker
from pgcheck.models.devices.timer import Timer


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


def _due(device: Timer, expected: int | None, now: int) -> str | None:
    """A due event is that of the manual; what is due happens, and does not stay due."""
    due = device.due()
    if due is not None and due <= now:
        device.tick(now)
        due = device.due()
    return differs(f"next event at {now}", due, expected)


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


TIMER: Final = Manual("timer", timer)
TICKER: Final = Manual("ticker", ticker)
