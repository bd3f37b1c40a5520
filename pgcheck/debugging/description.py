"""What gdb is told of a machine: its architecture, the registers that gdb knows, and all other state by the names of the specification."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import quoteattr

from pgcheck.isa.idl.state import Entry, Part
from pgcheck.isa.idl.types import Bitfield, Struct
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.platform import Register

WIDTHS: Final = (8, 16, 32, 64, 128)
"""The widths of integers that gdb has types for."""
FIELDS: Final = 64
MANY: Final = 64
OWN: Final = "org.pgcheck.state"


@dataclass(frozen=True, slots=True)
class Description:
    """The registers by number, and the document that tells gdb of them (GDB manual, appendix G)."""

    registers: tuple[Register, ...]
    document: str


def described(machine: Machine) -> Description:
    """What gdb is told. Raises ValueError where the specification does not say how gdb knows the machine."""
    known = machine.platform.debugger
    if known is None:
        raise ValueError(f"{machine.identity.name} does not say how gdb knows it (`debugger` under `platform`)")
    first = tuple(r for registers in known.features.values() for r in registers)
    others = tuple(_others(machine, first))
    lines = ['<?xml version="1.0"?>', '<!DOCTYPE target SYSTEM "gdb-target.dtd">', '<target version="1.0">']
    lines.append(f"<architecture>{known.architecture}</architecture>")
    for feature, registers in known.features.items():
        lines += [f"<feature name={quoteattr(feature)}>", *map(_line, registers), "</feature>"]
    if others:
        types = {register.type: type_ for register, type_ in others if type_ is not None}
        lines += [f"<feature name={quoteattr(OWN)}>", *(line for n, t in types.items() for line in _flags(n, t))]
        lines += [*(_line(register) for register, _ in others), "</feature>"]
    lines.append("</target>")
    return Description((*first, *(register for register, _ in others)), "\n".join(lines))


def _line(register: Register) -> str:
    return f'<reg name={quoteattr(register.name)} bitsize="{register.bits}" type="{register.type}"/>'


def _flags(name: str, type_: Bitfield) -> Iterator[str]:
    yield f'<flags id="{name}" size="{_fitting(type_.width) // 8}">'
    for field, (high, low) in sorted(type_.ranges.items(), key=lambda item: item[1][1]):
        yield f'<field name="{field}" start="{low}" end="{high}"/>'
    yield "</flags>"


def _others(machine: Machine, known: tuple[Register, ...]) -> Iterator[tuple[Register, Bitfield | None]]:
    """The state that no register of `known` is, with the type of one that has fields; memory, devices and large arrays are none."""
    wholes = {register.pieces for register in known}
    names = {register.name for register in known}
    for entry in machine.state.entries.values():
        if entry.name == machine.state.memory or entry.size > MANY:
            continue
        if any(machine.state.leaves[leaf].volatile for leaf in entry.leaves):
            continue
        for name, parts, index in _members(entry):
            width = sum(part.high - part.low + 1 for part in parts)
            placed = tuple((part, index) for part in parts)
            if name in names or placed in wholes or width > WIDTHS[-1]:
                continue
            fields = entry.type if isinstance(entry.type, Bitfield) and width <= FIELDS else None
            yield Register(name, _fitting(width), placed, fields.name if fields else "int"), fields


def _members(entry: Entry) -> Iterator[tuple[str, tuple[Part, ...], int | None]]:
    """The registers that an entry is: its elements, the members of a struct, or itself."""
    for index in range(entry.size) if entry.size else (None,):
        name = entry.name if index is None else f"{entry.name}{index}"
        if isinstance(entry.type, Struct):
            for member, part in zip(entry.type.members, entry.parts, strict=True):
                yield f"{name}_{member}", (part,), index
        else:
            yield name, entry.parts, index


def _fitting(width: int) -> int:
    return next(w for w in WIDTHS if w >= width)
