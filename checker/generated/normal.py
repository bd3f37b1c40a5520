"""A normal form in which what is emitted and what it was emitted from are mostly the same term: everything as narrow as it can be.

A solver proves each rule by itself, as those of folding (`tests/isa/terms/test_folding.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from pgcheck.checker.generated.idioms import by_operator, sign
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    constant,
    digest,
    eq,
    extract,
    ite,
    land,
    lnot,
    lor,
    mask,
    mk,
    rewrite,
    select,
    store,
    substitute,
    zext,
)
from pgcheck.isa.terms.matching import Rule
from pgcheck.isa.terms.walks import rebuild


def _comparing(op: str, signed: str, least: Term, most: Term) -> list[Rule]:
    """The rules of a comparison; `least` and `most`: what it says of a constant that the narrow one cannot be, on the left and on the right."""
    return [
        Rule(f"({op} (zext x) (zext y))", lambda x, y: mk(op, 0, *_widened(x, y))),
        Rule(
            f"({op} #k (zext x))",
            lambda k, x: mk(op, 0, constant(x.width, k.value), x),
            lambda k, x: k.value <= mask(x.width),
        ),
        Rule(f"({op} #k (zext x))", lambda: least, lambda k, x: k.value > mask(x.width)),
        Rule(
            f"({op} (zext x) #k)",
            lambda x, k: mk(op, 0, x, constant(x.width, k.value)),
            lambda x, k: k.value <= mask(x.width),
        ),
        Rule(f"({op} (zext x) #k)", lambda: most, lambda x, k: k.value > mask(x.width)),
        Rule(f"({op} (xor x #k) (xor y #k))", lambda x, y: mk(signed, 0, x, y), lambda k: sign(k)),
        Rule(
            f"({op} (xor x #k) #n)",
            lambda x, k, n: mk(signed, 0, x, constant(k.width, k.value ^ n.value)),
            lambda k: sign(k),
        ),
        Rule(
            f"({op} #n (xor x #k))",
            lambda x, k, n: mk(signed, 0, constant(k.width, k.value ^ n.value), x),
            lambda k: sign(k),
        ),
    ]


def _bitwise(op: str) -> list[Rule]:
    """The rules of an operator that gives what the other argument has where one is 0."""
    return [
        Rule(f"({op} (zext x) (zext y))", lambda w, x, y: _wide(op, w, *_widened(x, y))),
        Rule(
            f"({op} (zext x) #k)",
            lambda w, x, k: _wide(op, w, x, constant(x.width, k.value)),
            lambda x, k: k.value <= mask(x.width),
        ),
    ]


def _wide(op: str, width: int, x: Term, y: Term) -> Term:
    return zext(mk(op, x.width, x, y), width)


def _widened(x: Term, y: Term) -> tuple[Term, Term]:
    wide = max(x.width, y.width)
    return zext(x, wide), zext(y, wide)


def beside(x: Term, y: Term) -> Term:
    """`concat x y` for a normal y, nested to the left, without zeros on top and with constants joined; it may be narrower."""
    if y.op == "concat":
        return beside(beside(x, y.args[0]), y.args[1])
    if x.op == "zext":
        x = x.args[0]
    if x.is_constant and x.value.bit_length() < x.width:
        if not x.value:
            return y
        x = _short(x)
    if y.is_constant and x.is_constant:
        return constant(x.width + y.width, x.value << y.width | y.value)
    if y.is_constant and x.op == "concat" and x.args[1].is_constant:
        low = x.args[1]
        return mk("concat", x.width + y.width, x.args[0], constant(low.width + y.width, low.value << y.width | y.value))
    return mk("concat", x.width + y.width, x, y)


def _short(k: Term) -> Term:
    """A constant without zeros on top."""
    return constant(max(1, k.value.bit_length()), k.value)


def _together(width: int, g: Term, x: Term, y: Term) -> Term:
    """A choice between two terms as narrow as they are, read at a width."""
    narrow = [_short(t) if t.is_constant else t for t in (x, y)]
    return zext(ite(g, *_widened(*narrow)), width)


# fmt: off
RULES: Final[tuple[Rule, ...]] = (
    Rule("(eq (zext x) (zext y))", lambda x, y: mk("eq", 0, *_widened(x, y))),
    Rule("(eq x 0)", lambda x: lnot(eq(x, constant(1, 1))), lambda x: x.width == 1),
    *_comparing("ult", "slt", FALSE, TRUE),
    *_comparing("ule", "sle", FALSE, TRUE),
    Rule("(xor x -1)", lambda w, x: mk("not", w, x)),
    Rule("(and x #k)", lambda w, x, k: _wide("and", w, extract(x, k.value.bit_length() - 1, 0), _short(k)), lambda w, k: 0 < k.value.bit_length() < w),
    Rule("(ashr x #k)", lambda w, x, k: mk("sext", w, extract(x, w - 1, k.value)), lambda w, k: 0 < k.value < w),
    Rule("(ashr x #k)", lambda w, x: mk("sext", w, extract(x, w - 1, w - 1)), lambda w, k: k.value >= w > 1),
    Rule("(and (zext x) y)", lambda w, x, y: _wide("and", w, x, extract(y, x.width - 1, 0))),
    Rule("(and y (zext x))", lambda w, x, y: _wide("and", w, extract(y, x.width - 1, 0), x)),
    *(rule for op in ("or", "xor") for rule in _bitwise(op)),
    Rule("(or (zext x) #k)", lambda w, x, k: mk("concat", w, constant(w - x.width, k.value >> x.width), x), lambda x, k: k.value and not k.value & mask(x.width)),
    Rule("(or (concat x 0) (zext y))", lambda w, x, y: mk("concat", w, x, zext(y, w - x.width)), lambda w, x, y: y.width <= w - x.width),
    Rule("(or (zext y) (concat x 0))", lambda w, x, y: mk("concat", w, x, zext(y, w - x.width)), lambda w, x, y: y.width <= w - x.width),
    Rule("(concat (zext x) y)", lambda w, x, y: zext(beside(x, y), w)),
    Rule("(concat x (zext y))", lambda w, x, y: zext(beside(beside(x, constant(w - x.width - y.width, 0)), y), w), lambda w, x, y: x.width + y.width < w),
    Rule("(concat x (concat y z))", lambda w, x, y, z: zext(beside(beside(x, y), z), w)),
    Rule("(concat (concat x #k) #n)", lambda w, x, k, n: zext(beside(beside(x, k), n), w)),
    Rule("(concat #k y)", lambda w, k, y: zext(beside(_short(k), y), w), lambda k: 0 < k.value.bit_length() < k.width),
    Rule("(lshr #k (zext x))", lambda w, k, x: zext(mk("lshr", (n := k.value.bit_length()), constant(n, k.value), zext(x, n)), w), lambda w, k, x: x.width <= k.value.bit_length() < w),
    Rule("(extract[t:b] (zext x))", lambda w, b, x: zext(extract(x, x.width - 1, b), w), lambda t, b, x: b < x.width <= t),
    Rule("(extract[t:b] (concat x y))", lambda t, b, x, y: zext(beside(extract(x, t - y.width, 0), extract(y, y.width - 1, b)), t - b + 1), lambda t, b, y: b < y.width <= t),
    Rule("(eq (ite g #k #n) #m)", lambda g, k, n, m: ite(g, eq(k, m), eq(n, m))),
    Rule("(extract[t:b] (sext x))", lambda w, b, x: mk("sext", w, extract(x, x.width - 1, b)), lambda t, b, x: b < x.width <= t),
    Rule("(ite g (zext x) (zext y))", lambda w, g, x, y: _together(w, g, x, y)),
    Rule("(ite g (zext x) #k)", lambda w, g, x, k: _together(w, g, x, k), lambda w, k: k.value.bit_length() < w),
    Rule("(ite g #k (zext x))", lambda w, g, x, k: _together(w, g, k, x), lambda w, k: k.value.bit_length() < w),
    Rule("(ite g #k #n)", lambda w, g, k, n: _together(w, g, k, n), lambda w, k, n: max(k.value, n.value).bit_length() < w and w > 1),
    Rule("(ite g y (ite h x y))", lambda g, h, x, y: ite(land(lnot(g), h), x, y)),
    Rule("(ite g (ite h x y) y)", lambda g, h, x, y: ite(land(g, h), x, y)),
    Rule("(ite g (ite h y x) y)", lambda g, h, x, y: ite(land(g, lnot(h)), x, y)),
    Rule("(store m i (select m i))", lambda m: m),
    Rule("(ite g (store m i x) m)", lambda g, m, i, x: store(m, i, ite(g, x, select(m, i)))),
    Rule("(ite g m (store m i x))", lambda g, m, i, x: store(m, i, ite(g, select(m, i), x))),
    Rule("(ite g (store m i x) (store m i y))", lambda g, m, i, x, y: store(m, i, ite(g, x, y))),
)
# fmt: on

PASSES: Final = 4
MOST: Final = 8
_FOLDS: Final = by_operator(RULES)


def normal(terms: Sequence[Term], memos: list[dict[Term, Term]]) -> list[Term]:
    """The normal forms of terms, which mean the same; they are compared by `is`. `memos` is kept between calls."""
    found = list(terms)
    memos += [{} for _ in range(PASSES - len(memos))]
    for memo in memos:
        found = rewrite(found, replaced, memo)
    return found


def replaced(term: Term, args: tuple[Term, ...]) -> Term:
    """A term with other arguments, by the rules."""
    if term.op in _JOINED:
        return _ordered(term.op, args)
    found = rebuild(term, args)
    for _ in range(MOST):
        fold = _FOLDS.get(found.op)
        further = fold(found.width, found.args, found.data) if fold is not None else None
        if further is None or further is found:
            break
        found = further
    return found


_JOINED: Final[dict[str, Callable[[Term, Term], Term]]] = {"land": land, "lor": lor}


def _ordered(op: str, args: Iterable[Term]) -> Term:
    """A conjunction or disjunction with its parts in one order."""
    parts, todo = set[Term](), list(args)
    while todo:
        node = todo.pop()
        if node.op == op:
            todo += node.args
        else:
            parts.add(node)
    result = TRUE if op == "land" else FALSE
    for part in sorted(parts, key=lambda part: digest([part])):
        result = _JOINED[op](result, part)
    return result


def where(holding: Sequence[Term], term: Term) -> Term:
    """What is left of a term where others hold."""
    if term.is_constant:
        return term
    given: dict[Term, Term] = {}
    todo = list(holding)
    while todo:
        known_ = todo.pop()
        if known_.op == "land":
            todo += known_.args
        elif known_.op == "lnot" and known_.args[0].op == "lor":
            todo += map(lnot, known_.args[0].args)
        elif known_.op == "lnot":
            given[known_.args[0]] = FALSE
        elif not known_.is_constant:
            given[known_] = TRUE
    return substitute([term], given)[0]


def narrowed(term: Term) -> Term:
    """The same, and FALSE if a part of a conjunction contradicts the others."""
    parts, todo = list[Term](), [term]
    while todo:
        part = todo.pop()
        if part.op == "land":
            todo += part.args
        else:
            parts.append(part)
    if any(where([*parts[:i], *parts[i + 1 :]], p) is FALSE for i, p in enumerate(parts)):
        return FALSE
    return term
