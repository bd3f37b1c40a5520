"""One line of assembly read by the templates that print it.

The alternatives of forms are tried in order; the operands that the text does not show are solved for from their conditions and the
encoding's canonicity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

from pgcheck.isa import terms
from pgcheck.isa.encoding.codec import compiled, completed, encode, is_canonical, length
from pgcheck.isa.encoding.encoding import Encoding
from pgcheck.isa.encoding.templates import Choice, Hole, Line, Literal, Part, Relative
from pgcheck.isa.terms import Term, knownbits

_SOLUTIONS: Final = 64
_SEARCH_BUDGET: Final = 2000
_LONGEST_NUMBER: Final = 1000

_ATOM: Final = re.compile(
    r"(?i)(0x[0-9a-f_]+|0b[01_]+|0o[0-7_]+|[0-9][0-9_]*)(?!\w)|([A-Za-z_$][\w$.]*)|(\.)(?!\w)|'([^'\\])'"
)
_SIGN: Final = re.compile(r"\s*([+-])\s*")


class AssemblyError(Exception):
    """Text that is no instruction or directive: where (from 1), what was found there, what was expected, what to do.

    `others` are those of the same program after it.
    """

    def __init__(self, message: str, column: int, *, found: str = "", expected: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, 1, column
        self.found, self.expected, self.hint = found, expected, hint
        self.others: tuple[AssemblyError, ...] = ()

    def __str__(self) -> str:
        details = [f"{name} {text}" for name, text in (("found", self.found), ("expected", self.expected)) if text]
        message = ": ".join([self.message, ", ".join(details)] if details else [self.message])
        return f"{self.line}:{self.column}: {message}{f'; {self.hint}' if self.hint else ''}"


@dataclass(frozen=True, slots=True)
class Found:
    """What a reading of the text binds: operands, offsets of relative ones, and the conditions of the forms taken.

    `wrapped`: a number in it is outside the range of what its operand prints. An offset comes with the column where it stands, from 0.
    """

    bound: Mapping[str, int] = field(default_factory=dict)
    offsets: tuple[tuple[Hole, Relative, int, int], ...] = ()
    guards: tuple[Term, ...] = ()
    wrapped: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """The numbers from `low` to `high` that a field of `bits` bits takes; `extended`: its top bit is copied to those above."""

    low: int
    high: int
    bits: int
    extended: bool = False


def ranges(hole: Hole, encoding: Encoding, address_width: int) -> tuple[Range, ...]:
    """What the fields of an operand take: of one that is extended as a signed number none beyond it, unless it is as wide as an address."""
    found = dict[Range, None]()
    for slot in (slot for slot in encoding.slots if slot.name == hole.operand):
        top, whole = slot.top, slot.top == slot.width == address_width
        strict = slot.signed and not whole
        low = 0 if hole.kind in ("unsigned", "csrs") else -(1 << top - 1)
        found[Range(low, (1 << top - 1 if strict else 1 << top) - 1, top, slot.signed)] = None
    return tuple(found) or (Range(-(1 << hole.width - 1), (1 << hole.width) - 1, hole.width),)


def fitted(value: int, hole: Hole, into: tuple[Range, ...]) -> Iterator[int]:
    """Each operand that a number can be, in the range of a field."""
    yield from dict.fromkeys(
        value & terms.mask(hole.width if one.extended else one.bits) for one in into if one.low <= value <= one.high
    )


class Reading:
    """One line of text being read by templates; remembers how far any of them came and what it wanted there."""

    def __init__(
        self, text: str, symbols: Mapping[str, int], address: int, csrs: Mapping[str, int], address_width: int = 0
    ) -> None:
        self.text, self.symbols, self.address, self.csrs, self.address_width = (
            text,
            symbols,
            address,
            csrs,
            address_width,
        )
        self.start = len(text) - len(text.lstrip())
        self.furthest = 0
        self.expected: set[str] = set()
        self.matched = False

    def whole(self, line: Line) -> Iterator[Found]:
        """Every way in which the whole text is an instance of the line."""
        self.encoding = line.encoding
        for end, found in self._match(line.parts, self.start, Found()):
            if self.text[end:].strip():
                self._fail(end, "the end")
            else:
                self.matched = True
                yield found

    def _match(self, parts: tuple[Part, ...], at: int, found: Found) -> Iterator[tuple[int, Found]]:
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
                for end, value, bits in self._operand(head, at):
                    for after in _bind(found, head, value, bits, at):
                        yield from self._match(rest, end, after)

    def _operand(self, hole: Hole, at: int) -> Iterator[tuple[int, int, int]]:
        """Each (end, number, its bits) with which an operand can be read at a place; of an offset, the distance for both."""
        if hole.names:
            word = re.compile(r"\?(\d+)|[^\s,()\[\]{}+*]+").match(self.text, at)
            wanted = word[0].lower() if word else ""
            if word and word[1] and int(word[1]) >= len(hole.names):
                yield word.end(), int(word[1]), int(word[1])
            ends = [(at + len(n), i) for i, n in enumerate(hole.names) if n and wanted.startswith(n.lower())]
            ends = [(end, i) for end, i in ends if not re.match(r"\w", self.text[end : end + 1])]
            yield from ((end, i, i) for end, i in sorted(ends, reverse=True))
            if not ends:
                self._fail(
                    at, f"one of {', '.join(hole.names[:4])}, ..." if len(hole.names) > 4 else " or ".join(hole.names)
                )
            return
        name = re.compile(r"[A-Za-z_]\w*").match(self.text, at)
        if hole.kind == "csrs" and name and name[0].lower() in self.csrs:
            yield name.end(), self.csrs[name[0].lower()], self.csrs[name[0].lower()]
        into = ranges(hole, self.encoding, self.address_width)
        for end, value in self.expressions(at, signed=hole.plus):
            if hole.relative is not None:
                yield end, value - self.address, value - self.address
                continue
            fitting = tuple(fitted(value, hole, into))
            yield from ((end, value, bits) for bits in fitting)
            if not fitting:
                self._fail(at, f"a number from {min(r.low for r in into)} to {max(r.high for r in into)}")

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
        number, symbol, _, character = atom.groups()
        if number:
            return _number(number)
        if character:
            return ord(character)
        return self.symbols.get(symbol) if symbol else self.address

    def _fail(self, at: int, expected: str) -> None:
        at += len(self.text[at:]) - len(self.text[at:].lstrip())
        if at > self.furthest:
            self.furthest, self.expected = at, set()
        if at == self.furthest:
            self.expected.add(expected)


def _number(text: str) -> int | None:
    """The value of a number, which may begin with zeros; None for one that is none, as 0x_ and 1__0, or that nobody writes."""
    try:
        return int(text, 0 if text[1:2].isalpha() else 10) if len(text) <= _LONGEST_NUMBER else None
    except ValueError:
        return None


def _bind(found: Found, hole: Hole, value: int, bits: int, at: int) -> Iterator[Found]:
    """The reading with one more operand, if it does not contradict an earlier hole."""
    if hole.relative is not None:
        yield replace(found, offsets=(*found.offsets, (hole, hole.relative, value, at)))
        return
    printed = terms.signed(hole.width, bits) if hole.kind == "signed" else bits
    if found.bound.get(hole.operand, bits) == bits:
        bound = {**found.bound, hole.operand: bits}
        yield replace(found, bound=bound, wrapped=found.wrapped or printed != value)


def out_of_reach(encoding: Encoding, found: Found, address_width: int) -> AssemblyError | None:
    """What is wrong with a reading whose target is too far away, or between the places that can be reached."""
    for hole, relative, distance, at in found.offsets:
        own = encoding.length.value if encoding.length.is_constant else 0
        base = own if relative.units is None else relative.units
        into = ranges(hole, encoding, address_width)
        low, high = min(r.low for r in into), max(r.high for r in into)
        step = 1 << min(s.shift for s in encoding.slots if s.name == hole.operand)
        if low <= distance - base <= high and (distance - base) % step == 0:
            continue
        message = f"from {low + base:+d} to {high + 1 - step + base:+d}" + (f", by {step}" if step > 1 else "")
        return AssemblyError(
            "the target is out of reach", at + 1, found=f"a distance of {distance:+d}", expected=message
        )
    return None


def solved(
    encoding: Encoding, found: Found, address_width: int = 0
) -> Iterator[tuple[dict[str, int], tuple[int, ...]]]:
    """Canonical operands that extend what was read, with their units."""
    leaves = {
        terms.variable(o.width, name): terms.constant(o.width, found.bound[name])
        for name, o in encoding.operands.items()
        if name in found.bound
    }
    demands = terms.substitute([encoding.canonical, *found.guards], leaves)
    try:
        for known in islice(knownbits.search(demands, {}, _SEARCH_BUDGET), _SOLUTIONS):
            values = {name.text: value for name, (_, value) in known.items()}
            operands = completed(encoding, {**values, **found.bound})
            for settled in _settled(encoding, found, operands, address_width):
                if is_canonical(encoding, settled) and all(compiled(g)(settled) for g in found.guards):
                    yield settled, encode(encoding, settled)
    except knownbits.Exhausted:
        return


def _settled(
    encoding: Encoding, found: Found, operands: dict[str, int], address_width: int
) -> Iterator[dict[str, int]]:
    """Operands with the offsets of a reading, as the length of the instruction makes them."""
    settled = [operands]
    for hole, relative, distance, _ in found.offsets:
        offset = distance - relative.base(length(encoding, operands))
        into = ranges(hole, encoding, address_width)
        settled = [{**one, hole.operand: bits} for one in settled for bits in fitted(offset, hole, into)]
    yield from settled
