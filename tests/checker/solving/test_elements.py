"""Arrays as their elements: the same values, and no array left of those that are taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgcheck.checker.options import Limits
from pgcheck.checker.solving.elements import INDEX_BITS, element_name, expanded
from pgcheck.checker.solving.smtlib import script
from pgcheck.checker.solving.solver import Solver
from pgcheck.isa.terms import (
    ARRAY,
    Term,
    array,
    constant,
    constant_array,
    eq,
    evaluate,
    ite,
    land,
    lnot,
    mk,
    select,
    store,
    variable,
    walk,
)

INDEX, WIDTH = 2, 3
A, B = array(INDEX, WIDTH, "A"), array(INDEX, WIDTH, "B")
P, Q = variable(INDEX, "i"), variable(INDEX, "j")
X, Y = variable(WIDTH, "x"), variable(WIDTH, "y")
INDICES = st.sampled_from([P, Q, constant(INDEX, 2), mk("add", INDEX, P, Q)])


def arrays() -> st.SearchStrategy[Term]:
    leaves = st.sampled_from([A, B, constant_array(INDEX, WIDTH, 5)])

    def grown(inner: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
        values = st.one_of(st.sampled_from([X, Y, constant(WIDTH, 1)]), st.builds(select, inner, INDICES))
        either = st.builds(lambda a, b: ite(eq(X, Y), a, b), inner, inner)
        return st.one_of(st.builds(store, inner, INDICES, values), either)

    return st.recursive(leaves, grown, max_leaves=5)


@given(arrays(), INDICES, st.data())
def test_taken_apart_an_array_has_the_values_that_it_had(held: Term, index: Term, data: st.DataObject) -> None:
    read = select(held, index)
    numbers = {t.name: data.draw(st.integers(0, (1 << t.width) - 1)) for t in (P, Q, X, Y)}
    cells = {(a.name, k): data.draw(st.integers(0, 7)) for a in (A, B) for k in range(1 << INDEX)}
    numbers |= {element_name(*place): value for place, value in cells.items()}

    def value(term: Term) -> int:
        return evaluate([term], lambda t: numbers[t.name], lambda a, k: cells[a.name, k], lambda *_: 0)[0]

    (apart,) = expanded([read], wide=False)
    assert all(t.width != ARRAY for t in walk([apart])) and value(apart) == value(read)


@pytest.mark.parametrize(
    ("index", "width", "narrow", "wide"),
    [(4, 8, True, True), (4, 9, False, True), (2, 32, True, True), (3, 32, False, True), (INDEX_BITS + 1, 1, False, False)],
)  # fmt: skip
def test_few_bits_are_taken_apart_at_once_and_more_only_on_request(
    index: int, width: int, narrow: bool, wide: bool
) -> None:
    asked = [lnot(eq(select(array(index, width, "R"), variable(index, "k")), constant(width, 0)))]
    for all_, apart in ((False, narrow), (True, wide)):
        assert ("Array" not in script(expanded(asked, wide=all_)).text) == apart


def test_a_model_of_elements_is_one_of_the_array() -> None:
    held = store(A, P, X)
    asked = [lnot(eq(select(held, Q), select(A, Q))), eq(select(A, constant(INDEX, 3)), constant(WIDTH, 6)), eq(P, Q)]
    solver = Solver(Limits(), None, second=False)
    answer = solver.check(asked, label="")
    impossible = solver.check([land(*asked[:2]), lnot(eq(P, Q))], label="")
    solver.close()
    assert answer.model is not None and answer.model.satisfies(asked) and answer.model.element(A, 3) == 6
    assert impossible.status == "unsat"


def test_what_is_undecided_with_arrays_is_asked_without(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = array(4, 32, "R")
    asked = [
        lnot(
            eq(select(store(wide, variable(4, "i"), constant(32, 7)), variable(4, "j")), select(wide, variable(4, "j")))
        )
    ]
    solver = Solver(Limits(), None, second=False)
    honest, texts = solver.process.ask, list[str]()

    def ask(request: dict[str, object], seconds: float) -> dict[str, object]:
        texts.append(str(request["text"]))
        if "Array" in texts[-1]:
            return {"status": "unknown", "reason": "arrays"}
        return honest(request, seconds)

    monkeypatch.setattr(solver.process, "ask", ask)
    answer = solver.check(asked, label="")
    solver.close()
    assert ["Array" in t for t in texts] == [True, False]
    assert answer.status == "sat" and answer.model is not None and answer.model.satisfies(asked)
