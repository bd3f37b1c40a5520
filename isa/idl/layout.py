"""State entries of a specification laid out as leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pgcheck.isa.files.errors import Position, Text, did_you_mean
from pgcheck.isa.files.schema import Field, StateEntry
from pgcheck.isa.idl.expressions import expression_in
from pgcheck.isa.idl.program import Program
from pgcheck.isa.idl.refusal import Refusal
from pgcheck.isa.idl.scopes import Scope
from pgcheck.isa.idl.state import Entry, Leaf, Part
from pgcheck.isa.idl.syntax import IdlSyntaxError, parse
from pgcheck.isa.idl.types import Bitfield, Bits, Boolean, Struct, Type, Void, is_scalar, mask_of, width_of

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
        if isinstance(declared, str) or declared.data != "declare" or isinstance(declared.children[0], str):
            program.problems.report(
                text.position, "this is no type", found=text, expected="Bits<N>, Boolean or a named type"
            )
            return None
        return program.type_of(declared.children[0], Scope(source).constants)
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
    index_width = max(1, (size - 1).bit_length()) if size else 0
    if size and isinstance(type_, Boolean):
        problems.report(given.type.position, "an array of Boolean", hint="use Bits<1>")
        return
    known = _field_names(type_)
    for label in (*given.fields, *(given.reset if isinstance(given.reset, dict) else ())):
        if label not in known:
            problems.report(label.position, f"{given.type} has no field '{label}'", hint=did_you_mean(label, known))
    whole = 0
    if given.reset is not None and not isinstance(given.reset, dict):
        limit = mask_of(width_of(type_) or 1) if is_scalar(type_) else 0
        whole = number(program, given.reset, "a reset value", name.position, limit=limit)
    parts: list[Part] = []
    for suffix, high, low in _pieces(type_):
        width = high - low + 1
        if suffix is None:
            parts.append(Part("", high, low, mask_of(width) if given.reserved else 0))
            continue
        field = given.fields.get(Text(suffix)) if suffix else None
        if field is not None and field.const is not None:
            if field.const >> width:
                problems.report(field.position, f"{field.const} does not fit {width} bits")
            parts.append(Part("", high, low, field.const & mask_of(width)))
            continue
        leaf = f"{name}.{suffix}" if suffix else str(name)
        role = field.role if field is not None and field.role is not None else given.role
        if role is None:
            problems.report(name.position, f"{leaf} has no role", hint="give the field or the entry a role")
            role = Text("general")
        reset = _reset(program, name, given, field, suffix, whole >> low & mask_of(width), width)
        fixed = _hardwired(program, name, given, size, width)
        of_leaf = _width(type_, suffix, high, low)
        program.leaves[leaf] = Leaf(leaf, of_leaf, str(role), size, index_width, reset, given.volatile, fixed)
        parts.append(Part(leaf, high, low))
    program.entries[str(name)] = Entry(str(name), type_, tuple(parts), size, index_width, given.pc)


def _hardwired(program: Program, name: Text, given: StateEntry, size: int, width: int) -> tuple[tuple[int, int], ...]:
    for k in given.hardwired:
        if not size or k >= size:
            program.problems.report(name.position, f"{name} has no element {k} to be hardwired")
    limit = mask_of(width)
    return tuple(
        (k, number(program, v, "a hardwired value", name.position, limit=limit)) for k, v in given.hardwired.items()
    )


def _field_names(type_: Type) -> list[str]:
    match type_:
        case Bitfield(ranges=ranges):
            return list(ranges)
        case Struct(members=members):
            return list(members)
        case _:
            return []


def _pieces(type_: Type) -> list[tuple[str | None, int, int]]:
    """(field or "" for the whole or None for reserved bits, high, low), most significant first.

    Members of a struct in order.
    """
    match type_:
        case Struct(members=members):
            return [(name, max(width_of(t), 1) - 1, 0) for name, t in members.items()]
        case Bitfield(width=width, ranges=ranges):
            pieces: list[tuple[str | None, int, int]] = []
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


def _width(type_: Type, suffix: str, high: int, low: int) -> int:
    if isinstance(type_, Struct):
        return width_of(type_.members[suffix])
    return 0 if isinstance(type_, Boolean) else high - low + 1


def _reset(
    program: Program, name: Text, given: StateEntry, field: Field | None, suffix: str, part: int, width: int
) -> int:
    """The reset value of one leaf: the field's own, its entry in a mapping, or its `part` of the whole."""
    if field is not None and field.reset is not None:
        return number(program, field.reset, "a reset value", field.position, limit=mask_of(width))
    if isinstance(given.reset, dict):
        value = given.reset.get(Text(suffix), 0)
        return number(program, value, "a reset value", name.position, limit=mask_of(width))
    return part
