"""A clock without registers that raises its line again and again, as one on the mains does."""

from __future__ import annotations

from typing import Final

from pgcheck.isa.files.devices import Option
from pgcheck.models.devices.device import Model, Wiring


class Ticker:
    """Raises its line at every multiple of `period` steps; whoever sees it lowers it."""

    __slots__ = ("next", "period", "wiring")
    size = 0

    def __init__(self, wiring: Wiring, period: int) -> None:
        self.wiring, self.period, self.next = wiring, period, period

    def read(self, offset: int, count: int) -> int:
        return 0

    def write(self, offset: int, count: int, value: int) -> None:
        return

    def due(self) -> int | None:
        return self.next

    def tick(self, now: int) -> None:
        self.next = (now // self.period + 1) * self.period
        self.wiring.signal(level=True)


MODEL: Final = Model(
    name="ticker",
    registers="none; sets its line every `period` steps",
    options=(Option("period", 1000, "steps, at least 1"),),
    ticks=True,
    make=lambda wiring, options, outside: Ticker(wiring, max(1, options["period"])),
)
