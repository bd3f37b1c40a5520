"""The operators of terms: each one's meaning on Python integers and its name in SMT-LIB, side by side."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Final

from pgcheck.isa.terms.nodes import Term, constant, intern, mask, signed


@dataclass(frozen=True, slots=True)
class Operator:
    """A row of the operator table: `python(width, argument widths, data, *values)` and the SMT-LIB function."""

    python: Callable[..., int]
    smtlib: str


def _udiv(w: int, ws: tuple[int, ...], d: Hashable, a: int, b: int) -> int:
    return a // b if b else mask(w)


def _urem(w: int, ws: tuple[int, ...], d: Hashable, a: int, b: int) -> int:
    return a % b if b else a


def _sdiv(w: int, ws: tuple[int, ...], d: Hashable, a: int, b: int) -> int:
    x, y = signed(w, a), signed(w, b)
    if not y:
        return 1 if x < 0 else mask(w)
    q = abs(x) // abs(y)
    return (q if (x < 0) == (y < 0) else -q) & mask(w)


def _srem(w: int, ws: tuple[int, ...], d: Hashable, a: int, b: int) -> int:
    x, y = signed(w, a), signed(w, b)
    if not y:
        return a
    r = abs(x) % abs(y)
    return (-r if x < 0 else r) & mask(w)


def _low(data: Hashable) -> int:
    assert isinstance(data, tuple)
    low: int = data[1]
    return low


OPERATORS: Final[Mapping[str, Operator]] = {
    "add": Operator(lambda w, ws, d, a, b: (a + b) & mask(w), "bvadd"),
    "sub": Operator(lambda w, ws, d, a, b: (a - b) & mask(w), "bvsub"),
    "mul": Operator(lambda w, ws, d, a, b: (a * b) & mask(w), "bvmul"),
    "udiv": Operator(_udiv, "bvudiv"),
    "urem": Operator(_urem, "bvurem"),
    "sdiv": Operator(_sdiv, "bvsdiv"),
    "srem": Operator(_srem, "bvsrem"),
    "and": Operator(lambda w, ws, d, a, b: a & b, "bvand"),
    "or": Operator(lambda w, ws, d, a, b: a | b, "bvor"),
    "xor": Operator(lambda w, ws, d, a, b: a ^ b, "bvxor"),
    "not": Operator(lambda w, ws, d, a: a ^ mask(w), "bvnot"),
    "neg": Operator(lambda w, ws, d, a: -a & mask(w), "bvneg"),
    "shl": Operator(lambda w, ws, d, a, b: (a << b) & mask(w) if b < w else 0, "bvshl"),
    "lshr": Operator(lambda w, ws, d, a, b: a >> b if b < w else 0, "bvlshr"),
    "ashr": Operator(lambda w, ws, d, a, b: (signed(w, a) >> min(b, w)) & mask(w), "bvashr"),
    "concat": Operator(lambda w, ws, d, a, b: (a << ws[1]) | b, "concat"),
    "extract": Operator(lambda w, ws, d, a: (a >> _low(d)) & mask(w), "(_ extract {0} {1})"),
    "zext": Operator(lambda w, ws, d, a: a, "(_ zero_extend {0})"),
    "sext": Operator(lambda w, ws, d, a: signed(ws[0], a) & mask(w), "(_ sign_extend {0})"),
    "eq": Operator(lambda w, ws, d, a, b: int(a == b), "="),
    "ult": Operator(lambda w, ws, d, a, b: int(a < b), "bvult"),
    "ule": Operator(lambda w, ws, d, a, b: int(a <= b), "bvule"),
    "slt": Operator(lambda w, ws, d, a, b: int(signed(ws[0], a) < signed(ws[1], b)), "bvslt"),
    "sle": Operator(lambda w, ws, d, a, b: int(signed(ws[0], a) <= signed(ws[1], b)), "bvsle"),
    "land": Operator(lambda w, ws, d, a, b: a & b, "and"),
    "lor": Operator(lambda w, ws, d, a, b: a | b, "or"),
    "lnot": Operator(lambda w, ws, d, a: 1 - a, "not"),
    "ite": Operator(lambda w, ws, d, c, a, b: a if c else b, "ite"),
}


def node(op: str, width: int, *args: Term, data: Hashable = None, shape: tuple[int, int] | None = None) -> Term:
    """A node as written: only folded when every argument is a constant, so that no effect in an argument is lost."""
    row = OPERATORS.get(op)
    if row is not None and all(a.op == "const" for a in args):
        return constant(width, row.python(width, tuple(a.width for a in args), data, *(a.value for a in args)))
    return intern(op, width, args, data, shape)
