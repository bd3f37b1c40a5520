"""What comes from outside a processor while it runs: what devices store, and requests to them in rings of memory.

Descriptors, rings and buffers (virtio 1.2, sections 2.7 and 4.2) lie anywhere and over one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final, Literal

from pgcheck.checker.campaign.cases.changes import Change
from pgcheck.checker.campaign.cases.layout import Layout
from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.cases.words import Words
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import mask

MODELS: Final = ("disk",)
SECTOR: Final = 512
SECTORS: Final = 6
NOTIFY: Final = 0x50
STATUS, ACKNOWLEDGE, SELECT, LENGTH, READY = 0x70, 0x64, 0x30, 0x38, 0x44
DESCRIPTORS, AVAILABLE, USED = 0x80, 0x90, 0xA0
NEXT, WRITE = 1, 2
Placed = tuple[int, int, int]
Written = tuple[int, int, int, int]
Command = tuple[int, str, int, int, int]
Part = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a driver left in memory, and what another master writes to the device's registers: (step, device, offset, units, value)."""

    stores: tuple[Placed, ...]
    commands: tuple[Command, ...]


NOTHING: Final = Drawn((), ())


@dataclass(frozen=True, slots=True)
class Rings:
    """A device with a queue in the memory of a layout, which has this order of bytes, and whose registers are at `base`."""

    device: str
    base: int
    layout: Layout
    order: Literal["big", "little"]

    @property
    def notify(self) -> int:
        """The address of the register by which a driver says that there are requests."""
        return self.base + NOTIFY

    def draw(self, tape: Tape, steps: int, aim: int | None = None) -> Drawn:
        """A queue that is set up before the first step, with requests in it, of which the device is told in some steps.

        What it gives back lies at `aim`, or its ring does, if there is one.
        """
        length = tape.choose((4, 8, 2, 1, 16))
        descriptors, available, used = (self._place(tape, align) for align in (16, 2, 4))
        if tape.chance(40):
            available = descriptors + 2 * tape.below(32)
        if tape.chance(40):
            used = tape.choose((descriptors, available & -4)) + 4 * tape.below(16)
        if aim is not None and tape.chance(40):
            used, aim = aim & -4, None
        count = 1 + tape.below(min(length, 3) + 1)
        rings = (descriptors, available, used)
        stores: list[Placed] = []
        for k in range(count):
            stores += self._request(tape, rings, length, k, aim)
        stores.append((available, 2, int(tape.chance(24))))
        stores.append((available + 2, 2, count))
        told = sorted(tape.below(min(steps, 24)) for _ in range(1 + tape.below(2)))
        commands = [(0, *one) for one in self._set_up(tape, length, rings)]
        for step in told:
            commands.append((step, self.device, NOTIFY, 4, 0))
            if tape.chance(60):
                commands.append((step, self.device, ACKNOWLEDGE, 4, 3))
        return Drawn(tuple(self._stored(s) for s in stores if self._holds(s)), tuple(commands))

    def _set_up(self, tape: Tape, length: int, rings: Sequence[int]) -> Iterator[tuple[str, int, int, int]]:
        """What a driver writes to the registers; one time in eight a step of it is left out or another value is written."""
        steps = [(STATUS, 1), (STATUS, 3), (0x24, 1), (0x20, 1), (STATUS, 11), (SELECT, 0), (LENGTH, length)]
        for offset, address in zip((DESCRIPTORS, AVAILABLE, USED), rings, strict=True):
            steps += [(offset, address & mask(32)), (offset + 4, address >> 32)]
        steps += [(READY, 1), (STATUS, 15)]
        if tape.chance(32):
            at = tape.below(len(steps))
            offset, value = steps[at]
            steps[at : at + 1] = tape.choose(([], [(offset, value + 1)], [(offset, value), (STATUS, 0)]))
        for offset, value in steps:
            yield self.device, offset, 4, value

    def _request(self, tape: Tape, rings: Sequence[int], length: int, number: int, aim: int | None) -> Iterator[Placed]:
        """The descriptors of a request, its header, and its entry in the ring of those that are available."""
        descriptors, available, _ = rings
        parts = list(self._parts(tape, rings, length, aim))
        header = parts[0][0]
        kind = tape.choose((0, 1, 0, 8, 4, 3) if aim is None else (0, 8, 0))
        sector = tape.choose((0, 1, SECTORS - 1, SECTORS, tape.byte()))
        first = number * len(parts) % length
        numbers = [(first + k) % length for k in range(len(parts))]
        if tape.chance(20):
            at = tape.below(len(parts))
            place, size, flags = parts[at]
            parts[at] = tape.choose(
                ((place, 0, flags), (place, size, flags ^ WRITE), (self.layout.end - 4, size, flags))
            )
        yield header, 16, kind | sector << 64
        for at, (place, size, flags) in enumerate(parts):
            more = at + 1 < len(parts)
            following = numbers[at + 1] if more else 0
            held = place | size << 64 | (flags | NEXT * more) << 96 | following << 112
            yield descriptors + 16 * numbers[at], 16, held
        head = numbers[0] if not tape.chance(12) else tape.choose((length, 0xFFFF))
        yield available + 4 + 2 * (number % length), 2, head

    def _parts(self, tape: Tape, rings: Sequence[int], length: int, aim: int | None) -> Iterator[Part]:
        """The buffers of a request, (address, units, flags): header, data and status, or two of them where descriptors are few."""
        places = [self._place(tape, 1) if not tape.chance(50) else tape.choose(rings) for _ in range(3)]
        size = tape.choose((SECTOR, SECTOR, 2 * SECTOR, 16, 20))
        into = WRITE * (aim is not None or not tape.chance(90))
        if aim is not None:
            places[1] = aim - 8 * tape.below(3)
        if length >= 4 or length == 1:
            yield places[0], 16, 0
            yield places[1], size, into
            yield places[2], 1, WRITE
        elif into:
            yield places[0], 16, 0
            yield places[1], size + 1, WRITE
        else:
            yield places[0], 16 + size, 0
            yield places[2], 1, WRITE

    def _place(self, tape: Tape, align: int) -> int:
        """Somewhere in memory: where programs, data or page tables are."""
        places = (*self.layout.data, self.layout.stack, *self.layout.tables, self.layout.user, self.layout.handler)
        return (tape.choose(places) + 16 * tape.below(24)) // align * align + (
            align * tape.below(3) if align < 16 else 0
        )

    def _stored(self, placed: Placed) -> Placed:
        """A number of the rings, which are little-endian, as the machine stores it."""
        address, count, value = placed
        return address, count, int.from_bytes(value.to_bytes(count, "little"), self.order)

    def _holds(self, placed: Placed) -> bool:
        return self.layout.base <= placed[0] and placed[0] + placed[1] <= self.layout.end


