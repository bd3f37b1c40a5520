"""A serial console: the registers of the 16550 (National Semiconductor PC16550D, section 8), at 1 unit each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from pgcheck.models.devices.device import Model, Wiring

FIFO: Final = 16
RECEIVED, EMPTIED, LINE_STATUS = 1, 2, 4
DATA_READY, OVERRUN, TRANSMITTER_EMPTY = 0x01, 0x02, 0x60
DIVISOR_ACCESS, LOOP = 0x80, 0x10
PRESENT: Final = 0xB0


class Console:
    """A 16550 whose line is never busy: what is sent leaves at once through `output`, byte by byte.

    `source(n)` gives up to n bytes of input when the receiver is empty and somebody looks, none if there is none. A register
    answers accesses of any width at its offset: reads extend with zeros, writes take the low byte.
    """

    __slots__ = (
        "divisor", "emptied", "fifos", "ier", "lcr", "mcr", "output", "overrun", "received", "scratch", "source", "wiring",
    )  # fmt: skip
    size = 8

    def __init__(self, wiring: Wiring, output: Callable[[int], None], source: Callable[[int], bytes]) -> None:
        self.wiring, self.output, self.source = wiring, output, source
        self.received: deque[int] = deque(maxlen=FIFO)
        self.ier = self.lcr = self.mcr = self.scratch = self.divisor = 0
        self.fifos = self.overrun = self.emptied = False

    def read(self, offset: int, count: int) -> int:
        value = self._read(offset)
        self._signal()
        return value

    def write(self, offset: int, count: int, value: int) -> None:
        self._write(offset, value & 0xFF)
        self._signal()

    def due(self) -> int | None:
        return None

    def tick(self, now: int) -> None:
        return

    def _read(self, offset: int) -> int:
        latched = self.lcr & DIVISOR_ACCESS
        match offset:
            case 0 | 1 if latched:
                return self.divisor >> 8 * offset & 0xFF
            case 0:
                self._fill()
                return self.received.popleft() if self.received else 0
            case 1:
                return self.ier
            case 2:
                return self._identify()
            case 3:
                return self.lcr
            case 4:
                return self.mcr
            case 5:
                self._fill()
                status = TRANSMITTER_EMPTY | (DATA_READY if self.received else 0) | (OVERRUN if self.overrun else 0)
                self.overrun = False
                return status
            case 6:
                return self._modem()
            case _:
                return self.scratch

    def _write(self, offset: int, value: int) -> None:
        latched = self.lcr & DIVISOR_ACCESS
        match offset:
            case 0 | 1 if latched:
                self.divisor = self.divisor & 0xFF << 8 * (1 - offset) | value << 8 * offset
            case 0:
                self._send(value)
            case 1:
                self.emptied = self.emptied or bool(value & ~self.ier & EMPTIED)
                self.ier = value & 0x0F
            case 2:
                self.fifos = bool(value & 1)
                if value & 2:
                    self.received.clear()
            case 3:
                self.lcr = value
            case 4:
                self.mcr = value & 0x1F
            case 7:
                self.scratch = value
            case _:
                pass

    def _send(self, value: int) -> None:
        self.emptied = True
        if not self.mcr & LOOP:
            self.output(value)
        elif len(self.received) < FIFO:
            self.received.append(value)
        else:
            self.overrun = True

    def _fill(self) -> None:
        if not self.received and not self.mcr & LOOP:
            self.received.extend(self.source(FIFO)[:FIFO])

    def _cause(self) -> int:
        """The interrupt of the highest priority, as IIR codes it; 1 for none: table IV of the data sheet."""
        if self.ier & RECEIVED:
            self._fill()
        if self.ier & LINE_STATUS and self.overrun:
            return 6
        if self.ier & RECEIVED and self.received:
            return 4
        if self.ier & EMPTIED and self.emptied:
            return 2
        return 1

    def _identify(self) -> int:
        cause = self._cause()
        if cause == 2:
            self.emptied = False
        return cause | (0xC0 if self.fifos else 0)

    def _modem(self) -> int:
        """The modem lines: all there, or in loop mode what MCR drives."""
        if not self.mcr & LOOP:
            return PRESENT
        mcr = self.mcr
        return (mcr & 2) << 3 | (mcr & 1) << 5 | (mcr & 4) << 4 | (mcr & 8) << 4

    def _signal(self) -> None:
        self.wiring.signal(self._cause() != 1)


MODEL: Final = Model(
    name="console",
    registers="the 8 of a 16550, one unit each",
    make=lambda wiring, options, outside: Console(wiring, outside.output, outside.source),
)
