"""Templates of assembly text, and instructions printed by them.

A template is text with holes for operands and *forms*, lists of alternatives chosen by conditions over operands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from pgcheck.isa import terms
from pgcheck.isa.encoding.codec import compiled
from pgcheck.isa.encoding.encoding import Condition, Encoding, rename, scoped
from pgcheck.isa.files.errors import NOWHERE, Position, Problems, Text, did_you_mean
from pgcheck.isa.terms import Term

_NUMERIC: Final = ("hex", "signed", "unsigned")
_MNEMONIC: Final = "{mnemonic}"
_RELATIVE: Final = re.compile(r"relative(?:\+(length|\d{1,4}))?")


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to print a form: `text` if `when` (None: always) holds and no earlier one did."""

    when: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Syntax:
    """How a machine's assembly looks.

    `operands` gives the kind that an operand is printed as: a register list, `signed`, `unsigned`, `hex` (the default), `csrs`, a form, or
    `relative`, `relative+N`, `relative+length`: an offset from this instruction, N beyond it, or the next one. `directives` gives those
    of GNU's assembler that mean another one on this machine.
    """

    comment: str = "#"
    registers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    operands: Mapping[str, str] = field(default_factory=dict)
    forms: Mapping[str, tuple[Alternative, ...]] = field(default_factory=dict)
    directives: Mapping[str, str] = field(default_factory=dict)
    compiled: dict[object, Choice] = field(default_factory=dict, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that stands as it is, but for spaces and case when read; the `word` that a line begins with is read whole, if a space ends it."""

    text: str
    word: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        """What it is read by."""
        return _pattern(self.text, self.word)


@dataclass(frozen=True, slots=True)
class Relative:
    """What a relative operand counts from: `units` of PC after the start of the instruction, or (None) the next instruction."""

    units: int | None

    def base(self, length: int) -> int:
        """Where that is, relative to the start of an instruction `length` units of PC long."""
        return length if self.units is None else self.units


@dataclass(frozen=True, slots=True)
class Hole:
    """An operand: `names` if it is a register, else a number; `plus`: a signed number printed with its sign."""

    operand: str
    width: int
    kind: str
    names: tuple[str, ...]
    relative: Relative | None = None
    plus: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A form: parts for each alternative, with the condition that it and none before it holds."""

    form: str
    alternatives: tuple[tuple[Term, tuple[Part, ...]], ...]


Part = Literal | Hole | Choice


@dataclass(frozen=True, slots=True)
class Line:
    """An instruction that can be printed and read: its mnemonic, compiled template and encoding; `glued`: operands follow without a space."""

    name: str
    parts: tuple[Part, ...]
    encoding: Encoding
    glued: bool = False


def compile_line(name: str, template: str, encoding: Encoding, syntax: Syntax, condition: Condition) -> Line:
    """The line that an instruction's `assembly` template means; raises SpecificationError with every problem found."""
    draft = _Draft(encoding, syntax, condition, template.position if isinstance(template, Text) else NOWHERE)
    meaning = {operand: operand for operand in encoding.operands}
    if "{" not in template:
        template = _braced(template, encoding)
    glued = template.startswith(_MNEMONIC) and _MNEMONIC[1:-1] not in encoding.operands
    rest = draft.parts(_after(template, len(_MNEMONIC)) if glued else template, meaning, ())
    draft.problems.raise_if_any()
    return Line(name, (Literal(name if glued else f"{name} ", word=True), *rest), encoding, glued)


def _after(template: str, start: int) -> str:
    """What of a template comes from there on, at its place."""
    rest = template[start:]
    return Text(rest, template.locate(start)) if isinstance(template, Text) else rest


def _braced(template: str, encoding: Encoding) -> str:
    """The bare style of template, in which every word that is an operand is a hole."""
    text = re.sub(r"[A-Za-z_]\w*", lambda m: f"{{{m[0]}}}" if m[0] in encoding.operands else m[0], template)
    return Text(text, template.position, ()) if isinstance(template, Text) else text


class _Draft:
    """Templates being compiled for one encoding, and the problems found."""

    def __init__(self, encoding: Encoding, syntax: Syntax, condition: Condition, position: Position) -> None:
        self.encoding, self.syntax, self.condition, self.position = encoding, syntax, condition, position
        self.problems = Problems()

    def parts(self, template: str, meaning: Mapping[str, str], open_forms: tuple[str, ...]) -> tuple[Part, ...]:
        result: list[Part] = []
        end = 0
        for match in re.finditer(r"\{(\w*)(?::([^{}]*))?\}", template):
            before, end = template[end : match.start()], match.end()
            part = self.part(template, match, meaning, open_forms)
            if isinstance(part, Hole) and part.kind == "signed" and before.endswith("+"):
                before = before[:-1]
                part = replace(part, plus=True)
            if before:
                result.append(Literal(str(before)))
            if part is not None:
                result.append(part)
        if template[end:]:
            result.append(Literal(str(template[end:])))
        for stray in re.finditer(r"[{}]", re.sub(r"\{\w*(:[^{}]*)?\}", lambda m: " " * len(m[0]), template)):
            self.report(template, stray.start(), "a brace is not part of {name} or {name:kind}", stray.group())
        return tuple(result)

    def part(
        self, template: str, match: re.Match[str], meaning: Mapping[str, str], open_forms: tuple[str, ...]
    ) -> Part | None:
        name, kind = match[1], match[2]
        full = meaning.get(name)
        if kind is None:
            kind = self.syntax.operands.get(name, "hex") if full is not None else name
        if kind in self.syntax.forms:
            if kind in open_forms:
                self.report(template, match.start(), "a form contains itself", kind)
                return None
            return self.choice(kind, rename(meaning, name), (*open_forms, kind))
        if full is None:
            self.report(template, match.start(), "neither an operand nor a form", name, {*meaning, *self.syntax.forms})
            return None
        names = self.syntax.registers.get(kind, ())
        relative = _relative(kind)
        if not names and kind not in (*_NUMERIC, "csrs") and relative is None:
            kinds = {*_NUMERIC, "csrs", "relative", *self.syntax.registers, *self.syntax.forms}
            self.report(template, match.start(), "unknown kind of operand", kind, kinds)
        return Hole(full, self.encoding.operands[full].width, kind, names, relative)

    def choice(self, form: str, meaning: Mapping[str, str], open_forms: tuple[str, ...]) -> Choice:
        """A form, compiled once for all encodings with the same operands."""
        key = (form, frozenset((n, full, self.encoding.operands[full].width) for n, full in meaning.items()))
        found = self.syntax.compiled.get(key)
        if found is None:
            before = len(self.problems)
            found = self.alternatives(form, meaning, open_forms)
            if len(self.problems) == before:
                self.syntax.compiled[key] = found
        return found

    def alternatives(self, form: str, meaning: Mapping[str, str], open_forms: tuple[str, ...]) -> Choice:
        alternatives, earlier = [], terms.TRUE
        for alternative in self.syntax.forms[form]:
            when = terms.TRUE
            if alternative.when is not None:
                when = scoped(alternative.when, meaning, self.encoding.operands, self.encoding.decode, self.condition)
            guard = terms.land(earlier, when)
            earlier = terms.land(earlier, terms.lnot(when))
            if guard is not terms.FALSE:
                alternatives.append((guard, self.parts(alternative.text, meaning, open_forms)))
        return Choice(form, tuple(alternatives))

    def report(self, template: str, offset: int, message: str, found: str, candidates: set[str] | None = None) -> None:
        position = template.locate(offset) if isinstance(template, Text) else self.position
        self.problems.report(position, message, found=found, hint=did_you_mean(found, sorted(candidates or ())))


@lru_cache(maxsize=4096)
def _pattern(text: str, word: bool) -> re.Pattern[str]:
    """Any spaces around punctuation, and at least one where the text's own spaces divide words; of a word, whatever spaces follow it if one has to."""
    if word:
        alone = r"(?!\S)\s*" if text.endswith(" ") else ""
        return re.compile(f"{re.escape(text.removesuffix(' '))}{alone}", re.IGNORECASE)
    pieces = re.findall(r"\s+|\w+|[^\w\s]", text)
    pattern = ""
    for i, piece in enumerate(pieces):
        if piece.isspace():
            around = (*pieces[i - 1 : i], *pieces[i + 1 : i + 2])
            pattern += r"\s+" if all(re.match(r"\w", other) for other in around) else r"\s*"
        else:
            pattern += re.escape(piece) if re.match(r"\w", piece) else rf"\s*{re.escape(piece)}\s*"
    return re.compile(pattern, re.IGNORECASE)


Operands = Mapping[str, int]


def disassemble(line: Line, operands: Operands, length: int, csr_names: Mapping[int, str]) -> str:
    """The text of an instruction with these operands, `length` units of PC long."""
    return "".join(_printed(line.parts, operands, length, csr_names)).strip()


def _printed(parts: tuple[Part, ...], operands: Operands, length: int, csr_names: Mapping[int, str]) -> Iterator[str]:
    for part in parts:
        match part:
            case Literal():
                yield part.text
            case Hole():
                yield _shown(part, operands, length, csr_names)
            case Choice():
                chosen = (inner for guard, inner in part.alternatives if compiled(guard)(operands))
                yield from _printed(next(chosen, (Literal(f"<{part.form}>"),)), operands, length, csr_names)


def _shown(hole: Hole, operands: Operands, length: int, csr_names: Mapping[int, str]) -> str:
    value = operands[hole.operand]
    if hole.names:
        return hole.names[value] if value < len(hole.names) else f"?{value}"
    if hole.kind == "csrs":
        return csr_names.get(value, hex(value))
    if hole.kind == "unsigned":
        return str(value)
    if hole.kind == "hex":
        return hex(value)
    number = terms.signed(hole.width, value)
    if hole.relative is not None:
        return f".{number + hole.relative.base(length):+d}"
    return f"{number:+d}" if hole.plus else str(number)


def _relative(kind: str) -> Relative | None:
    match = _RELATIVE.fullmatch(kind)
    if match is None:
        return None
    return Relative(None if match[1] == "length" else int(match[1] or 0))
