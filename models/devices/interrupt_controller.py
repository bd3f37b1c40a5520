"""An interrupt controller: one context of the RISC-V Platform-Level Interrupt Controller (PLIC specification 1.0.0)."""

from __future__ import annotations

from typing import Final

from pgcheck.isa.files.devices import Option
from pgcheck.models.devices.device import Model, Wiring

MAX_LINES: Final = 1024
PENDING, ENABLED, THRESHOLD, CLAIM = 0x1000, 0x2080, 0x201000, 0x201004
PRIORITY_BITS: Final = 7
WORD: Final = 4


class InterruptController:
    """Inputs 1 to `lines` - 1, levels; registers where the context of a first hart's supervisor mode has them.

    They answer aligned accesses of 32 bits; all others read 0 and change nothing. Sets of inputs are integers with bit k for k.
    """

    __slots__ = ("enabled", "levels", "lines", "pending", "priority", "serving", "threshold", "wiring")
    size = 0x4000000

    def __init__(self, wiring: Wiring, lines: int = 32) -> None:
        self.wiring, self.lines = wiring, min(lines, MAX_LINES)
        self.priority = [0] * self.lines
        self.levels = self.pending = self.serving = self.enabled = self.threshold = 0

    def request(self, pin: int, level: bool) -> None:
        """The level of an input."""
        bit = 1 << pin
        self.levels = self.levels | bit if level else self.levels & ~bit
        if level and not self.serving & bit:
            self.pending |= bit
        self._signal()

    def read(self, offset: int, count: int) -> int:
        if count != WORD or offset % WORD:
            return 0
        number = offset // WORD
        if number < self.lines:
            return self.priority[number]
        if self._in_set(offset, PENDING):
            return self.pending >> 8 * (offset - PENDING) & 0xFFFFFFFF
        if self._in_set(offset, ENABLED):
            return self.enabled >> 8 * (offset - ENABLED) & 0xFFFFFFFF
        if offset == THRESHOLD:
            return self.threshold
        return self._claim() if offset == CLAIM else 0

    def write(self, offset: int, count: int, value: int) -> None:
        if count != WORD or offset % WORD:
            return
        number = offset // WORD
        if 0 < number < self.lines:
            self.priority[number] = value & PRIORITY_BITS
        elif self._in_set(offset, ENABLED):
            place = 8 * (offset - ENABLED)
            inputs = (1 << self.lines) - 2
            self.enabled = (self.enabled & ~(0xFFFFFFFF << place) | value << place) & inputs
        elif offset == THRESHOLD:
            self.threshold = value & PRIORITY_BITS
        elif offset == CLAIM:
            self._complete(value)
        self._signal()

    def due(self) -> int | None:
        return None

    def tick(self, now: int) -> None:
        return

    def _in_set(self, offset: int, first: int) -> bool:
        return first <= offset < first + -(-self.lines // 32) * WORD

    def _best(self) -> int:
        """The pending and enabled input of the highest priority, the lowest of several; 0 for none."""
        candidates = self.pending & self.enabled
        inputs = [k for k in range(1, self.lines) if candidates >> k & 1 and self.priority[k]]
        return max(inputs, key=lambda k: (self.priority[k], -k), default=0)

    def _claim(self) -> int:
        best = self._best()
        if best:
            self.pending &= ~(1 << best)
            self.serving |= 1 << best
            self._signal()
        return best

    def _complete(self, number: int) -> None:
        if number < self.lines and self.serving & self.enabled & 1 << number:
            self.serving &= ~(1 << number)
            self.pending |= self.levels & 1 << number

    def _signal(self) -> None:
        best = self._best()
        self.wiring.signal(best != 0 and self.priority[best] > self.threshold)


MODEL: Final = Model(
    name="interrupt_controller",
    registers="those of a PLIC, of the context of the first supervisor",
    options=(Option("lines", 32, "inputs, with the unused 0"),),
    inputs="lines",
    make=lambda wiring, options, outside: InterruptController(wiring, options["lines"]),
)
