"""Encodings, instructions and assembly syntax of a specification."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from itertools import islice
from typing import Final

from pgcheck.isa.encoding.coverage import Undecided, overlaps
from pgcheck.isa.encoding.encoding import (
    LENGTH,
    Condition,
    Declaration,
    Decode,
    Encoding,
    Group,
    Variable,
    compile_encoding,
)
from pgcheck.isa.encoding.encoding import Field as EncodedField
from pgcheck.isa.encoding.fields import UNDEFINED
from pgcheck.isa.encoding.templates import Alternative, Line, Syntax, compile_line
from pgcheck.isa.files import schema
from pgcheck.isa.files.errors import SpecificationError, Text, did_you_mean
from pgcheck.isa.idl.program import Program
from pgcheck.isa.idl.scopes import Value, operand_values
from pgcheck.isa.idl.statements import lower_body
from pgcheck.isa.idl.types import VOID, Bits, is_scalar, width_of
from pgcheck.isa.machine.claims import claims
from pgcheck.isa.machine.machine import Instruction, Row
from pgcheck.isa.machine.resolve import declared, signature
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    constant,
    mk,
    node,
    operand,
    rewrite,
    substitute,
)
from pgcheck.isa.words import order

MOST_VALUES: Final = 4096  # that an operand is asked for, if it may have one beyond its rows


def decode_of(given: schema.Decode) -> Decode:
    """How instructions are cut into units."""
    tails = {
        str(n): tuple(
            Group(g.when, tuple(EncodedField(f.name, f.width, f.signed, f.bits) for f in g.fields)) for g in tail
        )
        for n, tail in given.tails.items()
    }
    prefixes = {str(n): dict(values) for n, values in given.prefixes.items()}
    return Decode(given.unit, order(given.order == "big"), given.pc_unit, given.max_length, prefixes, tails)


def syntax_of(given: schema.Syntax | None) -> Syntax:
    """The assembly syntax of the machine."""
    if given is None:
        return Syntax()
    return Syntax(
        str(given.comment),
        {str(n): tuple(map(str, r)) for n, r in given.registers.items()},
        {str(n): str(k) for n, k in given.operands.items()},
        {str(n): tuple(Alternative(a.when, a.text) for a in f) for n, f in given.forms.items()},
        {str(n): str(d) for n, d in given.directives.items()},
    )


def check_fetch(program: Program, name: Text, decode: Decode) -> None:
    """That `decode.fetch` gives one unit at an address."""
    declaration = declared(program, name, "a function that fetches a unit")
    types = signature(program, str(name)) if declaration is not None else None
    if types is None:
        return
    parameters, result = types
    pc = next(e for e in program.entries.values() if e.pc)
    taken = len(parameters) == 1 and is_scalar(parameters[0]) and width_of(parameters[0]) == width_of(pc.type)
    if not taken or result != Bits(decode.unit):
        program.problems.report(
            name.position,
            f"{name} does not fetch",
            found=f"{result} {name}({', '.join(map(str, parameters))})",
            expected=f"Bits<{decode.unit}> {name}({pc.type} address)",
        )


class Instructions:
    """Compiles the instructions of one specification; what they share is made once."""

    def __init__(
        self, program: Program, decode: Decode, syntax: Syntax, csr_names: Mapping[int, str], condition: Condition
    ) -> None:
        self.program, self.decode, self.condition = program, decode, condition
        self.syntax, self.csr_names = syntax, csr_names
        self.named: dict[Term, Term] = {}

    def all(self, given: Sequence[schema.Instruction]) -> tuple[Instruction, ...]:
        """Every instruction, in order."""
        result: dict[str, Instruction] = {}
        for one in given:
            instruction = self.instruction(one)
            if instruction.id in result:
                message = f"the instruction {instruction.id} is declared twice"
                self.program.problems.report(one.position, message, found=f"first at {result[instruction.id].position}")
            result[instruction.id] = instruction
        return tuple(result.values())

    def instruction(self, given: schema.Instruction) -> Instruction:
        encoding = self.encoding(given.encoding)
        operands = {n: Bits(o.width, o.signed) for n, o in encoding.operands.items()} if encoding is not None else {}
        length, canonical, word, line = constant(self.decode.length_width, 0), TRUE, None, None
        if encoding is not None:
            length, canonical = rewrite([encoding.length, encoding.canonical], _as_operand, self.named)
            word = encoding_word(encoding)
            line = self.line(given, encoding)
        length_type = Bits(self.decode.length_width)
        inside = {**operand_values(operands), LENGTH: Value((node("length", length_type.width),), length_type)}
        width = word.width if word is not None else 0
        name, variant = str(given.name), str(given.variant or "")
        return Instruction(
            id=f"{name}.{variant}" if variant else name,
            name=name,
            variant=variant,
            position=given.position,
            encoding=encoding,
            operands=operands,
            length=length,
            canonical=canonical,
            encoding_term=word,
            body=lower_body(self.program, given.operation, inside, width, VOID),
            line=line,
            access={str(k): str(v) for k, v in given.access.items() if isinstance(v, Text)},
            rows=self.rows(given, operands, canonical),
            partial=given.restart == "partial",
            description=str(given.long_name or ""),
            claims=tuple(claims(self.program, given, operands)),
        )

    def undefined(self, given: Text) -> Instruction:
        """What units that no encoding accepts do."""
        return Instruction(
            id=UNDEFINED,
            name=UNDEFINED,
            variant="",
            position=given.position,
            encoding=None,
            operands={},
            length=constant(self.decode.length_width, 0),
            canonical=TRUE,
            encoding_term=None,
            body=lower_body(self.program, given, {}, 0, VOID),
            line=None,
            access={},
            rows=(Row(""),),
            partial=False,
            description="bits that no encoding accepts",
        )

    def encoding(self, given: schema.Encoding) -> Encoding | None:
        variables = tuple(
            Variable(v.name, v.location, v.left_shift, v.sign_extend, tuple(v.excluded)) for v in given.variables
        )
        declaration = Declaration(
            match=given.match,
            bytes=given.bytes,
            length=given.length,
            variables=variables,
            when=given.when,
            tails=tuple((p, t) for p, t in given.tails),
            modrm=given.modrm,
            prefixes=tuple(given.prefixes),
            position=given.position,
        )
        try:
            return compile_encoding(declaration, self.decode, self.condition)
        except SpecificationError as error:
            self.refused(error)
            return None

    def line(self, given: schema.Instruction, encoding: Encoding) -> Line | None:
        """How the instruction reads in assembly."""
        try:
            return compile_line(given.name, given.assembly, encoding, self.syntax, self.condition)
        except SpecificationError as error:
            self.refused(error)
            return None

    def refused(self, error: SpecificationError) -> None:
        for problem in error.problems:
            self.program.problems.add(problem)

    def rows(self, given: schema.Instruction, operands: Mapping[str, Bits], canonical: Term) -> tuple[Row, ...]:
        """One row for each value that is listed, and one for what other values the operand can have."""
        problems = self.program.problems
        if not given.rows:
            return (Row(""),)
        (name, values), *more = given.rows.items()
        if more:
            problems.report(more[0][0].position, "rows are over one operand")
        if str(name) not in operands:
            problems.report(name.position, f"no operand '{name}'", hint=did_you_mean(name, operands))
            return (Row(""),)
        names = self.csr_names if isinstance(values, str) else {v: str(v) for v in values}
        for value in names:
            if value >> operands[str(name)].width:
                problems.report(name.position, f"{value} does not fit operand '{name}'")
        listed = tuple(Row(f":{n}", str(name), v) for v, n in names.items())
        left = _others(canonical, str(name), operands[str(name)].width, names)
        return (*listed, Row(":other", str(name), None, tuple(names))) if left else listed

    def check_overlaps(self, instructions: Sequence[Instruction]) -> tuple[Undecided, ...]:
        """Report encodings that accept the same units; the pairs for which that is too hard to tell."""
        places = {i.id: i.position for i in instructions}
        result = overlaps({i.id: i.encoding for i in instructions if i.encoding is not None})
        digits = -(-self.decode.unit // 4)
        for overlap in result.found:
            units = " ".join(f"{unit:0{digits}x}" for unit in overlap.units)
            for one, other in ((overlap.a, overlap.b), (overlap.b, overlap.a)):
                message = f"{one} and {other} have an encoding in common"
                hint = "tell them apart by `when` or by `not`"
                self.program.problems.report(places[one], message, found=f"units {units}", hint=hint)
        return result.undecided


def _as_operand(term: Term, args: tuple[Term, ...]) -> Term | None:
    """The variable of an encoding as the operand of a body."""
    return operand(term.width, term.name.text) if term.op == "var" else None


def encoding_word(encoding: Encoding) -> Term | None:
    """The instruction's own bits as a term over operands, for an encoding that is one step; ignored bits are 0."""
    if len(encoding.steps) != 1 or encoding.prefixes:
        return None
    (step,) = encoding.steps
    width = step.units * encoding.decode.unit
    word = constant(width, step.value)
    for slot in step.slots:
        held = operand(slot.width, slot.name)
        for low, at, bits in slot.pieces:
            piece = mk("extract", bits, held, data=(low + bits - 1, low))
            placed = mk("shl", width, mk("zext", width, piece), constant(width, at))
            word = mk("or", width, word, placed)
    return word


def _others(canonical: Term, name: str, width: int, listed: Container[int]) -> bool:
    """Whether an operand can have a value that is not listed; of more than MOST_VALUES that cannot be is not found out."""
    chosen, others = operand(width, name), (v for v in range(1 << width) if v not in listed)
    tried = islice(others, MOST_VALUES)
    possible = any(substitute([canonical], {chosen: constant(width, v)})[0] is not FALSE for v in tried)
    return possible or next(others, None) is not None
