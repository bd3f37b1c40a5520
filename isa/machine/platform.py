"""What surrounds the processor of a specification: RAM, devices, their interrupt lines, firmware, and how an image starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pgcheck.isa.idl.state import Part
from pgcheck.isa.terms import Term


@dataclass(frozen=True, slots=True)
class Attachment:
    """A device and how it is connected.

    Its registers are elements of `leaves`, from element `base` on, or physical addresses from `base` on if there are none; of
    several leaves each holds an equal share. `line` is the leaf that shows its interrupt request, or `DEVICE.NUMBER`, an input
    of an interrupt controller; empty for none.
    """

    name: str
    model: str
    base: int = 0
    leaves: tuple[str, ...] = ()
    line: str = ""
    options: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Firmware:
    """What runs above the virtualized machine, served in no time: after a trap entry that satisfies `when`, `call` runs."""

    when: Term
    call: str


@dataclass(frozen=True, slots=True)
class Register:
    """A register as a debugger names it, `bits` wide: pieces from the most significant on, each with the element where it is of an array.

    Without pieces the machine does not have it. `type` is the debugger's.
    """

    name: str
    bits: int
    pieces: tuple[tuple[Part, int | None], ...] = ()
    type: str = "int"


@dataclass(frozen=True, slots=True)
class Debugger:
    """How gdb knows the machine: its architecture there, and by feature the registers in gdb's order.

    Its addresses are translated with `arguments` besides the address, the access and the mode.
    """

    architecture: str
    features: Mapping[str, tuple[Register, ...]]
    arguments: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Platform:
    """A computer around the processor.

    `ram_size` (memory units) is what a computer has unless told otherwise, 0: all of the address space, but at most 2**24.
    `start` is the PC of programs that do not say where they start. `boot` are leaves set besides at the
    start. `clock` are the volatile leaves that read the logical clock, `choices` the values of nondeterministic sites. ELF images
    have machine number `elf_machine`, and none of the bits of flags that `elf_lacks` gives with what they ask for. Without `debugger` gdb does
    not know the machine.
    """

    ram_base: int = 0
    ram_size: int = 0
    start: int | None = None
    elf_machine: int = 0
    elf_lacks: Mapping[int, str] = field(default_factory=dict)
    boot: Mapping[str, int] = field(default_factory=dict)
    clock: tuple[str, ...] = ()
    devices: tuple[Attachment, ...] = ()
    firmware: Firmware | None = None
    choices: Mapping[str, int] = field(default_factory=dict)
    debugger: Debugger | None = None

    def shown(self, device: Attachment) -> str:
        """The leaf in which a device's request shows, through whatever interrupt controller; empty where it has none."""
        lines, name = {d.name: d.line for d in self.devices}, device.line
        for _ in self.devices:
            controller, _, number = name.rpartition(".")
            if not number.isdigit():
                break
            name = lines.get(controller, "")
        return name

    @property
    def lines(self) -> tuple[str, ...]:
        """The leaves in which devices show their requests."""
        return tuple(dict.fromkeys(filter(None, map(self.shown, self.devices))))
