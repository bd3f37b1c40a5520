"""Simplified terms: `mk` and the table of rules by which it folds.

Every rule keeps the meaning that `operators.OPERATORS` and SMT-LIB give: a solver proves it of each by itself.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import groupby
from typing import Final

from pgcheck.isa.terms.matching import Fold, Rule, compiled
from pgcheck.isa.terms.nodes import ARRAY, FALSE, TRUE, Term, constant, distinct_offsets, intern, mask
from pgcheck.isa.terms.operators import OPERATORS

# Rules that push an operator into both arms of an `ite` visit a shared part once.
_PUSHING: Final = frozenset(("extract", "eq", "select"))
_pushed: dict[tuple[str, int, tuple[Term, ...], Hashable], Term] = {}


def mk(op: str, width: int, *args: Term, data: Hashable = None) -> Term:
    """A simplified node: constant folding, identities, extraction pushed inwards; the meaning is that of `node`."""
    row = OPERATORS.get(op)
    if row is not None and all([a.op == "const" for a in args]):
        return constant(width, row.python(width, tuple([a.width for a in args]), data, *[a.value for a in args]))
    key = (op, width, args, data) if op in _PUSHING else None
    if key is not None and (known := _pushed.get(key)) is not None:
        return known
    fold = _folds.get(op)
    result = fold(width, args, data) if fold is not None else None
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


def _run(k: Term) -> bool:
    """Whether the ones of a constant are a run, and there are some."""
    low = k.value & -k.value
    return k.value != 0 and k.value + low & k.value == 0


def _masked(x: Term, k: Term) -> Term:
    """`x & k` for a run of ones, as an extract between zeros, so that field accesses cancel."""
    low, high = (k.value & -k.value).bit_length() - 1, k.value.bit_length() - 1
    middle = extract(x, high, low)
    return zext(mk("concat", high + 1, middle, constant(low, 0)) if low else middle, x.width)


def _junction(op: str, neutral: str, absorbing: Term) -> list[Rule]:
    """The rules that are those of a conjunction and, turned round, of a disjunction."""
    said, other = ("TRUE", "FALSE") if neutral == "FALSE" else ("FALSE", "TRUE")
    opposite = (("x", "(lnot x)"), ("(lnot x)", "x"))
    return [
        *(Rule(f"({op} {a} {b})", lambda: absorbing) for a, b in ((said, "y"), ("x", said), *opposite)),
        *(Rule(f"({op} {a} y)", lambda y: y) for a in (other, "y")),
        Rule(f"({op} x {other})", lambda x: x),
        *(Rule(f"({op} x ({op} {a} {b}))", lambda a1: a1) for a, b in (("x", "y"), ("y", "x"))),
        *(Rule(f"({op} ({op} {a} {b}) y)", lambda a0: a0) for a, b in (("y", "x"), ("x", "y"))),
        *(Rule(f"({op} ({op} {a} z) {b})", lambda: absorbing) for a, b in opposite),
        *(Rule(f"({op} ({op} z {a}) {b})", lambda: absorbing) for a, b in opposite),
    ]


def _pushed_in(op: str) -> Rule:
    """An extract of an operator that works bit by bit."""
    return Rule(
        f"(extract[t:b] ({op} x y))", lambda w, t, b, x, y: mk(op, w, extract(x, t, b), extract(y, t, b)), bounded=0
    )


def _low_part(op: str) -> Rule:
    """The low bits of an operator whose low bits hang on no higher ones."""
    return Rule(
        f"(extract[t:b] ({op} x y))",
        lambda w, t, x, y: mk(op, w, extract(x, t, 0), extract(y, t, 0)),
        lambda b: b == 0,
        bounded=0,
    )


def _compared(op: str) -> Rule:
    """A comparison of one of two constants with a constant."""
    return Rule(f"({op} (ite g %x %y) %k)", lambda g, x, y, k: ite(g, mk(op, 0, x, k), mk(op, 0, y, k)))


# fmt: off
RULES: Final[tuple[Rule, ...]] = (
    Rule("(ite TRUE x y)", lambda x: x),
    Rule("(ite g x x)", lambda x: x),
    Rule("(ite FALSE x y)", lambda y: y),
    Rule("(ite (lnot g) x y)", lambda g, x, y: ite(g, y, x)),
    Rule("(ite g TRUE y)", lambda g, y: lor(g, y)),
    Rule("(ite g x FALSE)", lambda g, x: land(g, x)),
    Rule("(ite g FALSE y)", lambda g, y: land(lnot(g), y)),
    Rule("(ite g x TRUE)", lambda g, x: lor(lnot(g), x)),
    Rule("(ite g (ite g x y) z)", lambda g, x, z: ite(g, x, z)),
    Rule("(ite g x (ite g y z))", lambda g, x, z: ite(g, x, z)),
    Rule("(ite g x (ite h x y))", lambda g, h, x, y: ite(lor(g, h), x, y)),
    Rule("(ite g (concat x y) (concat x z))", lambda w, g, x, y, z: mk("concat", w, x, ite(g, y, z)), bounded=1),
    Rule("(ite g (concat x y) (concat z y))", lambda w, g, x, y, z: mk("concat", w, ite(g, x, z), y), bounded=1),
    *_junction("land", "TRUE", FALSE),
    Rule("(land (eq x #k) (eq x #n))", lambda: FALSE, lambda k, n: k is not n),
    *_junction("lor", "FALSE", TRUE),
    Rule("(lnot (lnot x))", lambda x: x),
    Rule("(eq x x)", lambda: TRUE),
    Rule("(eq %k x)", lambda k, x: ((x, k), None), again=True),
    Rule("(eq x TRUE)", lambda x: x),
    Rule("(eq x FALSE)", lambda x: lnot(x)),
    Rule("(eq (ite g %x y) %k)", lambda g, x, y, k: ite(g, eq(x, k), eq(y, k)), bounded=0),
    Rule("(eq (ite g x %y) %k)", lambda g, x, y, k: ite(g, eq(x, k), eq(y, k)), bounded=0),
    Rule("(eq (concat x y) #k)", lambda x, y, k: land(eq(x, constant(x.width, k.value >> y.width)), eq(y, constant(y.width, k.value))), bounded=0),
    Rule("(eq (zext x) #k)", lambda: FALSE, lambda x, k: k.value >> x.width),
    Rule("(eq (zext x) #k)", lambda x, k: eq(x, constant(x.width, k.value)), lambda x, k: not k.value >> x.width),
    Rule("(eq (add x #n) #k)", lambda x, n, k: eq(x, constant(x.width, k.value - n.value))),
    Rule("(extract[t:b] (extract[i:j] x))", lambda t, b, j, x: ((x,), (t + j, b + j)), again=True),
    Rule("(extract[t:b] (concat x y))", lambda t, b, y: ((y,), (t, b)), lambda t, y: t < y.width, again=True),
    Rule("(extract[t:b] (concat x y))", lambda t, b, x, y: ((x,), (t - y.width, b - y.width)), lambda b, y: b >= y.width, again=True),
    Rule("(extract[t:b] (zext x))", lambda t, b, x: ((x,), (t, b)), lambda t, x: t < x.width, again=True),
    Rule("(extract[t:b] (sext x))", lambda t, b, x: ((x,), (t, b)), lambda t, x: t < x.width, again=True),
    Rule("(extract[t:b] x)", lambda x: x, lambda w, x: w == x.width),
    Rule("(extract[t:b] (zext x))", lambda w: constant(w, 0), lambda b, x: b >= x.width),
    Rule("(extract[t:b] #k)", lambda w, b, k: constant(w, k.value >> b)),
    Rule("(extract[t:b] (concat x y))", lambda w, t, b, x, y: mk("concat", w, extract(x, t - y.width, 0), extract(y, y.width - 1, b)),
         lambda t, b, y: b < y.width <= t, bounded=0),
    Rule("(extract[t:b] (zext x))", lambda w, b, x: zext(extract(x, x.width - 1, b), w), lambda t, b, x: b < x.width <= t, bounded=0),
    *map(_pushed_in, ("and", "or", "xor")),
    Rule("(extract[t:b] (not x))", lambda w, t, b, x: mk("not", w, extract(x, t, b)), bounded=0),
    *map(_low_part, ("add", "sub", "mul")),
    Rule("(extract[t:b] (ite g x y))", lambda t, b, g, x, y: ite(g, extract(x, t, b), extract(y, t, b)), bounded=0),
    Rule("(concat 0 y)", lambda w, y: zext(y, w)),
    Rule("(concat (extract[t:i] x) (extract[j:b] x))", lambda t, b, x: extract(x, t, b), lambda i, j: i == j + 1),
    Rule("(zext (zext x))", lambda w, x: zext(x, w)),
    Rule("(zext x)", lambda x: x, lambda w, x: w == x.width),
    Rule("(sext x)", lambda x: x, lambda w, x: w == x.width),
    Rule("(add (add x #n) #k)", lambda w, x, n, k: mk("add", w, x, constant(w, n.value + k.value))),
    Rule("(add x 0)", lambda x: x),
    Rule("(add 0 x)", lambda x: x),
    Rule("(add %k x)", lambda k, x: ((x, k), None), again=True),
    Rule("(sub x x)", lambda w: constant(w, 0)),
    Rule("(sub x #k)", lambda w, x, k: mk("add", w, x, constant(w, -k.value))),
    Rule("(or x x)", lambda x: x),
    Rule("(or x -1)", lambda w: constant(w, mask(w))),
    Rule("(or -1 x)", lambda w: constant(w, mask(w))),
    Rule("(or x 0)", lambda x: x),
    Rule("(or 0 x)", lambda x: x),
    Rule("(or %k x)", lambda k, x: ((x, k), None), again=True),
    Rule("(xor x x)", lambda w: constant(w, 0)),
    Rule("(xor x 0)", lambda x: x),
    Rule("(xor 0 x)", lambda x: x),
    Rule("(xor %k x)", lambda k, x: ((x, k), None), again=True),
    Rule("(and x x)", lambda x: x),
    Rule("(and x 0)", lambda w: constant(w, 0)),
    Rule("(and 0 x)", lambda w: constant(w, 0)),
    Rule("(and x -1)", lambda x: x),
    Rule("(and -1 x)", lambda x: x),
    Rule("(and x #k)", _masked, _run),
    Rule("(and #k x)", _masked, _run),
    Rule("(shl x 0)", lambda x: x),
    Rule("(shl x #k)", lambda w: constant(w, 0), lambda w, k: k.value >= w),
    Rule("(shl x #k)", lambda w, x, k: mk("concat", w, extract(x, w - 1 - k.value, 0), constant(k.value, 0)), lambda w, k: 0 < k.value < w),
    Rule("(lshr x 0)", lambda x: x),
    Rule("(lshr x #k)", lambda w: constant(w, 0), lambda w, k: k.value >= w),
    Rule("(lshr x #k)", lambda w, x, k: zext(extract(x, w - 1, k.value), w), lambda w, k: k.value < w),
    Rule("(ashr x 0)", lambda x: x),
    Rule("(ult x x)", lambda: FALSE),
    Rule("(ult x 0)", lambda: FALSE),
    Rule("(ult x 1)", lambda x: eq(x, constant(x.width, 0))),
    _compared("ult"),
    Rule("(ule x x)", lambda: TRUE),
    Rule("(ule 0 x)", lambda: TRUE),
    Rule("(ule x -1)", lambda: TRUE),
    Rule("(ule x 0)", lambda x: eq(x, constant(x.width, 0))),
    _compared("ule"),
    Rule("(select (store m i x) i)", lambda x: x),
    Rule("(select (store m i x) j)", lambda m, j: ((m, j), None), lambda i, j: distinct_offsets(i, j), again=True),
    Rule("(select (karray) i)", lambda w, a0: constant(w, a0.value)),
    Rule("(select (ite g m n) i)", lambda g, m, n, i: ite(g, select(m, i), select(n, i)), bounded=0),
)
# fmt: on


def _by_operator(rules: Iterable[Rule]) -> Mapping[str, Fold]:
    return {op: compiled(list(of)) for op, of in groupby(rules, key=lambda rule: rule.node.op)}


FOLDS: Final = _by_operator(RULES)
_folds = FOLDS


@cache
def _plain() -> Mapping[str, Fold]:
    return _by_operator(rule for rule in RULES if rule.literal)


def folds() -> bool:
    """Whether terms are folded now, and not made as they are written."""
    return _folds is FOLDS


@contextmanager
def as_written() -> Iterator[None]:
    """Makes terms as they are written: nothing is folded but constants, and connectives and choices of which a part is TRUE or FALSE.

    Without that no loop of a specification would end. Terms that were made before are as they are.
    """
    global _folds, _pushed
    before = _folds, _pushed
    _folds, _pushed = _plain(), {}
    try:
        yield
    finally:
        _folds, _pushed = before
