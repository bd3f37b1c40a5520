"""Known bits: sound for every operator, and the search finds exactly the solutions."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcheck.isa import terms
from pgcheck.isa.terms import Term, knownbits
from pgcheck.isa.terms.names import FREE

X, Y = terms.variable(3, "x"), terms.variable(3, "y")
VALUES = [{"x": x, "y": y} for x, y in product(range(8), repeat=2)]

WORD_OPS = ("add", "sub", "mul", "and", "or", "xor", "shl", "lshr", "ashr", "udiv", "urem")
BOOL_OPS = ("eq", "ult", "ule", "slt", "sle")

words = st.recursive(
    st.one_of(st.sampled_from([X, Y]), st.integers(0, 7).map(lambda v: terms.constant(3, v))),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(WORD_OPS), inner, inner).map(lambda t: terms.mk(t[0], 3, t[1], t[2])),
        inner.map(lambda t: terms.mk("not", 3, t)),
        inner.map(lambda t: terms.extract(terms.mk("sext", 6, t), 4, 2)),
        st.tuples(inner, inner).map(lambda t: terms.extract(terms.mk("concat", 6, *t), 4, 2)),
        st.tuples(inner, inner, inner).map(lambda t: terms.ite(terms.eq(t[0], t[1]), t[1], t[2])),
    ),
    max_leaves=6,
)
booleans = st.recursive(
    st.tuples(st.sampled_from(BOOL_OPS), words, words).map(lambda t: terms.mk(t[0], 0, t[1], t[2])),
    lambda inner: st.one_of(
        inner.map(terms.lnot),
        st.tuples(inner, inner).map(lambda t: terms.land(*t)),
        st.tuples(inner, inner).map(lambda t: terms.lor(*t)),
        st.tuples(inner, inner, inner).map(lambda t: terms.ite(*t)),
    ),
    max_leaves=4,
)


def evaluate(term: Term, values: dict[str, int]) -> int:
    return terms.evaluate([term], lambda t: values[t.name.text], lambda _a, _i: 0, lambda _n, _a, _w: 0)[0]


@settings(max_examples=150, deadline=None)
@given(st.one_of(words, booleans), st.integers(0, 7), st.integers(0, 7))
def test_what_is_known_holds_for_every_completion(term: Term, mask_x: int, mask_y: int) -> None:
    for values in VALUES:
        known = {X.name: (mask_x, values["x"] & mask_x), Y.name: (mask_y, values["y"] & mask_y)}
        mask, bits = knownbits.value(term, known)
        assert not bits & ~mask
        assert evaluate(term, values) & mask == bits


@settings(max_examples=100, deadline=None)
@given(st.one_of(words, booleans))
def test_a_term_whose_variables_are_known_is_known(term: Term) -> None:
    for values in VALUES[::7]:
        known = {terms.Name(FREE, name): (7, value) for name, value in values.items()}
        assert knownbits.value(term, known) == (terms.mask(term.width) if term.width else 1, evaluate(term, values))


@settings(max_examples=150, deadline=None)
@given(st.lists(booleans, max_size=3))
def test_the_search_finds_each_solution_once(constraints: list[Term]) -> None:
    wanted = [v for v in VALUES if all(evaluate(c, v) for c in constraints)]
    found = [
        values
        for known in knownbits.search(constraints, {}, 10_000)
        for values in VALUES
        if all(values[name.text] & mask == bits for name, (mask, bits) in known.items())
    ]
    assert sorted(map(str, found)) == sorted(map(str, wanted))


def test_propagation_alone_refutes_and_decides() -> None:
    low = terms.extract(X, 1, 0)
    is_two = terms.eq(low, terms.constant(2, 2))
    known: knownbits.Known = {}
    assert knownbits.force(is_two, (1, 1), known) and known == {X.name: (3, 2)}
    assert not knownbits.force(terms.eq(X, terms.constant(3, 1)), (1, 1), known)
    assert knownbits.holds(is_two, known) and not knownbits.holds(terms.eq(X, Y), known)


def test_a_search_without_budget_gives_up_loudly() -> None:
    with pytest.raises(knownbits.Exhausted):
        list(knownbits.search([terms.mk("ult", 0, X, Y)], {}, 2))
