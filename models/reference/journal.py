"""What an instruction that is not precise has done before it trapped, so that it can be taken back."""

from __future__ import annotations

from pgcheck.models.memory import Bus
from pgcheck.models.state import State


class Journal:
    """Physical memory that keeps what stores to RAM overwrite, and the leaves of a state as they were.

    A processor that lets an instruction stop halfway must let it go on: its trap frame holds what is needed. Here that is the
    journal of the instruction.
    """

    __slots__ = ("before", "bus", "overwritten", "state")

    def __init__(self, state: State, memory: str, bus: Bus) -> None:
        self.state, self.bus = state, bus
        self.before: State = {n: v if isinstance(v, int) else v.copy() for n, v in state.items() if n != memory}
        self.overwritten: list[tuple[int, int, int]] = []

    def load(self, address: int, count: int) -> int:
        return self.bus.load(address, count)

    def store(self, address: int, count: int, value: int) -> None:
        if self.bus.is_ram(address, count):
            self.overwritten.append((address, count, self.bus.load(address, count)))
        self.bus.store(address, count, value)

    def undo(self) -> None:
        """Make state and RAM what they were; what devices were told stays."""
        for address, count, value in reversed(self.overwritten):
            self.bus.store(address, count, value)
        self.state.update(self.before)
