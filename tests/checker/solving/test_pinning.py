"""What a model says of a part of the free terms is put in their place, and nothing else is touched."""

from __future__ import annotations

from pgcheck.checker.solving.model import Model
from pgcheck.checker.solving.pinning import pinned
from pgcheck.isa.terms import Name, Term, apply, array, constant, eq, mk, select, variable
from pgcheck.isa.terms.names import FREE

X, Y = variable(4, Name(FREE, "x")), variable(4, Name(FREE, "y"))
M = array(4, 4, Name(FREE, "m"))
F = Name(FREE, "f")
MODEL = Model({X.name: 3, Y.name: 5}, {(M.name, 2): 7}, {(F, (1,)): 9})


def in_place(term: Term, *which: Term) -> Term:
    (found,) = pinned([term], MODEL, lambda t: t in which)
    return found


def test_what_is_picked_is_as_in_the_model_and_the_rest_stays() -> None:
    assert in_place(mk("add", 4, X, Y), X) is mk("add", 4, constant(4, 3), Y)
    assert in_place(mk("add", 4, X, Y)) is mk("add", 4, X, Y)
    assert in_place(select(M, constant(4, 2)), M) is constant(4, 7)
    assert in_place(select(M, constant(4, 3)), M) is constant(4, 0)


def test_an_answer_is_that_of_its_arguments() -> None:
    asked = apply(4, F, Y)
    found = in_place(asked, asked)
    (at_one,) = pinned([found], Model({Y.name: 1}, {}, {}), lambda t: t is Y)
    (at_two,) = pinned([found], Model({Y.name: 2}, {}, {}), lambda t: t is Y)
    assert (at_one, at_two) == (constant(4, 9), constant(4, 0))


def test_arguments_are_pinned_before_what_is_asked_of_them() -> None:
    assert in_place(eq(apply(4, F, X), Y), X) is eq(apply(4, F, constant(4, 3)), Y)
