"""The opcode map as pictures: a sheet for each page, each cell in the colour of its worst verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pgcheck.checker.result import DeploymentResult
from pgcheck.isa.encoding.fields import Decode
from pgcheck.isa.encoding.opcodes import Cell, Page, Pattern, opcode_map
from pgcheck.isa.machine.machine import Machine
from pgcheck.words import VERDICTS

WIDTH, CELL, STRIP, LEFT, TOP = 1024, 34, 16, 76, 24
MOST_ACROSS: Final = 4
MOST_TOLD: Final = 8
NARROW: Final = 3
"""A page of at most so many bits whose cells are divided no further is drawn inside its cell."""
LETTER: Final = 6.1
NOTHING: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Judged:
    """What the page says of an instruction: the worst verdict of its rows, and where that row stands in the page."""

    verdict: str
    link: str


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a sheet, in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Tile:
    """A cell: `kind` is a verdict, `nothing`, `prefix`, `open` (not judged) or `group` (divided inside); `title` is shown on hovering."""

    box: Box
    kind: str
    label: str
    title: str
    link: str


@dataclass(frozen=True, slots=True)
class Heading:
    """Text beside a row or above a column."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page of the map: what led to it, which bits divide it, and what stands in it; `notable` where a hole does."""

    key: str
    caption: str
    axes: str
    width: int
    height: int
    tiles: tuple[Tile, ...]
    headings: tuple[Heading, ...]
    notable: bool


def judged(result: DeploymentResult, links: Mapping[str, str] = MappingProxyType({})) -> dict[str, Judged]:
    """The worst verdict of each instruction by its id; `links` are the places of rows, by row."""
    order = list(VERDICTS)
    found: dict[str, Judged] = {}
    for row in sorted(result.instructions, key=lambda row: order.index(row.verdict)):
        found.setdefault(row.id.removesuffix(row.row), Judged(row.verdict, links.get(row.id, "")))
    return found


def sheets(machine: Machine, judged: Mapping[str, Judged], key: str) -> tuple[Sheet, ...]:
    """The sheets of a machine, the first page first; `judged` is by the instruction's id, `key` makes ids of the page."""
    first = opcode_map({i.id: i.encoding for i in machine.instructions if i.encoding is not None})
    if first is None:
        return ()
    decode = machine.decoding.decode
    prefixes = {unit: name for name, row in decode.prefixes.items() for unit in row}
    drawer = _Drawer(decode, judged, prefixes, key)
    return tuple(drawer.sheet(page) for page in first.pages() if not page.path or not _inside(page))


def _inside(page: Page) -> bool:
    return len(page.bits) <= NARROW and all(cell.page is None for cell in page.cells)


