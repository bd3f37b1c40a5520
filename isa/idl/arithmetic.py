"""Operators of expressions: their types and their terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pgcheck.isa.idl.lowerer import Lowerer
from pgcheck.isa.idl.scopes import Value, extraction, resize, resize_value, wider
from pgcheck.isa.idl.types import BOOLEAN, MAX_WIDTH, Bits, Boolean, Enum, is_scalar, width_of
from pgcheck.isa.parsing.refusal import Refusal
from pgcheck.isa.parsing.syntax import Item, Tree
from pgcheck.isa.terms import FALSE, TRUE, Term, constant, mask, node


def _both(e: Lowerer, tree: Tree, left: Item, right: Item) -> tuple[Term, Term, Bits]:
    a, b = e.bits(left), e.bits(right)
    type_ = wider(a.type, b.type)
    return resize_value(a, type_.width), resize_value(b, type_.width), type_


def binary(e: Lowerer, tree: Tree) -> Value:
    left, sign, right = tree.children
    operator = str(sign)
    if not e.scope.sized and operator in ("+", "*"):
        operator = "`" + operator
    if operator in ("`+", "`-", "`*"):
        a, b = e.bits(left), e.bits(right)
        wa, wb = width_of(a.type), width_of(b.type)
        width = _fits(tree, wa + wb if operator == "`*" else max(wa, wb) + 1)
        is_signed = wider(a.type, b.type).signed
        name = {"`+": "add", "`-": "sub", "`*": "mul"}[operator]
        return Value((node(name, width, resize_value(a, width), resize_value(b, width)),), Bits(width, is_signed))
    x, y, type_ = _both(e, tree, left, right)
    if operator in "/%":
        if y.is_constant and not y.value:
            raise Refusal(right, "division by zero")
        name = {"/": "div", "%": "rem"}[operator]
        return Value((node(("s" if type_.signed else "u") + name, type_.width, x, y),), type_)
    if operator in _EXACT and x.is_constant and y.is_constant:
        exact = _EXACT[operator](x.value, y.value)
        fits = 0 <= exact <= mask(type_.width) or type_.width > max(x.value, y.value, 1).bit_length()
        if not fits and not all(_widths_written(e, item) for item in (left, right)):
            hint = "give one of the two a width: 32'd1"
            raise Refusal(tree, f"{exact} does not fit the {type_.width} bits of the two numbers", hint=hint)
    name = {"+": "add", "-": "sub", "*": "mul", "&": "and", "|": "or", "^": "xor"}[operator]
    return Value((node(name, type_.width, x, y),), type_)


def _widths_written(e: Lowerer, item: Item) -> bool:
    """Whether a constant is made of numbers with a width alone: none of minimum width, and no parameter or counter."""
    if isinstance(item, str) or item.data == "name":
        return isinstance(item, str)
    if item.data == "literal":
        return not e.bits(item).minimal
    return all(_widths_written(e, part) for part in item.children)


def compare(e: Lowerer, tree: Tree) -> Value:
    left, sign, right = tree.children
    operator = str(sign)
    if operator in ("==", "!="):
        a, b = e.value(left), e.value(right)
        if isinstance(a.type, Boolean | Enum) or isinstance(b.type, Boolean | Enum):
            if a.type != b.type:
                raise Refusal(
                    tree,
                    "these two cannot be compared",
                    found=f"{a.type} and {b.type}",
                    hint="convert one: $bits(x), $enum(E, x), x != 0",
                )
            same = node("eq", 0, a.term, b.term)
        else:
            x, y, _ = _both(e, tree, left, right)
            same = node("eq", 0, x, y)
        return Value((same if operator == "==" else node("lnot", 0, same),), BOOLEAN)
    x, y, type_ = _both(e, tree, left, right)
    if operator in (">", ">="):
        x, y = y, x
    name = ("s" if type_.signed else "u") + ("lt" if operator in "<>" else "le")
    return Value((node(name, 0, x, y),), BOOLEAN)


def shift(e: Lowerer, tree: Tree) -> Value:
    left, sign, right = tree.children
    a, b = e.bits(left), e.bits(right)
    if a.minimal and e.scope.sized and a.term.value != 0:
        raise Refusal(left, "a literal of minimum width is shifted", found=str(a.type), hint="give it a width: 32'd1")
    width, operator = width_of(a.type), str(sign)
    if not e.scope.sized and b.term.is_constant:
        width = _fits(tree, width + b.term.value)
        a = Value((resize_value(a, width),), Bits(width))
    if operator == "`<<":
        if not b.term.is_constant:
            raise Refusal(right, "a widening shift needs a constant distance")
        width = _fits(tree, width + b.term.value)
        a = Value((resize_value(a, width),), Bits(width))
    wide = max(width, width_of(b.type))
    distance = resize(b.term, wide)
    is_signed = isinstance(a.type, Bits) and a.type.signed
    name = {"<<": "shl", "`<<": "shl", ">>": "lshr", ">>>": "ashr"}[operator]
    shifted = node(name, wide, resize(a.term, wide, is_signed=operator == ">>>"), distance)
    return Value((extraction(shifted, width - 1, 0),), Bits(width, is_signed))


def negate(e: Lowerer, tree: Tree) -> Value:
    return _unary(e, tree, "neg", "negated")


def invert(e: Lowerer, tree: Tree) -> Value:
    return _unary(e, tree, "not", "inverted")


def _unary(e: Lowerer, tree: Tree, operator: str, word: str) -> Value:
    a = e.bits(tree.children[0])
    if a.minimal:
        raise Refusal(tree, f"a literal of minimum width is {word}", found=str(a.type), hint="give it a width: 32'd1")
    return Value((node(operator, width_of(a.type), a.term),), a.type)


def logical_not(e: Lowerer, tree: Tree) -> Value:
    return Value((node("lnot", 0, e.truth(tree.children[0])),), BOOLEAN)


def logical_and(e: Lowerer, tree: Tree) -> Value:
    a, b = e.truth(tree.children[0]), e.truth(tree.children[1])
    return Value((FALSE if a is FALSE else b if a is TRUE else node("land", 0, a, b),), BOOLEAN)


def logical_or(e: Lowerer, tree: Tree) -> Value:
    a, b = e.truth(tree.children[0]), e.truth(tree.children[1])
    return Value((TRUE if a is TRUE else b if a is FALSE else node("lor", 0, a, b),), BOOLEAN)


def choose(e: Lowerer, tree: Tree) -> Value:
    condition = e.truth(tree.children[0])
    a, b = e.value(tree.children[1]), e.value(tree.children[2])
    if a.type != b.type:
        bits = wider(e.as_bits(a, tree.children[1]).type, e.as_bits(b, tree.children[2]).type)
        a, b = (Value((resize_value(e.as_bits(v, tree), bits.width),), bits) for v in (a, b))
    if condition.is_constant:
        return a if condition is TRUE else b
    if not is_scalar(a.type):
        raise Refusal(tree, "a choice between aggregates", found=str(a.type), hint="use if")
    return Value((node("ite", a.term.width, condition, a.term, b.term),), a.type)


def concat(e: Lowerer, tree: Tree) -> Value:
    first, *rest = tree.children
    result = _piece(e, first)
    for item in rest:
        if result.width > MAX_WIDTH:
            break
        piece = _piece(e, item)
        result = node("concat", result.width + piece.width, result, piece)
    _fits(tree, result.width)
    return Value((result,), Bits(result.width))


def _piece(e: Lowerer, item: Item) -> Term:
    value = e.bits(item)
    if value.minimal:
        raise Refusal(item, "a literal of minimum width is concatenated", hint="give it a width: 4'd1")
    return value.term


def repeat(e: Lowerer, tree: Tree) -> Value:
    count, value = e.constant(tree.children[0]), e.bits(tree.children[1])
    width = width_of(value.type)
    _fits(tree, count * width)
    result = value.term
    for _ in range(count - 1):
        result = node("concat", result.width + width, result, value.term)
    return Value((result,), Bits(result.width))


def intrinsic(e: Lowerer, tree: Tree) -> Value:
    name, args = str(tree.children[0]), tree.children[1:]
    if name == "$enum" and len(args) == 2:
        type_ = e.program.types.get(enum_argument(args[0]))
        if not isinstance(type_, Enum):
            raise Refusal(tree, "no such enum", found=enum_argument(args[0]))
        return Value((e.convert(e.bits(args[1]), Bits(type_.width), args[1]).term,), type_)
    if len(args) == 1:
        value = e.value(args[0])
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


_EXACT: Final[Mapping[str, Callable[[int, int], int]]] = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}


def _fits(tree: Tree, width: int) -> int:
    """The width, if there are values of it. Raises Refusal."""
    if not 0 < width <= MAX_WIDTH:
        raise Refusal(tree, "this width cannot be", found=str(width), expected=f"1 to {MAX_WIDTH} bits")
    return width


def enum_argument(item: Item) -> str:
    return str(item) if isinstance(item, str) else str(item.children[0]) if len(item.children) == 1 else ""


Form = Callable[[Lowerer, Tree], Value]
FORMS: Final[Mapping[str, Form]] = {
    "binary": binary, "compare": compare, "shift": shift, "negate": negate, "invert": invert,
    "logical_not": logical_not, "logical_and": logical_and, "logical_or": logical_or, "choose": choose,
    "concat": concat, "repeat": repeat, "intrinsic": intrinsic,
}  # fmt: skip
