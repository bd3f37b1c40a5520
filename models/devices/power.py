"""The register that ends the run."""

from __future__ import annotations

from typing import Final

from pgcheck.isa.terms.ir import HALT
from pgcheck.models.devices.device import Model
from pgcheck.models.state import Ended, Exit

POWERED_OFF = "powered off"
FINISH, FAIL = 0x5555, 0x3333


class Power:
    """A write of several units powers off when its low 16 bits are 5555 hex, with code 0, or 3333 hex, with the 16 bits above.

    These are the numbers of the SiFive test device. A write of one unit powers off with that unit as code.
    """

    __slots__ = ()
    size = 4

    def read(self, offset: int, count: int) -> int:
        return 0

    def write(self, offset: int, count: int, value: int) -> None:
        if offset == 0 and count == 1:
            self._off(value)
        if offset == 0 and value & 0xFFFF == FINISH:
            self._off(0)
        if offset == 0 and value & 0xFFFF == FAIL:
            self._off(value >> 16 & 0xFFFF)

    def due(self) -> int | None:
        return None

    def tick(self, now: int) -> None:
        return

    def _off(self, code: int) -> None:
        raise Ended(Exit(HALT, (code,), POWERED_OFF))


MODEL: Final = Model(
    name="power",
    registers="one: 5555 hex powers off, 3333 hex with a code above it too; a write of one unit powers off with that code",
    make=lambda wiring, options, outside: Power(),
)
