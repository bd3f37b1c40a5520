"""What the lowering says in several operators where back ends and SMT-LIB differ, as the one operator that it means.

A solver proves each rule by itself (`tests/checker/generated/native/test_idioms.py`).
"""

from __future__ import annotations

from typing import Final

from pgcheck.checker.generated.idioms import by_operator, meant, sign
from pgcheck.isa.terms import Term, mk
from pgcheck.isa.terms.matching import Rule

_UNSAFE: Final = "(lor (eq y 0) (land (eq y -1) (eq x #k)))"
_OTHERWISE: Final = "(lor (eq y 0) (land (eq x #k) (eq y -1)))"


def _one(n: Term) -> bool:
    return n.value == 1


def _signed(k: Term, n: Term, m: Term) -> bool:
    return sign(k) and n.value == 1 and m.value == 1


# fmt: off
RULES: Final[tuple[Rule, ...]] = (
    Rule("(ite (eq y 0) -1 (udiv x (ite (eq y 0) #n y)))", lambda w, x, y: mk("udiv", w, x, y), _one),
    Rule("(ite (eq y 0) x (urem x (ite (eq y 0) #n y)))", lambda w, x, y: mk("urem", w, x, y), _one),
    *(Rule(f"(ite (eq y 0) (ite (slt x 0) #m -1) (sdiv x (ite {unsafe} #n y)))", lambda w, x, y: mk("sdiv", w, x, y), _signed) for unsafe in (_UNSAFE, _OTHERWISE)),
    *(Rule(f"(ite (eq y 0) x (srem x (ite {unsafe} #n y)))", lambda w, x, y: mk("srem", w, x, y), lambda k, n: sign(k) and n.value == 1) for unsafe in (_UNSAFE, _OTHERWISE)),
    Rule("(ite (ule y #k) (shl x (ite (ule y #k) y 0)) 0)", lambda w, x, y: mk("shl", w, x, y), lambda w, k: k.value == w - 1),
    Rule("(ite (ule y #k) (lshr x (ite (ule y #k) y 0)) 0)", lambda w, x, y: mk("lshr", w, x, y), lambda w, k: k.value == w - 1),
)
# fmt: on
_FOLDS: Final = by_operator(RULES)


def chosen(guard: Term, a: Term, b: Term) -> Term:
    """A choice, or the operator that is meant by it."""
    found = meant("ite", a.width, guard, a, b)
    fold = _FOLDS.get(found.op)
    further = fold(found.width, found.args, found.data) if fold is not None else None
    return found if further is None else further
