"""Simplified terms: `mk` and the rules by which it folds.

Every rule keeps the meaning that `operators.OPERATORS` and SMT-LIB give.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Final

from pgcheck.isa.terms.nodes import ARRAY, FALSE, TRUE, Term, constant, distinct_offsets, intern, mask
from pgcheck.isa.terms.operators import OPERATORS

Rule = Callable[[int, tuple[Term, ...], Hashable], Term | None]

# Rules that push an operator into both arms of an `ite` visit a shared part once (`_pushed`), up to this height.
_HIGHEST: Final = 160
_pushed: Final[dict[tuple[str, int, tuple[Term, ...], Hashable], Term]] = {}


def mk(op: str, width: int, *args: Term, data: Hashable = None) -> Term:
    """A simplified node: constant folding, identities, extraction pushed inwards; the meaning is that of `node`."""
    row = OPERATORS.get(op)
    if row is not None and all(a.op == "const" for a in args):
        return constant(width, row.python(width, tuple(a.width for a in args), data, *(a.value for a in args)))
    key = (op, width, args, data) if op in _PUSHING else None
    if key is not None and (known := _pushed.get(key)) is not None:
        return known
    rule = RULES.get(op)
    result = rule(width, args, data) if rule is not None else None
    if result is None:
        result = intern(op, width, args, data, args[1].shape if op == "ite" else None)
    if key is not None:
        _pushed[key] = result
    return result


def select(memory: Term, index: Term) -> Term:
    """The element of array `memory` at `index`."""
    return mk("select", memory.array_sort[1], memory, index)


def store(memory: Term, index: Term, value: Term) -> Term:
    """The array `memory` with `value` at `index`."""
    return intern("store", ARRAY, (memory, index, value), None, memory.shape)


def lnot(a: Term) -> Term:
    return mk("lnot", 0, a)


def land(a: Term, b: Term) -> Term:
    return mk("land", 0, a, b)


def lor(a: Term, b: Term) -> Term:
    return mk("lor", 0, a, b)


def eq(a: Term, b: Term) -> Term:
    return mk("eq", 0, a, b)


def ite(g: Term, a: Term, b: Term) -> Term:
    return mk("ite", a.width, g, a, b)


def extract(a: Term, high: int, low: int) -> Term:
    """Bits `high` down to `low` of `a`."""
    return mk("extract", high - low + 1, a, data=(high, low))


def zext(a: Term, width: int) -> Term:
    return mk("zext", width, a)


def conjunction(terms: Iterable[Term]) -> Term:
    """The conjunction of `terms`, TRUE if there are none."""
    result = TRUE
    for term in terms:
        result = land(result, term)
    return result


def disjunction(terms: Iterable[Term]) -> Term:
    """The disjunction of `terms`, FALSE if there are none."""
    result = FALSE
    for term in terms:
        result = lor(result, term)
    return result


def _fold_ite(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    g, x, y = a
    if g is TRUE or x is y:
        return x
    if g is FALSE:
        return y
    if g.op == "lnot":
        return ite(g.args[0], y, x)
    if w == 0:
        if x is TRUE:
            return lor(g, y)
        if y is FALSE:
            return land(g, x)
        if x is FALSE:
            return land(lnot(g), y)
        if y is TRUE:
            return lor(lnot(g), x)
    if x.op == "ite" and x.args[0] is g:
        return ite(g, x.args[1], y)
    if y.op == "ite" and y.args[0] is g:
        return ite(g, x, y.args[2])
    if y.op == "ite" and y.args[1] is x:
        return ite(lor(g, y.args[0]), x, y.args[2])
    if (
        x.op == "concat"
        and y.op == "concat"
        and x.args[0].width == y.args[0].width
        and x.height <= _HIGHEST
        and (x.args[0] is y.args[0] or x.args[1] is y.args[1])
    ):
        return mk("concat", w, ite(g, x.args[0], y.args[0]), ite(g, x.args[1], y.args[1]))
    return None


def _fold_junction(op: str, neutral: Term, absorbing: Term) -> Rule:
    def fold(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
        x, y = a
        if x is absorbing or y is absorbing or _opposite(x, y):
            return absorbing
        if x is neutral or x is y:
            return y
        if y is neutral:
            return x
        if y.op == op and (y.args[0] is x or y.args[1] is x):
            return y
        if x.op == op and (x.args[0] is y or x.args[1] is y):
            return x
        if x.op == op and (_opposite(x.args[0], y) or _opposite(x.args[1], y)):
            return absorbing
        return None

    return fold


_plain_land: Final = _fold_junction("land", TRUE, FALSE)


def _fold_land(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, y = a
    folded = _plain_land(w, a, d)
    if (
        folded is None
        and x.op == "eq"
        and y.op == "eq"
        and x.args[0] is y.args[0]
        and x.args[1].is_constant
        and y.args[1].is_constant
    ):
        return FALSE
    return folded


def _opposite(x: Term, y: Term) -> bool:
    return (x.op == "lnot" and x.args[0] is y) or (y.op == "lnot" and y.args[0] is x)


def _fold_lnot(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    return a[0].args[0] if a[0].op == "lnot" else None


def _fold_eq(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, y = a
    if x is y:
        return TRUE
    if x.is_constant:
        x, y = y, x
    if y.is_constant:
        if x.width == 0:
            return x if y.value else lnot(x)
        if x.op == "ite" and x.height <= _HIGHEST:
            left, right = x.args[1], x.args[2]
            if left.is_constant or right.is_constant:
                return ite(x.args[0], eq(left, y), eq(right, y))
        if x.op == "concat" and x.height <= _HIGHEST:
            low = x.args[1].width
            return land(eq(x.args[0], constant(x.args[0].width, y.value >> low)), eq(x.args[1], constant(low, y.value)))
        if x.op == "zext":
            inner = x.args[0]
            return FALSE if y.value >> inner.width else eq(inner, constant(inner.width, y.value))
        if x.op == "add" and x.args[1].is_constant:
            return eq(x.args[0], constant(x.width, y.value - x.args[1].value))
    if x is a[0]:
        return None
    return intern("eq", 0, (x, y), None, None)


def _fold_extract(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, high, low = _part(a[0], d)
    if w == x.width:
        return x
    if x.op == "zext" and low >= x.args[0].width:
        return constant(w, 0)
    if x.op == "const":
        return constant(w, x.value >> low)
    if x.height <= _HIGHEST:
        match x.op:
            case "concat":
                middle = x.args[1].width
                return mk("concat", w, extract(x.args[0], high - middle, 0), extract(x.args[1], middle - 1, low))
            case "zext":
                return zext(extract(x.args[0], x.args[0].width - 1, low), w)
            case "and" | "or" | "xor" | "not":
                return mk(x.op, w, *(extract(y, high, low) for y in x.args))
            case "add" | "sub" | "mul" if low == 0:
                return mk(x.op, w, *(extract(y, high, 0) for y in x.args))
            case "ite":
                return ite(x.args[0], extract(x.args[1], high, low), extract(x.args[2], high, low))
    return None if x is a[0] else intern("extract", w, (x,), (high, low))


def _part(x: Term, data: Hashable) -> tuple[Term, int, int]:
    """The term, within `x`, that holds all bits of an extract, with their bounds in it."""
    assert isinstance(data, tuple)
    high, low = data
    while True:
        if x.op == "extract":
            low_in_x = x.bounds[1]
            x, high, low = x.args[0], high + low_in_x, low + low_in_x
        elif x.op == "concat" and high < x.args[1].width:
            x = x.args[1]
        elif x.op == "concat" and low >= x.args[1].width:
            width = x.args[1].width
            x, high, low = x.args[0], high - width, low - width
        elif x.op in ("zext", "sext") and high < x.args[0].width:
            x = x.args[0]
        else:
            return x, high, low


def _fold_concat(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, y = a
    if x.is_constant and x.value == 0:
        return zext(y, w)
    extracts = x.op == "extract" and y.op == "extract" and x.args[0] is y.args[0]
    if extracts and x.bounds[1] == y.bounds[0] + 1:
        return extract(x.args[0], x.bounds[0], y.bounds[1])
    return None


def _fold_extend(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    return a[0] if a[0].width == w else None


def _fold_zext(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    if a[0].op == "zext":
        return zext(a[0].args[0], w)
    return _fold_extend(w, a, d)


def _neutral(op: str, w: int, a: tuple[Term, ...]) -> Term | None:
    x, y = a
    if y.is_constant and y.value == 0:
        return x
    if x.is_constant:
        return y if x.value == 0 else mk(op, w, y, x)
    return None


def _fold_add(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, y = a
    if y.is_constant and x.op == "add" and x.args[1].is_constant:
        return mk("add", w, x.args[0], constant(w, x.args[1].value + y.value))
    return _neutral("add", w, a)


def _fold_sub(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, y = a
    if x is y:
        return constant(w, 0)
    if y.is_constant:
        return mk("add", w, x, constant(w, -y.value))
    return None


def _fold_or(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    if a[0] is a[1]:
        return a[0]
    if any(x.is_constant and x.value == mask(w) for x in a):
        return constant(w, mask(w))
    return _neutral("or", w, a)


def _fold_xor(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    return constant(w, 0) if a[0] is a[1] else _neutral("xor", w, a)


def _fold_and(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, y = a
    if x is y:
        return x
    if x.is_constant:
        x, y = y, x
    if y.is_constant:
        if y.value == 0:
            return y
        if y.value == mask(w):
            return x
        kept = _split_mask(x, y.value)
        if kept is not None:
            return kept
    return None


def _split_mask(x: Term, bits: int) -> Term | None:
    """`x & bits` for a contiguous run of ones, as an extract between zeros, so that field accesses cancel."""
    low = (bits & -bits).bit_length() - 1
    high = bits.bit_length() - 1
    if bits != mask(high + 1) ^ mask(low):
        return None
    middle = extract(x, high, low)
    lower = mk("concat", high + 1, middle, constant(low, 0)) if low else middle
    return zext(lower, x.width)


def _fold_shift(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    return a[0] if a[1].is_constant and a[1].value == 0 else None


def _fold_shl(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, n = a
    if n.is_constant:
        if n.value == 0:
            return x
        if n.value >= w:
            return constant(w, 0)
        return mk("concat", w, extract(x, w - 1 - n.value, 0), constant(n.value, 0))
    return None


def _fold_lshr(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    x, n = a
    if n.is_constant:
        if n.value == 0:
            return x
        if n.value >= w:
            return constant(w, 0)
        return zext(extract(x, w - 1, n.value), w)
    return None


def _fold_less(*, strict: bool) -> Rule:
    def fold(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
        x, y = a
        if x is y:
            return FALSE if strict else TRUE
        if strict and y.is_constant and y.value == 0:
            return FALSE
        if not strict and (x.is_constant and x.value == 0 or y.is_constant and y.value == mask(y.width)):
            return TRUE
        if strict and y.is_constant and y.value == 1:
            return eq(x, constant(x.width, 0))
        if not strict and y.is_constant and y.value == 0:
            return eq(x, y)
        if x.op == "ite" and y.is_constant and x.args[1].is_constant and x.args[2].is_constant:
            op = "ult" if strict else "ule"
            return ite(x.args[0], mk(op, 0, x.args[1], y), mk(op, 0, x.args[2], y))
        return None

    return fold


def _fold_select(w: int, a: tuple[Term, ...], d: Hashable) -> Term | None:
    memory, index = a
    start = memory
    while memory.op == "store":
        if memory.args[1] is index:
            return memory.args[2]
        if not distinct_offsets(memory.args[1], index):
            break
        memory = memory.args[0]
    if memory.op == "karray":
        return constant(w, memory.value)
    if memory.op == "ite" and memory.height <= _HIGHEST:
        return ite(memory.args[0], select(memory.args[1], index), select(memory.args[2], index))
    return None if memory is start else intern("select", w, (memory, index), None, None)


_PUSHING: Final = frozenset(("extract", "eq", "select"))
RULES: Final[Mapping[str, Rule]] = {
    "ite": _fold_ite, "land": _fold_land, "lor": _fold_junction("lor", FALSE, TRUE), "lnot": _fold_lnot, "eq": _fold_eq,
    "extract": _fold_extract, "concat": _fold_concat, "zext": _fold_zext, "sext": _fold_extend,
    "add": _fold_add, "sub": _fold_sub, "or": _fold_or, "xor": _fold_xor, "and": _fold_and,
    "shl": _fold_shl, "lshr": _fold_lshr, "ashr": _fold_shift, "ult": _fold_less(strict=True), "ule": _fold_less(strict=False),
    "select": _fold_select,
}  # fmt: skip
