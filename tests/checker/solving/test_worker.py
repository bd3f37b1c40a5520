"""What the child reads of a solver's model: every form of an array, and why of what it cannot read."""

from __future__ import annotations

import random
from typing import Any

import pytest
import z3  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcheck.checker.options import Limits
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.solving.worker import interpretation
from pgcheck.isa.terms import Term, array, constant, constant_array, eq, ite, lnot, mk, select, store, variable

BYTE = z3.BitVecSort(8)
X, Y = z3.BitVec("x", 8), z3.BitVec("y", 8)
ARRAY = z3.Array("a", BYTE, BYTE)
SEVENS = z3.K(BYTE, z3.BitVecVal(7, 8))
WORD = z3.BitVec("w", 32)
WIDE = z3.Array("wide", WORD.sort(), BYTE)
YES = z3.BoolVal(True)


def byte(value: int) -> Any:
    return z3.BitVecVal(value, 8)


class Given:
    """A model in which one symbol has this value."""

    def __init__(self, symbol: Any, value: Any) -> None:
        self.symbol, self.value = symbol, value

    def decls(self) -> list[Any]:
        return [self.symbol]

    def __getitem__(self, symbol: Any) -> Any:
        return self.value

    def eval(self, value: Any, model_completion: bool) -> Any:
        assert model_completion
        return z3.simplify(value)


FORMS: dict[str, tuple[Any, tuple[int, dict[int, int]]]] = {
    "a constant": (SEVENS, (7, {})),
    "stores": (z3.Store(z3.Store(SEVENS, 1, 2), 3, 4), (7, {1: 2, 3: 4})),
    "the last store of several counts": (z3.Store(z3.Store(SEVENS, 1, 2), 1, 4), (7, {1: 4})),
    "a lambda of a number": (z3.Lambda([X], byte(5)), (5, {})),
    "a lambda of choices": (z3.Lambda([X], z3.If(X == 3, byte(1), z3.If(byte(4) == X, byte(2), byte(9)))), (9, {3: 1, 4: 2})),
    "the first choice of several counts": (z3.Lambda([X], z3.If(X == 3, byte(1), z3.If(X == 3, byte(2), byte(9)))), (9, {3: 1})),
    "a choice turned round": (z3.Lambda([X], z3.If(z3.Not(X == 3), byte(9), byte(1))), (9, {3: 1})),
    "one of several": (z3.Lambda([X], z3.If(z3.Or(X == 3, X == 5), byte(1), byte(9))), (9, {3: 1, 5: 1})),
    "a choice that gives the index": (z3.Lambda([X], z3.If(X == 3, X, byte(9))), (9, {3: 3})),
    "a lambda that looks up": (z3.Lambda([X], z3.Select(z3.Store(SEVENS, 1, 2), X)), (7, {1: 2})),
    "a lambda that looks up elsewhere": (z3.Lambda([X], z3.If(X == 1, byte(0), z3.Select(z3.Store(SEVENS, 1, 2), X))), (7, {1: 0})),
    "a store over a lambda": (z3.Store(z3.Lambda([X], z3.If(X == 3, byte(1), byte(5))), 3, 6), (5, {3: 6})),
    "a store over a lambda over a store": (
        z3.Store(z3.Lambda([X], z3.If(X == 3, byte(1), z3.Select(z3.Store(SEVENS, 4, 2), X))), 5, 6), (7, {3: 1, 4: 2, 5: 6}),
    ),
    "a choice of arrays": (z3.If(YES, z3.Store(SEVENS, 1, 2), SEVENS), (7, {1: 2})),
    "a store over a choice": (z3.Store(z3.If(YES, z3.Store(SEVENS, 1, 2), SEVENS), 3, 4), (7, {1: 2, 3: 4})),
    "a formula of the index": (z3.Lambda([X], X + 1), (0, {k: (k + 1) % 256 for k in range(256)})),
    "ranges": (z3.Lambda([X], z3.If(z3.ULT(X, 3), X, byte(1))), (0, {k: k if k < 3 else 1 for k in range(256)})),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_array_is_read(form: str) -> None:
    value, read = FORMS[form]
    found = interpretation(z3, Given(ARRAY.decl(), value))
    assert found["unread"] == {}
    default, rows = found["arrays"]["a"]
    assert (default, dict(map(tuple, rows))) == read


@pytest.mark.parametrize(
    "value", [z3.Lambda([WORD], z3.Extract(7, 0, WORD)), z3.Lambda([WORD], z3.If(z3.ULT(WORD, 3), byte(2), byte(1)))]
)
def test_what_cannot_be_read_is_named_with_its_reason(value: Any) -> None:
    found = interpretation(z3, Given(WIDE.decl(), value))
    assert found["arrays"] == {} and "was expected" in found["unread"]["wide"]


def test_functions_as_arrays_are_read() -> None:
    """z3 gives an array as a function where another symbol is that function."""
    context = z3.Context()
    solver = z3.Solver(ctx=context)
    solver.from_string(
        "(declare-fun f ((_ BitVec 8)) (_ BitVec 8)) (declare-fun a () (Array (_ BitVec 8) (_ BitVec 8)))"
        "(assert (= a (_ as-array f))) (assert (= (f #x01) #x05)) (assert (= (select a #x02) #x06)) (check-sat)"
    )
    assert str(solver.check()) == "sat"
    found = interpretation(z3, solver.model())
    assert found["unread"].keys() <= {"array-ext"}
    default, rows = found["arrays"]["a"]
    read = dict(map(tuple, rows))
    assert (read.get(1, default), read.get(2, default)) == (5, 6)


# ---- whatever a formula says of arrays, the solver's answer is one: a model that holds, or none


class Formula:
    """A random formula over arrays, written with every way to make one."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)
        self.width = self.source.choice((2, 4, 16))
        self.arrays = [array(self.width, 8, f"m{k}") for k in range(3)]
        self.places = [variable(self.width, f"i{k}") for k in range(4)]
        self.words = [variable(8, f"v{k}") for k in range(3)]

    def place(self) -> Term:
        return self.source.choice([*self.places, constant(self.width, self.source.getrandbits(self.width))])

    def word(self, depth: int) -> Term:
        if depth and self.source.random() < 0.6:
            return select(self.memory(depth - 1), self.place())
        return self.source.choice([*self.words, constant(8, self.source.getrandbits(8))])

    def memory(self, depth: int) -> Term:
        kind = self.source.randrange(5) if depth else 0
        if kind == 1:
            return constant_array(self.width, 8, self.source.getrandbits(8))
        if kind == 2:
            return ite(variable(0, f"g{self.source.randrange(3)}"), self.memory(depth - 1), self.memory(depth - 1))
        if kind > 2:
            return store(self.memory(depth - 1), self.place(), self.word(depth - 1))
        return self.source.choice(self.arrays)

    def claim(self) -> Term:
        one, other = self.word(3), self.word(3)
        return self.source.choice([lnot(eq(one, other)), eq(one, other), mk("ult", 0, one, other)])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 1 << 30))
def test_a_model_of_arrays_holds(seed: int) -> None:
    formula = Formula(seed)
    claims = [formula.claim() for _ in range(formula.source.randrange(1, 7))]
    answer = SOLVER.check(claims, label="")
    assert answer.status in ("sat", "unsat"), answer.reason
    assert answer.model is None or answer.model.satisfies(claims)


SOLVER = Solver(Limits())