@dataclass(frozen=True, slots=True)
class _Drawer:
    decode: Decode
    judged: Mapping[str, Judged]
    prefixes: Mapping[int, str]
    key: str

    def sheet(self, page: Page) -> Sheet:
        """The sheet of a page; its longer side runs down where the other would be too wide."""
        down, across = page.bits[: page.split], page.bits[page.split :]
        turned = len(across) > len(down) and len(across) > MOST_ACROSS
        if turned:
            down, across = across, down
        rows, columns = 1 << len(down), 1 << len(across)
        width = min(WIDTH / columns, WIDTH / 8)
        tiles: list[Tile] = []
        for number, cell in enumerate(page.cells):
            row, column = divmod(number, rows if turned else columns)
            if turned:
                row, column = column, row
            tiles += self.cell(cell, Box(LEFT + column * width, TOP + row * CELL, width, CELL))
        headings = [
            *(Heading(LEFT + (i + 0.5) * width, TOP - 8, _digits(i, across)) for i in range(columns)),
            *(Heading(LEFT / 2, TOP + (i + 0.5) * CELL + 4, _digits(i, down)) for i in range(rows) if down),
        ]
        return Sheet(
            self.name(page),
            self.caption(page.path),
            (f"down: {_bits(down)}; " if down else "") + f"across: {_bits(across)}",
            round(LEFT + columns * width) + 1,
            TOP + rows * CELL + 1,
            tuple(tiles),
            tuple(headings),
            any(tile.kind == "hole" for tile in tiles),
        )

    def name(self, page: Page) -> str:
        return f"{self.key}-{'-'.join(f'{p.unit}.{p.mask:x}.{p.value:x}' for p in page.path) or 'first'}"

    def caption(self, path: Sequence[Pattern]) -> str:
        """What is known of each unit, `-` for each bit that is open."""
        units = [
            _pattern([pattern for pattern in path if pattern.unit == unit], self.decode.unit)
            for unit in range(max((pattern.unit for pattern in path), default=-1) + 1)
        ]
        return " ".join(units)

    def cell(self, cell: Cell, box: Box) -> Iterator[Tile]:
        below = cell.page
        label = _shortened(_mnemonics(cell.names), box.width)
        if below is not None and _inside(below):
            yield self.tile(cell, box, "group", label)
            columns = 1 << len(below.bits) - len(below.bits) // 2
            width, height = box.width / columns, (box.height - STRIP) / (len(below.cells) // columns)
            for number, inner in enumerate(below.cells):
                row, column = divmod(number, columns)
                place = Box(box.x + column * width, box.y + STRIP + row * height, width, height)
                yield self.tile(inner, place, self.kind(inner), "")
        elif below is not None:
            yield self.tile(cell, box, self.kind(cell), "map \u203a", self.name(below))
        else:
            yield self.tile(cell, box, self.kind(cell), "prefix" if self.prefix(cell) else label)

    def tile(self, cell: Cell, box: Box, kind: str, label: str, link: str = "") -> Tile:
        worst = self.worst(cell.names)
        title = f"{self.caption((*cell.path, cell.pattern))}: {self.said(cell)}"
        return Tile(box, kind, label, title, link or (worst.link if worst is not None and kind != "group" else ""))

    def prefix(self, cell: Cell) -> str:
        whole = not cell.path and cell.pattern.mask == (1 << self.decode.unit) - 1
        return self.prefixes.get(cell.pattern.value, "") if whole and not cell.names else ""

    def said(self, cell: Cell) -> str:
        if not cell.names:
            prefix = self.prefix(cell)
            return f"prefix {prefix}" if prefix else "no instruction"
        first = [
            f"{n} ({self.judged[n].verdict if n in self.judged else 'not judged'})" for n in cell.names[:MOST_TOLD]
        ]
        rest = len(cell.names) - len(first)
        return ", ".join(first) + (f" and {rest} more" if rest else "")

    def worst(self, names: Iterable[str]) -> Judged | None:
        order = list(VERDICTS)
        known = [self.judged[name] for name in names if name in self.judged]
        return min(known, key=lambda one: order.index(one.verdict), default=None)

    def kind(self, cell: Cell) -> str:
        if not cell.names:
            return "prefix" if self.prefix(cell) else NOTHING
        worst = self.worst(cell.names)
        return worst.verdict if worst is not None else "open"


def _pattern(patterns: Iterable[Pattern], width: int) -> str:
    """A unit as hexadecimal digits if all of it is known, else as binary ones."""
    mask = value = 0
    for pattern in patterns:
        mask, value = mask | pattern.mask, value | pattern.value
    if mask == (1 << width) - 1 and width % 4 == 0:
        return f"{value:0{width // 4}x}"
    return "".join(str(value >> bit & 1) if mask >> bit & 1 else "-" for bit in range(width - 1, -1, -1))


def _digits(value: int, bits: Sequence[int]) -> str:
    return f"{value:x}" if len(bits) == 4 and bits[0] == bits[-1] + 3 else f"{value:0{len(bits)}b}"


def _bits(bits: Sequence[int]) -> str:
    """Bits as ranges, highest first: `bits 14-12, 6-2`."""
    runs: list[list[int]] = []
    for bit in bits:
        if runs and runs[-1][-1] == bit + 1:
            runs[-1].append(bit)
        else:
            runs.append([bit])
    shown = ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return f"bit {shown}" if len(bits) == 1 else f"bits {shown}"


def _mnemonics(names: Sequence[str]) -> str:
    """The first mnemonic, and a sign where there are others."""
    mnemonics = list(dict.fromkeys(name.partition(".")[0] or name for name in names))
    return "".join(mnemonics[:1]) + ("\u2026" if len(mnemonics) > 1 else "")


def _shortened(text: str, width: float) -> str:
    most = max(int((width - 6) / LETTER), 1)
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"
