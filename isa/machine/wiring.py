"""The platform of a specification: every name in it resolved."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pgcheck.isa.files import schema
from pgcheck.isa.files.devices import DeviceModel, Models
from pgcheck.isa.files.errors import Position, Text, did_you_mean
from pgcheck.isa.idl.layout import number
from pgcheck.isa.idl.program import Program
from pgcheck.isa.idl.state import ArrayLeaf, Leaf, Part, ScalarLeaf
from pgcheck.isa.idl.types import VOID, Boolean, Struct, width_of
from pgcheck.isa.machine.machine import Translation
from pgcheck.isa.machine.platform import Attachment, Debugger, Firmware, Platform, Register
from pgcheck.isa.machine.resolve import declared, leaf_number, leaves_of, one_leaf, signature, truth

Piece = tuple[Part, int | None]
BYTE: Final = 8


def platform(
    program: Program, given: schema.Platform | None, models: Models | None, translation: Translation | None
) -> Platform:
    """The computer of a specification, whose devices are of `models` (None: any); one without a `platform` has RAM alone."""
    if given is None:
        return Platform()
    base, size = _ram(program, given.ram)
    pc = next(program.leaves[e.name] for e in program.entries.values() if e.pc)
    start = (
        None
        if given.start is None
        else number(program, given.start, "the start", given.position, limit=(1 << pc.width) - 1)
    )
    return Platform(
        ram_base=base,
        ram_size=size,
        start=start,
        elf_machine=given.elf.machine if given.elf else 0,
        elf_lacks={bits: str(what) for bits, what in given.elf.lacks.items()} if given.elf else {},
        boot=_boot(program, given.boot),
        clock=_clock(program, given.clock),
        devices=_devices(program, given.devices, models),
        firmware=_firmware(program, given.firmware),
        choices=_choices(program, given.choices),
        debugger=_debugger(program, given.debugger, translation),
    )


def _ram(program: Program, given: schema.RamRange | None) -> tuple[int, int]:
    if given is None:
        return 0, 0
    space = 1 << program.address_width
    base = number(program, given.base, "the base of RAM", given.position, limit=space - 1)
    if given.size is None:
        return base, 0
    size = number(program, given.size, "the size of RAM", given.position, limit=space)
    if not 0 < size <= space - base:
        program.problems.report(
            given.position,
            "RAM is not within the address space",
            found=f"{size:#x} units from {base:#x} on",
            expected=f"1 to {space - base:#x} units",
        )
    return base, size


def _boot(program: Program, given: Mapping[Text, int | Text]) -> dict[str, int]:
    chosen = {path: one_leaf(program, path, "what is set at the start") for path in given}
    return {
        leaf.name: leaf_number(program, leaf, given[path], path.position)
        for path, leaf in chosen.items()
        if leaf is not None
    }


def _clock(program: Program, given: list[Text]) -> tuple[str, ...]:
    leaves = [(path, one_leaf(program, path, "a clock")) for path in given]
    for path, leaf in leaves:
        if leaf is not None and not leaf.volatile:
            program.problems.report(path.position, f"{path} is not volatile, so it cannot count", hint="volatile: true")
    return tuple(leaf.name for _, leaf in leaves if leaf is not None)


def _choices(program: Program, given: Mapping[Text, int]) -> dict[str, int]:
    for site, value in given.items():
        type_ = program.sites.get(str(site))
        if type_ is None:
            hint = did_you_mean(site, program.sites)
            program.problems.report(site.position, f"no site '{site}' under `nondeterminism`", hint=hint)
        elif value >> (1 if isinstance(type_, Boolean) else width_of(type_)):
            program.problems.report(site.position, f"{value} does not fit {type_}")
    return {str(site): value for site, value in given.items()}


def _devices(program: Program, given: Mapping[Text, schema.Device], models: Models | None) -> tuple[Attachment, ...]:
    driven: dict[str, Text] = {}
    for name, device in given.items():
        if device.line is not None:
            if str(device.line) in driven:
                message = f"{driven[str(device.line)]} drives {device.line} already"
                program.problems.report(device.line.position, message, hint="give each device a line of its own")
            driven[str(device.line)] = name
    for device in given.values():
        if models is not None:
            _check_unit(program, device, models[device.model])
    inputs = _inputs(given, models)
    return tuple(_attachment(program, str(name), device, inputs) for name, device in given.items())


def _check_unit(program: Program, given: schema.Device, model: DeviceModel) -> None:
    if model.unit not in (0, program.memory_unit):
        message = f"a {model.name} cannot work with this memory"
        units, needed = (f"units of {width} bits" for width in (program.memory_unit, model.unit))
        program.problems.report(given.position, message, found=units, expected=needed)


@dataclass(frozen=True, slots=True)
class _Inputs:
    """How many interrupt inputs, with the unused 0, each device has that has some; `kind` says which devices have."""

    of: Mapping[str, int]
    kind: str


def _inputs(given: Mapping[Text, schema.Device], models: Models | None) -> _Inputs:
    if models is None:
        return _Inputs({str(name): sys.maxsize for name in given}, "device")
    having = {name: model for name, model in models.items() if model.inputs}
    found: dict[str, int] = {}
    for name, device in given.items():
        if model := having.get(device.model):
            found[str(name)] = model.settled(_options(device))[model.inputs]
    return _Inputs(found, " or ".join(having) or "device with inputs")


def _attachment(program: Program, name: str, given: schema.Device, inputs: _Inputs) -> Attachment:
    leaves = tuple(leaf for path in given.leaves for leaf in _registers(program, path))
    held = [program.leaves[name] for name in leaves]
    space = min((leaf.size if isinstance(leaf, ArrayLeaf) else 1 for leaf in held), default=1 << program.address_width)
    at = number(program, given.at, "where a device is", given.position, limit=space - 1)
    line = "" if given.line is None else _line(program, given.line, inputs)
    return Attachment(name, str(given.model), at, leaves, line, _options(given))


def _options(given: schema.Device) -> dict[str, int]:
    return {str(name): value for name, value in given.options.items()}


def _registers(program: Program, path: Text) -> tuple[str, ...]:
    leaves = leaves_of(program, path)
    for leaf in leaves:
        if not program.leaves[leaf].volatile:
            program.problems.report(
                path.position, f"{leaf} is not volatile, so no device can answer there", hint="volatile: true"
            )
    return leaves


def _line(program: Program, line: Text, inputs: _Inputs) -> str:
    """The leaf or the device's input that a line is; "" after a reported problem."""
    device, _, pin = line.partition(".")
    if not pin.isdigit():
        leaf = one_leaf(program, line, "an interrupt request")
        return "" if leaf is None else _request(program, leaf, line.position)
    if device not in inputs.of:
        hint = did_you_mean(device, inputs.of)
        program.problems.report(line.position, f"no {inputs.kind} '{device}'", hint=hint)
        return ""
    if not 0 < int(pin) < inputs.of[device]:
        expected = f"1 to {inputs.of[device] - 1}"
        program.problems.report(line.position, f"{device} has no input {pin}", expected=expected)
    return str(line)


