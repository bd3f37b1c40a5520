"""Assembly text read by the templates that print it.

The alternatives of forms are tried in order; the operands that the text does not show are solved for from their conditions and the
encoding's canonicity. Law: what is printed for canonical operands assembles to an instruction that prints the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from pgcheck.isa import terms
from pgcheck.isa.encoding import directives
from pgcheck.isa.encoding.codec import compiled, completed, encode, is_canonical, length
from pgcheck.isa.encoding.encoding import Decode, Encoding
from pgcheck.isa.encoding.templates import (
    Alternative,
    Choice,
    Hole,
    Line,
    Literal,
    Part,
    Relative,
    Syntax,
    compile_line,
    disassemble,
)
from pgcheck.isa.files.errors import did_you_mean
from pgcheck.isa.terms import Term, knownbits
from pgcheck.isa.words import split

__all__ = [
    "Alternative", "Assembled", "Assembler", "AssemblyError", "Chunk", "Image", "Line", "Syntax", "compile_line", "disassemble",
]  # fmt: skip

_SOLUTIONS: Final = 64
_SEARCH_BUDGET: Final = 2000
_PASSES: Final = 16

_ATOM: Final = re.compile(r"(?i)(0x[0-9a-f_]+|0b[01_]+|0o[0-7_]+|[0-9][0-9_]*)(?!\w)|([A-Za-z_$][\w$.]*)|(\.)(?!\w)")
_SIGN: Final = re.compile(r"\s*([+-])\s*")


class AssemblyError(Exception):
    """Text that is no instruction or directive: where (from 1), what was found there and what was expected."""

    def __init__(self, message: str, column: int, *, found: str = "", expected: str = "", line: int = 1) -> None:
        super().__init__(message)
        self.message, self.line, self.column, self.found, self.expected = message, line, column, found, expected

    def __str__(self) -> str:
        details = [f"{name} {text}" for name, text in (("found", self.found), ("expected", self.expected)) if text]
        return (
            f"{self.line}:{self.column}: {': '.join([self.message, ', '.join(details)] if details else [self.message])}"
        )


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


@dataclass(frozen=True, slots=True)
class _Found:
    """What a reading of the text binds: operands, offsets of relative ones, and the conditions of the forms taken.

    `wrapped`: a number in it is outside the range of what its operand prints.
    """

    bound: Mapping[str, int] = field(default_factory=dict)
    offsets: tuple[tuple[Hole, Relative, int], ...] = ()
    guards: tuple[Term, ...] = ()
    wrapped: bool = False


class Assembler:
    """Reads assembly text by the templates of `lines` (by instruction id)."""

    def __init__(
        self,
        lines: Mapping[str, Line],
        decode: Decode,
        *,
        comment: str = "#",
        csr_names: Mapping[int, str] | None = None,
    ) -> None:
        self.lines, self.decode, self.comment = lines, decode, comment
        self._csrs = {name.lower(): address for address, name in (csr_names or {}).items()}
        self._by_word: dict[str, list[str]] = {}
        for identifier, line in lines.items():
            self._by_word.setdefault(line.name.split()[0].lower(), []).append(identifier)

    def assemble(self, text: str, *, symbols: Mapping[str, int] | None = None, address: int = 0) -> Assembled:
        """The shortest instruction that `text` means at `address`; raises AssemblyError.

        A number that its operand would print with the other sign (255 for a signed byte) is read so only if nothing else will do.
        """
        source = self._stripped(text)
        word = source.split()[0] if source.split() else ""
        column = source.find(word) + 1
        identifiers = self._by_word.get(word.lower())
        if identifiers is None:
            expected = did_you_mean(word.lower(), self._by_word) or "an instruction"
            raise AssemblyError("unknown instruction", column, found=repr(word), expected=expected)
        reading = _Reading(source, symbols or {}, address, self._csrs)
        results = [
            (found.wrapped, len(units), Assembled(identifier, operands, units))
            for identifier in identifiers
            for found in reading.whole(self.lines[identifier].parts)
            for operands, units in _solve(self.lines[identifier].encoding, found)
        ]
        if results:
            return min(results, key=lambda result: result[:2])[2]
        if reading.matched:
            raise AssemblyError("no encoding holds these operands", column, found=source.strip())
        rest = source[reading.furthest :].split()
        found = repr(rest[0]) if rest else "the end"
        expected = " or ".join(sorted(reading.expected))
        raise AssemblyError("cannot read the operands", reading.furthest + 1, found=found, expected=expected)

    def program(self, text: str, origin: int = 0) -> Image:
        """Assemble lines with `label:`, `.org N` and data (`.byte`, `.half`, `.word`, `.quad`; `.word` is a cell if cells are not bytes)."""
        items, labels = self._items(text)
        symbols: dict[str, int] | None = None
        for _ in range(_PASSES):
            address, chunks, now = origin, list[Chunk](), dict[str, int]()
            for item in items:
                known = dict.fromkeys(labels, address) | now if symbols is None else symbols
                try:
                    address, cells = self._item(item, known, address, now)
                except AssemblyError as error:
                    column = error.column + item.column
                    raise AssemblyError(
                        error.message, column, found=error.found, expected=error.expected, line=item.line
                    ) from None
                if cells:
                    chunks.append(Chunk(address - len(cells), cells))
            if now == symbols:
                return Image(tuple(_merged(chunks)), now)
            symbols = now
        raise AssemblyError("lengths and labels do not settle", 1)

    def _items(self, text: str) -> tuple[list[_Item], set[str]]:
        items: list[_Item] = []
        labels: set[str] = set()
        for number, raw in enumerate(text.splitlines(), 1):
            rest, column = self._stripped(raw), 0
            while label := re.match(r"\s*([A-Za-z_$][\w$.]*):", rest):
                if label[1] in labels:
                    raise AssemblyError("label defined twice", column + label.start(1) + 1, found=label[1], line=number)
                labels.add(label[1])
                items.append(_Item(number, column, label[0].strip()))
                column, rest = column + label.end(), rest[label.end() :]
            if rest.strip():
                items.append(_Item(number, column, rest))
        return items, labels

    def _item(
        self, item: _Item, symbols: Mapping[str, int], address: int, now: dict[str, int]
    ) -> tuple[int, tuple[int, ...]]:
        """The address after one item, and its cells; a label is noted in `now`."""
        word = item.text.split()[0]
        if word.endswith(":"):
            now[word[:-1]] = address
            return address, ()
        if word in directives.IGNORED:
            return address, ()
        if word[0] == "." and word not in directives.KNOWN:
            expected = did_you_mean(word, directives.KNOWN) or f"one of {', '.join(directives.KNOWN)}"
            raise AssemblyError("unknown directive", item.text.find(word) + 1, found=repr(word), expected=expected)
        if word in directives.KNOWN:
            offset = item.text.find(word) + len(word)
            values = self._values(item.text, offset, symbols, address)
            if word == ".org":
                return values[0], ()
            if word in directives.PLACING:
                count = directives.filled(word, values[0], address)
                if count is None:
                    expected = f"a number of cells up to {directives.MOST}, or what addresses are multiples of"
                    raise AssemblyError("this cannot be filled", offset + 1, found=str(values[0]), expected=expected)
                return address + count, (0,) * count
            cells = tuple(c for v in values for c in self._data(directives.DATA[word], v, offset))
            return address + len(cells), cells
        units = self.assemble(item.text, symbols=symbols, address=address).units
        cells = tuple(cell for unit in units for cell in self._cells(unit, self.decode.unit))
        return address + len(cells), cells

    def _values(self, text: str, offset: int, symbols: Mapping[str, int], address: int) -> list[int]:
        """The expressions, separated by commas, from `offset` on."""
        reading = _Reading(text, symbols, address, {})
        values: list[int] = []
        while True:
            space = re.compile(r"\s*").match(text, offset)
            offset = space.end() if space else offset
            for end, value in reading.expressions(offset):
                if stop := re.compile(r"\s*(,|$)").match(text, end):
                    values.append(value)
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
        if width % cell or not -(1 << width - 1) <= value < 1 << width:
            expected = f"a value of {width} bits, a multiple of cells of {cell} bits"
            raise AssemblyError("the value does not fit", offset + 1, found=str(value), expected=expected)
        return self._cells(value & terms.mask(width), width)

    def _cells(self, value: int, width: int) -> tuple[int, ...]:
        cell = self.decode.pc_unit
        return split(value, -(-width // cell), cell, self.decode.order)

    def _stripped(self, text: str) -> str:
        return text.partition(self.comment)[0] if self.comment else text


@dataclass(frozen=True, slots=True)
class _Item:
    """A label, directive or instruction: its line, the column before its text, the text."""

    line: int
    column: int
    text: str


def _merged(chunks: list[Chunk]) -> Iterator[Chunk]:
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


class _Reading:
    """One line of text being read by templates; remembers how far any of them came and what it wanted there."""

    def __init__(self, text: str, symbols: Mapping[str, int], address: int, csrs: Mapping[str, int]) -> None:
        self.text, self.symbols, self.address, self.csrs = text, symbols, address, csrs
        self.start = len(text) - len(text.lstrip())
        self.furthest = 0
        self.expected: set[str] = set()
        self.matched = False

    def whole(self, parts: tuple[Part, ...]) -> Iterator[_Found]:
        """Every way in which the whole text is an instance of the parts."""
        for end, found in self._match(parts, self.start, _Found()):
            if self.text[end:].strip():
                self._fail(end, "the end")
            else:
                self.matched = True
                yield found

    def _match(self, parts: tuple[Part, ...], at: int, found: _Found) -> Iterator[tuple[int, _Found]]:
        if not parts:
            yield at, found
            return
        head, rest = parts[0], parts[1:]
        match head:
            case Literal():
                if passed := head.pattern.match(self.text, at):
                    yield from self._match(rest, passed.end(), found)
                else:
                    self._fail(at, repr(head.text.strip()))
            case Choice():
                for guard, inner in head.alternatives:
                    yield from self._match(inner + rest, at, replace(found, guards=(*found.guards, guard)))
            case Hole():
                for end, value in self._operand(head, at):
                    for after in _bind(found, head, value):
                        yield from self._match(rest, end, after)

    def _operand(self, hole: Hole, at: int) -> Iterator[tuple[int, int]]:
        """Each (end, value) with which an operand can be read at a place."""
        if hole.names:
            word = re.compile(r"\?(\d+)|[^\s,()\[\]{}+*]+").match(self.text, at)
            wanted = word[0].lower() if word else ""
            if word and word[1] and int(word[1]) >= len(hole.names):
                yield word.end(), int(word[1])
            ends = [(at + len(n), i) for i, n in enumerate(hole.names) if n and wanted.startswith(n.lower())]
            ends = [(end, i) for end, i in ends if not re.match(r"\w", self.text[end : end + 1])]
            yield from sorted(ends, reverse=True)
            if not ends:
                self._fail(
                    at, f"one of {', '.join(hole.names[:4])}, ..." if len(hole.names) > 4 else " or ".join(hole.names)
                )
            return
        name = re.compile(r"[A-Za-z_]\w*").match(self.text, at)
        if hole.kind == "csrs" and name and name[0].lower() in self.csrs:
            yield name.end(), self.csrs[name[0].lower()]
        for end, value in self.expressions(at, signed=hole.plus):
            if hole.relative is not None:
                yield end, value - self.address
            elif -(1 << hole.width - 1) <= value < 1 << hole.width:
                yield end, value
            else:
                self._fail(at, f"a number of {hole.width} bits")

    def expressions(self, at: int, *, signed: bool = False) -> Iterator[tuple[int, int]]:
        """Each (end, value) of a sum of numbers, symbols and `.` at a place, longest first; `signed`: it begins with a sign."""
        found: list[tuple[int, int]] = []
        sign = _SIGN.match(self.text, at)
        if signed and not sign:
            self._fail(at, "a sign")
            return
        total, position = 0, at
        while True:
            atom = _ATOM.match(self.text, sign.end() if sign else position)
            value = None if atom is None else self._atom(atom)
            if atom is None or value is None:
                break
            total += -value if sign and sign[1] == "-" else value
            position = atom.end()
            found.append((position, total))
            sign = _SIGN.match(self.text, position)
            if not sign:
                break
        if not found:
            self._fail(at, "a number or label")
        yield from reversed(found)

    def _atom(self, atom: re.Match[str]) -> int | None:
        number, symbol, _ = atom.groups()
        if number:
            return int(number, 0) if number[1:2].isalpha() else int(number)
        return self.symbols.get(symbol) if symbol else self.address

    def _fail(self, at: int, expected: str) -> None:
        at += len(self.text[at:]) - len(self.text[at:].lstrip())
        if at > self.furthest:
            self.furthest, self.expected = at, set()
        if at == self.furthest:
            self.expected.add(expected)


def _bind(found: _Found, hole: Hole, value: int) -> Iterator[_Found]:
    """The reading with one more operand, if it does not contradict an earlier hole."""
    if hole.relative is not None:
        yield replace(found, offsets=(*found.offsets, (hole, hole.relative, value)))
        return
    bits = value & terms.mask(hole.width)
    printed = terms.signed(hole.width, bits) if hole.kind == "signed" else bits
    if found.bound.get(hole.operand, bits) == bits:
        bound = {**found.bound, hole.operand: bits}
        yield replace(found, bound=bound, wrapped=found.wrapped or printed != value)


def _solve(encoding: Encoding, found: _Found) -> Iterator[tuple[dict[str, int], tuple[int, ...]]]:
    """Canonical operands that extend what was read, with their units."""
    leaves = {
        terms.variable(o.width, name): terms.constant(o.width, found.bound[name])
        for name, o in encoding.operands.items()
        if name in found.bound
    }
    demands = terms.substitute([encoding.canonical, *found.guards], leaves)
    try:
        for known in islice(knownbits.search(demands, {}, _SEARCH_BUDGET), _SOLUTIONS):
            solved = {name.text: value for name, (_, value) in known.items()}
            operands = completed(encoding, {**solved, **found.bound})
            for hole, relative, offset in found.offsets:
                operands[hole.operand] = offset - relative.base(length(encoding, operands))
                if -(1 << hole.width - 1) <= operands[hole.operand] < 1 << hole.width:
                    operands[hole.operand] &= terms.mask(hole.width)
            if is_canonical(encoding, operands) and all(compiled(g)(operands) for g in found.guards):
                yield operands, encode(encoding, operands)
    except knownbits.Exhausted:
        return
