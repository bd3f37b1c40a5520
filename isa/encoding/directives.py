"""Directives of GNU's assembler: those that place something, and those that a program in one piece has no use for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

DATA: Final[Mapping[str, int]] = {
    ".byte": 8, ".2byte": 16, ".half": 16, ".hword": 16, ".short": 16,
    ".4byte": 32, ".word": 32, ".long": 32, ".int": 32, ".8byte": 64, ".dword": 64, ".quad": 64,
}  # fmt: skip
TEXTS: Final[Mapping[str, bytes]] = {".ascii": b"", ".asciz": b"\0", ".string": b"\0"}
_FILLING: Final = (".zero", ".space", ".skip")
ALIGNING: Final = (".balign", ".p2align")
KNOWN: Final = (".org", *DATA, *TEXTS, *_FILLING, ".fill", *ALIGNING, ".equ", ".set", ".equiv")
MOST: Final = 1 << 20

# Sections follow one another as they are written, and all symbols are seen by all of one program.
_IGNORED: Final = (
    ".globl .global .local .extern .weak .hidden .text .data .bss .rodata .section .pushsection .popsection .previous .file .loc .type"
    " .size .ident .option .attribute .arch .cpu .code32"
).split()
_DEBUGGING: Final = ".cfi_"
# What begins a block of lines that is no part of the program as it stands, and what ends it.
BLOCKS: Final[Mapping[str, str]] = {".macro": ".endm", ".rept": ".endr", ".irp": ".endr", ".irpc": ".endr"}
# Directives of GNU's that are not obeyed, with what to do instead.
REFUSED: Final[Mapping[str, str]] = {
    ".align": "it counts units or bits, as the machine has it: write .balign 4, or .p2align 2",
    **dict.fromkeys(".macro .endm .rept .irp .irpc .endr".split(), "write the lines out where they are used"),
    **dict.fromkeys(".if .ifdef .ifndef .else .elseif .endif".split(), "leave the lines that are wanted"),
    **dict.fromkeys((".include", ".incbin"), "a program is one file: put the text or bytes here"),
    **dict.fromkeys((".comm", ".lcomm"), "write a label and .zero"),
    **dict.fromkeys((".float", ".double"), "write the bits, as .4byte or .8byte"),
}
# What each obeyed one does, for the page about them.
MEANINGS: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    *(
        (
            tuple(name for name in DATA if DATA[name] == width),
            f"numbers or symbols of {width} bits, from `-(1 << {width - 1})` to `(1 << {width}) - 1`",
        )
        for width in sorted(set(DATA.values()))
    ),
    ((".ascii",), "the characters of texts in double quotes, each a cell"),
    ((".asciz", ".string"), "the same, each with a 0 after it"),
    (_FILLING, "`COUNT, VALUE`: COUNT cells of VALUE (0)"),
    ((".fill",), "`COUNT, SIZE, VALUE`: COUNT times VALUE (0) in SIZE bytes (1)"),
    ((".balign",), "`N, VALUE, MOST`: cells of VALUE (0) up to a multiple of N, or none if that takes more than MOST"),
    ((".p2align",), "the same up to a multiple of `1 << N`"),
    ((".org",), "what follows lies from that address on"),
    (
        (".equ", ".set", ".equiv"),
        "`NAME, VALUE` names a value, also one that labels after it give; so does `NAME = VALUE`",
    ),
    ((*_IGNORED, f"{_DEBUGGING}*"), "nothing"),
)

QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(rb"\\(?:([0-7]{1,3})|[xX]([0-9A-Fa-f]+)|(.))", re.DOTALL)
_ESCAPED: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def ignored(word: str) -> bool:
    """Whether a directive has no effect here."""
    return word in _IGNORED or word.startswith(_DEBUGGING)


def characters(quoted: str) -> bytes:
    """The bytes that a quoted text means, without its quotes."""

    def meant(found: re.Match[bytes]) -> bytes:
        octal, hexadecimal, other = found.groups()
        if other is not None:
            return _ESCAPED.get(other, other)
        return bytes([int(octal, 8) & 0xFF if octal is not None else int(hexadecimal, 16) & 0xFF])

    return _ESCAPE.sub(meant, quoted.encode())


def filled(word: str, values: Sequence[int], address: int) -> tuple[int, int, int] | None:
    """How often a directive repeats what, of how many bytes, at an address: (count, size, value); None for what cannot be."""
    first, *rest = values
    if word == ".fill":
        size, value = ([*rest, 1][0], [*rest, 1, 0][1]) if rest else (1, 0)
        return (first, size, value) if 0 < size <= 8 and 0 <= first * size <= MOST else None
    value = rest[0] if rest else 0
    if word in ALIGNING:
        step = 1 << first if word == ".p2align" and 0 <= first < 32 else first
        first = -address % step if step > 0 else -1
        first = 0 if len(rest) > 1 and 0 < rest[1] < first else first
    return (first, 1, value) if 0 <= first <= MOST else None
