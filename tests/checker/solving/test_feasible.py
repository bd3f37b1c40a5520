"""Whether a path can be taken: what is asked of the last condition alone is what all of them say."""

import random
from collections.abc import Iterator

import pytest

from pgcheck.checker.options import Limits
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.feasible import Feasible, connected
from pgcheck.checker.solving.solver import Solver
from pgcheck.isa.terms import Term, apply, constant, eq, lnot, mk, variable

V = [variable(4, f"feasible {k}") for k in range(8)]


@pytest.fixture(scope="module")
def solver() -> Iterator[Solver]:
    made = Solver(Limits(), second=False)
    yield made
    made.close()


def condition(drawn: random.Random) -> Term:
    a, b, k = drawn.choice(V), drawn.choice(V), constant(4, drawn.randrange(16))
    made = drawn.choice((
        lambda: eq(a, b), lambda: mk("ult", 0, a, b), lambda: eq(mk("add", 4, a, b), k), lambda: mk("ule", 0, a, k),
        lambda: eq(apply(4, "feasible f", a), b),
    ))()  # fmt: skip
    return made if drawn.random() < 0.6 else lnot(made)


def test_a_path_can_be_taken_just_when_all_its_conditions_can_hold(solver: Solver) -> None:
    drawn = random.Random(1974)
    impossible = 0
    for _ in range(12):
        feasible, path = Feasible(Evidence(solver, False), "t"), list[Term]()
        for _ in range(10):
            new = condition(drawn)
            if new.is_constant:
                continue
            model = feasible.model([*path, new])
            whole = solver.check([*path, new], label="whole")
            assert (model is not None) == (whole.status == "sat")
            if model is None:
                impossible += 1
                continue
            assert model.satisfies([*path, new])
            path.append(new)
    assert impossible > 2


def test_the_solver_is_asked_of_what_has_to_do_with_the_last_condition() -> None:
    one, two, three, four = eq(V[0], V[1]), eq(V[2], V[3]), eq(V[1], V[4]), lnot(eq(V[4], V[5]))
    assert connected([one, two, three, four]) == [one, three, four]
    assert connected([one, two]) == [two]
    f, g = eq(apply(4, "feasible f", V[0]), V[1]), eq(apply(4, "feasible f", V[2]), V[3])
    assert connected([f, two, g]) == [f, two, g]  # a function that both mention ties them together


def test_what_was_found_for_one_path_is_not_asked_for_another(solver: Solver) -> None:
    evidence = Evidence(solver, False)
    feasible = Feasible(evidence, "t")
    assert feasible([eq(V[0], constant(4, 3))])
    asked = len(evidence.queries)
    assert feasible([mk("ult", 0, V[0], constant(4, 9))]) and len(evidence.queries) == asked
