"""Expressions of IDL-core: type checking and lowering to terms."""

from __future__ import annotations

import re
from functools import lru_cache
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pgcheck.isa.errors import Text, did_you_mean
from pgcheck.isa.ir import BUILTIN_EXITS
from pgcheck.isa.program import Elsewhere, Program, Refusal, instance_name, subtrees
from pgcheck.isa.state import Entry, Leaf, read_entry, read_leaf
from pgcheck.isa.syntax import Item, Tree
from pgcheck.isa.terms import FALSE, TRUE, Term, constant, mk, node, variable
from pgcheck.isa.types import (
    BOOLEAN, MAX_WIDTH, VOID, Bitfield, Bits, Boolean, Enum, Struct, Tuple, Type, Void, is_scalar, scalars, width_of,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Value:
    """A typed value: one term, or the terms of a struct or tuple by suffix. `minimal`: a literal without a width."""

    terms: tuple[Term, ...]
    type: Type
    minimal: bool = False

    @property
    def term(self) -> Term:
        return self.terms[0]


@dataclass(frozen=True, slots=True)
class Array:
    """An array entry, before it is indexed."""

    entry: Entry


@dataclass(slots=True)
class Scope:
    """What names mean at one place: the text, constants, locals (unique name, type) and operands."""

    text: Text
    constants: dict[str, int] = field(default_factory=dict)
    locals: dict[str, tuple[str, Type]] = field(default_factory=dict)
    operands: Mapping[str, Bits] = field(default_factory=dict)
    encoding_width: int = 0
    unique: dict[str, int] = field(default_factory=dict)
    sized: bool = True

    def child(self) -> Scope:
        """A nested block: its declarations end with it."""
        return Scope(
            self.text, dict(self.constants), dict(self.locals), self.operands, self.encoding_width, self.unique
        )

    def declare(self, name: str, type_: Type) -> str:
        """A new local; the name it has in the lowered body."""
        count = self.unique.get(name, 0)
        self.unique[name] = count + 1
        lowered = name if not count else f"{name}~{count}"
        self.locals[name] = (lowered, type_)
        self.constants.pop(name, None)
        return lowered


def local(name: str, type_: Type) -> tuple[Term, ...]:
    """The terms of a local of any type."""
    return tuple(variable(width_of(t), f"l.{name}{suffix}") for suffix, t in scalars(type_))


_LITERAL = re.compile(r"(?:(\d+|MXLEN)?'(s?)([bodh]?)([0-9a-fA-F_]+)|0([bx])([0-9a-fA-F_]+)(s?)|([0-9_]+)(s?))\Z")
MAX_DIGITS = 2048
_BASES = {"b": 2, "o": 8, "d": 10, "h": 16, "": 10, "x": 16}


@lru_cache(maxsize=1024)
def _literal(text: str, longest: int | None) -> Value:
    """The value of a number; `longest` is what MXLEN stands for. Raises Refusal."""
    match = _LITERAL.match(text)
    if match is None:
        raise Refusal(None, "this number cannot be read", found=text, expected="5, 8'hff, 32'd5, 4'b1010 or 0x1f")
    sized, sign, base, digits, prefix, prefixed, sign2, plain, sign3 = match.groups()
    is_signed = bool(sign or sign2 or sign3)
    if len(text) > MAX_DIGITS:
        raise Refusal(None, "this number is too long", found=f"{len(text)} characters", expected=f"at most {MAX_DIGITS}")
    try:
        value = int((digits or prefixed or plain).replace("_", ""), _BASES[(base if digits else prefix) or ""])
    except ValueError:
        raise Refusal(None, "this number cannot be read", found=text) from None
    if sized == "MXLEN" and longest is None:
        raise Refusal(None, "no parameter MXLEN", hint="declare it under `params:`")
    width = longest if sized == "MXLEN" else int(sized) if sized else max(1, value.bit_length() + is_signed)
    if width is None or not 0 < width <= MAX_WIDTH:
        raise Refusal(None, "this width cannot be", found=str(width), expected=f"1 to {MAX_WIDTH} bits")
    if value >> width:
        raise Refusal(None, f"{value} does not fit in {width} bits")
    return Value((constant(width, value),), Bits(width, is_signed), minimal=not sized and not (digits and sized == ""))


class Expressions:
    """Lowers the expressions of one scope. Each method of `_FORMS` takes a tree and gives a Value; all raise Refusal."""

    def __init__(self, program: Program, scope: Scope) -> None:
        self.program, self.scope = program, scope

    # ---- conversions

    def value(self, item: Item) -> Value:
        """A value; an array without an index is refused."""
        result = self.any(item)
        if isinstance(result, Array):
            raise Refusal(item, f"{result.entry.name} is an array", hint="give an index")
        return result

    def any(self, item: Item) -> Value | Array:
        if isinstance(item, str):
            raise Refusal(item, "an expression was expected", found=str(item))
        form = _FORMS.get(item.data)
        if form is None:
            raise Refusal(item, f"{item.data.replace('_', ' ')} is not part of IDL-core")
        return form(self, item)

    def bits(self, item: Item) -> Value:
        """A value as bits: an enum must be converted, a Boolean cannot be."""
        return self.as_bits(self.value(item), item)

    def as_bits(self, value: Value, item: Item) -> Value:
        match value.type:
            case Bits():
                return value
            case Bitfield(width=w):
                return Value(value.terms, Bits(w))
            case Enum(name=name):
                raise Refusal(item, "an enum value is no number", found=name, expected="bits", hint="use $bits(..)")
            case Boolean():
                raise Refusal(item, "a Boolean is no number", expected="bits", hint="use (x ? 1'b1 : 1'b0)")
            case Void():
                raise Refusal(item, "this call has no value", expected="a value")
            case other:
                raise Refusal(item, "an aggregate has no bits", found=str(other))

    def truth(self, item: Item) -> Term:
        """A Boolean value."""
        value = self.value(item)
        if not isinstance(value.type, Boolean):
            hint = "compare it: x != 0" if isinstance(value.type, Bits) else ""
            raise Refusal(item, "a condition must be Boolean", found=str(value.type), expected="Boolean", hint=hint)
        return value.term

    def convert(self, value: Value, type_: Type, item: Item, what: str = "") -> Value:
        """`value` as `type_`: bits truncate or extend, but a constant must fit; other types must be equal."""
        target = f" {what}" if what else ""
        if value.type == type_:
            return value
        if isinstance(type_, Bits | Bitfield) and isinstance(value.type, Bits | Bitfield):
            term, width = value.term, width_of(type_)
            source = width_of(value.type)
            is_signed = isinstance(value.type, Bits) and value.type.signed
            if term.is_constant and source > width:
                fits = term.value >> width == 0 or (is_signed and term.value >> (width - 1) == (1 << (source - width + 1)) - 1)
                if not fits:
                    raise Refusal(item, f"{term.value} does not fit {type_}{target}")
            return Value((resize(term, width, is_signed),), type_)
        if isinstance(value.type, Void):
            raise Refusal(item, "this call has no value", expected=str(type_))
        hint = ""
        if isinstance(type_, Enum):
            hint = f"use $enum({type_.name}, x)"
        elif isinstance(value.type, Boolean):
            hint = "use (x ? 1'b1 : 1'b0)"
        elif isinstance(type_, Boolean):
            hint = "compare it: x != 0"
        elif isinstance(value.type, Enum):
            hint = "use $bits(..)"
        raise Refusal(item, f"this value does not fit{target}", found=str(value.type), expected=str(type_), hint=hint)

    def constant(self, item: Item) -> int:
        """The value of a constant expression."""
        value = self.bits(item)
        if not value.term.is_constant:
            raise Refusal(item, "a constant was expected")
        return value.term.value

    # ---- names

    def name(self, tree: Tree) -> Value | Array:
        return self.named(str(tree.children[0]), tree)

    def named(self, name: str, item: Item) -> Value | Array:
        scope, program = self.scope, self.program
        if name in scope.locals:
            lowered, type_ = scope.locals[name]
            return Value(local(lowered, type_), type_)
        if name in scope.constants or name in program.params:
            number = scope.constants.get(name, program.params.get(name, 0))
            return Value((constant(max(1, number.bit_length()), number),), Bits(max(1, number.bit_length())))
        if name in scope.operands:
            operand = scope.operands[name]
            return Value((variable(operand.width, "o." + name),), operand)
        if name in program.entries:
            entry = program.entries[name]
            return Array(entry) if entry.size else self.entry(entry, None)
        if name in ("true", "false"):
            return Value((TRUE if name == "true" else FALSE,), BOOLEAN)
        known = [*scope.locals, *scope.constants, *scope.operands, *program.entries, *program.params]
        raise Refusal(item, f"no '{name}' here", hint=did_you_mean(name, known))

    def entry(self, entry: Entry, index: Term | None) -> Value:
        leaves = self.program.leaves
        if isinstance(entry.type, Struct):
            return Value(tuple(read_leaf(leaves[p.leaf], index) for p in entry.parts), entry.type)
        return Value((read_entry(entry, leaves, index),), entry.type)

    def csr(self, tree: Tree) -> Value | Array:
        return self.named(csr_name(tree.children[0]), tree)

    def csr_member(self, tree: Tree) -> Value:
        base = self.named(csr_name(tree.children[0]), tree)
        if isinstance(base, Array):
            raise Refusal(tree, f"{base.entry.name} is an array", hint="give an index")
        return self.member_of(base, str(tree.children[1]), tree)

    def pc(self, tree: Tree) -> Value:
        entry = next((e for e in self.program.entries.values() if e.pc), None)
        if entry is None:
            raise Refusal(tree, "no state entry has `pc: true`")
        return self.entry(entry, None)

    def encoding(self, tree: Tree) -> Value:
        width = self.scope.encoding_width
        if not width:
            raise Refusal(tree, "$encoding is known only in an instruction of fixed length")
        return Value((node("encoding", width),), Bits(width))

    def enum_value(self, tree: Tree) -> Value:
        name, member = map(str, tree.children)
        type_ = self.program.types.get(name)
        if not isinstance(type_, Enum):
            raise Refusal(tree, f"no enum '{name}'", hint=did_you_mean(name, self.program.types))
        if member not in type_.members:
            raise Refusal(tree, f"{name} has no '{member}'", hint=did_you_mean(member, type_.members))
        return Value((constant(type_.width, type_.members[member]),), type_)

    # ---- parts

    def member(self, tree: Tree) -> Value:
        base_tree, name = tree.children[0], str(tree.children[1])
        if not isinstance(base_tree, str) and base_tree.data == "name" and str(base_tree.children[0]) not in self.scope.locals:
            entry = self.program.entries.get(str(base_tree.children[0]))
            if entry is not None and not entry.size:
                return self.entry_member(entry, None, name, tree)
        if not isinstance(base_tree, str) and base_tree.data == "index":
            base = self.any(base_tree.children[0])
            if isinstance(base, Array):
                return self.entry_member(base.entry, self.array_index(base.entry, base_tree.children[1]), name, tree)
        return self.member_of(self.value(base_tree), name, tree)

    def entry_member(self, entry: Entry, index: Term | None, name: str, item: Item) -> Value:
        """One field of an entry, reading its leaf only."""
        part = entry.part(name)
        if part is None:
            return self.member_of(self.entry(entry, index), name, item)
        width = part.high - part.low + 1
        member = entry.type.members[name] if isinstance(entry.type, Struct) else Bits(width)
        if not part.leaf:
            return Value((constant(width, part.fixed),), member)
        return Value((read_leaf(self.program.leaves[part.leaf], index),), member)

    def member_of(self, base: Value, name: str, item: Item) -> Value:
        match base.type:
            case Bitfield(ranges=ranges) as type_:
                if name not in ranges:
                    raise Refusal(item, f"{type_.name} has no field '{name}'", hint=did_you_mean(name, ranges))
                high, low = ranges[name]
                return Value((extraction(base.term, high, low),), Bits(high - low + 1))
            case Struct(members=members) as type_:
                if name not in members:
                    raise Refusal(item, f"{type_.name} has no member '{name}'", hint=did_you_mean(name, members))
                return Value((base.terms[list(members).index(name)],), members[name])
            case other:
                raise Refusal(item, f"{other} has no fields", found=f".{name}")

    def array_index(self, entry: Entry, item: Item) -> Term:
        value = self.bits(item)
        if value.term.is_constant:
            if value.term.value >= entry.size:
                raise Refusal(item, f"{entry.name} has {entry.size} elements", found=str(value.term.value))
        elif width_of(value.type) > entry.index_width:
            raise Refusal(
                item, f"this index is wider than {entry.name} needs", found=str(value.type),
                expected=f"Bits<{entry.index_width}>", hint="take the low bits: x[..:0]",
            )  # fmt: skip
        return resize(value.term, entry.index_width, False)

    def index(self, tree: Tree) -> Value:
        base, item = self.any(tree.children[0]), tree.children[1]
        if isinstance(base, Array):
            return self.entry(base.entry, self.array_index(base.entry, item))
        base = self.as_bits(base, tree)
        place, width = self.bits(item), width_of(base.type)
        if place.term.is_constant:
            if place.term.value >= width:
                raise Refusal(item, f"bit {place.term.value} is beyond {base.type}")
            return Value((extraction(base.term, place.term.value, place.term.value),), Bits(1))
        shift = node("lshr", width, base.term, resize(place.term, width, False))
        return Value((extraction(shift, 0, 0),), Bits(1))

    def range(self, tree: Tree) -> Value:
        base = self.bits(tree.children[0])
        high, low = self.bounds(tree, width_of(base.type))
        return Value((extraction(base.term, high, low),), Bits(high - low + 1))

    def bounds(self, tree: Tree, width: int) -> tuple[int, int]:
        """The constant bounds of a bit range."""
        high, low = self.constant(tree.children[1]), self.constant(tree.children[2])
        if not low <= high < width:
            raise Refusal(tree, f"this range is not within {width} bits", found=f"[{high}:{low}]")
        return high, low

    # ---- operators

    def literal(self, tree: Tree) -> Value:
        try:
            return _literal(str(tree.children[0]), self.program.params.get("MXLEN"))
        except Refusal as refusal:
            refusal.item = tree
            raise

    def string(self, tree: Tree) -> Value:
        raise Refusal(tree, "a string is only the name of a site or the reason of an exit")

    def both(self, tree: Tree, left: Item, right: Item) -> tuple[Term, Term, Bits]:
        a, b = self.bits(left), self.bits(right)
        type_ = wider(a.type, b.type)
        return resize_value(a, type_.width), resize_value(b, type_.width), type_

    def binary(self, tree: Tree) -> Value:
        left, sign, right = tree.children
        operator = str(sign)
        if operator in ("`+", "`-", "`*"):
            a, b = self.bits(left), self.bits(right)
            wa, wb = width_of(a.type), width_of(b.type)
            width = wa + wb if operator == "`*" else max(wa, wb) + 1
            is_signed = wider(a.type, b.type).signed
            name = {"`+": "add", "`-": "sub", "`*": "mul"}[operator]
            return Value((node(name, width, resize_value(a, width), resize_value(b, width)),), Bits(width, is_signed))
        x, y, type_ = self.both(tree, left, right)
        if operator in "/%":
            name = {"/": "div", "%": "rem"}[operator]
            return Value((node(("s" if type_.signed else "u") + name, type_.width, x, y),), type_)
        name = {"+": "add", "-": "sub", "*": "mul", "&": "and", "|": "or", "^": "xor"}[operator]
        return Value((node(name, type_.width, x, y),), type_)

    def compare(self, tree: Tree) -> Value:
        left, sign, right = tree.children
        operator = str(sign)
        if operator in ("==", "!="):
            a, b = self.value(left), self.value(right)
            if isinstance(a.type, Boolean | Enum) or isinstance(b.type, Boolean | Enum):
                if a.type != b.type:
                    raise Refusal(tree, "these two cannot be compared", found=f"{a.type} and {b.type}",
                                  hint="convert one: $bits(x), $enum(E, x), x != 0")  # fmt: skip
                same = node("eq", 0, a.term, b.term)
            else:
                x, y, _ = self.both(tree, left, right)
                same = node("eq", 0, x, y)
            return Value((same if operator == "==" else node("lnot", 0, same),), BOOLEAN)
        x, y, type_ = self.both(tree, left, right)
        if operator in (">", ">="):
            x, y = y, x
        name = ("s" if type_.signed else "u") + ("lt" if operator in "<>" else "le")
        return Value((node(name, 0, x, y),), BOOLEAN)

    def shift(self, tree: Tree) -> Value:
        left, sign, right = tree.children
        a, b = self.bits(left), self.bits(right)
        if a.minimal and self.scope.sized and a.term.value != 0:
            raise Refusal(left, "a literal of minimum width is shifted", found=str(a.type), hint="give it a width: 32'd1")
        width, operator = width_of(a.type), str(sign)
        if not self.scope.sized and b.term.is_constant:
            width += min(b.term.value, MAX_WIDTH - width)
            a = Value((resize_value(a, width),), Bits(width))
        if operator == "`<<":
            if not b.term.is_constant:
                raise Refusal(right, "a widening shift needs a constant distance")
            width += b.term.value
            if width > MAX_WIDTH:
                raise Refusal(tree, "this width cannot be", found=str(width))
            a = Value((resize_value(a, width),), Bits(width))
        wide = max(width, width_of(b.type))
        distance = resize(b.term, wide, False)
        is_signed = isinstance(a.type, Bits) and a.type.signed
        name = {"<<": "shl", "`<<": "shl", ">>": "lshr", ">>>": "ashr"}[operator]
        shifted = node(name, wide, resize(a.term, wide, operator == ">>>"), distance)
        return Value((extraction(shifted, width - 1, 0),), Bits(width, is_signed))

    def negate(self, tree: Tree) -> Value:
        return self.unary(tree, "neg", "negated")

    def invert(self, tree: Tree) -> Value:
        return self.unary(tree, "not", "inverted")

    def unary(self, tree: Tree, operator: str, word: str) -> Value:
        a = self.bits(tree.children[0])
        if a.minimal:
            raise Refusal(tree, f"a literal of minimum width is {word}", found=str(a.type), hint="give it a width: 32'd1")
        return Value((node(operator, width_of(a.type), a.term),), a.type)

    def logical_not(self, tree: Tree) -> Value:
        return Value((node("lnot", 0, self.truth(tree.children[0])),), BOOLEAN)

    def logical_and(self, tree: Tree) -> Value:
        a, b = self.truth(tree.children[0]), self.truth(tree.children[1])
        return Value((FALSE if a is FALSE else b if a is TRUE else node("land", 0, a, b),), BOOLEAN)

    def logical_or(self, tree: Tree) -> Value:
        a, b = self.truth(tree.children[0]), self.truth(tree.children[1])
        return Value((TRUE if a is TRUE else b if a is FALSE else node("lor", 0, a, b),), BOOLEAN)

    def choose(self, tree: Tree) -> Value:
        condition = self.truth(tree.children[0])
        a, b = self.value(tree.children[1]), self.value(tree.children[2])
        if a.type != b.type:
            bits = wider(self.as_bits(a, tree.children[1]).type, self.as_bits(b, tree.children[2]).type)
            a, b = (Value((resize_value(self.as_bits(v, tree), bits.width),), bits) for v in (a, b))
        if condition.is_constant:
            return a if condition is TRUE else b
        if not is_scalar(a.type):
            raise Refusal(tree, "a choice between aggregates", found=str(a.type), hint="use if")
        return Value((node("ite", a.term.width, condition, a.term, b.term),), a.type)

    def concat(self, tree: Tree) -> Value:
        result: Term | None = None
        for item in tree.children:
            value = self.bits(item)
            if value.minimal:
                raise Refusal(item, "a literal of minimum width is concatenated", hint="give it a width: 4'd1")
            term = value.term
            result = term if result is None else node("concat", result.width + term.width, result, term)
        assert result is not None
        if result.width > MAX_WIDTH:
            raise Refusal(tree, "this width cannot be", found=str(result.width))
        return Value((result,), Bits(result.width))

    def repeat(self, tree: Tree) -> Value:
        count, value = self.constant(tree.children[0]), self.bits(tree.children[1])
        width = width_of(value.type)
        if not 0 < count * width <= MAX_WIDTH:
            raise Refusal(tree, "this width cannot be", found=str(count * width))
        result = value.term
        for _ in range(count - 1):
            result = node("concat", result.width + width, result, value.term)
        return Value((result,), Bits(result.width))

    def intrinsic(self, tree: Tree) -> Value:
        name, args = str(tree.children[0]), tree.children[1:]
        if name == "$enum" and len(args) == 2:
            type_ = self.program.types.get(enum_argument(args[0]))
            if not isinstance(type_, Enum):
                raise Refusal(tree, "no such enum", found=enum_argument(args[0]))
            return Value((self.convert(self.bits(args[1]), Bits(type_.width), args[1]).term,), type_)
        if len(args) == 1:
            value = self.value(args[0])
            if not is_scalar(value.type) or (name != "$bits" and isinstance(value.type, Boolean)):
                raise Refusal(args[0], f"{name} of {value.type}")
            width = width_of(value.type)
            match name:
                case "$bits" if not isinstance(value.type, Boolean):
                    return Value(value.terms, Bits(width))
                case "$signed":
                    return Value(value.terms, Bits(width, signed=True))
                case "$width":
                    return Value((constant(max(1, width.bit_length()), width),), Bits(max(1, width.bit_length())))
        raise Refusal(tree, f"{name} cannot be used like this", expected="$bits(x), $signed(x), $enum(E, x), $width(x)")

    # ---- calls

    def call(self, tree: Tree) -> Value:
        return self.invoke(tree, str(tree.children[0]), (), tree.children[1:])

    def templated(self, tree: Tree) -> Value:
        name, rest = str(tree.children[0])[:-1], tree.children[1:]
        declaration = self.program.declarations.get(name)
        count = len(declaration.template) if declaration is not None else 1
        if len(rest) < count:
            raise Refusal(tree, f"{name} takes {count} template values", found=str(len(rest)))
        return self.invoke(tree, name, tuple(self.constant(t) for t in rest[:count]), rest[count:])

    def invoke(self, tree: Tree, name: str, values: tuple[int, ...], args: list[Item]) -> Value:
        builtin = _BUILTINS.get(name)
        if builtin is not None:
            return builtin(self, tree, values, args)
        if name in BUILTIN_EXITS or name == "write_physical_memory":
            raise Refusal(tree, f"{name} has no value", hint="make it a statement")
        function, terms, result = self.arguments(tree, name, values, args)
        if len(scalars(result)) > 1:
            raise Refusal(tree, f"{name} gives {result}", hint="assign it to variables first")
        width = width_of(result) if is_scalar(result) else 0
        return Value((node("call", width, *terms, data=function),), result)

    def arguments(
        self, tree: Tree, name: str, values: tuple[int, ...], args: list[Item]
    ) -> tuple[str, tuple[Term, ...], Type]:
        """The lowered function a call names, its argument terms and its result type."""
        program = self.program
        declaration = program.declarations.get(name)
        if declaration is None:
            known = [*program.declarations, *_BUILTINS, *BUILTIN_EXITS]
            raise Refusal(tree, f"no function '{name}'", hint=did_you_mean(name, known))
        if len(values) != len(declaration.template):
            raise Refusal(tree, f"{name} takes {len(declaration.template)} template values", found=str(len(values)))
        parameters, result = program.signature(name, values)
        if len(args) != len(parameters):
            raise Refusal(tree, f"{name} takes {len(parameters)} arguments", found=str(len(args)))
        terms: list[Term] = []
        for item, type_, (_, parameter) in zip(args, parameters, declaration.parameters, strict=True):
            terms += self.convert(self.value(item), type_, item, f"argument `{parameter}` of {name}").terms
        function = instance_name(name, values)
        if name not in program.terminators:
            if function in program.active:
                cycle = " -> ".join([*program.active[program.active.index(function) :], function])
                raise Refusal(tree, "functions cannot be recursive", found=cycle,
                              hint="a function named in `exits` ends the step and may be called")  # fmt: skip
            program.lower(name, values)
        return function, tuple(terms), result

    def memory_width(self, tree: Tree, values: tuple[int, ...]) -> int:
        unit = self.program.memory_unit
        if len(values) != 1 or not 0 < values[0] <= MAX_WIDTH or values[0] % unit:
            raise Refusal(tree, "an access is a multiple of the memory unit", found=str(values), expected=f"<{unit} * n>")
        return values[0]

    def load(self, tree: Tree, values: tuple[int, ...], args: list[Item]) -> Value:
        width = self.memory_width(tree, values)
        if len(args) != 1:
            raise Refusal(tree, "read_physical_memory takes an address")
        return Value((node("load", width, self.address(args[0])),), Bits(width))

    def address(self, item: Item) -> Term:
        """A physical address, as wide as memory's index; a narrower one is extended."""
        value, width = self.bits(item), self.program.address_width
        if width_of(value.type) > width and not value.term.is_constant:
            raise Refusal(item, "this address is wider than memory", found=str(value.type), expected=f"Bits<{width}>",
                          hint="take the low bits")  # fmt: skip
        return self.convert(value, Bits(width), item, "as an address").term

    def site(self, tree: Tree, args: list[Item]) -> str:
        """The declared site a nondeterministic call names."""
        if len(args) != 1 or isinstance(args[0], str) or args[0].data != "string":
            raise Refusal(tree, "the name of a site in quotes is expected")
        name = str(args[0].children[0])[1:-1]
        if name not in self.program.sites:
            hint = did_you_mean(name, self.program.sites) or "declare it under `nondeterminism:`"
            raise Refusal(args[0], f"no site '{name}'", hint=hint)
        return name

    def undefined(self, tree: Tree, values: tuple[int, ...], args: list[Item]) -> Value:
        site = self.site(tree, args)
        declared = self.program.sites[site]
        if len(values) != 1 or declared != Bits(values[0]):
            raise Refusal(tree, f"site '{site}' is declared otherwise", found=f"undefined{list(values)}", expected=str(declared))
        return Value((node("undefined", values[0], data=site),), declared)

    def choice(self, tree: Tree, values: tuple[int, ...], args: list[Item]) -> Value:
        site = self.site(tree, args)
        if self.program.sites[site] != BOOLEAN:
            raise Refusal(tree, f"site '{site}' is declared otherwise", found="choice", expected=str(self.program.sites[site]))
        return Value((node("choice", 0, data=site),), BOOLEAN)


def extraction(term: Term, high: int, low: int) -> Term:
    """Bits high to low, never dropping an effect within `term`."""
    if low == 0 and high == term.width - 1:
        return term
    return node("extract", high - low + 1, term, data=(high, low))


def resize(term: Term, width: int, is_signed: bool) -> Term:
    """`term` truncated or extended to `width` bits."""
    if term.width == width:
        return term
    if term.width > width:
        return extraction(term, width - 1, 0)
    return node("sext" if is_signed else "zext", width, term)


def resize_value(value: Value, width: int) -> Term:
    return resize(value.term, width, isinstance(value.type, Bits) and value.type.signed)


def wider(a: Type, b: Type) -> Bits:
    """The type of a binary operator's operands: the larger width, signed iff both are."""
    both = all(isinstance(t, Bits) and t.signed for t in (a, b))
    return Bits(max(width_of(a), width_of(b)), both)


def csr_name(token: object) -> str:
    """`satp` of `CSR[satp]`."""
    return str(token)[3:].strip()[1:-1].strip()


def enum_argument(item: Item) -> str:
    return str(item) if isinstance(item, str) else str(item.children[0]) if len(item.children) == 1 else ""


def constant_value(program: Program, item: Item, constants: Mapping[str, int]) -> int:
    """The value of a constant expression over parameters and template values."""
    return Expressions(program, Scope(Text(""), dict(constants))).constant(item)


def expression_in(
    program: Program, text: Text, *, operands: Mapping[str, Bits] | None = None, sized: bool = True
) -> Value | None:
    """A text that is one expression; its problems are reported and give None.

    Without `sized` literals are as wide as the result needs: the numbers of YAML fields.
    """
    tree = program.parsed(text, "expression")
    if tree is None:
        return None
    try:
        return Expressions(program, Scope(text, operands=operands or {}, sized=sized)).value(tree.children[0])
    except Refusal as refusal:
        program.problems.add(refusal.problem(text))
    except Elsewhere as elsewhere:
        program.problems.add(elsewhere.problem)
    return None


Form = Callable[["Expressions", Tree], "Value | Array"]
_FORMS: Mapping[str, Form] = {
    "name": Expressions.name, "csr": Expressions.csr, "csr_member": Expressions.csr_member, "pc": Expressions.pc,
    "encoding": Expressions.encoding, "enum_value": Expressions.enum_value, "member": Expressions.member,
    "index": Expressions.index, "range": Expressions.range, "literal": Expressions.literal, "string": Expressions.string,
    "binary": Expressions.binary, "compare": Expressions.compare, "shift": Expressions.shift,
    "negate": Expressions.negate, "invert": Expressions.invert, "logical_not": Expressions.logical_not,
    "logical_and": Expressions.logical_and, "logical_or": Expressions.logical_or, "choose": Expressions.choose,
    "concat": Expressions.concat, "repeat": Expressions.repeat, "intrinsic": Expressions.intrinsic,
    "call": Expressions.call, "templated": Expressions.templated,
}  # fmt: skip
Builtin = Callable[["Expressions", Tree, tuple[int, ...], list[Item]], Value]
_BUILTINS: Mapping[str, Builtin] = {
    "read_physical_memory": Expressions.load, "undefined": Expressions.undefined, "choice": Expressions.choice,
}  # fmt: skip
