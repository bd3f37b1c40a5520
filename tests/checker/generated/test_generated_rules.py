"""The rules of idioms and of the normal form are proved like those of folding."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial, reduce

import pytest

from pgcheck.checker.generated import idioms, normal
from pgcheck.isa.terms import ARRAY, Term, constant, digest, mask, mk, variable, walk
from pgcheck.isa.terms.matching import Rule, compiled
from pgcheck.isa.terms.nodes import intern
from tests.isa.terms.test_folding import Instance, differ, holds, instances, of, possible, result

pytestmark = pytest.mark.slow

RULES = (*idioms.RULES, *normal.RULES)
WIDTHS = (1, 2, 3, 4, 8, 33)
HARD = frozenset({"ashr", "udiv", "urem"})
HARDEST = 4


def signed(at: int) -> Iterator[Instance]:
    """Instances of the rule for a sign that is spread: its parts are of different widths."""
    for inner in range(1, at):
        x = variable(inner, f"x of {inner}")
        for k in {1 << inner - 1, 1, mask(inner)}:
            for m in {mask(at - inner), 1}:
                bound = {"x": x, "k": constant(inner, k), "m": constant(at - inner, m)}
                yield _spread(at, bound["x"], bound["k"], bound["m"]), bound


def _spread(at: int, x: Term, k: Term, m: Term) -> Term:
    negative = intern("concat", at, (m, x), None)
    return intern("ite", at, (intern("ult", 0, (x, k), None), intern("zext", at, (x,), None), negative), None)


def instances_of(rule: Rule, at: int) -> Iterator[Instance]:
    """The nodes for so many bits that the rule's pattern describes: choices between arrays where it speaks of stores, else between vectors."""
    if rule.pattern == idioms.RULES[0].pattern:
        yield from signed(at)
    elif rule.node.op == "store":
        yield from instances(rule.node, ARRAY, at, {})
    elif rule.node.op == "ite":
        yield from instances(rule.node, ARRAY if "store" in rule.pattern else at, at, {})
    else:
        yield from of(rule.node, at)


@pytest.mark.parametrize("rule", RULES, ids=[f"{number}: {rule.pattern}" for number, rule in enumerate(RULES)])
def test_every_rule_is_proved_and_taken(rule: Rule) -> None:
    hard = any(op in rule.pattern for op in HARD)
    fold, taken = compiled([rule]), 0
    for at in WIDTHS:
        if hard and at > HARDEST:
            continue
        found = [(t, b) for t, b in instances_of(rule, at) if holds(rule, t, b)]
        claims = [differ(t, r) for t, b in found if (r := result(rule, t, b)) is not t]
        assert not claims or possible(claims) == "unsat", f"{rule.pattern} at {at} bits"
        taken += sum(fold(t.width, t.args, t.data) is result(rule, t, b) for t, b in found[:20])
    assert taken


def test_emitted_idioms_are_the_operators_that_they_mean() -> None:
    x, wide = variable(8, "x"), 32
    negative = mk("concat", wide, constant(24, mask(24)), x)
    below = mk("ult", 0, x, constant(8, 0x80))
    assert idioms.ite(below, mk("zext", wide, x), negative) is mk("sext", wide, x)
    assert idioms.ite(mk("ult", 0, x, constant(8, 0x81)), mk("zext", wide, x), negative).op == "ite"


@pytest.mark.parametrize("op", ["land", "lor"])
def test_a_junction_has_its_parts_in_the_order_of_their_digests(op: str) -> None:
    """Of what they are, that is, and not of where they lie in memory."""
    parts = [variable(0, f"part {k}") for k in range(9)]
    found = {
        normal.normal([reduce(partial(mk, op, 0), order)], [])[0]
        for order in (parts, parts[::-1], parts[4:] + parts[:4])
    }
    assert len(found) == 1
    shown = [t for t in walk(found) if t.op == "var"]
    assert shown == sorted(parts, key=lambda t: digest([t]))
