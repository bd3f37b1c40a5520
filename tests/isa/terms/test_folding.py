"""The rules of the folder: each is proved by itself, and of each nothing can be left out.

The solver proves a rule for free subterms at several widths, with all constants up to width 4 and those at the edges of the others. A near-miss
breaks one thing that a rule asks for: then the rule must not be taken, and what it would give must mean something else.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import islice, product
from typing import Any

import pytest

from pgcheck.checker.options import Limits
from pgcheck.checker.solving.process import COMMAND, SolverProcess
from pgcheck.checker.solving.smtlib import script
from pgcheck.isa.terms import ARRAY, Term, array, constant, evaluate, mask, show, variable, walk
from pgcheck.isa.terms.folding import RULES
from pgcheck.isa.terms.matching import LITERALS, Node, Pattern, Rule, compiled, read
from pgcheck.isa.terms.nodes import FALSE, TRUE, intern

pytestmark = pytest.mark.slow

WIDTHS = (1, 2, 3, 4, 8, 33, 64)
INDEX = 2
BOOLEAN = frozenset({"land", "lor", "lnot"})
COMPARING = frozenset({"eq", "ult", "ule"})
BASE = variable(INDEX, "base")
PLACES = (
    BASE,
    *(intern("add", INDEX, (BASE, constant(INDEX, v)), None) for v in (1, 2)),
    *(constant(INDEX, v) for v in (0, 1)),
)
Bound = dict[str, Any]  # a term by its name, or a bound of an extract
Instance = tuple[Term, Bound]


def constants(width: int) -> list[int]:
    if width <= 4:
        return list(range(1 << max(width, 1)))
    return sorted({0, 1, 2, 6, width - 1, width, mask(width), mask(width) - 1, 1 << width - 1, mask(width - 2) & ~3})


def parts(width: int) -> list[int]:
    """Widths of a part of so many bits, all of them if they are few."""
    return list(range(1, width + 1)) if width <= 4 else [1, width // 2, width - 1, width]


def widths_of(op: str, width: int, at: int, count: int) -> Iterator[tuple[int, ...]]:
    """What the arguments of a node may be wide, in a rule that is looked at for so many bits."""
    match op:
        case "concat":
            yield from ((high, width - high) for high in parts(width) if high < width)
        case "zext" | "sext":
            yield from ((inner,) for inner in parts(width))
        case "ite":
            yield (0, width, width)
        case "store":
            yield (ARRAY, INDEX, at)
        case "select":
            yield (ARRAY, INDEX)
        case _:
            yield ((at if op in COMPARING else width),) * count


def instances(pattern: Pattern, width: int, at: int, bound: Bound) -> Iterator[Instance]:
    """Every node of a width that a pattern describes, with what its names stand for."""
    match pattern:
        case Node("karray"):
            yield from ((intern("karray", ARRAY, (), v, (INDEX, at)), bound) for v in constants(at))
        case Node("extract", (high, low), (inner,)):
            for total in (width, width + 1, width + 3, 2 * width):
                for start in sorted({0, (total - width) // 2, total - width}):
                    bounds = {high: start + width - 1, low: start}
                    for term, more in instances(inner, total, at, bound | bounds):
                        yield intern("extract", width, (term,), (start + width - 1, start)), more
        case Node(op) if width == 0 and op not in BOOLEAN | COMPARING | {"ite"}:
            return
        case Node(op, _, inside):
            for widths in widths_of(op, width, at, len(inside)):
                found: list[tuple[tuple[Term, ...], Bound]] = [((), bound)]
                for argument, wide in zip(inside, widths, strict=True):
                    found = [((*a, t), m) for a, b in found for t, m in instances(argument, wide, at, b)]
                shape = (INDEX, at) if width == ARRAY else None
                yield from ((intern(op, width, a, None, shape), m) for a, m in found)
        case str() if pattern in LITERALS:
            value = {"TRUE": 1, "FALSE": 0}.get(pattern, -1 if pattern == "-1" else int(pattern == "1"))
            if (pattern in ("TRUE", "FALSE")) == (width == 0):
                yield constant(width, value), bound
        case str():
            yield from named(pattern, width, at, bound)


def named(pattern: str, width: int, at: int, bound: Bound) -> Iterator[Instance]:
    name = pattern.lstrip("#%")
    if name in bound:
        yield from [(bound[name], bound)] * (bound[name].width == width)
    elif name != pattern:
        yield from ((constant(width, v), bound | {name: constant(width, v)}) for v in constants(width) if width >= 0)
    else:
        term = array(INDEX, at, f"array {name} of {at}") if width == ARRAY else variable(width, f"{name} of {width}")
        yield from ((other, bound | {name: other}) for other in ([term, *PLACES] if name in ("i", "j") else [term]))


def of(pattern: Node, at: int) -> Iterator[Instance]:
    """The instances of a whole pattern for so many bits: of its value, or of its arguments where that is Boolean or a part."""
    if pattern.op == "extract":
        (inner,), (high, low) = pattern.args, pattern.bounds
        for top, bottom in product(sorted({0, at // 2, max(at - 2, 0), at - 1}), repeat=2):
            if bottom <= top:
                for term, bound in instances(inner, at, at, {high: top, low: bottom}):
                    yield intern("extract", top - bottom + 1, (term,), (top, bottom)), bound
        return
    values = [0] if pattern.op in BOOLEAN | COMPARING else [at, 0, ARRAY] if pattern.op == "ite" else [at]
    for value in values:
        yield from instances(pattern, value, at, {})
    if pattern.op == "eq":
        yield from instances(pattern, 0, 0, {})


def given(function: Callable[..., Any], term: Term, bound: Bound) -> Any:
    code = function.__code__
    known = {**bound, "w": term.width, **{f"a{k}": a for k, a in enumerate(term.args)}}
    return function(*(known[name] for name in code.co_varnames[: code.co_argcount]))


def holds(rule: Rule, term: Term, bound: Bound) -> bool:
    return rule.when is None or bool(given(rule.when, term, bound))


def result(rule: Rule, term: Term, bound: Bound) -> Term:
    made = given(rule.result, term, bound)
    if rule.again:
        args, data = made
        return intern(term.op, term.width, args, data)
    assert isinstance(made, Term)
    return made


def differ(one: Term, other: Term) -> Term:
    """That two terms are not equal, as it is written and nothing of it folded."""
    assert (one.width, one.shape) == (other.width, other.shape), f"{show(one)} became {show(other)}"
    if one.width == ARRAY:
        assert one.shape is not None
        at = variable(INDEX, "somewhere")
        one, other = (intern("select", one.shape[1], (t, at), None) for t in (one, other))
    return intern("lnot", 0, (intern("eq", 0, (one, other), None),), None)


@cache
def solver() -> SolverProcess:
    return SolverProcess(COMMAND, Limits().memory)


def possible(claims: list[Term]) -> str:
    """What the solver says of the disjunction of claims, in parts, as they are written."""
    while len(claims) > 1:
        claims = [
            intern("lor", 0, tuple(claims[i : i + 2]), None) if i + 1 < len(claims) else claims[i]
            for i in range(0, len(claims), 2)
        ]
    request = {"do": "check", "text": script(claims).text, "asked": [], "rlimit": Limits().rlimit}
    return str(solver().ask(request, 120.0)["status"])


IDS = [f"{number}: {rule.pattern}" for number, rule in enumerate(RULES)]


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_every_rule_is_proved(rule: Rule) -> None:
    asked = 0
    for at in WIDTHS:
        claims = [
            differ(t, r) for t, b in of(rule.node, at) if holds(rule, t, b) and (r := result(rule, t, b)) is not t
        ]
        asked += len(claims)
        assert not claims or possible(claims) == "unsat", f"{rule.pattern} at {at} bits"
    assert asked, "the rule is about nothing"


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_what_is_matched_is_what_the_pattern_describes(rule: Rule) -> None:
    fold = compiled([rule])
    taken = 0
    for at in (1, 2, 3, 8):
        for term, bound in islice(of(rule.node, at), 300):
            if not rule.again:
                expected = result(rule, term, bound) if holds(rule, term, bound) else None
                assert fold(term.width, term.args, term.data) is expected
                taken += expected is not None
            elif holds(rule, term, bound) and not all(a.is_constant for a in term.args):
                made = fold(term.width, term.args, term.data)
                assert made is not None and made is not term
                taken += 1
    assert taken


def means_something_else(rule: Rule, term: Term, bound: Bound) -> bool:
    """Whether what a rule gives for a term is no term, has another sort, or differs for some values of its variables."""
    try:
        found = result(rule, term, bound)
        differs = differ(term, found)
    except (AssertionError, ValueError, IndexError, TypeError, AttributeError):
        return True
    if any(t.op == "extract" and not t.args[0].width > t.bounds[0] >= t.bounds[1] >= 0 for t in walk([found])):
        return True
    leaves = [t for t in walk([differs]) if t.op in ("var", "array")]
    return any(world(differs, leaves, random.Random(number)) for number in range(60))


def world(claim: Term, leaves: list[Term], source: random.Random) -> bool:
    """Whether a claim is true for some values of its variables."""
    values: Mapping[Term, int] = {t: source.getrandbits(max(t.width, 1)) for t in leaves}
    cells = [source.getrandbits(64) for _ in range(1 << INDEX)]
    known = evaluate([claim], values.__getitem__, lambda m, i: cells[i] & mask(m.array_sort[1]), lambda *_: 0)
    return known == [1]


def near_misses(pattern: Pattern, seen: set[str]) -> Iterator[Pattern]:
    """The pattern with one thing that it asks for let go: that a term is the same as another, or a constant."""
    match pattern:
        case Node(op, bounds, args):
            for k, arg in enumerate(args):
                for other in near_misses(arg, seen):
                    yield Node(op, bounds, (*args[:k], other, *args[k + 1 :]))
        case str() if pattern in LITERALS or pattern.startswith("#"):
            yield f"any{pattern.strip('#-')}" if pattern in LITERALS else pattern.lstrip("#")
        case str():
            if pattern in seen and not pattern.startswith("%"):
                yield f"other_{pattern}"
            seen.add(pattern)


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_nothing_that_a_rule_asks_for_can_be_left_out(rule: Rule) -> None:
    for loose in near_misses(rule.node, set()):
        assert isinstance(loose, Node)
        found = [(t, b) for at in (2, 3, 4) for t, b in islice(of(loose, at), 400)]
        missed = [(t, b) for t, b in found if not all(a.is_constant for a in t.args)]
        assert missed and any(means_something_else(rule, t, b) for t, b in missed), (
            f"{loose} is as good as {rule.pattern}"
        )
        if not rule.again:
            assert all(compiled([rule])(t.width, t.args, t.data) is None for t, b in missed if "any" in str(loose))


CONDITIONAL = [(i, r) for i, r in zip(IDS, RULES, strict=True) if r.when is not None]


@pytest.mark.parametrize("rule", [r for _, r in CONDITIONAL], ids=[i for i, _ in CONDITIONAL])
def test_no_condition_of_a_rule_can_be_left_out(rule: Rule) -> None:
    found = [(t, b) for at in (1, 2, 3, 4) for t, b in of(rule.node, at) if not holds(rule, t, b)]
    assert found and all(compiled([rule])(t.width, t.args, t.data) in (None, t) for t, _ in found[:50])
    assert any(means_something_else(rule, t, b) for t, b in found)


@pytest.mark.parametrize("rule", [r for r in RULES if "%" in r.pattern], ids=lambda r: r.pattern)
def test_a_constant_that_is_asked_for_because_it_pays_is_not_needed(rule: Rule) -> None:
    loose = read(rule.pattern.replace("%", ""))
    claims = [differ(t, result(rule, t, b)) for t, b in of(loose, 3)]
    assert possible(claims) == "unsat"


WRONG = (
    Rule("(ite g x y)", lambda y: y),
    Rule("(and x #k)", lambda x: x, lambda k: k.value & 1),
    Rule("(extract[t:b] (add x y))", lambda w, t, b, x, y: intern("add", w, (intern("extract", w, (x,), (t, b)), intern("extract", w, (y,), (t, b))), None)),
    Rule("(eq (zext x) #k)", lambda x, k: intern("eq", 0, (x, constant(x.width, k.value)), None)),
    Rule("(select (store m i x) j)", lambda m, j: ((m, j), None), again=True),
)  # fmt: skip


@pytest.mark.parametrize("rule", WRONG, ids=lambda r: r.pattern)
def test_a_wrong_rule_is_refuted(rule: Rule) -> None:
    claims = [differ(t, result(rule, t, b)) for t, b in of(rule.node, 3) if holds(rule, t, b)]
    assert possible(claims) == "sat"


@pytest.mark.parametrize("text", ["", "x", "(ite g x", "(ite g x y) z", "(ite ! y)", ")"])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        read(text)


def test_values_of_literals() -> None:
    assert [t for t, _ in of(read("(ite TRUE x y)"), 1)][0].args[0] is TRUE
    assert [t for t, _ in of(read("(lnot FALSE)"), 1)][0].args[0] is FALSE
