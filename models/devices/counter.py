"""A register that counts steps from what was written to it."""

from __future__ import annotations

from typing import Final

from pgcheck.models.devices.device import Model, Wiring


class Counter:
    """One register: the last number written, and one more for each step since."""

    __slots__ = ("base", "wiring")
    size = 1

    def __init__(self, wiring: Wiring) -> None:
        self.wiring, self.base = wiring, 0

    def read(self, offset: int, count: int) -> int:
        return self.base + self.wiring.clock()

    def write(self, offset: int, count: int, value: int) -> None:
        self.base = value - self.wiring.clock()

    def due(self) -> int | None:
        return None

    def tick(self, now: int) -> None:
        return


MODEL: Final = Model(
    name="counter",
    registers="one that counts steps from what was written",
    make=lambda wiring, options, outside: Counter(wiring),
)