def _request(program: Program, leaf: Leaf, at: Position) -> str:
    if leaf.volatile or leaf.element_width != 1:
        program.problems.report(
            at, f"{leaf.name} cannot show an interrupt request", expected="one bit that is not volatile"
        )
        return ""
    return leaf.name


def _firmware(program: Program, given: schema.Firmware | None) -> Firmware | None:
    if given is None:
        return None
    when, wanted = truth(program, given.when), "a function without arguments and result"
    types = signature(program, str(given.call)) if declared(program, given.call, wanted) is not None else None
    if types is not None and types != ((), VOID):
        found = f"{types[1]} {given.call}({', '.join(map(str, types[0]))})"
        program.problems.report(given.call.position, f"{given.call} cannot be used here", found=found, expected=wanted)
    return None if when is None else Firmware(when, str(given.call))


def _debugger(program: Program, given: schema.Debugger | None, translation: Translation | None) -> Debugger | None:
    """The registers of a debugger; two of one name, and what is no state of the machine, are reported."""
    if given is None:
        return None
    if program.memory_unit != BYTE:
        program.problems.report(
            given.position, "gdb knows memory of bytes alone", found=f"units of {program.memory_unit} bits"
        )
    features: dict[str, tuple[Register, ...]] = {}
    known = set[str]()
    for feature, rows in given.features.items():
        found: list[Register] = []
        for row in rows:
            for register in _named(program, row):
                if register.name in known:
                    program.problems.report(row.names.position, f"there is a register {register.name} already")
                known.add(register.name)
                found.append(register)
        features[str(feature)] = tuple(found)
    for name, value in given.arguments.items():
        _argument(program, name, value, translation)
    return Debugger(str(given.architecture), features, {str(n): v for n, v in given.arguments.items()})


def _argument(program: Program, name: Text, value: int, translation: Translation | None) -> None:
    parameters = {} if translation is None else dict(translation.parameters)
    if str(name) not in parameters:
        hint = did_you_mean(name, parameters)
        program.problems.report(name.position, f"translation has no parameter '{name}'", hint=hint)
    elif value >> getattr(parameters[str(name)], "width", 1):
        program.problems.report(name.position, f"{value} does not fit {parameters[str(name)]}")


def _named(program: Program, row: schema.DebuggerRegisters) -> Iterator[Register]:
    names = row.names.split()
    type_ = str(row.type or "int")
    for k, name in enumerate(names):
        pieces = tuple(p for place in row.places for p in _pieces(program, place, k if len(names) > 1 else None))
        width = sum(part.high - part.low + 1 for part, _ in pieces)
        bits = row.bits or -(-width // BYTE) * BYTE or BYTE
        if width > bits:
            program.problems.report(
                row.names.position, f"{name} does not fit", found=f"{width} bits", expected=f"at most {bits} bits"
            )
        yield Register(name, bits, pieces, type_)


def _pieces(program: Program, place: Text, number: int | None) -> tuple[Piece, ...]:
    """The pieces that a place names, most significant first; () after a reported problem. `number` is the element, where names are several."""
    name, bracket, inside = str(place).partition("[")
    index = int(inside[:-1]) if bracket else number
    entry = program.entries.get(name)
    if entry is not None and not isinstance(entry.type, Struct):
        parts, size = entry.parts, entry.size
    elif isinstance(leaf := program.leaves.get(name), ScalarLeaf):
        parts, size = (Part(name, leaf.element_width - 1, 0),), 0
    else:
        hint = did_you_mean(name, [*program.entries, *program.leaves])
        program.problems.report(place.position, f"no state '{name}' that can be a register", hint=hint)
        return ()
    if (index is None) != (size == 0) or (index is not None and index >= size):
        found = "no element" if index is None else f"element {index}"
        expected = f"an element from 0 to {size - 1}" if size else "one register, for this is no array"
        program.problems.report(place.position, f"{name} cannot be this register", found=found, expected=expected)
        return ()
    return tuple((part, index) for part in parts)
