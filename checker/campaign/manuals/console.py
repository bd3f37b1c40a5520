"""The console: a 16550, again from its manual."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Final

from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.manuals.bench import bench, differs, total
from pgcheck.checker.campaign.manuals.manual import Manual
from pgcheck.models.devices.console import Console


@dataclass
class Serial:
    """A 16550 with a line that is never busy (National Semiconductor PC16550D, section 8).

    `line` is input that waits to be fetched, at most 16 bytes at a time and only into an empty receiver; `sent` is the output.
    """

    line: list[int]
    sent: list[int] = field(default_factory=list)
    receiver: list[int] = field(default_factory=list)
    registers: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("IER", "FCR", "LCR", "MCR", "SCR", "DLL", "DLM"), 0)
    )
    overrun: bool = False
    transmitter_interrupt: bool = False

    @property
    def looped(self) -> bool:
        return self.registers["MCR"] & 0x10 != 0

    @property
    def banked(self) -> bool:
        return self.registers["LCR"] & 0x80 != 0

    def fetch(self) -> None:
        if not self.receiver and not self.looped:
            self.receiver, self.line = self.line[:16], self.line[16:]

    def cause(self) -> int:
        """Table IV: line status before received data before transmitter empty."""
        enabled = self.registers["IER"]
        if enabled & 4 and self.overrun:
            return 0b0110
        if enabled & 1 and self.receiver:
            return 0b0100
        if enabled & 2 and self.transmitter_interrupt:
            return 0b0010
        return 0b0001

    def interrupts(self) -> bool:
        if self.registers["IER"] & 1:
            self.fetch()
        return self.cause() != 1

    def read(self, offset: int) -> int:
        names = {0: "DLL", 1: "DLM"} if self.banked else {1: "IER"}
        names |= {3: "LCR", 4: "MCR", 7: "SCR"}
        if offset in names:
            return self.registers[names[offset]]
        if offset == 0:
            self.fetch()
            return self.receiver.pop(0) if self.receiver else 0
        if offset == 2:
            cause = self.cause()
            if cause == 0b0010:
                self.transmitter_interrupt = False
            return cause | (0xC0 if self.registers["FCR"] & 1 else 0)
        if offset == 5:
            self.fetch()
            status = 0x60 | (1 if self.receiver else 0) | (2 if self.overrun else 0)
            self.overrun = False
            return status
        control = self.registers["MCR"]
        if not self.looped:
            return 0xB0  # carrier, data set ready, clear to send
        bits = {4: control >> 1, 5: control, 6: control >> 2, 7: control >> 3}
        return sum((value & 1) << place for place, value in bits.items())

    def write(self, offset: int, value: int) -> None:
        value &= 0xFF
        if self.banked and offset < 2:
            self.registers["DLL" if offset == 0 else "DLM"] = value
        elif offset == 0:
            self.transmitter_interrupt = True
            if not self.looped:
                self.sent.append(value)
            elif len(self.receiver) == 16:
                self.overrun = True
            else:
                self.receiver.append(value)
        elif offset == 1:
            if value & 2 and not self.registers["IER"] & 2:
                self.transmitter_interrupt = True
            self.registers["IER"] = value & 0x0F
        elif offset == 2:
            self.registers["FCR"] = value
            if value & 2:
                self.receiver.clear()
        elif offset == 3:
            self.registers["LCR"] = value
        elif offset == 4:
            self.registers["MCR"] = value & 0x1F
        elif offset == 7:
            self.registers["SCR"] = value


def console(data: bytes) -> str | None:
    """The 16550 against its state machine; a burst of writes fills what can be filled."""
    tape = Tape(data)
    line = [tape.byte() for _ in range(tape.below(40))]
    wires, sent = bench(), list[int]()
    left = list(line)

    def source(count: int) -> bytes:
        taken = bytes(left[:count])
        del left[:count]
        return taken

    device, model = Console(wires, sent.append, source), Serial(list(line))
    for step in range(40):
        offset, count = tape.below(8), tape.choose((1, 1, 1, 2, 4))
        if tape.chance(110):
            ours, expected = total(partial(device.read, offset, count)), model.read(offset)
            found = differs(f"step {step}: register {offset} reads", ours, expected)
            if found:
                return found
        else:
            value = tape.choose((0, 1, 2, 3, 5, 7, 0x10, 0x1F, 0x80, 0xFF, tape.byte()))
            for _ in range(1 + tape.below(24) if offset == 0 else 1):
                ours = total(partial(device.write, offset, count, value))
                model.write(offset, value)
                if ours is not None:
                    return f"step {step}: register {offset} {ours}"
        found = differs(f"step {step}: interrupt", wires.level, model.interrupts()) or differs("sent", sent, model.sent)
        if found:
            return found
    return None


CONSOLE: Final = Manual("console", console)
