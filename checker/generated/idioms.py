"""What emitted Python says in several operators, as the one operator that it means.

A solver proves each rule by itself, as those of folding (`tests/isa/terms/test_folding.py`).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

from pgcheck.isa.terms import Term, mask, mk, zext
from pgcheck.isa.terms.matching import Fold, Rule, compiled

Folds = dict[str, Fold]


def by_operator(rules: Sequence[Rule]) -> Folds:
    """The function that rules are for each operator."""
    return {op: compiled([r for r in rules if r.node.op == op]) for op in {r.node.op for r in rules}}


def sign(k: Term) -> bool:
    """Whether a constant is the sign bit alone."""
    return k.value == 1 << k.width - 1


def _shift(op: str, places: str) -> Rule:
    """A shift that is left out where it would leave nothing."""
    return Rule(
        f"(ite (ult y #k) ({op} x {places}) 0)", lambda w, x, y: mk(op, w, x, zext(y, w)), lambda w, k: k.value >= w
    )


def _signed_shift(places: str) -> Rule:
    """A shift of a signed number by at most its width."""
    return Rule(
        f"(ashr x {places})", lambda w, x, y: mk("ashr", w, x, zext(y, w)), lambda w, k, n: w <= min(k.value, n.value)
    )


# fmt: off
RULES: Final[tuple[Rule, ...]] = (
    Rule("(ite (ult x #k) (zext x) (concat #m x))", lambda w, x: mk("sext", w, x), lambda k, m: sign(k) and m.value == mask(m.width)),
    Rule("(add (xor x #k) #k)", lambda x: x, lambda k: sign(k)),
    *(_shift(op, places) for op in ("shl", "lshr") for places in ("(zext y)", "y")),
    *map(_signed_shift, ("(zext (ite (ult y #k) y #n))", "(ite (ult y #k) y #n)")),
    *(Rule(f"(ite (eq y 0) -1 (udiv x {y}))", lambda w, x, y: mk("udiv", w, x, zext(y, w))) for y in ("(zext y)", "y")),
    *(Rule(f"(ite (eq y 0) x (urem x {y}))", lambda w, x, y: mk("urem", w, x, zext(y, w))) for y in ("(zext y)", "y")),
)
# fmt: on
_FOLDS: Final = by_operator(RULES)


def meant(op: str, width: int, *args: Term, data: Hashable = None) -> Term:
    """A node, or the one operator that is meant by it."""
    found = mk(op, width, *args, data=data)
    fold = _FOLDS.get(found.op)
    further = fold(found.width, found.args, found.data) if fold is not None else None
    return found if further is None else further


def ite(guard: Term, a: Term, b: Term) -> Term:
    """A choice, or the operator that is meant by it."""
    return meant("ite", a.width, guard, a, b)