def rings(machine: Machine, layout: Layout) -> tuple[Rings, ...]:
    """The devices of a machine that take requests from rings in memory."""
    order = machine.state.order
    return tuple(Rings(d.name, d.base, layout, order) for d in machine.platform.devices if d.model in MODELS)


@dataclass(slots=True)
class Outside:
    """Draws what comes from outside for a machine with a layout; devices store words of `width` bits."""

    machine: Machine
    layout: Layout
    width: int
    rings: tuple[Rings, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.rings = rings(self.machine, self.layout)

    def writes(self, tape: Tape, steps: int, words: Words, change: tuple[int, Change] | None) -> tuple[Written, ...]:
        """What devices store, (step, address, units, value): changes of a translation that is in use, and anything anywhere."""
        found: list[Written] = []
        if change is not None and tape.chance(100):
            made = change[1]
            found.append((1 + tape.below(min(steps, 16)), made.address, made.count, made.value))
        if tape.chance(24):
            count = tape.choose((1, self.width // self.machine.state.memory_unit))
            place = tape.choose(self.layout.places) + tape.below(16) * count
            found.append((tape.below(steps), place, count, words.draw(count * self.machine.state.memory_unit)))
        return tuple(sorted(w for w in found if self.layout.base <= w[1] and w[1] + w[2] <= self.layout.end))

    def requests(self, tape: Tape, steps: int, change: tuple[int, Change] | None) -> Drawn:
        """Mostly requests in rings for a device that takes them, if there is one; what they change may be a translation that is in use."""
        if not self.rings or not tape.chance(200):
            return NOTHING
        aim = change[1].address if change is not None and tape.chance(150) else None
        drawn = tape.choose(self.rings).draw(tape, steps, aim)
        return Drawn(drawn.stores, tuple(sorted(drawn.commands, key=itemgetter(0))))
