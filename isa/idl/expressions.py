"""Expressions of IDL-core: type checking and lowering to terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pgcheck.isa.files.errors import Text, did_you_mean
from pgcheck.isa.idl import arithmetic, calls
from pgcheck.isa.idl.literals import literal
from pgcheck.isa.idl.program import Program, Signature, instance_name
from pgcheck.isa.idl.scopes import Array, Scope, Value, extraction, local, resize
from pgcheck.isa.idl.state import Entry, read_entry, read_leaf
from pgcheck.isa.idl.types import (
    BOOLEAN,
    MAX_WIDTH,
    VOID,
    Bitfield,
    Bits,
    Boolean,
    Enum,
    Struct,
    Tuple,
    Type,
    Void,
    width_of,
)
from pgcheck.isa.parsing.refusal import Elsewhere, Refusal
from pgcheck.isa.parsing.syntax import Item, Tree, csr_name
from pgcheck.isa.terms import FALSE, TRUE, Term, constant, node


class Expressions:
    """Lowers the expressions of one scope: the `Lowerer` that arithmetic, calls and places take.

    Each method of `_FORMS` takes a tree and gives a Value; all raise Refusal.
    """

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
                fits = term.value >> width == 0 or (
                    is_signed and term.value >> (width - 1) == (1 << (source - width + 1)) - 1
                )
                if not fits:
                    raise Refusal(item, f"{term.value} does not fit {type_}{target}")
            return Value((resize(term, width, is_signed=is_signed),), type_)
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

    def signature(self, name: str, values: tuple[int, ...]) -> Signature:
        return signature(self.program, name, values)

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
            return scope.operands[name]
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
        if (
            not isinstance(base_tree, str)
            and base_tree.data == "name"
            and str(base_tree.children[0]) not in self.scope.locals
        ):
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
                item,
                f"this index is wider than {entry.name} needs",
                found=str(value.type),
                expected=f"Bits<{entry.index_width}>",
                hint="take the low bits: x[..:0]",
            )
        return resize(value.term, entry.index_width)

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
        shift = node("lshr", width, base.term, resize(place.term, width))
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

    def literal(self, tree: Tree) -> Value:
        return literal(str(tree.children[0]), self.program.params.get("MXLEN"), tree)

    def string(self, tree: Tree) -> Value:
        raise Refusal(tree, "a string is only the name of a site or the reason of an exit")


def type_of(program: Program, tree: Tree, constants: Mapping[str, int]) -> Type:
    """The type a tree names, over parameters and template values. Raises Refusal."""
    if tree.data == "bits_type":
        width = Expressions(program, Scope(Text(""), dict(constants))).constant(tree.children[-1])
        if not 0 < width <= MAX_WIDTH:
            raise Refusal(tree, "this width cannot be", found=str(width), expected=f"1 to {MAX_WIDTH} bits")
        return Bits(width)
    name = str(tree.children[0])
    builtin: dict[str, Type] = {"Boolean": BOOLEAN, "U32": Bits(32), "U64": Bits(64)}
    known = builtin | program.types
    if name not in known:
        raise Refusal(tree, f"no type '{name}'", hint=did_you_mean(name, known))
    return known[name]


def signature(program: Program, name: str, values: tuple[int, ...]) -> Signature:
    """Parameter types and result type of a function for template `values`. Raises Elsewhere."""
    key = instance_name(name, values)
    if key not in program.signatures:
        declaration = program.declarations[name]
        constants = dict(zip(declaration.template, values, strict=True))
        try:
            parameters = tuple(type_of(program, t, constants) for t, _ in declaration.parameters)
            results = tuple(type_of(program, t, constants) for t in declaration.returns)
        except Refusal as refusal:
            raise Elsewhere(refusal.problem(declaration.text)) from refusal
        program.signatures[key] = parameters, results[0] if len(results) == 1 else Tuple(results) if results else VOID
    return program.signatures[key]


def expression_in(
    program: Program, text: Text, *, operands: Mapping[str, Value] | None = None, sized: bool = True
) -> Value | None:
    """A text that is one expression; its problems are reported and give None.

    Without `sized` literals are as wide as the result needs: the numbers of YAML fields.
    """
    tree = program.parsed(text, "expression")
    if tree is None:
        return None
    try:
        return Expressions(program, Scope(text, operands=dict(operands or {}), sized=sized)).value(tree.children[0])
    except Refusal as refusal:
        program.problems.add(refusal.problem(text))
    except Elsewhere as elsewhere:
        program.problems.add(elsewhere.problem)
    except RecursionError:
        program.problems.report(text.position, "this is nested too deep")
    return None


Form = Callable[[Expressions, Tree], Value | Array]
_FORMS: Final[Mapping[str, Form]] = {
    "name": Expressions.name, "csr": Expressions.csr, "csr_member": Expressions.csr_member, "pc": Expressions.pc,
    "encoding": Expressions.encoding, "enum_value": Expressions.enum_value, "member": Expressions.member,
    "index": Expressions.index, "range": Expressions.range, "literal": Expressions.literal,
    "string": Expressions.string,
    **arithmetic.FORMS, **calls.FORMS,
}  # fmt: skip
