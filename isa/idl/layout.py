"""State entries of a specification laid out as leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pgcheck.isa.files.errors import Position, Text, did_you_mean
from pgcheck.isa.files.schema import Field, StateEntry
from pgcheck.isa.idl.expressions import expression_in, type_of
from pgcheck.isa.idl.program import Program
from pgcheck.isa.idl.scopes import Scope
from pgcheck.isa.idl.state import ArrayLeaf, Entry, Part, ScalarLeaf
from pgcheck.isa.idl.types import Bitfield, Bits, Boolean, Struct, Type, Void, is_scalar, mask_of, width_of
from pgcheck.isa.parsing.refusal import Refusal
from pgcheck.isa.parsing.syntax import IdlSyntaxError, parse

MAX_SIZE: Final = 1 << 64


def number(program: Program, given: int | Text, what: str, at: Position, *, limit: int = MAX_SIZE) -> int:
    """An integer that may be written as a constant expression; 0 after a reported problem.

    `at` is the place of a literal.
    """
    value = given
    if isinstance(value, Text):
        found, at = expression_in(program, value, sized=False), value.position
        if found is None:
            return 0
        if not isinstance(found.type, Bits) or not found.term.is_constant:
            program.problems.report(at, f"{what} must be a constant", found=value)
            return 0
        value = found.term.value
    if value > limit:
        program.problems.report(at, f"{what} is too large", found=hex(value), expected=f"at most {limit:#x}")
        return 0
    return value


def parse_type(program: Program, text: Text) -> Type | None:
    """The type that a field of the file names; its problem is reported and gives None."""
    source = Text(f"{text} x;", text.position, text.anchors)
    try:
        tree = parse(source, "body")
        declared = tree.children[0]
        if isinstance(declared, str) or declared.data != "declare":
            program.problems.report(
                text.position, "this is no type", found=text, expected="Bits<N>, Boolean or a named type"
            )
            return None
        return type_of(program, declared.construct(0), Scope(source).constants)
    except IdlSyntaxError:
        program.problems.report(
            text.position, "this is no type", found=text, expected="Bits<N>, Boolean or a named type"
        )
    except Refusal as refusal:
        program.problems.add(refusal.problem(source))
    return None


def declare_state(program: Program, state: Mapping[Text, StateEntry]) -> None:
    """Lay out every entry; fills `program.entries` and `program.leaves`."""
    for name, given in state.items():
        type_ = parse_type(program, given.type)
        if type_ is None:
            continue
        if isinstance(type_, Void) or not (is_scalar(type_) or isinstance(type_, Struct)):
            program.problems.report(given.type.position, "state cannot have this type", found=given.type)
            continue
        _declare(program, name, given, type_)
    pcs = [name for name, e in program.entries.items() if e.pc]
    if len(pcs) != 1:
        at = next(iter(state)).position if state else program.origin
        program.problems.report(
            at,
            "exactly one entry of state is the program counter",
            found=", ".join(pcs) or "none",
            expected="one entry with `pc: true`",
        )


def _declare(program: Program, name: Text, given: StateEntry, type_: Type) -> None:
    problems = program.problems
    before = len(problems)
    size = 0 if given.size is None else number(program, given.size, "the size", name.position)
    if len(problems) > before:
        return
    if given.size is not None and size < 2:
        problems.report(name.position, f"the array {name} needs at least two elements", found=str(size))
        return
    if given.pc and (size or given.volatile or not isinstance(type_, Bits)):
        problems.report(name.position, "the program counter is one register of bits", found=given.type)
        return
    if size and isinstance(type_, Boolean):
        problems.report(given.type.position, "an array of Boolean", hint="use Bits<1>")
        return
    known = _field_names(type_)
    for label in (*given.fields, *(given.reset if isinstance(given.reset, dict) else ())):
        if label not in known:
            problems.report(label.position, f"{given.type} has no field '{label}'", hint=did_you_mean(label, known))
    parts = _Layout(program, name, given, type_, size).parts()
    program.entries[str(name)] = Entry(str(name), type_, parts, size, given.pc)


@dataclass(frozen=True, slots=True)
class _Layout:
    """One entry of state being laid out."""

    program: Program
    name: Text
    given: StateEntry
    type: Type
    size: int

    def parts(self) -> tuple[Part, ...]:
        """The parts of the entry; their leaves go to the program."""
        whole = 0
        if self.given.reset is not None and not isinstance(self.given.reset, dict):
            limit = mask_of(width_of(self.type) or 1) if is_scalar(self.type) else 0
            whole = self._number(self.given.reset, "a reset value", limit)
        return tuple(self._part(piece, whole) for piece in _pieces(self.type))

    def _part(self, piece: Piece, whole: int) -> Part:
        """One part, of an entry whose reset value as a `whole` is given."""
        suffix, high, low = piece
        width = high - low + 1
        if suffix is None:
            return Part("", high, low, mask_of(width) if self.given.reserved else 0)
        field = self.given.fields.get(Text(suffix)) if suffix else None
        if field is not None and field.const is not None:
            if field.const >> width:
                self.program.problems.report(field.position, f"{field.const} does not fit {width} bits")
            return Part("", high, low, field.const & mask_of(width))
        leaf = f"{self.name}.{suffix}" if suffix else str(self.name)
        role = field.role if field is not None and field.role is not None else self.given.role
        if role is None:
            self.program.problems.report(
                self.name.position, f"{leaf} has no role", hint="give the field or the entry a role"
            )
            role = Text("general")
        reset = self._reset(field, suffix, width)
        value = whole >> low & mask_of(width) if reset is None else reset
        fixed, partly = self._hardwired(width)
        of_leaf, volatile = _width(self.type, suffix, width), self.given.volatile
        self.program.leaves[leaf] = (
            ArrayLeaf(leaf, of_leaf, str(role), value, volatile, size=self.size, hardwired=fixed, partly=partly)
            if self.size
            else ScalarLeaf(leaf, of_leaf, str(role), value, volatile)
        )
        return Part(leaf, high, low)

    def _reset(self, field: Field | None, suffix: str, width: int) -> int | None:
        """The reset value that a leaf has of its own: the field's, or its entry in a mapping."""
        if field is not None and field.reset is not None:
            return number(self.program, field.reset, "a reset value", field.position, limit=mask_of(width))
        if isinstance(self.given.reset, dict):
            return self._number(self.given.reset.get(Text(suffix), 0), "a reset value", mask_of(width))
        return None

    def _hardwired(self, width: int) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int, int], ...]]:
        """The elements that no write changes, and those of which some bits are so."""
        fixed, partly, limit = list[tuple[int, int]](), list[tuple[int, int, int]](), mask_of(width)
        for k, given in self.given.hardwired.items():
            if k >= self.size:
                self.program.problems.report(self.name.position, f"{self.name} has no element {k} to be hardwired")
            if given.value is not None:
                fixed.append((k, self._number(given.value, "a hardwired value", limit)))
                continue
            ones, zeros = (
                number(self.program, bits, "a mask of hardwired bits", given.position, limit=limit)
                for bits in (given.ones, given.zeros)
            )
            if ones & zeros:
                both = f"{ones & zeros:#x}"
                self.program.problems.report(given.position, "bits that read as ones and as zeros", found=both)
            if not isinstance(self.type, Bits):
                self.program.problems.report(
                    given.position, "bits are hardwired in elements of Bits<N>", found=str(self.type)
                )
            partly.append((k, ones, zeros & ~ones))
        return tuple(fixed), tuple(partly)

    def _number(self, given: int | Text, what: str, limit: int) -> int:
        return number(self.program, given, what, self.name.position, limit=limit)


def _field_names(type_: Type) -> list[str]:
    match type_:
        case Bitfield(ranges=ranges):
            return list(ranges)
        case Struct(members=members):
            return list(members)
        case _:
            return []


Piece = tuple[str | None, int, int]  # a field's name, "" for the whole, None for reserved bits; high; low


def _pieces(type_: Type) -> list[Piece]:
    """The pieces of an entry, most significant first; members of a struct in order."""
    match type_:
        case Struct(members=members):
            return [(name, max(width_of(t), 1) - 1, 0) for name, t in members.items()]
        case Bitfield(width=width, ranges=ranges):
            pieces: list[Piece] = []
            top = width - 1
            for name, (high, low) in sorted(ranges.items(), key=lambda r: -r[1][0]):
                if high < top:
                    pieces.append((None, top, high + 1))
                pieces.append((name, high, low))
                top = low - 1
            if top >= 0:
                pieces.append((None, top, 0))
            return pieces
        case _:
            return [("", max(width_of(type_), 1) - 1, 0)]


def _width(type_: Type, suffix: str, width: int) -> int:
    if isinstance(type_, Struct):
        return width_of(type_.members[suffix])
    return 0 if isinstance(type_, Boolean) else width
