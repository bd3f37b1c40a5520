"""The shape of what a specification says about the computer around its processor."""

from typing import Annotated, TypeAlias

from pydantic import Field as Key

from pgcheck.isa.files.errors import Text, did_you_mean
from pgcheck.isa.files.state_keys import Assignment
from pgcheck.isa.files.tree import Mapping, Node, as_list
from pgcheck.isa.files.values import (
    JSON_TEXT,
    Entry,
    Function,
    Identifier,
    Leaf,
    Natural,
    Number,
    ReadAlong,
    Reading,
    Short,
    SomeText,
    distinct_keys,
    integer,
    named,
    one_of,
    some_text,
)

Line: TypeAlias = Annotated[
    Text,
    named(r"[A-Za-z_][A-Za-z0-9_]*(\.([A-Za-z_][A-Za-z0-9_]*|[0-9]{1,4}))?", "NAME, NAME.FIELD or DEVICE.NUMBER"),
]
ElfMachine: TypeAlias = Annotated[int, integer(0, 0xFFFF)]
ElfFlags: TypeAlias = Annotated[int, integer(1, 0xFFFFFFFF)]


def _model(node: Node, along: Reading) -> Text:
    return some_text(node) if along.models is None else one_of(along.models, node)


def _elf(node: Node) -> Node:
    return Mapping(node.position, {Text("machine", node.position): node}) if isinstance(node, Text) else node


class Elf(Entry):
    """Which ELF files are for this machine."""

    machine: ElfMachine = Key(description="Their e_machine.")
    lacks: Annotated[dict[ElfFlags, SomeText], Short(distinct_keys, {"type": "object"})] = Key(
        default_factory=dict,
        description="Bits of e_flags: what a file needs that has one of them, and the machine lacks.",
    )


Bits: TypeAlias = Annotated[int, integer(1, 1024)]
Place: TypeAlias = Annotated[
    Text,
    named(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*|\[[0-9]{1,4}\])?", "NAME, NAME.FIELD or NAME[ELEMENT]"),
]


class DebuggerRegisters(Entry):
    """Registers that a debugger knows, and where this machine has them."""

    names: SomeText = Key(description="Their names in the debugger, with spaces between.")
    places: Annotated[list[Place], Short(as_list, {"type": "string"})] = Key(
        default_factory=list,
        alias="in",
        description="The state that one is, pieces from the most significant on; several are the elements of an array (default: the machine has none of them).",
    )
    bits: Bits | None = Key(None, description="The width that the debugger gives them (default: their own).")
    type: Identifier | None = Key(None, description="The type that the debugger gives them (default: int).")


class Debugger(Entry):
    """What a debugger has to be told to know the machine."""

    architecture: SomeText = Key(description="The debugger's name of the architecture.")
    features: Annotated[dict[SomeText, list[DebuggerRegisters]], Short(distinct_keys, {"type": "object"})] = Key(
        description="FEATURE: its registers, in the debugger's order."
    )
    arguments: dict[Identifier, Natural] = Key(
        default_factory=dict,
        description="PARAMETER: value, of translation when the debugger reads memory (default 0), besides the address, the access and the mode.",
    )


class RamRange(Entry):
    """The main memory of the computer, in memory units."""

    base: Number = Key(0, description="Its first physical address.")
    size: Number | None = Key(
        None, description="How much there is, unless the user says otherwise (default: all, up to 2**24)."
    )


class Device(Entry):
    """A device and how it is connected."""

    model: Annotated[Text, ReadAlong(_model, JSON_TEXT)] = Key(description="Which device it is.")
    at: Number = Key(0, description="The physical address, or the element of `in`, of its first register.")
    leaves: Annotated[list[Leaf], Short(as_list, {"type": "string"})] = Key(
        default_factory=list,
        alias="in",
        description="The leaves of role device that its registers are in (default: memory).",
    )
    line: Line | None = Key(None, description="The leaf, or DEVICE.NUMBER, that shows its interrupt request.")
    options: dict[Identifier, Natural] = Key(default_factory=dict, description="What the model leaves open.")

    def check(self, along: Reading) -> None:
        if along.models is None:
            return
        known = [option.name for option in along.models[self.model].options]
        for name in self.options:
            if name not in known:
                hint = did_you_mean(name, known)
                along.problems.report(name.position, f"{self.model} has no option '{name}'", hint=hint)


class Firmware(Entry):
    """What runs above the virtualized machine and is served in no time."""

    when: SomeText = Key(description="A trap entry has reached the firmware, a Boolean expression.")
    call: Function = Key(description="The function without arguments that then runs, and moves the processor on.")


class Platform(Entry):
    """The computer around the processor; no verdict depends on it."""

    ram: RamRange | None = Key(None, description="Main memory (default: from address 0 on).")
    start: Number | None = Key(
        None, description="The program counter of programs that do not say where they start (default: as after reset)."
    )
    elf: Annotated[Elf, Short(_elf, {"type": "integer"})] | None = Key(
        None, description="Which ELF files are for this machine (default: none); a number is their e_machine."
    )
    boot: Assignment = Key(
        default_factory=dict, description="LEAF: value at the start, where it is not the one of reset."
    )
    clock: list[Leaf] = Key(default_factory=list, description="The volatile leaves that count steps.")
    choices: dict[SomeText, Natural] = Key(
        default_factory=dict, description="SITE: value, of undefined and choice (default 0)."
    )
    devices: dict[Identifier, Device] = Key(default_factory=dict, description="NAME: devices.")
    firmware: Firmware | None = Key(None, description="Firmware, as a function.")
    debugger: Debugger | None = Key(None, description="How gdb knows the machine (default: it does not).")
