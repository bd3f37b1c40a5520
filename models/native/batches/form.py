"""What the cases of a batch differ in, as tables: programs, registers and words of memory, each chosen by a number of 16 bits."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pgcheck.models.native.batches.cases import CHOICES, ENTRY, FORM, VALUES
from pgcheck.models.native.batches.parts import Words, numbers

MOST_BYTES = 16
"""Of an encoding."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program from a byte of RAM on, of at most `room` bytes.

    The number `slot` says how long it is, up to `most` instructions, and that it is there at all from `calm` on; those that follow choose the entries.
    """

    at: int
    room: int
    slot: int
    most: int
    calm: int
    choices: Sequence[int]

    @property
    def scale(self) -> int:
        return ((self.most + 1) << 32) // (65536 - self.calm)


@dataclass(frozen=True, slots=True)
class Form:
    """Programs; leaves by where they lie, a mask and a slot; words of memory by byte, size and slot; what all of them choose from."""

    programs: tuple[Program, ...]
    leaves: tuple[tuple[int, int, int], ...]
    data: tuple[tuple[int, int, int], ...]
    entries: tuple[bytes, ...]
    values: tuple[int, ...]
    words: tuple[bytes, ...]
    slots: int

    def __post_init__(self) -> None:
        if any(not 0 < len(e) <= MOST_BYTES for e in self.entries) or any(len(w) > 8 for w in self.words):
            raise ValueError("an entry is too long")
        if (
            len(self.values) != VALUES
            or len(self.words) != VALUES
            or any(len(p.choices) != CHOICES for p in self.programs)
        ):
            raise ValueError("a table of a form has another size")

    @property
    def tape(self) -> int:
        """Words of 64 bits of a tape."""
        return -(-self.slots // 4)


class Laid:
    """A form in memory, as native code reads it."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.words = Words(FORM)
        self._held: list[Any] = []
        choices = [self._kept(numbers(p.choices)) for p in form.programs]
        rows = [
            w
            for p, at in zip(form.programs, choices, strict=True)
            for w in (p.at, p.room, p.slot, p.slot + 1, p.calm, p.scale, at)
        ]
        entries: list[int] = []
        for entry in form.entries:
            padded = entry.ljust(MOST_BYTES, b"\0")
            entries += [len(entry), int.from_bytes(padded[:8], "little"), int.from_bytes(padded[8:], "little")]
        assert len(entries) == len(form.entries) * len(ENTRY.names)
        for name, values, count in (
            ("programs", rows, len(form.programs)),
            ("leaves", [w for row in form.leaves for w in row], len(form.leaves)),
            ("data", [w for row in form.data for w in row], len(form.data)),
        ):
            self.words[name] = self._kept(numbers(values))
            self.words[{"programs": "program count", "leaves": "leaf count", "data": "data count"}[name]] = count
        self.words["entries"] = self._kept(numbers(entries))
        self.words["values"] = self._kept(numbers(form.values))
        self.words["words"] = self._kept(numbers(int.from_bytes(w.ljust(8, b"\0"), "little") for w in form.words))

    def _kept(self, table: Any) -> int:
        self._held.append(table)
        return ctypes.addressof(table)
