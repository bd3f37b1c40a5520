"""Assembly text: instructions by the templates that print them, labels, and the usual directives of GNU's assembler.

Law: what is printed for canonical operands assembles to an instruction that prints the same.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pgcheck.isa import terms
from pgcheck.isa.encoding import directives
from pgcheck.isa.encoding.encoding import Decode
from pgcheck.isa.encoding.reading import AssemblyError, Reading, out_of_reach, solved
from pgcheck.isa.encoding.templates import Line
from pgcheck.isa.files.errors import did_you_mean
from pgcheck.isa.words import split

_PASSES: Final = 16
_COMMA: Final = re.compile(r"\s*(,|$)")
_LABEL: Final = re.compile(r"\s*([A-Za-z_$][\w$.]*):")
_SYMBOL: Final = re.compile(r"\s*(?:(?:\.equ|\.set|\.equiv)\s+([A-Za-z_$][\w$.]*)\s*,|([A-Za-z_$][\w$.]*)\s*=)")
_QUOTED: Final = r""""(?:[^"\\]|\\.)*"?|'.'"""
_NEWLINE: Final = re.compile(r"\r\n|\n|\r")
_SPACE: Final = re.compile(r"\s*")
_LARGEST: Final = 1 << 24
_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Assembled:
    """An instruction found for a line of text."""

    id: str
    operands: dict[str, int]
    units: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive cells (units of PC) from an address on."""

    address: int
    cells: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """An assembled program: its chunks in the order of the text, and the addresses of its labels."""

    chunks: tuple[Chunk, ...]
    symbols: Mapping[str, int]


class Assembler:
    """Reads assembly text by the templates of `lines` (by instruction id); `aliases` are directives that mean another one here.

    A signed operand that is as wide as an address is taken modulo that width; every other number has to be in the range of its field.
    """

    def __init__(
        self,
        lines: Mapping[str, Line],
        decode: Decode,
        *,
        comment: str = "#",
        csr_names: Mapping[int, str] | None = None,
        aliases: Mapping[str, str] | None = None,
        address_width: int = 0,
    ) -> None:
        self.address_width = address_width
        self.lines, self.decode, self.comment, self.aliases = lines, decode, comment, aliases or {}
        self._outside = re.compile(f"{_QUOTED}|(?P<comment>{re.escape(comment)})")
        self._csrs = {name.lower(): address for address, name in (csr_names or {}).items()}
        self._by_word: dict[str, list[str]] = {}
        self._glued: dict[str, list[str]] = {}
        for identifier, line in lines.items():
            words = self._glued if line.glued else self._by_word
            words.setdefault(line.name.split()[0].lower(), []).append(identifier)

    def assemble(self, text: str, *, symbols: Mapping[str, int] | None = None, address: int = 0) -> Assembled:
        """The shortest instruction that `text` means at `address`; raises AssemblyError.

        A number that its operand would print with the other sign (255 for a signed byte) is read so only if nothing else will do.
        """
        source = self._stripped(text)
        word = source.split()[0] if source.split() else ""
        column = source.find(word) + 1
        identifiers = self._called(word.lower())
        if not identifiers:
            hint = did_you_mean(word.lower(), (*self._by_word, *self._glued))
            raise AssemblyError("unknown instruction", column, found=repr(word), expected="an instruction", hint=hint)
        reading = Reading(source, symbols or {}, address, self._csrs, self.address_width)
        ways = [(i, found) for i in identifiers for found in reading.whole(self.lines[i])]
        results = [
            (found.wrapped, len(units), Assembled(identifier, operands, units))
            for identifier, found in ways
            for operands, units in solved(self.lines[identifier].encoding, found, self.address_width)
        ]
        if results:
            return min(results, key=lambda result: result[:2])[2]
        if ways:
            errors = [out_of_reach(self.lines[i].encoding, found, self.address_width) for i, found in ways]
            raise next(filter(None, reversed(errors)), None) or AssemblyError(
                "no encoding holds these operands", column, found=source.strip()
            )
        rest = source[reading.furthest :].split()
        found = repr(rest[0]) if rest else "the end"
        expected = " or ".join(sorted(reading.expected))
        raise AssemblyError("cannot read the operands", reading.furthest + 1, found=found, expected=expected)

    def _called(self, word: str) -> list[str]:
        """The instructions whose line can begin with a word: its mnemonic, or one and what is glued to it."""
        parts = (self._glued.get(word[:end], ()) for end in range(len(word), 0, -1))
        return [*self._by_word.get(word, ()), *(identifier for part in parts for identifier in part)]

    def program(self, text: str, origin: int = 0) -> Image:
        """Assemble lines with labels and directives; where there is no other alias `.word` is a cell, or 32 bits if cells are bytes.

        Raises AssemblyError for the lines that are wrong, the first with the others.
        """
        items, labels = self._items(text)
        symbols: dict[str, int] | None = None
        for _ in range(_PASSES):
            chunks, now, wrong = list[tuple[Chunk, _Item]](), dict[str, int](), list[AssemblyError]()
            address, size = origin, 0
            unsettled = _Unsettled(labels, now)
            for item in items:
                unsettled.here = address
                try:
                    address, cells = self._item(item, unsettled if symbols is None else symbols, address, now)
                except AssemblyError as error:
                    error.line, error.column = item.line, error.column + item.column
                    wrong.append(error)
                    if len(wrong) == _SHOWN:
                        break
                    continue
                if cells:
                    chunks.append((Chunk(address - len(cells), cells), item))
                size += len(cells)
                if size > _LARGEST:
                    wrong.append(AssemblyError("the program is too large", 1, expected=f"at most {_LARGEST} cells"))
                    break
            if wrong:
                wrong[0].others = tuple(wrong[1:])
                raise wrong[0]
            if now == symbols:
                _check_apart(chunks)
                return Image(tuple(_merged(chunk for chunk, _ in chunks)), now)
            symbols = now
        raise AssemblyError("lengths and labels do not settle", 1)

    def _items(self, text: str) -> tuple[list[_Item], set[str]]:
        items: list[_Item] = []
        labels: set[str] = set()

        def named(number: int, column: int, name: str) -> None:
            if name in labels:
                error = AssemblyError("label defined twice", column, found=name)
                error.line = number
                raise error
            labels.add(name)

        stripped = [self._stripped(raw) for raw in _NEWLINE.split(text)]
        skipped = _skipped(stripped)
        for number, rest in enumerate(stripped, 1):
            column = 0
            if number in skipped:
                continue
            while label := _LABEL.match(rest):
                named(number, column + label.start(1) + 1, label[1])
                items.append(_Item(number, column, label[0].strip()))
                column, rest = column + label.end(), rest[label.end() :]
            symbol = _SYMBOL.match(rest)
            if symbol:
                name = symbol[1] or symbol[2]
                named(number, column + symbol.start(symbol.lastindex or 0) + 1, name)
                items.append(_Item(number, column + symbol.end(), rest[symbol.end() :], name))
            elif rest.strip():
                items.append(_Item(number, column, rest))
        return items, labels

    def _item(
        self, item: _Item, symbols: Mapping[str, int], address: int, now: dict[str, int]
    ) -> tuple[int, tuple[int, ...]]:
        """The address after one item, and its cells; a label or symbol is noted in `now`."""
        if item.symbol:
            now[item.symbol] = self._values(item.text, 0, symbols, address)[0][1]
            return address, ()
        word = item.text.split()[0]
        if word.endswith(":"):
            now[word[:-1]] = address
            return address, ()
        if word[0] == ".":
            return self._directive(word, item.text, symbols, address)
        units = self.assemble(item.text, symbols=symbols, address=address).units
        cells = tuple(cell for unit in units for cell in self._cells(unit, self.decode.unit))
        return address + len(cells), cells

    def _directive(
        self, written: str, text: str, symbols: Mapping[str, int], address: int
    ) -> tuple[int, tuple[int, ...]]:
        """The address after a directive, and its cells."""
        word = self.aliases.get(written, written)
        if directives.ignored(word):
            return address, ()
        start = text.find(written)
        offset = start + len(written)
        if word not in directives.KNOWN:
            if word in directives.REFUSED:
                hint = directives.REFUSED[word]
                raise AssemblyError("a directive that is not obeyed here", start + 1, found=repr(written), hint=hint)
            hint = did_you_mean(word, directives.KNOWN)
            raise AssemblyError("unknown directive", start + 1, found=repr(written), hint=hint)
        if word in directives.TEXTS:
            cells = self._text(text, offset, directives.TEXTS[word])
            return address + len(cells), cells
        if word in directives.ALIGNING:
            text = text.replace(",,", ",0,")
        values = self._values(text, offset, symbols, address)
        at, first = values[0]
        if word == ".org":
            if first < 0 or self.address_width and first >> self.address_width:
                raise AssemblyError("this is no address", at + 1, found=str(first))
            return first, ()
        if word in directives.DATA:
            cells = tuple(c for at, v in values for c in self._data(directives.DATA[word], v, at))
            return address + len(cells), cells
        repeated = directives.filled(word, [v for _, v in values], address)
        if repeated is None:
            expected = f"a number of cells up to {directives.MOST}, or what addresses are multiples of"
            raise AssemblyError("this cannot be filled", at + 1, found=str(first), expected=expected)
        count, size, value = repeated
        cells = self._data(8 * size if self.decode.pc_unit == 8 else self.decode.pc_unit, value, values[-1][0]) * count
        return address + len(cells), cells

    def _text(self, text: str, offset: int, end: bytes) -> tuple[int, ...]:
        """The characters of quoted texts, each a cell."""
        found = b""
        while True:
            offset = _after_space(text, offset)
            quoted = directives.QUOTED.match(text, offset)
            stop = quoted and _COMMA.match(text, quoted.end())
            if not quoted or not stop:
                raise AssemblyError(
                    "cannot read a text", offset + 1, found=repr(text[offset:]), expected="a text in double quotes"
                )
            found += directives.characters(quoted[1]) + end
            offset = stop.end()
            if not stop[1]:
                return tuple(found)

    def _values(self, text: str, offset: int, symbols: Mapping[str, int], address: int) -> list[tuple[int, int]]:
        """The expressions, separated by commas, from `offset` on: where each stands, and its value."""
        reading = Reading(text, symbols, address, {})
        values: list[tuple[int, int]] = []
        while True:
            offset = _after_space(text, offset)
            for end, value in reading.expressions(offset):
                if stop := _COMMA.match(text, end):
                    values.append((offset, value))
                    offset = stop.end()
                    break
            else:
                raise AssemblyError(
                    "cannot read a number", offset + 1, found=repr(text[offset:]), expected="an expression"
                )
            if not stop[1]:
                return values

    def _data(self, width: int, value: int, offset: int) -> tuple[int, ...]:
        cell = self.decode.pc_unit
        width = cell if width == 32 and cell != 8 else width
        if width % cell:
            raise AssemblyError(f"{width} bits are no whole cells", offset + 1, expected=f"a multiple of {cell} bits")
        if not -(1 << width - 1) <= value < 1 << width:
            expected = f"a number from {-(1 << width - 1)} to {(1 << width) - 1}"
            raise AssemblyError("the value does not fit", offset + 1, found=str(value), expected=expected)
        return self._cells(value & terms.mask(width), width)

    def _cells(self, value: int, width: int) -> tuple[int, ...]:
        cell = self.decode.pc_unit
        return split(value, -(-width // cell), cell, self.decode.order)

    def _stripped(self, text: str) -> str:
        """The text without its comment."""
        found = (one for one in self._outside.finditer(text) if one["comment"])
        at = next(found, None) if self.comment else None
        return text if at is None else text[: at.start()]


@dataclass(frozen=True, slots=True)
class _Item:
    """A label, directive or instruction, or what a `symbol` is set to: its line, the column before its text, the text."""

    line: int
    column: int
    text: str
    symbol: str = ""


class _Unsettled(Mapping[str, int]):
    """Symbols while none has its place: those that were met, and all others as if they were here."""

    def __init__(self, names: Set[str], met: Mapping[str, int]) -> None:
        self.names, self.met, self.here = names, met, 0

    def __getitem__(self, name: str) -> int:
        if name in self.met:
            return self.met[name]
        if name in self.names:
            return self.here
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def _after_space(text: str, offset: int) -> int:
    found = _SPACE.match(text, offset)
    return found.end() if found else offset


def _skipped(lines: list[str]) -> set[int]:
    """The lines, from 1, of blocks whose first line is refused, without that one; a block that never ends is none."""
    words = [(line.split() or [""])[0] for line in lines]
    last: dict[str, list[int]] = {
        end: [k for k, word in enumerate(words) if word == end] for end in directives.BLOCKS.values()
    }
    result: set[int] = set()
    for number, word in enumerate(words, 1):
        if number not in result and word in directives.BLOCKS:
            ends = last[directives.BLOCKS[word]]
            after = bisect_left(ends, number)
            result.update(range(number + 1, ends[after] + 2) if after < len(ends) else ())
    return result


def _check_apart(chunks: list[tuple[Chunk, _Item]]) -> None:
    """That no two pieces of a program lie at one address."""
    ordered = sorted(chunks, key=lambda piece: piece[0].address)
    for (before, one), (after, other) in pairwise(ordered):
        if after.address < before.address + len(before.cells):
            first, last = sorted((one, other), key=lambda item: item.line)
            error = AssemblyError(
                "this lies where something else does", 1, found=f"{after.address:#x}", hint=f"see line {first.line}"
            )
            error.line, error.column = last.line, last.column + len(last.text) - len(last.text.lstrip()) + 1
            raise error


def _merged(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Chunks with those that touch joined."""
    address, cells = 0, list[int]()
    for chunk in chunks:
        if cells and address + len(cells) != chunk.address:
            yield Chunk(address, tuple(cells))
            cells = []
        address = address if cells else chunk.address
        cells += chunk.cells
    if cells:
        yield Chunk(address, tuple(cells))
