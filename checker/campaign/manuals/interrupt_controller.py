"""The interrupt controller: a PLIC, again from its specification."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Final

from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.manuals.bench import WORD, bench, differs, total
from pgcheck.checker.campaign.manuals.manual import Manual
from pgcheck.models.devices.interrupt_controller import InterruptController


@dataclass
class Plic:
    """The interrupt controller with `lines` inputs, input 0 not existing, for one context (PLIC specification 1.0.0)."""

    lines: int
    level: set[int] = field(default_factory=set)
    pending: set[int] = field(default_factory=set)
    serving: set[int] = field(default_factory=set)
    enabled: set[int] = field(default_factory=set)
    priority: dict[int, int] = field(default_factory=dict)
    threshold: int = 0

    def request(self, pin: int, level: bool) -> None:
        if not level:
            self.level.discard(pin)
            return
        self.level.add(pin)
        if pin not in self.serving:
            self.pending.add(pin)

    def best(self) -> int:
        ready = [p for p in sorted(self.pending & self.enabled) if self.priority.get(p, 0)]
        return max(ready, key=lambda p: self.priority[p]) if ready else 0

    def interrupts(self) -> bool:
        return self.best() != 0 and self.priority[self.best()] > self.threshold

    def read(self, offset: int) -> int:
        if offset < 4 * self.lines:
            return self.priority.get(offset // 4, 0)
        for first, members in ((0x1000, self.pending), (0x2080, self.enabled)):
            word = (offset - first) // 4
            if offset >= first and 32 * word < self.lines:
                return sum(1 << k for k in range(32) if 32 * word + k in members)
        if offset == 0x201000:
            return self.threshold
        if offset == 0x201004:
            best = self.best()
            self.pending.discard(best)
            if best:
                self.serving.add(best)
            return best
        return 0

    def write(self, offset: int, value: int) -> None:
        word = (offset - 0x2080) // 4
        if 0 < offset < 4 * self.lines:
            self.priority[offset // 4] = value & 7
        elif offset >= 0x2080 and 32 * word < self.lines:
            here = set(range(max(1, 32 * word), min(self.lines, 32 * word + 32)))
            self.enabled = self.enabled - here | {p for p in here if value >> p % 32 & 1}
        elif offset == 0x201000:
            self.threshold = value & 7
        elif offset == 0x201004 and value in self.serving and value in self.enabled:
            self.serving.discard(value)
            if value in self.level:
                self.pending.add(value)


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


INTERRUPT_CONTROLLER: Final = Manual("interrupt_controller", interrupt_controller)
