"""A console teletype with a word of conditions and a word of data, as on the PDP-10 (System Reference Manual, section 3.3)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from pgcheck.models.devices.device import Model

BATCH: Final = 16
CHANNEL, DONE_OUT, BUSY_OUT, DONE_IN, BUSY_IN = 0o7, 0o10, 0o20, 0o40, 0o100
CLEARED: Final = 4


class Teletype:
    """Conditions at 0, data at 1. Output is done at once; `source(n)` gives up to n characters of input when somebody looks.

    Conditions out set the priority channel, clear the flags in bits 7-10 (from the right) and then set those in bits 3-6.
    """

    __slots__ = ("channel", "done", "output", "received", "source")
    size = 2

    def __init__(self, output: Callable[[int], None], source: Callable[[int], bytes]) -> None:
        self.output, self.source = output, source
        self.received: deque[int] = deque(maxlen=BATCH)
        self.channel = self.done = 0

    def read(self, offset: int, count: int) -> int:
        if not self.received:
            self.received.extend(self.source(BATCH)[:BATCH])
        if offset == 1:
            return self.received.popleft() if self.received else 0
        return self.channel | self.done | (DONE_IN if self.received else 0)

    def write(self, offset: int, count: int, value: int) -> None:
        if offset == 1:
            self.output(value & 0x7F)
            self.done = DONE_OUT
            return
        flags = DONE_OUT | BUSY_OUT | BUSY_IN
        self.channel = value & CHANNEL
        self.done = (self.done & ~(value >> CLEARED) | value) & flags

    def due(self) -> int | None:
        return None

    def tick(self, now: int) -> None:
        return


MODEL: Final = Model(
    name="teletype",
    registers="a word of conditions and a word of data",
    make=lambda wiring, options, outside: Teletype(outside.output, outside.source),
)
