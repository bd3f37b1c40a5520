"""A virtio block device, again from its specification."""

from __future__ import annotations

from dataclasses import dataclass, field

from pgcheck.checker.campaign.manuals.bench import WORD


class Broken(Exception):
    """The driver broke the rules of virtio: the device needs a reset."""


@dataclass
class BlockDevice:
    """A virtio block device with one split queue (virtio 1.2, sections 2.7, 4.2.2 and 5.2), on little-endian memory.

    `memory` are the bytes of RAM from `base` on; `queue` holds what the driver wrote into the queue's registers, by offset.
    """

    memory: bytearray
    base: int
    sectors: bytearray
    read_only: bool
    feature_page: int = 0
    driver_page: int = 0
    driver_features: int = 0
    selected: int = 0
    status: int = 0
    interrupt_status: int = 0
    ready: bool = False
    queue: dict[int, int] = field(default_factory=dict)
    seen: int = 0
    done: int = 0
    flushes: int = 0

    @property
    def length(self) -> int:
        return self.queue.get(0x38, 0)

    @property
    def descriptors(self) -> int:
        return self.queue.get(0x80, 0) | self.queue.get(0x84, 0) << 32

    @property
    def available(self) -> int:
        return self.queue.get(0x90, 0) | self.queue.get(0x94, 0) << 32

    @property
    def used(self) -> int:
        return self.queue.get(0xA0, 0) | self.queue.get(0xA4, 0) << 32

    @property
    def features(self) -> int:
        """VIRTIO_F_VERSION_1 and VIRTIO_BLK_F_FLUSH, VIRTIO_BLK_F_RO for a disk that cannot be written."""
        return 1 << 32 | 1 << 9 | (1 << 5 if self.read_only else 0)

    def read(self, offset: int) -> int:
        """A register of 32 bits (table 4.1)."""
        fixed = {0x00: 0x74726976, 0x04: 2, 0x08: 2, 0x0C: 0x63676370, 0x60: self.interrupt_status, 0x70: self.status}
        if offset in fixed:
            return fixed[offset]
        if offset == 0x10 and self.feature_page in (0, 1):
            return self.features >> 32 * self.feature_page & WORD
        if offset == 0x34:
            return 0 if self.selected else 128
        return int(offset == 0x44 and self.ready and not self.selected)

    def write(self, offset: int, value: int) -> None:
        """A register of 32 bits (table 4.1)."""
        if offset == 0x14:
            self.feature_page = value
        elif offset == 0x20 and self.driver_page in (0, 1) and not self.status & 8:
            halves = [self.driver_features & WORD, self.driver_features >> 32]
            halves[self.driver_page] = value
            self.driver_features = halves[0] | halves[1] << 32
        elif offset == 0x24:
            self.driver_page = value
        elif offset == 0x30:
            self.selected = value
        elif offset == 0x50 and not value:
            self.notify()
        elif offset == 0x64:
            self.interrupt_status &= ~value
        elif offset == 0x70:
            self.set_status(value & 0xFF if value else 0, whole=value)
        elif offset == 0x44 and not self.selected:
            self.ready = value & 1 == 1 and self.length in (1, 2, 4, 8, 16, 32, 64, 128)
        elif offset in (0x38, 0x80, 0x84, 0x90, 0x94, 0xA0, 0xA4) and not self.selected and not self.ready:
            self.queue[offset] = value

    def set_status(self, value: int, whole: int) -> None:
        if not whole:
            fresh = BlockDevice(self.memory, self.base, self.sectors, self.read_only, flushes=self.flushes)
            self.__dict__.update(fresh.__dict__)
            return
        unknown = self.driver_features & ~self.features
        if value & 8 and not self.status & 8 and (unknown or not self.driver_features >> 32 & 1):
            value &= ~8
        self.status = value | self.status & 0x40

    def part(self, address: int, count: int) -> slice:
        if count <= 0 or address < self.base or address + count > self.base + len(self.memory):
            raise Broken
        return slice(address - self.base, address - self.base + count)

    def number(self, address: int, count: int) -> int:
        return int.from_bytes(self.memory[self.part(address, count)], "little")

    def put(self, address: int, data: bytes) -> None:
        self.memory[self.part(address, len(data))] = data

    def notify(self) -> None:
        if not self.ready or not self.status & 4 or self.status & 0x40:
            return
        completed = False
        try:
            if self.descriptors % 16 or self.available % 2 or self.used % 4:
                raise Broken
            count = (self.number(self.available + 2, 2) - self.seen) % 65536
            if count > self.length:
                raise Broken
            for _ in range(count):
                head = self.number(self.available + 4 + 2 * (self.seen % self.length), 2)
                self.seen = (self.seen + 1) % 65536
                written = self.serve(*self.chain(head))
                self.put(
                    self.used + 4 + 8 * (self.done % self.length),
                    head.to_bytes(4, "little") + written.to_bytes(4, "little"),
                )
                self.done = (self.done + 1) % 65536
                self.put(self.used + 2, self.done.to_bytes(2, "little"))
                completed = True
            if completed and not self.number(self.available, 2) & 1:
                self.interrupt_status |= 1
        except Broken:
            self.status |= 0x40
            self.interrupt_status |= 2

    def chain(self, head: int) -> tuple[list[slice], list[slice]]:
        read: list[slice] = []
        write: list[slice] = []
        index = head
        for _ in range(self.length):
            if index >= self.length:
                raise Broken
            at = self.descriptors + 16 * index
            place, size, flags, index = (self.number(at + o, n) for o, n in ((0, 8), (8, 4), (12, 2), (14, 2)))
            if flags > 3 or (write and not flags & 2):
                raise Broken
            (write if flags & 2 else read).append(self.part(place, size))
            if not flags & 1:
                return read, write
        raise Broken

    def serve(self, read: list[slice], write: list[slice]) -> int:
        sent = [k for piece in read for k in range(piece.start, piece.stop)]
        room = [k for piece in write for k in range(piece.start, piece.stop)]
        if len(sent) < 16 or not room:
            raise Broken
        header = bytes(self.memory[k] for k in sent[:16])
        kind, at = int.from_bytes(header[:4], "little"), 512 * int.from_bytes(header[8:], "little")
        payload, status, answer = bytes(self.memory[k] for k in sent[16:]), 1, b""
        if kind == 0 and self.whole(at, len(room) - 1):
            status, answer = 0, bytes(self.sectors[at : at + len(room) - 1])
        elif kind == 1 and self.whole(at, len(payload)) and not self.read_only:
            status, self.sectors[at : at + len(payload)] = 0, payload
        elif kind == 4:
            status = 0
            self.flushes += 1
        elif kind == 8:
            status, answer = 0, b"pgcheck".ljust(20, b"\0")[: len(room) - 1]
        elif kind > 1:
            status = 2
        for k, byte in zip(room, answer, strict=False):
            self.memory[k] = byte
        self.memory[room[-1]] = status
        return len(answer) + 1

    def whole(self, at: int, count: int) -> bool:
        """Whether bytes are whole sectors of the disk, and not too many."""
        return count % 512 == 0 and count <= 1 << 20 and at + count <= len(self.sectors)
