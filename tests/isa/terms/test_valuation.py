"""One assignment, and the values of many terms under it."""

from pgcheck.isa.terms import Term, Valuation, apply, array, constant, evaluate, ite, mk, select, store, variable

X, Y, M, N = variable(8, "x"), variable(8, "y"), array(4, 8, "m"), array(4, 8, "n")


def valuation(asked: list[Term]) -> Valuation:
    def leaf(term: Term) -> int:
        asked.append(term)
        return {X: 3, Y: 250}[term]

    return Valuation(leaf, lambda a, k: k + (100 if a is M else 0), lambda name, args, width: sum(args) + width)


def test_a_part_is_asked_for_once_however_often_it_occurs() -> None:
    asked: list[Term] = []
    one = valuation(asked)
    total = mk("add", 8, X, Y)
    assert one.of(total) == 253 and one.of(mk("mul", 8, total, X)) == 759 % 256 and one.of(X) == 3
    assert asked == [X, Y]


def test_arrays_elements_and_functions_have_the_values_that_are_given() -> None:
    one = valuation([])
    at = constant(4, 7)
    chosen = ite(mk("ult", 0, X, Y), store(M, at, X), N)
    assert one.of(select(chosen, at)) == 3
    assert one.of(select(chosen, constant(4, 2))) == 102
    assert one.of(apply(8, "f", X, Y)) == 3 + 250 + 8


def test_a_deep_term_needs_no_deep_stack() -> None:
    deep = X
    for _ in range(5000):
        deep = mk("xor", 8, mk("add", 8, deep, Y), Y)
    expected = 3
    for _ in range(5000):
        expected = (expected + 250) % 256 ^ 250
    assert valuation([]).of(deep) == expected


def test_evaluation_looks_at_what_is_not_chosen_too() -> None:
    asked: list[Term] = []

    def leaf(term: Term) -> int:
        asked.append(term)
        return 0

    assert evaluate([ite(mk("eq", 0, X, X), X, Y), Y], leaf, lambda *_: 0, lambda *_: 0) == [0, 0]
    assert set(asked) == {X, Y}
