"""Assembly text to hexadecimal units and back, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.console import Failure
from pgcheck.isa.encoding.templates import disassemble
from pgcheck.isa.machine.machine import Machine
from pgcheck.machines.programs import symbolic
from pgcheck.words import units


def assembled(machine: Machine, text: str, source: str) -> str:
    """The cells of a program, a line for each run of them with its address. Raises ProgramError at what is no assembly."""
    image = symbolic(machine, text, source)
    return "\n".join(
        f"{chunk.address:x}: {units(chunk.cells, machine.decoding.decode.pc_unit)}" for chunk in image.chunks
    )


def disassembled(machine: Machine, text: str, source: str) -> str:
    """The instructions that hexadecimal cells hold; an address and a colon may stand before them. Raises Failure."""
    return "\n".join(
        line for number, run in enumerate(text.splitlines(), 1) for line in _run(machine, run, f"{source}:{number}")
    )


def _run(machine: Machine, run: str, where: str) -> Iterator[str]:
    address, _, digits = run.rpartition(":")
    try:
        at, cells = int(address or "0", 16), [int(word, 16) for word in digits.split()]
    except ValueError:
        raise Failure(f"{where}: expected hexadecimal numbers, perhaps after an address and a colon") from None
    decode = machine.decoding.decode
    size = decode.unit // decode.pc_unit
    found_units = [_unit(machine, cells[i : i + size]) for i in range(0, len(cells) - size + 1, size)]
    place = 0
    while place < len(found_units):
        try:
            found = machine.decoding.decoder.decode(lambda k, place=place: found_units[place + k])  # type: ignore[misc]
        except IndexError:
            found = None
        taken = found.units if found is not None else (found_units[place],)
        line = machine.instruction(found.id).line if found is not None else None
        shown = (
            disassemble(line, found.operands, found.length, machine.decoding.csr_names)
            if line is not None and found is not None
            else "?"
        )
        yield f"{at + place * size:x}: {units(taken, decode.unit):24} {shown}"
        place += len(taken)


def _unit(machine: Machine, cells: list[int]) -> int:
    """The unit that cells make, in the order of the machine."""
    bits = machine.decoding.decode.pc_unit
    word = 0
    for cell in cells if machine.decoding.decode.order == "big" else reversed(cells):
        word = word << bits | cell
    return word
