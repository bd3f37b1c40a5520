"""What a device is to a computer, and a computer to a device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from pgcheck.isa.machine.platform import Attachment
from pgcheck.models.memory import Bus, Registers


class Device(Registers, Protocol):
    """A device: registers, and events at logical times."""

    @property
    def size(self) -> int:
        """The number of its registers' units; 0 for none."""
        ...

    def due(self) -> int | None:
        """The clock of its next event."""
        ...

    def tick(self, now: int) -> None:
        """Whatever is due at `now` happens."""
        ...


class Wiring(Protocol):
    """What a device is connected to when it is made."""

    def clock(self) -> int: ...

    def signal(self, level: bool) -> None:
        """Set the device's interrupt request; it shows at once."""
        ...

    def expect(self, time: int) -> None:
        """The device has become due at `time`: the processor runs no further."""
        ...

    @property
    def bus(self) -> Bus: ...


Maker = Callable[[Attachment, Wiring], Device]


@runtime_checkable
class Inputs(Protocol):
    """A device with interrupt inputs."""

    def request(self, pin: int, level: bool) -> None: ...
