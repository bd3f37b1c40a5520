"""ELF executables as images, checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Final, Literal

from elftools.common.exceptions import ELFError
from elftools.common.utils import struct_parse
from elftools.construct import ConstructError
from elftools.elf.elffile import ELFFile

from pgcheck.isa.machine.machine import Machine
from pgcheck.models.computer.image import BadImage, Image, Segment
from pgcheck.models.computer.symbols import symbols

MAGIC: Final = b"\x7fELF"
MAX_SEGMENTS: Final = 1024
MAX_SYMBOLS: Final = 1 << 14
CODE: Final = ("STT_FUNC", "STT_NOTYPE")
EXECUTABLE: Final = "ET_EXEC"
EXECUTABLE_SEGMENT: Final = 1
HOW: Final = {
    "ET_REL": "link it (-nostdlib -Wl,-Ttext={base:#x})",
    "ET_DYN": "link it at fixed addresses (-static -no-pie)",
}


def elf(content: bytes, machine: Machine) -> Image:
    """The loadable segments of an ELF executable at their physical addresses. Raises BadImage."""
    if not machine.platform.elf_machine or machine.state.memory_unit != 8:
        raise BadImage(
            f"it is an ELF file, and {machine.identity.name} has no machine number for ELF; give memory as it is, with --raw"
        )
    try:
        file = ELFFile(BytesIO(content))
        _check_header(content, file, machine)
        parts = tuple(_segments(content, file, machine.platform.ram_base))
        names = symbols(_named(file), ((virtual, s.size) for s, virtual in parts if virtual is not None))
    except (ELFError, ConstructError, ValueError, KeyError, OverflowError) as error:
        words = " ".join(str(error).split())[:100]
        raise BadImage(f"its ELF headers are damaged{': ' + words if words else ''}") from None
    if not parts:
        raise BadImage("it has no segment to load")
    entry = file.header["e_entry"]
    moved = (
        s.address + entry - virtual for s, virtual in parts if virtual is not None and 0 <= entry - virtual < s.size
    )
    return Image(tuple(segment for segment, _ in parts), next(moved, entry), "elf", names)


def _named(file: ELFFile) -> Iterator[tuple[str, int]]:
    """The functions and labels of code that a file names, at most MAX_SYMBOLS; a table that is damaged names no more."""
    shape = file.structs.Elf_Sym
    try:
        table = file.get_section_by_name(".symtab")
        if table is None or table["sh_entsize"] != shape.sizeof():
            return
        data, strings = table.data(), file.get_section(table["sh_link"]).data()
        for k in range(0, min(len(data), MAX_SYMBOLS * shape.sizeof()), shape.sizeof()):
            one = shape.parse(data[k : k + shape.sizeof()])
            if one["st_info"]["type"] not in CODE or not isinstance(one["st_shndx"], int):
                continue
            end = strings.find(b"\0", one["st_name"])
            name = strings[one["st_name"] : end].decode("ascii", "replace")
            if not name.startswith(("$", ".L")):
                yield name, one["st_value"]
    except (ELFError, ConstructError, ValueError, KeyError, OverflowError, AttributeError, TypeError):
        return


def _check_header(content: bytes, file: ELFFile, machine: Machine) -> None:
    order: Literal["little", "big"] = "little" if file.little_endian else "big"
    number, wanted = int.from_bytes(content[18:20], order), machine.platform.elf_machine
    if number != wanted:
        raise BadImage(f"it is for ELF machine {number}, and {machine.identity.name} is {wanted}")
    if file.little_endian == machine.state.big_endian:
        raise BadImage(f"it is {order}-endian, unlike {machine.identity.name}")
    width = machine.state.leaves[machine.state.pc].width
    if file.elfclass != (32 if width <= 32 else 64):
        raise BadImage(f"it is {file.elfclass}-bit, and {machine.identity.name} has addresses of {width} bits")
    kind = file.header["e_type"]
    if kind != EXECUTABLE:
        how = HOW.get(kind, "it cannot be run").format(base=machine.platform.ram_base)
        raise BadImage(f"it is no executable but {kind}; {how}")
    flags = file.header["e_flags"]
    lacking = [what for bits, what in machine.platform.elf_lacks.items() if flags & bits]
    if lacking:
        raise BadImage(f"it uses what {machine.identity.name} lacks (e_flags {flags:#x}): {', '.join(lacking)}")


def _segments(content: bytes, file: ELFFile, base: int) -> Iterator[tuple[Segment, int | None]]:
    """Each segment with its virtual address if it is executable; the file's own headers and notes are left out where they lie below RAM."""
    header, shape = file.header, file.structs.Elf_Phdr
    count, size, start = header["e_phnum"], header["e_phentsize"], header["e_phoff"]
    if count > MAX_SEGMENTS:
        raise BadImage(f"it has {count} program headers, at most {MAX_SEGMENTS} can be")
    if count and size < shape.sizeof():
        raise BadImage(f"its program headers have {size} bytes, and need {shape.sizeof()}")
    if start + count * size > len(content):
        raise BadImage(f"it is truncated: {count} program headers at {start:#x} are beyond its {len(content)} bytes")
    table = [struct_parse(shape, file.stream, start + k * size) for k in range(count)]
    notes = [(p["p_offset"], p["p_filesz"]) for p in table if p["p_type"] == "PT_NOTE"]
    for k, part in enumerate(table):
        if part["p_type"] != "PT_LOAD" or not part["p_memsz"]:
            continue
        offset, length, extent = part["p_offset"], part["p_filesz"], part["p_memsz"]
        if length > extent:
            raise BadImage(f"segment {k} has {length:#x} bytes in the file and {extent:#x} in memory")
        if offset + length > len(content):
            raise BadImage(f"it is truncated: segment {k} ends at {offset + length:#x}, the file at {len(content):#x}")
        below = min(base - part["p_paddr"], length)
        spared = [(0, start + count * size), *notes]
        skipped = below if offset == 0 and below > 0 and not _left(content[:below], spared) else 0
        segment = Segment(part["p_paddr"] + skipped, extent - skipped, content[offset + skipped : offset + length])
        if segment.size:
            yield segment, part["p_vaddr"] + skipped if part["p_flags"] & EXECUTABLE_SEGMENT else None


def _left(content: bytes, spared: list[tuple[int, int]]) -> bool:
    """Whether there is more than zeros in what is left of a file without some (offset, length)."""
    rest = bytearray(content)
    for offset, length in spared:
        end = min(offset + length, len(rest))
        rest[offset:end] = bytes(max(end - offset, 0))
    return any(rest)
