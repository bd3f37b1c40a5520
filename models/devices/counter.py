"""A register that counts steps from what was written to it."""

from __future__ import annotations

from typing import Final

from pgcheck.isa.files.devices import Option
from pgcheck.models.devices.device import Model, Wiring


class Counter:
    """One register: the last number written, and one more for each step since.

    It requests an interrupt from when the count, of `bits` bits, has come back to 0 until it is written.
    """

    __slots__ = ("base", "end", "raised", "wiring")
    size = 1

    def __init__(self, wiring: Wiring, bits: int) -> None:
        self.wiring, self.base, self.raised = wiring, 0, False
        self.end = 1 << bits

    def read(self, offset: int, count: int) -> int:
        return self.base + self.wiring.clock()

    def write(self, offset: int, count: int, value: int) -> None:
        self.base = value - self.wiring.clock()
        self._show(level=False)
        self.wiring.expect(self.end - self.base)

    def due(self) -> int | None:
        return None if self.raised else self.end - self.base

    def tick(self, now: int) -> None:
        self._show(level=True)

    def _show(self, *, level: bool) -> None:
        self.raised = level
        self.wiring.signal(level)


MODEL: Final = Model(
    name="counter",
    registers="one that counts steps from what was written; requests an interrupt from when it comes back to 0 until it is written",
    options=(Option("bits", 32, "those of the count, at least 1"),),
    ticks=True,
    make=lambda wiring, options, outside: Counter(wiring, max(1, options["bits"])),
)
