"""Opcode maps: how the bits of an instruction choose it, page by page, as manuals print it.

A page divides what reaches it by up to eight bits of one unit that the encodings there fix. Prefixes and conditions on operands
choose nothing here: encodings that only these tell apart stay together in their cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pgcheck.isa import terms
from pgcheck.isa.encoding.fields import Encoding

MOST_BITS: Final = 8
MOST_PAGES: Final = 1000


@dataclass(frozen=True, slots=True)
class Pattern:
    """The bits of `mask` in unit number `unit` are those of `value`."""

    unit: int
    mask: int
    value: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a page's bits: the encodings that it leaves, by name, and the page that divides them further; `path` is the page's."""

    path: tuple[Pattern, ...]
    pattern: Pattern
    names: tuple[str, ...]
    page: Page | None


@dataclass(frozen=True, slots=True)
class Page:
    """A map by `bits` of unit number `unit`, highest first; `path` is what led here; a cell for each value, in order."""

    path: tuple[Pattern, ...]
    unit: int
    bits: tuple[int, ...]
    cells: tuple[Cell, ...]

    @property
    def split(self) -> int:
        """How many of the bits choose the row; the others choose the column.

        It is at the end of a field near the middle, where there is one: fields are not torn apart.
        """
        half = len(self.bits) / 2
        ends = [i for i in range(1, len(self.bits)) if self.bits[i - 1] != self.bits[i] + 1]
        return min(ends or [len(self.bits) // 2], key=lambda i: abs(i - half))

    def pages(self) -> Iterator[Page]:
        """This page and all below it, in the order of their opcodes."""
        yield self
        for cell in self.cells:
            if cell.page is not None:
                yield from cell.page.pages()


def opcode_map(encodings: Mapping[str, Encoding]) -> Page | None:
    """The first page of the map of these encodings; None where no bit tells two of them apart."""
    literals = {name: tuple(_literals(encoding)) for name, encoding in encodings.items()}
    return _Division(literals).page(tuple(literals), ())


_Literals = Mapping[str, Sequence[tuple[int, int]]]


def _literals(encoding: Encoding) -> Iterator[tuple[int, int]]:
    """The (mask, value) of each unit that is always there."""
    for step in encoding.steps:
        if step.when is not terms.TRUE:
            return
        yield from zip(*(encoding.decode.split(word, step.units) for word in (step.mask, step.value)), strict=True)


class _Division:
    """A map being made; it has at most `MOST_PAGES` pages, beyond them cells are divided no further."""

    def __init__(self, literals: _Literals) -> None:
        self._literals, self._pages = literals, 0

    def page(self, names: tuple[str, ...], path: tuple[Pattern, ...]) -> Page | None:
        unit, bits = _telling(self._literals, names, path)
        if not bits or self._pages == MOST_PAGES:
            return None
        self._pages += 1
        return Page(path, unit, bits, tuple(self._cells(names, path, unit, bits)))

    def _cells(
        self, names: tuple[str, ...], path: tuple[Pattern, ...], unit: int, bits: tuple[int, ...]
    ) -> Iterator[Cell]:
        for value in range(1 << len(bits)):
            chosen = [(bit, value >> place & 1) for place, bit in enumerate(reversed(bits))]
            pattern = Pattern(unit, sum(1 << bit for bit, _ in chosen), sum(on << bit for bit, on in chosen))
            there = tuple(name for name in names if _agrees(self._literals[name], pattern))
            yield Cell(path, pattern, there, self.page(there, (*path, pattern)) if len(there) > 1 else None)


def _agrees(literals: Sequence[tuple[int, int]], pattern: Pattern) -> bool:
    if pattern.unit >= len(literals):
        return True
    mask, value = literals[pattern.unit]
    return not (value ^ pattern.value) & mask & pattern.mask


def _telling(literals: _Literals, names: Sequence[str], path: Sequence[Pattern]) -> tuple[int, tuple[int, ...]]:
    """The first unit with bits that tell some of these encodings apart, and the bits to divide them by, highest first.

    They are those that most encodings fix; bits that are the same for all tell nothing.
    """
    for unit in range(max((len(literals[n]) for n in names), default=0)):
        decided = 0
        for pattern in path:
            decided |= pattern.mask if pattern.unit == unit else 0
        here = [literals[n][unit] for n in names if unit < len(literals[n])]
        fixed: Counter[int] = Counter()
        ones: Counter[int] = Counter()
        for mask, value in here:
            for bit in range((mask & ~decided).bit_length()):
                if mask & ~decided & 1 << bit:
                    fixed[bit] += 1
                    ones[bit] += value >> bit & 1
        telling = {bit: count for bit, count in fixed.items() if 0 < ones[bit] < count}
        if telling:
            most = max(telling.values())
            common = sorted((bit for bit in telling if 2 * telling[bit] >= most), key=lambda bit: (-telling[bit], -bit))
            return unit, tuple(sorted(common[:MOST_BITS], reverse=True))
    return 0, ()
