"""Encodings: what a declaration says about the bits of an instruction, compiled to steps and one canonicity predicate.

An encoding is prefixes (each sets one operand) followed by *steps*: runs of whole units with literal bits and slots of
operands, present when a condition over earlier operands holds. `canonical` is true of exactly the operands that
`codec.encode` gives bits for, and decoding these bits gives the operands back. Bits that neither `match` fixes nor an
operand holds are ignored, and encoded as 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final

from pgcheck.isa import terms
from pgcheck.isa.encoding.fields import (
    Declaration,
    Decode,
    Encoding,
    Field,
    Group,
    Operand,
    Slot,
    Step,
    Tail,
    Variable,
    in_bits,
    parse_variable,
)
from pgcheck.isa.files.errors import Problems, SpecificationError, Text, did_you_mean
from pgcheck.isa.terms import Term, knownbits

__all__ = [
    "Condition",
    "LENGTH",
    "Declaration",
    "Decode",
    "Encoding",
    "Field",
    "Group",
    "Operand",
    "Slot",
    "Step",
    "Tail",
    "Variable",
    "compile_encoding",
    "exclusive",
    "parse_variable",
    "rename",
    "scoped",
]

Condition = Callable[[str, Mapping[str, int]], Term]

LENGTH: Final = "length"
_EXCLUSION_BUDGET: Final = 4096


def compile_encoding(declaration: Declaration, decode: Decode, condition: Condition) -> Encoding:
    """The encoding that `declaration` means; raises SpecificationError with every problem found in it.

    `condition(text, widths)` compiles a Boolean over variables named and sized by `widths`.
    """
    draft = _Draft(declaration, decode, condition)
    draft.read()
    draft.problems.raise_if_any()
    return draft.finish()


def rename(meaning: Mapping[str, str], prefix: str) -> dict[str, str]:
    """What identifiers mean inside a tail or form used with a prefix.

    `x` is `prefix_x` where that exists, else as before.
    """
    inner = {name: full for name, full in meaning.items() if prefix and name.startswith(f"{prefix}_")}
    return {**meaning, **{name.removeprefix(f"{prefix}_"): full for name, full in inner.items()}}


class _Draft:
    """An encoding being read: everything known so far, and the problems found."""

    def __init__(self, declaration: Declaration, decode: Decode, condition: Condition) -> None:
        self.declaration, self.decode, self.condition = declaration, decode, condition
        self.problems = Problems()
        self.operands: dict[str, Operand] = {}
        self.steps: list[Step] = []
        self.demands: list[Term] = []
        self.holders: dict[str, list[Term]] = {}

    def report(
        self, message: str, at: str | None = None, *, found: str = "", expected: str = "", hint: str = ""
    ) -> None:
        position = at.position if isinstance(at, Text) else self.declaration.position
        self.problems.report(position, message, found=found, expected=expected, hint=hint)

    # reading the declaration

    def read(self) -> None:
        declaration = self.declaration
        for name in declaration.prefixes:
            if name in self.decode.prefixes:
                self.operands[name] = Operand(self.decode.prefix_width(name))
            else:
                self.report("unknown prefix field", name, found=name, hint=did_you_mean(name, self.decode.prefixes))
        match declaration.match, declaration.bytes:
            case str() as bits, None:
                self.read_match(bits)
            case None, str() as tokens:
                self.read_bytes(tokens)
            case _:
                self.report("an encoding has either `match` or `bytes`")
        for prefix, name in declaration.tails:
            self.tail(name, prefix)
        if declaration.modrm is not None:
            self.read_modrm(declaration.modrm)
        if declaration.when is not None:
            self.demand(declaration.when)
        if self.steps:
            self.check_first_unit()

    def read_match(self, match: str) -> None:
        if self.declaration.modrm is not None:
            self.report("`modrm` belongs to `bytes`", self.declaration.modrm)
        pattern = in_bits(match)
        stray = re.search("[^01-]", pattern)
        if stray or not pattern:
            self.report("a match is made of 0, 1 and -", match, found=stray.group() if stray else "nothing")
            return
        size, unit = self.declaration.length or len(pattern), self.decode.unit
        if size < len(pattern):
            self.report(
                "the match is longer than `length`", match, found=f"{len(pattern)} bits", expected=f"{size} bits"
            )
            return
        if size % unit:
            self.report(
                "the match does not fill whole units",
                match,
                found=f"{size} bits",
                expected=f"a multiple of {unit} bits",
            )
            return
        low = size - len(pattern)
        mask = sum(1 << low + i for i, bit in enumerate(reversed(pattern)) if bit != "-")
        value = sum(1 << low + i for i, bit in enumerate(reversed(pattern)) if bit == "1")
        slots, taken = [], mask
        for variable in self.declaration.variables:
            slot, bits = self.place(variable, size)
            if slot is None:
                continue
            if clash := bits & taken:
                what = "fixed by the match" if clash & mask else "part of another variable"
                self.report(f"bit {clash.bit_length() - 1} is {what}", variable.location, found=variable.location)
            taken |= bits
            slots.append(slot)
            self.hold(slot.name, Operand(slot.width, variable.sign_extend), terms.TRUE)
            self.exclude(variable, slot)
        self.steps.append(Step(terms.TRUE, size // unit, mask, value, tuple(slots)))

    def place(self, variable: Variable, size: int) -> tuple[Slot | None, int]:
        """The slot of a variable in a match of `size` bits, and the bits it takes."""
        runs = [re.fullmatch(r"\s*(\d{1,4})\s*(?:-\s*(\d{1,4})\s*)?", run) for run in variable.location.split("|")]
        pieces, at, taken = [], variable.left_shift, 0
        for run in reversed(runs):
            high, low = (-1, 0) if run is None else (int(run[1]), int(run[2] or run[1]))
            if not low <= high < size:
                expected = f"pieces as 31-20 or 7 with bits of 0..{size - 1}, joined by |"
                self.report(
                    "the location is not in the match", variable.location, found=variable.location, expected=expected
                )
                return None, 0
            bits = terms.mask(high - low + 1) << low
            if taken & bits:
                self.report("the location names a bit twice", variable.location, found=variable.location)
            pieces.append((at, low, high - low + 1))
            at, taken = at + high - low + 1, taken | bits
        return Slot(variable.name, at, tuple(pieces), variable.left_shift, at, variable.sign_extend), taken

    def exclude(self, variable: Variable, slot: Slot) -> None:
        var = terms.variable(slot.width, slot.name)
        for excluded in variable.excluded:
            if excluded >> slot.width:
                self.report(
                    "an excluded value does not fit", variable.name, found=str(excluded), expected=f"{slot.width} bits"
                )
            self.demands.append(terms.lnot(terms.eq(var, terms.constant(slot.width, excluded))))

    def read_bytes(self, tokens: str) -> None:
        if self.decode.unit != 8:
            self.report("`bytes` needs units of 8 bits", tokens, found=f"{self.decode.unit} bits")
            return
        if self.declaration.variables or self.declaration.length is not None:
            self.report("`variables` and `length` belong to `match`", tokens)
        for token in tokens.split():
            if token in self.decode.tails:
                self.tail(token, "")
            elif re.fullmatch("[0-9A-Fa-f]{2}", token):
                self.steps.append(Step(terms.TRUE, 1, 0xFF, int(token, 16), ()))
            elif re.fullmatch(r"[0-9A-Fa-f][08]\+r", token):
                self.hold("reg", Operand(3), terms.TRUE)
                slot = Slot("reg", 3, ((0, 0, 3),), 0, 3)
                self.steps.append(Step(terms.TRUE, 1, 0xF8, int(token[:2], 16), (slot,)))
            elif re.fullmatch("/[0-7r]", token):
                self.tail("modrm", "", {} if token == "/r" else {"reg": int(token[1])})
                self.tail("ea", "")
            elif token[0].isalpha():
                self.tail(token, "")
            else:
                self.report(
                    "unknown token",
                    tokens,
                    found=token,
                    expected="a hex byte, 50+r (ending in 0 or 8), /r, /0../7 or a tail",
                )

    def read_modrm(self, form: str) -> None:
        mod = self.operands.get("mod")
        if form not in ("mem", "reg") or mod is None:
            self.report("`modrm` is mem or reg, of an encoding with a field mod", form, found=form)
            return
        is_register = terms.eq(terms.variable(mod.width, "mod"), terms.constant(mod.width, 3))
        self.demands.append(is_register if form == "reg" else terms.lnot(is_register))

    def tail(self, name: str, prefix: str, fixed: Mapping[str, int] | None = None) -> None:
        """Append the groups of tail `name`, its fields named with `prefix`; `fixed` fields have one value."""
        groups = self.decode.tails.get(name)
        if groups is None:
            self.report("unknown tail", name, found=str(name), hint=did_you_mean(name, self.decode.tails))
            return
        for group in groups:
            when = terms.TRUE if group.when is None else self.term(group.when, prefix)
            mask = value = at = 0
            slots = []
            for entry in group.fields:
                full = f"{prefix}_{entry.name}" if prefix else entry.name
                if not 0 < entry.bits <= entry.width:
                    found = f"{entry.bits} bits of {entry.width}"
                    self.report(f"field {entry.name} has more bits than its operand, or none", entry.name, found=found)
                    return
                self.hold(full, Operand(entry.width, entry.signed), when)
                slots.append(Slot(full, entry.width, ((0, at, entry.bits),), 0, entry.bits, entry.signed))
                if fixed and entry.name in fixed:
                    mask |= terms.mask(entry.bits) << at
                    value |= fixed[entry.name] << at
                    wanted = terms.constant(entry.width, fixed[entry.name])
                    self.demands.append(terms.eq(terms.variable(entry.width, full), wanted))
                at += entry.bits
            if at % self.decode.unit or not at:
                expected = f"a multiple of {self.decode.unit} bits"
                self.report(
                    f"a group of tail {name} does not fill whole units", name, found=f"{at} bits", expected=expected
                )
                return
            if when is not terms.FALSE:
                self.steps.append(Step(when, at // self.decode.unit, mask, value, tuple(slots)))

    def hold(self, name: str, operand: Operand, when: Term) -> None:
        """Note that a step present under `when` holds an operand."""
        if name == LENGTH or name in self.decode.prefixes:
            self.report(
                f"{name} is the name of {'the length' if name == LENGTH else 'a prefix field'}", name, found=name
            )
        before = self.operands.get(name)
        if before is not None and before.width != operand.width:
            self.report(
                f"field {name} has two widths", name, found=f"{operand.width} bits", expected=f"{before.width} bits"
            )
            return
        if any(not exclusive(when, other) for other in self.holders.get(name, ())):
            hint = "a field may stand in several groups only if no two of them can be present together"
            self.report(f"operand {name} is held twice", name, found=name, hint=hint)
        self.holders.setdefault(name, []).append(when)
        self.operands[name] = Operand(operand.width, operand.signed or (before is not None and before.signed))

    def demand(self, text: str) -> None:
        self.demands.append(self.term(text, ""))

    def term(self, text: str, prefix: str) -> Term:
        """A condition over the operands known so far; prefix fields that the encoding does not take are 0."""
        try:
            meaning = rename({name: name for name in self.operands}, prefix)
            return scoped(text, meaning, self.operands, self.decode, self.condition)
        except SpecificationError as error:
            for problem in error.problems:
                self.problems.report(
                    problem.position, problem.message, found=problem.found, expected=problem.expected, hint=problem.hint
                )
            return terms.FALSE

    def check_first_unit(self) -> None:
        """The first unit must not be a prefix, since prefixes are read first."""
        if not self.decode.prefixes:
            return
        step = self.steps[0]
        mask, value = self.decode.split(step.mask, step.units)[0], self.decode.split(step.value, step.units)[0]
        for name, row in self.decode.prefixes.items():
            for unit in row:
                if unit & mask == value:
                    self.report(f"the first unit can be the prefix {unit:#x} of {name}, which is read first")

    # the result

    def finish(self) -> Encoding:
        decode = self.decode
        canonical = [*self.demands, *self.layout()]
        units = sum(step.units for step in self.steps) + len(self.declaration.prefixes)
        width = max(units * decode.unit // decode.pc_unit, 1).bit_length()
        length = terms.constant(width, 0)
        counted = [(step.when, step.units) for step in self.steps]
        for name in self.declaration.prefixes:
            counted.append((terms.lnot(terms.eq(self.variable(name), self.zero(name))), 1))
        for when, count in counted:
            cells = count * decode.unit // decode.pc_unit
            length = terms.mk("add", width, length, _cells_if(when, width, cells))
        if units > decode.max_length:
            most = terms.constant(width, decode.max_length * decode.unit // decode.pc_unit)
            canonical.append(terms.mk("ule", 0, length, most))
        wanted = decode.length_width
        length = terms.zext(length, wanted) if width <= wanted else terms.extract(length, wanted - 1, 0)
        prefixes = tuple(name for name in decode.prefixes if name in self.declaration.prefixes)
        when = terms.conjunction(self.demands)
        return Encoding(self.operands, prefixes, tuple(self.steps), when, terms.conjunction(canonical), length, decode)

    def layout(self) -> Iterable[Term]:
        """That absent operands are 0, present ones fit their slots and prefixes have values of the table."""
        for name, whens in self.holders.items():
            yield _zero_unless(tuple(whens), self.variable(name))
        for step in self.steps:
            for slot in step.slots:
                yield _fits_if(step.when, slot)
        for name in self.declaration.prefixes:
            width = self.operands[name].width
            values = {0, *self.decode.prefixes[name].values()}
            if len(values) < 1 << width:
                var = self.variable(name)
                yield terms.disjunction(terms.eq(var, terms.constant(width, v)) for v in sorted(values))

    def variable(self, name: str) -> Term:
        return terms.variable(self.operands[name].width, name)

    def zero(self, name: str) -> Term:
        return terms.constant(self.operands[name].width, 0)


def scoped(
    text: str, meaning: Mapping[str, str], operands: Mapping[str, Operand], decode: Decode, condition: Condition
) -> Term:
    """A condition of a tail or form: `meaning` gives the operand that each identifier is; other prefix fields are 0.

    Only the widths of names that the text has are passed on (all of them when it has others), so that `condition` can
    cache.
    """
    absent = {name: decode.prefix_width(name) for name in decode.prefixes if name not in meaning}
    widths = {name: operands[full].width for name, full in meaning.items()} | absent
    words = dict.fromkeys(re.findall(r"[A-Za-z_]\w*", text))
    if all(word in widths for word in words):
        widths = {word: widths[word] for word in words}
    return _renamed(condition(text, widths), tuple((n, w, meaning.get(n, "")) for n, w in widths.items()))


@lru_cache(maxsize=4096)
def _renamed(term: Term, names: tuple[tuple[str, int, str], ...]) -> Term:
    """The term with each variable of `names` (name, width, new name) renamed, or 0 where the new name is ""."""
    leaves = {terms.variable(w, n): terms.variable(w, new) if new else terms.constant(w, 0) for n, w, new in names}
    return terms.substitute([term], leaves)[0]


@lru_cache(maxsize=4096)
def _zero_unless(whens: tuple[Term, ...], operand: Term) -> Term:
    """That an operand is 0 when no step that holds it is present."""
    return terms.lor(terms.disjunction(whens), terms.eq(operand, terms.constant(operand.width, 0)))


@lru_cache(maxsize=4096)
def _fits_if(when: Term, slot: Slot) -> Term:
    """That an operand's value is one that the slot can hold, when its step is present."""
    var = terms.variable(slot.width, slot.name)
    absent = terms.lnot(when)
    zeros = terms.eq(terms.extract(var, slot.shift - 1, 0), terms.constant(slot.shift, 0)) if slot.shift else terms.TRUE
    if slot.top == slot.width:
        return terms.lor(absent, zeros)
    kept = terms.mk("sext" if slot.signed else "zext", slot.width, terms.extract(var, slot.top - 1, 0))
    return terms.lor(absent, terms.land(zeros, terms.eq(var, kept)))


@lru_cache(maxsize=4096)
def _cells_if(when: Term, width: int, cells: int) -> Term:
    return terms.ite(when, terms.constant(width, cells), terms.constant(width, 0))


@lru_cache(maxsize=4096)
def exclusive(a: Term, b: Term) -> bool:
    """Whether two conditions never hold together; False also when that is too hard to tell."""
    try:
        return next(knownbits.search((a, b), {}, _EXCLUSION_BUDGET), None) is None
    except knownbits.Exhausted:
        return False
