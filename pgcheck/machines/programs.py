"""Programs from files: assembly by its name, raw memory where it is said to be, and what says itself which format it has."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

from pgcheck import console
from pgcheck.isa.encoding import assembly
from pgcheck.isa.encoding.reading import AssemblyError
from pgcheck.isa.files import door
from pgcheck.isa.files.errors import Position, Problem, SpecificationError
from pgcheck.isa.files.values import literal
from pgcheck.isa.machine.machine import Machine
from pgcheck.models.computer import image
from pgcheck.models.computer.formats import parse
from pgcheck.models.computer.symbols import symbols
from pgcheck.running.trouble import shortened

ASSEMBLY: Final = (".s", ".asm")
MAX_IMAGE: Final = 1 << 28
MORE: Final = "GNU's assembler knows more; an ELF file that it and its linker make is run too"


class ProgramError(SpecificationError):
    """A program is wrong: assembly, or records of bytes."""

    subject: ClassVar[str] = "the program"


def address(text: str) -> int:
    """An address as it is written: decimal, or with 0x, 0o or 0b. Raises Failure."""
    value = literal(text.strip())
    if value is None:
        raise console.Failure(f"'{text[:40]}' is no address; write a number such as 4096, 0x1000 or 0o10000")
    return value


def program(machine: Machine, path: Path, raw: int | None = None) -> image.Image:
    """The program in a file, which is memory from an address on if it is `raw`. Raises Failure or ProgramError."""
    name = shortened(str(path))
    if path.suffix.lower() in ASSEMBLY:
        if raw is not None:
            raise console.Failure(f"{name} is assembly by its name, so --raw cannot be; .org says where assembly lies")
        return assembled(machine, console.read(str(path)), str(path))
    try:
        content = door.content(path, MAX_IMAGE)
    except OSError as error:
        raise console.Failure(f"cannot read {name}: {error.strerror}") from None
    try:
        return parse(content, machine) if raw is None else image.raw(content, machine, raw)
    except image.BadImage as error:
        if error.line:
            raise ProgramError([Problem(Position(str(path), error.line, 1), str(error))]) from None
        raise console.Failure(f"cannot run {name}: {error}") from None


def assembled(machine: Machine, text: str, source: str) -> image.Image:
    """The program of an assembly text; it starts at the label `start` or `_start`, else where it begins. Raises ProgramError."""
    origin = image.entry(machine)
    found = symbolic(machine, text, source, origin)
    bytes_ = machine.state.memory_unit == 8
    segments = tuple(
        image.Segment(c.address, len(c.cells), bytes(c.cells) if bytes_ else c.cells) for c in found.chunks
    )
    entry = next((found.symbols[n] for n in ("start", "_start") if n in found.symbols), origin)
    names = symbols(found.symbols.items(), ((s.address, s.size) for s in segments))
    return image.Image(segments, entry, "assembly", names)


def symbolic(machine: Machine, text: str, source: str, origin: int = 0) -> assembly.Image:
    """An assembly text as cells and symbols. Raises ProgramError with every line that is wrong."""
    decoding = machine.decoding
    lines = {i.id: i.line for i in machine.instructions if i.line is not None}
    assembler = assembly.Assembler(
        lines,
        decoding.decode,
        comment=decoding.syntax.comment,
        csr_names=decoding.csr_names,
        aliases=decoding.syntax.directives,
        address_width=machine.state.leaves[machine.state.pc].width,
    )
    try:
        return assembler.program(text, origin)
    except AssemblyError as error:
        more = MORE if machine.platform.elf_machine else ""
        raise ProgramError(_problem(one, source, more) for one in (error, *error.others)) from None


def _problem(error: AssemblyError, source: str, more: str) -> Problem:
    place = Position(source, error.line, error.column)
    hint = error.hint or (more if error.message.startswith("unknown") else "")
    if error.message.startswith("a directive"):
        hint = "; or ".join(filter(None, (error.hint, more)))
    return Problem(place, error.message, found=error.found, expected=error.expected, hint=hint)
