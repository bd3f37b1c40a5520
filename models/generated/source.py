"""Terms of the intermediate form as Python source.

A `Value` is a constant (int) or source (str) of an expression without effects; Booleans are 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Final

from pgcheck.isa.terms import OPERATORS, Term, mask

Value = int | str

Template = Callable[[int, tuple[int, ...], Hashable, str, str], str]


def is_atom(value: Value) -> bool:
    """Whether a value may be written twice at no cost and does not change with the state."""
    return isinstance(value, int) or value.isidentifier()


def _bounds(data: Hashable) -> tuple[int, int]:
    assert isinstance(data, tuple)
    high, low = data
    return high, low


def _extract(w: int, ws: tuple[int, ...], d: Hashable, a: str, b: str) -> str:
    high, low = _bounds(d)
    if low == 0:
        return f"({a} & {mask(w)})"
    return f"({a} >> {low})" if high == ws[0] - 1 else f"({a} >> {low} & {mask(w)})"


def _sext(w: int, ws: tuple[int, ...], d: Hashable, a: str, b: str) -> str:
    return f"({a} if {a} < {1 << ws[0] - 1} else {a} | {mask(w) ^ mask(ws[0])})"


# A second argument is "" for operators of one argument. Where an argument is written twice, it is an atom (`TWICE`).
TEMPLATES: Final[dict[str, Template]] = {
    "add": lambda w, ws, d, a, b: f"({a} + {b} & {mask(w)})",
    "sub": lambda w, ws, d, a, b: f"({a} - {b} & {mask(w)})",
    "mul": lambda w, ws, d, a, b: f"({a} * {b} & {mask(w)})",
    "udiv": lambda w, ws, d, a, b: f"({a} // {b} if {b} else {mask(w)})",
    "urem": lambda w, ws, d, a, b: f"({a} % {b} if {b} else {a})",
    "and": lambda w, ws, d, a, b: f"({a} & {b})",
    "or": lambda w, ws, d, a, b: f"({a} | {b})",
    "xor": lambda w, ws, d, a, b: f"({a} ^ {b})",
    "not": lambda w, ws, d, a, b: f"({a} ^ {mask(w)})",
    "neg": lambda w, ws, d, a, b: f"(-{a} & {mask(w)})",
    "shl": lambda w, ws, d, a, b: f"({a} << {b} & {mask(w)} if {b} < {w} else 0)",
    "lshr": lambda w, ws, d, a, b: f"({a} >> {b} if {b} < {w} else 0)",
    "ashr": lambda w, ws, d, a, b: (
        f"((({a} ^ {1 << w - 1}) - {1 << w - 1} >> ({b} if {b} < {w} else {w})) & {mask(w)})"
    ),
    "concat": lambda w, ws, d, a, b: f"({a} << {ws[1]} | {b})",
    "extract": _extract,
    "zext": lambda w, ws, d, a, b: a,
    "sext": _sext,
}

TESTS: Final[dict[str, Template]] = {
    "eq": lambda w, ws, d, a, b: f"({a} == {b})",
    "ult": lambda w, ws, d, a, b: f"({a} < {b})",
    "ule": lambda w, ws, d, a, b: f"({a} <= {b})",
    "slt": lambda w, ws, d, a, b: f"({a} ^ {1 << ws[0] - 1}) < ({b} ^ {1 << ws[1] - 1})",
    "sle": lambda w, ws, d, a, b: f"({a} ^ {1 << ws[0] - 1}) <= ({b} ^ {1 << ws[1] - 1})",
}

TWICE: Final = {
    "udiv": (False, True),
    "urem": (True, True),
    "shl": (False, True),
    "lshr": (False, True),
    "ashr": (False, True),
    "sext": (True,),
}

SHIFTS: Final = {"shl": "({0} << {1} & {2})", "lshr": "({0} >> {1})"}


@lru_cache(maxsize=4096)
def largest(term: Term) -> int:
    """A bound of the values of a term."""
    match term.op:
        case "const":
            return term.value
        case "zext":
            return largest(term.args[0])
        case "and":
            return min(largest(term.args[0]), largest(term.args[1]))
    return mask(term.width or 1)


def folded(term: Term, values: list[Value]) -> Value | None:
    """The value of an operator when it is constant or one of its arguments; None when it has to be computed."""
    op, width = term.op, term.width
    if all(isinstance(v, int) for v in values):
        widths = tuple(a.width for a in term.args)
        return int(OPERATORS[op].python(width, widths, term.data, *values))
    if op == "zext":
        return values[0]
    if len(values) == 2:
        a, b = values
        if op in ("add", "or", "xor") and a == 0:
            return b
        if op in ("add", "sub", "or", "xor", "shl", "lshr", "ashr") and b == 0:
            return a
        if op == "and":
            if 0 in (a, b):
                return 0
            if mask(width) in (a, b):
                return b if a == mask(width) else a
        if op == "concat":
            if a == 0:
                return b
            if b == 0:
                return f"({a} << {term.args[1].width})"
        if op in ("shl", "lshr") and isinstance(b, int) and b >= width:
            return 0
        if op in ("udiv", "urem") and isinstance(b, int) and b:
            return f"({a} {'//' if op == 'udiv' else '%'} {b})"
    return None


def computed(term: Term, values: list[Value]) -> str:
    """The source of an operator that is no test, on values that `TWICE` allows."""
    widths = tuple(a.width for a in term.args)
    texts = [str(v) for v in values] + [""]
    if term.op in SHIFTS and largest(term.args[1]) < term.width:
        return SHIFTS[term.op].format(texts[0], texts[1], mask(term.width))
    template = TEMPLATES.get(term.op)
    if template is not None:
        return template(term.width, widths, term.data, texts[0], texts[1])
    return f"OPERATORS[{term.op!r}].python({term.width}, {widths}, {term.data!r}, {', '.join(texts[:-1])})"
