"""A disk: a virtio block device behind the memory-mapped transport (virtio 1.2, sections 4.2 and 5.2)."""

from __future__ import annotations

from typing import Final

from pgcheck.models.devices.backing import Backing, Kept
from pgcheck.models.devices.device import Model, Wiring
from pgcheck.models.devices.virtqueue import Chain, Malformed, Memory, Part, Queue

SECTOR: Final = 512
MAX_REQUEST: Final = 1 << 20
QUEUE_MAX: Final = 128
HEADER: Final = 16
NAME: Final = b"pgcheck"
MAGIC, VERSION, VENDOR = 0x74726976, 2, 0x63676370
BLOCK_DEVICE: Final = 2
READ_ONLY, FLUSH, VERSION_1 = 1 << 5, 1 << 9, 1 << 32
DRIVER_OK, FEATURES_OK, NEEDS_RESET = 4, 8, 0x40
OK, IO_ERROR, UNSUPPORTED = 0, 1, 2
USED, CHANGED = 1, 2
CONFIGURATION: Final = 0x100
MASK: Final = 0xFFFFFFFF


class Disk:
    """Registers answer aligned accesses of 32 bits, the configuration space any; others read 0 and change nothing.

    A notification serves all requests that are there, at most one queue of them, before it returns. A request moves at most
    1 MiB, within the sectors of the backing; another is an I/O error. A driver that breaks the rules gets DEVICE_NEEDS_RESET and
    is served no further. Without a backing the device is a placeholder: its DeviceID is 0. Raises ValueError if memory is not bytes.
    """

    __slots__ = (
        "backing", "driver_features", "driver_page", "feature_page", "interrupts", "memory", "present", "queue", "selected", "status",
        "wiring",
    )  # fmt: skip
    size = 0x200

    def __init__(self, wiring: Wiring, backing: Backing | None) -> None:
        if wiring.bus.unit != 8:
            raise ValueError("a disk needs a memory of bytes")
        self.wiring, self.memory, self.present = wiring, Memory(wiring.bus), backing is not None
        self.backing: Backing = Kept(b"") if backing is None else backing
        self._reset()

    @property
    def capacity(self) -> int:
        """In sectors."""
        return self.backing.size // SECTOR

    @property
    def features(self) -> int:
        return VERSION_1 | FLUSH | (READ_ONLY if self.backing.read_only else 0)

    def read(self, offset: int, count: int) -> int:
        if offset >= CONFIGURATION:
            return self.capacity >> 8 * (offset - CONFIGURATION) & (1 << 8 * count) - 1
        if count != 4 or offset % 4:
            return 0
        return self._read(offset) & MASK

    def write(self, offset: int, count: int, value: int) -> None:
        if count == 4 and not offset % 4 and offset < CONFIGURATION and self.present:
            self._write(offset, value)
            self.wiring.signal(self.interrupts != 0)

    def due(self) -> int | None:
        return None

    def tick(self, now: int) -> None:
        return

    def _reset(self) -> None:
        self.queue = Queue(self.memory)
        self.status = self.interrupts = self.selected = self.feature_page = self.driver_page = self.driver_features = 0

    def _read(self, offset: int) -> int:
        match offset:
            case 0x000:
                return MAGIC
            case 0x004:
                return VERSION
            case 0x008:
                return BLOCK_DEVICE if self.present else 0
            case 0x00C:
                return VENDOR
            case 0x010:
                return self.features >> 32 * self.feature_page if self.feature_page < 2 else 0
            case 0x034:
                return QUEUE_MAX if self.selected == 0 else 0
            case 0x044:
                return int(self.queue.ready and self.selected == 0)
            case 0x060:
                return self.interrupts
            case 0x070:
                return self.status
            case _:
                return 0

    def _write(self, offset: int, value: int) -> None:
        match offset:
            case 0x014:
                self.feature_page = value
            case 0x020 if self.driver_page < 2 and not self.status & FEATURES_OK:
                place = 32 * self.driver_page
                self.driver_features = self.driver_features & ~(MASK << place) | value << place
            case 0x024:
                self.driver_page = value
            case 0x030:
                self.selected = value
            case 0x050 if value == 0:
                self._notified()
            case 0x064:
                self.interrupts &= ~value
            case 0x070:
                self._set_status(value)
            case _ if self.selected == 0:
                self._set_queue(offset, value)
            case _:
                pass

    def _set_status(self, value: int) -> None:
        if value == 0:
            self._reset()
            return
        accepted = not self.driver_features & ~self.features and self.driver_features & VERSION_1
        if value & FEATURES_OK and not self.status & FEATURES_OK and not accepted:
            value &= ~FEATURES_OK
        self.status = (value & 0xFF) | (self.status & NEEDS_RESET)

    def _set_queue(self, offset: int, value: int) -> None:
        """QueueNum, QueueReady and the addresses; while the queue is ready only QueueReady can be written."""
        queue = self.queue
        if offset == 0x044:
            queue.ready = bool(value & 1) and 0 < queue.length <= QUEUE_MAX and not queue.length & queue.length - 1
            return
        if queue.ready:
            return
        place = 8 * (offset & 4)
        hole = MASK << place
        match offset & ~4:
            case 0x038 if not place:
                queue.length = value
            case 0x080:
                queue.descriptors = queue.descriptors & ~hole | value << place
            case 0x090:
                queue.available = queue.available & ~hole | value << place
            case 0x0A0:
                queue.used = queue.used & ~hole | value << place
            case _:
                pass

    def _notified(self) -> None:
        if not self.queue.ready or not self.status & DRIVER_OK or self.status & NEEDS_RESET:
            return
        try:
            served = False
            for chain in self.queue.chains():
                self.queue.complete(chain.head, self._serve(chain))
                served = True
            if served and self.queue.wants_interrupts():
                self.interrupts |= USED
        except Malformed:
            self.status |= NEEDS_RESET
            self.interrupts |= CHANGED

    def _serve(self, chain: Chain) -> int:
        """Do a request; the number of bytes written to memory. Raises Malformed."""
        room = sum(part.length for part in chain.writable)
        given = sum(part.length for part in chain.readable)
        if given < HEADER or not room:
            raise Malformed("a request without header or without a place for its status")
        header = self._gather(chain.readable, 0, HEADER)
        kind, sector = int.from_bytes(header[:4], "little"), int.from_bytes(header[8:], "little")
        last = chain.writable[-1]
        status_at = last.address + last.length - 1
        status, data = self._transfer(kind, sector, chain, room - 1, given - HEADER)
        self._scatter(chain.writable, data)
        self.memory.write(status_at, bytes([status]))
        return len(data) + 1

    def _transfer(self, kind: int, sector: int, chain: Chain, room: int, given: int) -> tuple[int, bytes]:
        """The status of a request, and what it reads."""
        try:
            match kind:
                case 0 if self._within(sector, room):  # VIRTIO_BLK_T_IN
                    return OK, self.backing.read(sector * SECTOR, room)
                case 1 if self._within(sector, given) and not self.backing.read_only:  # VIRTIO_BLK_T_OUT
                    self.backing.write(sector * SECTOR, self._gather(chain.readable, HEADER, given))
                    return OK, b""
                case 0 | 1:
                    return IO_ERROR, b""
                case 4:  # VIRTIO_BLK_T_FLUSH
                    self.backing.flush()
                    return OK, b""
                case 8:  # VIRTIO_BLK_T_GET_ID
                    return OK, NAME.ljust(20, b"\0")[:room]
                case _:
                    return UNSUPPORTED, b""
        except OSError:
            return IO_ERROR, b""

    def _within(self, sector: int, count: int) -> bool:
        return count % SECTOR == 0 and count <= MAX_REQUEST and sector + count // SECTOR <= self.capacity

    def _gather(self, parts: tuple[Part, ...], start: int, count: int) -> bytes:
        """`count` bytes of the parts from `start` on."""
        pieces: list[bytes] = []
        for part in parts:
            skipped = min(start, part.length)
            taken = min(part.length - skipped, count)
            pieces.append(self.memory.read(part.address + skipped, taken) if taken else b"")
            start, count = start - skipped, count - taken
        return b"".join(pieces)

    def _scatter(self, parts: tuple[Part, ...], data: bytes) -> None:
        for part in parts:
            piece, data = data[: part.length], data[part.length :]
            self.memory.write(part.address, piece)


MODEL: Final = Model(
    name="disk",
    registers="a virtio block device behind the memory-mapped transport, version 2",
    unit=8,
    make=lambda wiring, options, outside: Disk(wiring, outside.disk),
)
