"""A device's surroundings in a test: a clock that the test turns, RAM, and the interrupt line as last set."""

from __future__ import annotations

from pgcheck.models.memory import Bus, Ram


class Bench:
    """Connections of one device, with `size` bytes of RAM at 0x1000."""

    def __init__(self, size: int = 0x4000, *, big: bool = False, unit: int = 8) -> None:
        self.now, self.line, self.expected = 0, False, list[int]()
        self.bus = Bus(Ram(0x1000, size, unit, big), (), unit, big, 64)

    def clock(self) -> int:
        return self.now

    def signal(self, level: bool) -> None:
        self.line = level

    def expect(self, time: int) -> None:
        self.expected.append(time)
