"""Directives of GNU's assembler: those that place something, and those that a program in one piece has no use for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DATA: Final[Mapping[str, int]] = {".byte": 8, ".half": 16, ".word": 32, ".quad": 64}
# Sections follow one another as they are written.
IGNORED: Final = frozenset(
    ".globl .global .local .weak .text .data .bss .section .file .loc .type .size .ident .option .attribute .code32".split()
)
_FILLING: Final = (".zero", ".space", ".skip")
_ALIGNING: Final = (".balign", ".p2align")
PLACING: Final = frozenset((*_FILLING, *_ALIGNING))
KNOWN: Final = (".org", *DATA, *_FILLING, *_ALIGNING)
MOST: Final = 1 << 20


def filled(word: str, number: int, address: int) -> int | None:
    """How many cells of zeros a directive of PLACING means at an address; None for what cannot be."""
    if word in _ALIGNING:
        step = 1 << number if word == ".p2align" and 0 <= number < 32 else number
        number = -address % step if step > 0 else -1
    return number if 0 <= number <= MOST else None
