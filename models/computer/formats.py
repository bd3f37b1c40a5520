"""Which format a program is in, by what is in the file and never by a guess."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from pgcheck.isa.machine.machine import Machine
from pgcheck.models.computer import elf, records
from pgcheck.models.computer.image import BadImage, Image

Reader = Callable[[bytes, Machine], Image]
READERS: Final[Mapping[re.Pattern[bytes], Reader]] = {
    re.compile(re.escape(elf.MAGIC)): elf.elf,
    re.compile(rb"\s*S[0-9][0-9A-Fa-f]{2}"): records.srecords,
    re.compile(rb"\s*:[0-9A-Fa-f]{8}"): records.ihex,
}
# Formats of others that are not read, by how their files begin.
REFUSED: Final[Mapping[re.Pattern[bytes], str]] = {
    re.compile(rb"\x1f\x8b"): "a gzip archive; unpack it",
    re.compile(rb"\xfd7zXZ\0"): "an xz archive; unpack it",
    re.compile(rb"\x28\xb5\x2f\xfd"): "a Zstandard archive; unpack it",
    re.compile(rb"BZh[1-9]"): "a bzip2 archive; unpack it",
    re.compile(rb"PK\x03\x04"): "a zip archive; unpack it",
    re.compile(rb"!<(arch|thin)>\n"): "an archive of object files; link them",
    re.compile(rb"[\xce\xcf]\xfa\xed\xfe|\xfe\xed\xfa[\xce\xcf]"): "a Mach-O executable; make it ELF",
    re.compile(rb"MZ"): "a DOS, Windows or EFI executable; make it ELF",
    re.compile(rb"\x27\x05\x19\x56"): "a U-Boot image; give the program that is in it",
    re.compile(rb"\xd0\x0d\xfe\xed"): "a device tree or a U-Boot FIT image; give the program that is in it",
    re.compile(rb"UF2\n"): "a UF2 image; give the program that is in it",
    re.compile(rb"QFI\xfb"): "a QEMU disk image; --disk takes a disk's bytes as they are",
    re.compile(rb"\s*@[0-9A-Fa-f]+\s"): "a Verilog or TI text file of memory; make it ELF, Intel HEX or S-records",
}
TEXT: Final = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]*\Z")
BEGINNING: Final = 4096


def parse(content: bytes, machine: Machine) -> Image:
    """The program in a file: ELF, S-records or Intel HEX. Raises BadImage, for raw memory too, which does not say where it lies."""
    if not content:
        raise BadImage("it is empty")
    for told, read in READERS.items():
        if told.match(content):
            return read(content, machine)
    for told, what in REFUSED.items():
        if told.match(content):
            raise BadImage(f"it is {what}")
    if TEXT.match(content[:BEGINNING]):
        raise BadImage("it is text; assembly is named *.s or *.asm, and other sources are compiled to ELF")
    raise BadImage(
        "it is neither ELF, Intel HEX, S-records nor assembly; "
        f"if it is raw memory, say where it lies: --raw {machine.platform.ram_base:#x}"
    )
