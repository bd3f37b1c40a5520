"""A split virtqueue as a device reads it (virtio 1.2, section 2.7): nothing that the driver wrote is believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pgcheck.models.memory import Bus

NEXT, WRITE = 1, 2
NO_INTERRUPT: Final = 1
DESCRIPTOR: Final = 16


class Malformed(Exception):
    """The driver broke the rules of the queue."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a request's memory, in RAM."""

    address: int
    length: int


@dataclass(frozen=True, slots=True)
class Chain:
    """A request: its number in the ring, what the device may read, and what it may write."""

    head: int
    readable: tuple[Part, ...]
    writable: tuple[Part, ...]


class Memory:
    """RAM as devices see it: bytes in the order of their addresses. Raises Malformed outside RAM."""

    __slots__ = ("bus",)

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    def read(self, address: int, length: int) -> bytes:
        self._check(address, length)
        return self.bus.load(address, length).to_bytes(length, self.bus.order)

    def write(self, address: int, data: bytes) -> None:
        self._check(address, len(data))
        if data:
            self.bus.store(address, len(data), int.from_bytes(data, self.bus.order))

    def word(self, address: int, length: int) -> int:
        """A number of the ring, which is little-endian."""
        return int.from_bytes(self.read(address, length), "little")

    def _check(self, address: int, length: int) -> None:
        if not self.bus.is_ram(address, length):
            raise Malformed(f"{length} bytes at {address:#x} are not RAM")


class Queue:
    """A queue of `length` descriptors at the addresses that the driver chose."""

    __slots__ = ("available", "descriptors", "length", "memory", "ready", "seen", "used", "used_index")

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.descriptors = self.available = self.used = self.length = self.seen = self.used_index = 0
        self.ready = False

    def chains(self) -> Iterator[Chain]:
        """The requests that the driver has made available, at most `length` of them. Raises Malformed."""
        aligned = not (self.descriptors % 16 or self.available % 2 or self.used % 4)
        if not aligned:
            raise Malformed("a ring is not aligned")
        waiting = self.memory.word(self.available + 2, 2) - self.seen & 0xFFFF
        if waiting > self.length:
            raise Malformed(f"{waiting} requests in a queue of {self.length}")
        for _ in range(waiting):
            head = self.memory.word(self.available + 4 + 2 * (self.seen % self.length), 2)
            self.seen = self.seen + 1 & 0xFFFF
            yield self._chain(head)

    def complete(self, head: int, written: int) -> None:
        """Give a request back, with `written` bytes in its writable part."""
        entry = self.used + 4 + 8 * (self.used_index % self.length)
        self.memory.write(entry, head.to_bytes(4, "little") + written.to_bytes(4, "little"))
        self.used_index = self.used_index + 1 & 0xFFFF
        self.memory.write(self.used + 2, self.used_index.to_bytes(2, "little"))

    def wants_interrupts(self) -> bool:
        return not self.memory.word(self.available, 2) & NO_INTERRUPT

    def _chain(self, head: int) -> Chain:
        readable: list[Part] = []
        writable: list[Part] = []
        number = head
        for _ in range(self.length):
            if number >= self.length:
                raise Malformed(f"descriptor {number} in a queue of {self.length}")
            raw = self.memory.read(self.descriptors + DESCRIPTOR * number, DESCRIPTOR)
            address, length = int.from_bytes(raw[:8], "little"), int.from_bytes(raw[8:12], "little")
            flags, number = int.from_bytes(raw[12:14], "little"), int.from_bytes(raw[14:], "little")
            if flags & ~(NEXT | WRITE):
                raise Malformed(f"flags {flags:#x} of a descriptor")
            if not length or not self.memory.bus.is_ram(address, length):
                raise Malformed(f"{length} bytes at {address:#x} are not RAM")
            if flags & WRITE:
                writable.append(Part(address, length))
            elif writable:
                raise Malformed("a readable descriptor after a writable one")
            else:
                readable.append(Part(address, length))
            if not flags & NEXT:
                return Chain(head, tuple(readable), tuple(writable))
        raise Malformed("a chain without end")
