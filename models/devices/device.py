"""What a device is to a computer, a computer to a device, and what lies outside; and the row that every model of devices has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from pgcheck.isa.files.devices import DeviceModel, Options
from pgcheck.isa.machine.platform import Attachment
from pgcheck.models.devices.backing import Backing
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


CONNECTIONS: Final = frozenset({"wiring", "memory", "backing", "output", "source"})


def held(device: object) -> Mapping[str, object]:
    """What a device keeps, by name: its registers, flags and queues, but not what it is connected to. Looking changes nothing."""
    found: dict[str, object] = {}
    for name in getattr(type(device), "__slots__", ()):
        if name not in CONNECTIONS:
            value = getattr(device, name)
            if isinstance(value, int | str | bytes | None):
                found[name] = value
            elif isinstance(value, Collection):
                found[name] = tuple(value)
            else:
                found |= {f"{name}.{inner}": kept for inner, kept in held(value).items()}
    return found


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


@dataclass(frozen=True, slots=True)
class Outside:
    """What lies outside a computer: consoles print to `output` and read from `source`, which gives up to n bytes, b"" for none.

    `disk` is what a disk keeps its sectors in; without it there is none in the drive.
    """

    output: Callable[[int], None]
    source: Callable[[int], bytes]
    disk: Backing | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(DeviceModel):
    """A model of devices, and how one is made: all its options are settled."""

    make: Callable[[Wiring, Options, Outside], Device]


Maker = Callable[[Attachment, Wiring], Device]


@runtime_checkable
class Inputs(Protocol):
    """A device with interrupt inputs."""

    def request(self, pin: int, level: bool) -> None: ...
