"""Known bits: sound for every operator, and the search finds exactly the solutions."""

import random
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcheck.checker.options import Limits
from pgcheck.checker.solving.process import COMMAND, SolverProcess
from pgcheck.checker.solving.smtlib import script
from pgcheck.isa import terms
from pgcheck.isa.terms import OPERATORS, Term, knownbits
from pgcheck.isa.terms.names import FREE
from pgcheck.isa.terms.nodes import intern

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


# ---- abstract soundness, asked of a solver: no value that the bits allow has a bit other than those that are said to be known of the result

OPERATORS_OF: dict[str, tuple[str, ...]] = {
    "same": ("add", "sub", "mul", "udiv", "urem", "sdiv", "srem", "and", "or", "xor", "shl", "lshr", "ashr"),
    "one": ("not", "neg"),
    "compare": ("eq", "ult", "ule", "slt", "sle"),
    "sized": ("concat", "extract", "zext", "sext", "ite"),
}
EVERY = sorted(op for ops in OPERATORS_OF.values() for op in ops)


def applied(op: str, width: int, source: random.Random) -> Term:
    """An operator on unknowns of a width, as it is written."""
    a, b, g = terms.variable(width, "a"), terms.variable(width, "b"), terms.variable(0, "g")
    low = source.randrange(width)
    bounds = (source.randrange(low, width), low)
    match op:
        case "concat":
            return intern(op, 2 * width, (a, b), None)
        case "extract":
            return intern(op, bounds[0] - bounds[1] + 1, (a,), bounds)
        case "zext" | "sext":
            return intern(op, width + source.randrange(4), (a,), None)
        case "ite":
            return intern(op, width, (g, a, b), None)
    return intern(
        op, 0 if op in OPERATORS_OF["compare"] else width, (a,) if op in OPERATORS_OF["one"] else (a, b), None
    )


def some_bits(source: random.Random, width: int) -> knownbits.Bits:
    """Some bits known, often most or none."""
    one, other, whole = source.getrandbits(width), source.getrandbits(width), terms.mask(width)
    known = source.choice((one, one | other, whole, 0))
    return known, source.choice((0, whole, source.getrandbits(width))) & known


def has(term: Term, bits: knownbits.Bits) -> Term:
    """That a term has the known bits, as it is written."""
    if term.width == 0:
        return terms.TRUE if not bits[0] else intern("eq", 0, (term, terms.constant(0, bits[1])), None)
    masked = intern("and", term.width, (term, terms.constant(term.width, bits[0])), None)
    return intern("eq", 0, (masked, terms.constant(term.width, bits[1])), None)


def written(op: str, *args: Term) -> Term:
    return intern(op, 0, args, None)


def wrongs(op: str, width: int, say: Callable[[Term, knownbits.Known], knownbits.Bits]) -> Iterator[Term]:
    """That some values which the bits allow give a value without the bits that `say` says it has, for known bits of many kinds."""
    for seed in range(24):
        source = random.Random(f"{op} {width} {seed}")
        term = applied(op, width, source)
        known = {v.name: some_bits(source, v.width or 1) for v in term.args}
        allowed = [has(v, known[v.name]) for v in dict.fromkeys(term.args)]
        yield reduce(lambda a, b: written("land", a, b), allowed, written("lnot", has(term, say(term, known))))


def answer(claims: Iterable[Term]) -> str:
    whole = reduce(lambda a, b: written("lor", a, b), claims)
    process = SolverProcess(COMMAND, Limits().memory)
    request = {"do": "bitwuzla", "text": script([whole]).text, "seconds": 60, "memory": Limits().memory}
    status = str(process.ask(request, 120.0)["status"])
    process.kill()
    return status


@pytest.mark.parametrize("width", [1, 2, 3, 8, 33, 64])
def test_what_is_known_of_an_operator_is_proved(width: int) -> None:
    assert set(EVERY) | {"land", "lor", "lnot"} == set(OPERATORS)
    claims = [claim for op in EVERY for claim in wrongs(op, width, knownbits.value)]
    assert answer(claims) == "unsat"


@pytest.mark.parametrize(
    "op", ["and", "or", "xor", "not", "concat", "extract", "zext", "sext", "ite", "ult", "ule", "eq"]
)
def test_an_unsound_claim_is_refuted(op: str) -> None:
    """One more bit said to be known than is, or one bit said the other way, is found for every operator of which something is known."""

    def more(term: Term, known: knownbits.Known) -> knownbits.Bits:
        found, bits = knownbits.value(term, known)
        whole = terms.mask(term.width) if term.width else 1
        lowest = ~found & whole & -(~found & whole)
        return found | lowest, bits

    def turned(term: Term, known: knownbits.Known) -> knownbits.Bits:
        found, bits = knownbits.value(term, known)
        return found, bits ^ (found & -found)

    assert answer(wrongs(op, 8, more)) == "sat" and answer(wrongs(op, 8, turned)) == "sat"


def test_every_set_of_known_bits_of_few_bits() -> None:
    """All that can be known of two words of two bits, and all values that it allows."""
    every = [(mask, bits) for mask in range(4) for bits in range(4) if not bits & ~mask]
    for op, (a, b) in product(EVERY, product(every, every)):
        term = applied(op, 2, random.Random(op))
        known: knownbits.Known = {terms.Name(FREE, "a"): a, terms.Name(FREE, "b"): b}
        mask, bits = knownbits.value(term, known)
        for x, y, g in product(range(4), range(4), range(2)):
            if x & a[0] == a[1] and y & b[0] == b[1]:
                assert evaluate(term, {"a": x, "b": y, "g": g}) & mask == bits


@pytest.mark.parametrize("width", [1, 3, 8, 33])
def test_what_is_forced_is_proved(width: int) -> None:
    """Every value that gives the wanted bits has the bits that `force` adds; where it says that there is none, there is none."""
    claims = []
    for op, seed in product(EVERY, range(24)):
        source = random.Random(f"force {op} {width} {seed}")
        term = applied(op, width, source)
        before = {v.name: some_bits(source, v.width or 1) for v in term.args}
        wanted = some_bits(source, term.width or 1)
        after = dict(before)
        possible = knownbits.force(term, wanted, after)
        allowed = [has(v, before[v.name]) for v in dict.fromkeys(term.args)] + [has(term, wanted)]
        kept = reduce(lambda a, b: written("land", a, b), [has(v, after[v.name]) for v in dict.fromkeys(term.args)])
        claims.append(
            reduce(lambda a, b: written("land", a, b), allowed + ([written("lnot", kept)] if possible else []))
        )
    assert answer(claims) == "unsat"


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
