"""What the lowering says in several operators means the one that it is taken for: a solver proves each rule at several widths."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgcheck.checker.generated.native.idioms import RULES, chosen
from pgcheck.checker.options import Limits
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.solver import Solver
from pgcheck.isa.terms import Term, constant, eq, land, lnot, lor, mk, variable
from pgcheck.isa.terms.folding import as_written
from pgcheck.isa.terms.operators import node

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def evidence() -> Iterator[Evidence]:
    solver = Solver(Limits(), None, False)
    yield Evidence(solver, False)
    solver.close()


def written(op: str, width: int) -> Term:
    """What the lowering writes for an operator, none of it folded."""
    x, y = variable(width, "x"), variable(width, "y")
    zero, one, ones = (constant(width, v) for v in (0, 1, -1))

    def either(guard: Term, a: Term, b: Term) -> Term:
        return node("ite", width, guard, a, b)

    if op in ("shl", "lshr"):
        inside = mk("ule", 0, y, constant(width, width - 1))
        return either(inside, node(op, width, x, either(inside, y, zero)), zero)
    nothing = unsafe = eq(y, zero)
    if op.startswith("s"):
        unsafe = lor(nothing, land(eq(x, constant(width, 1 << width - 1)), eq(y, ones)))
    found = node(op, width, x, either(unsafe, one, y))
    if op.endswith("rem"):
        return either(nothing, x, found)
    return either(nothing, either(mk("slt", 0, x, zero), one, ones) if op == "sdiv" else ones, found)


@pytest.mark.parametrize("op", ["shl", "lshr", "udiv", "urem", "sdiv", "srem"])
def test_each_idiom_is_taken_for_what_it_means(op: str, evidence: Evidence) -> None:
    for width in (2, 3, 4, 5, 8):
        whole = written(op, width)
        assert chosen(*whole.args) is mk(op, width, variable(width, "x"), variable(width, "y")), width
        with as_written():
            differs = lnot(node("eq", 0, whole, node(op, width, variable(width, "x"), variable(width, "y"))))
        if width <= 4 or op in ("shl", "lshr"):
            assert evidence.model([differs], op) is None


def test_what_is_a_little_different_is_not_taken() -> None:
    assert len(RULES) == 8
    x, y = variable(8, "x"), variable(8, "y")
    nothing, inside = eq(y, constant(8, 0)), mk("ule", 0, y, constant(8, 6))
    guarded = mk("udiv", 8, x, mk("ite", 8, nothing, constant(8, 2), y))
    shifted = mk("shl", 8, x, mk("ite", 8, inside, y, constant(8, 0)))
    assert chosen(nothing, constant(8, -2), mk("udiv", 8, x, y)).op == "ite"
    assert chosen(nothing, constant(8, -1), guarded) is not mk("udiv", 8, x, y)
    assert chosen(inside, shifted, constant(8, 0)).op == "ite"
