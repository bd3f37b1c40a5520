"""Rewriting by masks is plain rewriting, and a mask that forgets a name is noticed."""

import random
from collections.abc import Mapping
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcheck.isa.terms import ARRAY, Name, Term, apply, array, constant, eq, on_leaves, rewrite, substitute, variable
from pgcheck.isa.terms.names import STATE, leaf_name
from pgcheck.isa.terms.nodes import LEAVES, OTHERS, mentioned
from pgcheck.isa.terms.walks import about_leaves, about_names, mentions
from tests.isa.terms.test_terms import Pool


def replacing(leaves: Mapping[Term, Term], term: Term) -> Term | None:
    return None if term.args else leaves.get(term)


def replaced(leaves: Mapping[Term, Term], term: Term, args: tuple[Term, ...]) -> Term | None:
    return replacing(leaves, term)


def plainly(roots: list[Term], leaves: Mapping[Term, Term]) -> list[Term]:
    return rewrite(roots, lambda t, _: replacing(leaves, t))


def drawn(pool: Pool, seed: int) -> tuple[list[Term], dict[Term, Term]]:
    """Roots, and some of their free terms with others of the same sort."""
    roots = [t for _, t in pool.terms]
    free = [t for t in roots if t.free is not None]
    chosen = random.Random(seed).sample(free, k=min(len(free), 1 + seed % 3))
    return roots, {t: pool.like((t, t))[1] for t in chosen}


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(st.integers(0, 1 << 40))
def test_what_mentions_nothing_that_changes_stays_and_all_else_is_as_if_rewritten_plainly(seed: int) -> None:
    pool = Pool(seed)
    roots, leaves = drawn(pool, seed)
    wanted = plainly(roots, leaves)
    assert substitute(roots, leaves) == wanted
    memo: dict[Term, Term] = {}
    half = len(roots) // 2
    assert substitute(roots[:half], leaves, memo) + substitute(roots[half:], leaves, memo) == wanted


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(st.integers(0, 1 << 40))
def test_a_rewriting_beside_another_is_a_rewriting_of_its_own(seed: int) -> None:
    pool = Pool(seed)
    roots, first = drawn(pool, seed)
    second = {**first, **drawn(pool, seed + 1)[1]}
    made: dict[Term, Term] = {}
    rewrite(roots, lambda t, _: replacing(first, t), made)
    about = mentions(t for t in second if second[t] is not first.get(t))
    again = rewrite(roots, lambda t, _: replacing(second, t), about=about, beside=made)
    assert again == plainly(roots, second)


@pytest.mark.parametrize("forgotten", [0, 1])
def test_a_mask_that_forgets_a_name_is_noticed(forgotten: int) -> None:
    noticed = 0
    for seed in range(60):
        roots, leaves = drawn(Pool(seed), seed + 1)
        about = mentions(list(leaves)[:forgotten]) or 0
        found = rewrite(roots, partial(replaced, leaves), about=about)
        noticed += found != plainly(roots, leaves)
    assert noticed > 20


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(0, 1 << 40))
def test_a_term_mentions_what_its_parts_do(seed: int) -> None:
    for _, term in Pool(seed).terms:
        own = about_names([term.data]) if isinstance(term.data, Name) else 0
        assert term.mentions == own | (mentions(a for a in term.args if a.mentions) or 0)


def test_a_leaf_has_one_bit_whatever_its_copy_and_leaves_have_bits_of_their_own() -> None:
    plain, copied = variable(8, leaf_name("masked")), variable(8, leaf_name("masked", "v"))
    assert plain.mentions == copied.mentions == mentioned(STATE, "masked") == about_leaves(["masked"])
    assert array(4, 8, leaf_name("masked")).mentions == plain.mentions
    assert variable(8, "masked").mentions >= 1 << LEAVES > plain.mentions
    assert apply(8, "masked").mentions == variable(8, "masked").mentions
    assert constant(8, 3).mentions == 0


def test_more_names_than_bits_share_them_and_are_told_apart_all_the_same() -> None:
    many = [variable(8, f"many {k}") for k in range(3 * OTHERS)]
    same = [(a, b) for a in many for b in many if a is not b and a.mentions == b.mentions]
    assert same
    for a, b in same[:20]:
        term = eq(a, constant(8, 1))
        assert substitute([term], {b: constant(8, 2)}) == [term]


def test_leaves_are_replaced_by_name_where_they_are_mentioned() -> None:
    a, b = variable(8, leaf_name("one leaf")), variable(8, leaf_name("another"))
    term = eq(a, b)
    assert on_leaves([term, a, b], {"one leaf": b}) == [eq(b, b), b, b]
    assert on_leaves([term], {}) == [term]


def test_what_has_no_name_may_be_replaced_too() -> None:
    one, two, x = constant(8, 1), constant(8, 2), variable(8, "x")
    assert mentions([one, x]) is None
    assert substitute([eq(x, one)], {one: two}) == [eq(x, two)]


def test_arrays_are_replaced_like_variables() -> None:
    m, n = array(2, 4, "masked m"), array(2, 4, "masked n")
    assert m.width == ARRAY and substitute([m, n], {m: n}) == [n, n]
