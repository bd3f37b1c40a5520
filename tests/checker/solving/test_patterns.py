"""Patterns of bits, beside the values that they stand for."""

from __future__ import annotations

import pytest

from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.patterns import MOST, Covering, Pattern
from pgcheck.isa.terms import Term, constant, disjunction, eq, extract, land, lnot, mk, substitute, variable

X = variable(6, "x")


def among(*values: int) -> Term:
    return disjunction(eq(X, constant(6, v)) for v in values)


def held(pattern: Pattern) -> set[int]:
    return {v for v in range(64) if substitute([pattern.matches(X)], {X: constant(6, v)})[0].value}


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (eq(extract(X, 5, 5), constant(1, 1)), ["x[5] == 1"]),
        (eq(extract(X, 4, 2), constant(3, 5)), ["x[4:2] == 5"]),
        (
            land(eq(extract(X, 5, 5), constant(1, 0)), eq(extract(X, 1, 0), constant(2, 3))),
            ["x[5] == 0 && x[1:0] == 3"],
        ),
        (among(63), ["x == 0x3f"]),
        (eq(X, X), ["true"]),
        (among(), []),
    ],
)
def test_a_pattern_is_as_wide_as_it_can_be(wanted: Term, told: list[str], evidence: Evidence) -> None:
    found, complete = Covering(X, [wanted], [lnot(wanted)], evidence, "x").patterns()
    assert complete and [p.told("x") for p in found] == told


def test_patterns_hold_all_that_is_wanted_and_nothing_that_is_spared(evidence: Evidence) -> None:
    wanted = mk("ult", 0, X, constant(6, 12))
    found, complete = Covering(X, [wanted], [lnot(wanted)], evidence, "x").patterns()
    assert complete and set().union(*map(held, found)) == set(range(12))


def test_what_is_neither_is_anybodys(evidence: Evidence) -> None:
    found, _ = Covering(X, [among(9)], [among(0, 1)], evidence, "x").patterns()
    assert len(found) == 1 and 9 in held(found[0]) and not {0, 1} & held(found[0])


def test_beyond_a_few_patterns_the_rest_is_elsewhere(evidence: Evidence) -> None:
    wanted = eq(extract(mk("mul", 6, X, X), 2, 0), constant(3, 1))
    odd = [v for v in range(64) if bin(v).count("1") % 2]
    found, complete = Covering(X, [among(*odd)], [lnot(among(*odd))], evidence, "x").patterns()
    assert not complete and len(found) == MOST and all(held(p) <= set(odd) for p in found)
    assert Covering(X, [wanted], [lnot(wanted)], evidence, "x").patterns()[1]
