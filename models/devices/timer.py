"""A timer: a clock of steps and a compare register."""

from __future__ import annotations

from typing import Final

from pgcheck.models.devices.device import Model, Wiring

NEVER: Final = (1 << 64) - 1


class Timer:
    """TIME at 0 (read only) and COMPARE at 8, of 64 bits in the machine's byte order, for accesses of any width.

    They are mtime and mtimecmp of the RISC-V privileged manual: an interrupt is requested while TIME >= COMPARE. COMPARE is the
    largest number after reset, which never comes.
    """

    __slots__ = ("compare", "raised", "wiring")
    size = 16

    def __init__(self, wiring: Wiring) -> None:
        self.wiring, self.compare, self.raised = wiring, NEVER, False

    def read(self, offset: int, count: int) -> int:
        return int.from_bytes(self._image()[offset : offset + count], self.wiring.bus.order)

    def write(self, offset: int, count: int, value: int) -> None:
        image, order = bytearray(self._image()), self.wiring.bus.order
        image[offset : offset + count] = value.to_bytes(count, order)
        self.compare = int.from_bytes(image[8:], order)
        self.tick(self.wiring.clock())

    def _image(self) -> bytes:
        """The registers as they lie in memory."""
        order = self.wiring.bus.order
        return (self.wiring.clock() & NEVER).to_bytes(8, order) + self.compare.to_bytes(8, order)

    def due(self) -> int | None:
        return None if self.raised or self.compare == NEVER else self.compare

    def tick(self, now: int) -> None:
        self.raised = now >= self.compare
        self.wiring.signal(self.raised)
        if not self.raised:
            self.wiring.expect(self.compare)


MODEL: Final = Model(
    name="timer",
    registers="TIME and COMPARE, 8 bytes each; requests an interrupt while TIME >= COMPARE",
    ticks=True,
    make=lambda wiring, options, outside: Timer(wiring),
)
