"""Minimal conditions: what they say beside the condition itself, on every value, and that nothing of them can be left out."""

from __future__ import annotations

import random

import pytest

from pgcheck.checker.solving.evidence import Contradiction, Evidence
from pgcheck.checker.traps.condition import (
    ALWAYS,
    MOST,
    NEVER,
    Condition,
    Literal,
    Question,
    Table,
    atoms,
    confirm,
    minimal,
)
from pgcheck.checker.traps.together import Together, TooMany
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Name,
    Term,
    apply,
    conjunction,
    constant,
    disjunction,
    eq,
    extract,
    ite,
    land,
    lnot,
    lor,
    mk,
    rewrite,
    substitute,
    variable,
)

X, Y = variable(3, "x"), variable(2, "y")
COMPARED = (
    *(eq(X, constant(3, k)) for k in (0, 1, 5)),
    eq(extract(X, 2, 2), constant(1, 1)),
    mk("ult", 0, X, constant(3, 6)),
    eq(Y, constant(2, 3)),
    eq(extract(X, 1, 0), Y),
)


def question(evidence: Evidence, *known: Term) -> Question:
    return Question(known, frozenset(), Together(evidence), "test")


def made(rng: random.Random, depth: int) -> Term:
    if depth == 0:
        return rng.choice(COMPARED)
    a, b, c = (made(rng, depth - 1) for _ in range(3))
    return rng.choice((land(a, b), lor(a, b), lnot(a), ite(a, b, c)))


def truths(term: Term, known: Term = TRUE) -> list[bool]:
    values = [{X: constant(3, x), Y: constant(2, y)} for x in range(8) for y in range(4)]
    return [bool(substitute([term], v)[0].value) for v in values if substitute([known], v)[0] is TRUE]


@pytest.mark.parametrize("seed", range(40))
def test_a_condition_says_the_same_on_every_value_and_nothing_in_it_is_too_much(seed: int, evidence: Evidence) -> None:
    rng = random.Random(seed)
    term = made(rng, 3)
    known = mk("ult", 0, X, constant(3, 7)) if seed % 2 else TRUE
    found = minimal(term, question(evidence, *(() if known is TRUE else (known,))))
    wanted = truths(term, known)
    assert truths(found.term, known) == wanted
    for k, one in enumerate(found.alternatives):
        rest = (*found.alternatives[:k], *found.alternatives[k + 1 :])
        assert truths(Condition(rest, found.opposite).term, known) != wanted
        for literal in one:
            less = tuple(x for x in one if x is not literal)
            assert truths(Condition((*rest, less), found.opposite).term, known) != wanted


def test_what_is_always_and_never_true_is_found_where_only_values_tell(evidence: Evidence) -> None:
    below = mk("ult", 0, X, constant(3, 6))
    assert minimal(lor(below, lnot(eq(X, constant(3, 1)))), question(evidence)) == ALWAYS
    assert minimal(land(eq(X, constant(3, 7)), below), question(evidence)) == NEVER
    assert minimal(below, question(evidence, eq(extract(X, 2, 2), constant(1, 0)))) == ALWAYS
    assert (minimal(TRUE, question(evidence)), minimal(FALSE, question(evidence))) == (ALWAYS, NEVER)


def test_answers_of_one_function_at_equal_arguments_are_equal(evidence: Evidence) -> None:
    f, g = (apply(0, Name("", "f"), a) for a in (X, mk("add", 3, X, mk("mul", 3, Y3, constant(3, 0)))))
    assert minimal(land(f, lnot(g)), question(evidence)) == NEVER
    apart = apply(0, Name("", "f"), mk("add", 3, X, constant(3, 1)))
    assert len(minimal(land(f, lnot(apart)), question(evidence)).atoms) == 2


Y3 = variable(3, "z")


def test_more_atoms_than_a_reader_takes_in_are_too_many(evidence: Evidence) -> None:
    bits = [eq(variable(1, f"b{k}"), constant(1, 1)) for k in range(MOST + 1)]
    assert len(minimal(conjunction(bits[:MOST]), question(evidence)).atoms) == MOST
    assert minimal(disjunction(bits[:MOST]), question(evidence)).size == MOST
    with pytest.raises(TooMany):
        minimal(conjunction(bits), question(evidence))
    many = [eq(variable(1, f"b{k}"), constant(1, 1)) for k in range(30)]
    with pytest.raises(TooMany):
        minimal(conjunction(many), question(evidence))
    assert minimal(conjunction([*many, eq(X, Y3), mk("ult", 0, X, Y3)]), question(evidence)) == NEVER


def test_a_condition_that_says_something_else_is_a_contradiction(evidence: Evidence) -> None:
    wrong = Condition(((Literal(COMPARED[0], True),),))
    with pytest.raises(Contradiction):
        confirm(COMPARED[1], wrong, question(evidence))
    confirm(COMPARED[0], wrong, question(evidence))


def test_a_truth_table_is_that_of_the_term() -> None:
    rng = random.Random(1)
    for _ in range(50):
        term = made(rng, 3)
        table = Table.over(atoms(term))
        rows = table.of(term)
        for row in range(1 << len(table.atoms)):
            values = {a: TRUE if row >> k & 1 else FALSE for k, a in enumerate(table.atoms)}
            assert (substitute_atoms(term, values) is TRUE) == bool(rows >> row & 1)


def substitute_atoms(term: Term, values: dict[Term, Term]) -> Term:
    return rewrite([term], lambda t, _: values.get(t))[0]
