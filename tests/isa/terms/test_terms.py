"""Terms: a simplified term means what the term as written means, and digests are the same in every process."""

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcheck.isa.terms import (
    ARRAY,
    FALSE,
    TRUE,
    Term,
    apply,
    array,
    constant,
    constant_array,
    digest,
    eq,
    evaluate,
    extract,
    folding,
    ite,
    land,
    lnot,
    lor,
    mask,
    mk,
    node,
    rewrite,
    select,
    show,
    signed,
    store,
    substitute,
    variable,
    walk,
    zext,
)
from pgcheck.isa.terms.nodes import intern
from pgcheck.isa.terms.operators import OPERATORS
from tests.specifications import ROOT

INDEX, ELEMENT = 3, 4
A, B, C = (variable(4, name) for name in "abc")
P, Q = variable(0, "p"), variable(0, "q")
M, N = (array(INDEX, ELEMENT, name) for name in "mn")
AT, ELSEWHERE = variable(INDEX, "i"), variable(INDEX, "j")
SAME = ("add", "sub", "mul", "udiv", "urem", "sdiv", "srem", "and", "or", "xor", "shl", "lshr", "ashr")
COMPARE = ("eq", "ult", "ule", "slt", "sle")
OTHERS = ("not", "neg", "concat", "extract", "zext", "sext", "land", "lor", "lnot", "ite", "select", "store")

Pair = tuple[Term, Term]
WORLDS = 40
FAMILIES: tuple[tuple[str, ...], ...] = (
    *(SAME, COMPARE, OTHERS),
    *(("ite", "land", "lor", "lnot"), ("land", "lnot"), ("lor", "lnot", "land"), ("and", "not")),
    *(("ite", "eq", "concat"), ("eq", "add"), ("ult", "ule", "ite", "add"), ("ite", "ule")),
    *(("extract", "concat", "zext"), ("extract", "concat"), ("and", "or", "shl", "lshr", "extract")),
    ("select", "store", "add", "ite"),
)


def raw(op: str, width: int, *args: Term, data: tuple[int, int] | None = None) -> Term:
    """The node exactly as written, not even its constants folded."""
    shape = args[0].shape if op == "store" else args[1].shape if op == "ite" else None
    return intern(op, width, args, data, shape)


class Pool:
    """Random terms over few leaves, each as written and simplified; later ones share the earlier ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        width = self.random.choice((1, 2, 3, 4))
        leaves = [
            variable(width, "v"),
            variable(width, "w"),
            P,
            Q,
            *{constant(width, k) for k in (0, 1, 2, 5, 10, mask(width))},
        ]
        leaves += [variable(2, "i"), variable(2, "j"), array(2, width, "m"), constant_array(2, width, 2)]
        leaves += [TRUE, apply(width, "f", leaves[0])]
        self.terms: list[Pair] = [(t, t) for t in leaves]
        family = self.random.choice(FAMILIES)
        for _ in range(self.random.randrange(2, 9)):
            self.add(self.random.choice(family if self.random.random() < 0.8 else (*SAME, *COMPARE, *OTHERS)))

    def pick(self, wanted: Callable[[Term], bool]) -> Pair:
        found = [pair for pair in self.terms if wanted(pair[0])]
        return self.random.choice(found[-6:] if self.random.random() < 0.6 else found)

    def of(self, width: int) -> Pair:
        return self.pick(lambda t: t.width == width)

    def like(self, pair: Pair) -> Pair:
        return self.pick(lambda t: t.width == pair[0].width and t.shape == pair[0].shape)

    def bits(self) -> Pair:
        return self.pick(lambda t: t.width > 0)

    def add(self, op: str) -> None:
        args, data = self.arguments(op)
        if self.random.random() < 0.5:
            args = self.shared(args)
        first = args[0][0]
        width = first.width
        match op:
            case "concat":
                width += args[1][0].width
            case "extract":
                assert data is not None
                width = data[0] - data[1] + 1
            case "zext" | "sext":
                width += self.random.randrange(3)
            case "ite":
                width = args[1][0].width
            case "select":
                assert first.shape is not None
                width = first.shape[1]
            case _ if op in COMPARE:
                width = 0
        if width > 12:
            return
        simplified = [b for _, b in args]
        new = store(*simplified) if op == "store" else mk(op, width, *simplified, data=data)
        self.terms.append((raw(op, width, *(a for a, _ in args), data=data), new))

    def shared(self, args: list[Pair]) -> list[Pair]:
        """The arguments with one of them replaced by a part of another, of the same sort, or by its negation: what rules look for."""
        place = self.random.randrange(len(args))
        others = {part for k, (a, _) in enumerate(args) if k != place for part in walk([a])}
        old = args[place][0]
        fitting = [p for p in self.terms if p[0] in others and (p[0].width, p[0].shape) == (old.width, old.shape)]
        if not fitting:
            return args
        written, simplified = self.random.choice(fitting)
        if written.width == 0 and self.random.random() < 0.4:
            written, simplified = raw("lnot", 0, written), lnot(simplified)
        return [*args[:place], (written, simplified), *args[place + 1 :]]

    def arguments(self, op: str) -> tuple[list[Pair], tuple[int, int] | None]:
        match op:
            case "eq":
                one = self.pick(lambda t: t.width >= 0)
                return [one, self.like(one)], None
            case "land" | "lor":
                return [self.of(0), self.of(0)], None
            case "lnot":
                return [self.of(0)], None
            case "ite":
                one = self.pick(lambda t: True)
                return [self.of(0), one, self.like(one)], None
            case "select" | "store":
                memory = self.of(ARRAY)
                assert memory[0].shape is not None
                rest = [memory[0].shape[1]] if op == "store" else []
                return [memory, self.of(memory[0].shape[0]), *map(self.of, rest)], None
            case _ if op in SAME or op in COMPARE:
                one = self.bits()
                return [one, self.like(one)], None
        one = self.bits()
        if op == "concat":
            return [one, self.bits()], None
        high = self.random.randrange(max(one[0].width, 1))
        return [one], (high, self.random.randrange(high + 1)) if op == "extract" else None


_worth: dict[Term, tuple[Any, ...]] = {}


def worth(term: Term) -> tuple[Any, ...]:
    """What a term is worth in each of a fixed number of worlds; an array is worth the tuple of its elements."""
    for part in walk([term]):
        if part not in _worth:
            _worth[part] = tuple(in_world(part, k) for k in range(WORLDS))
    return _worth[term]


def in_world(term: Term, world: int) -> Any:
    given = [_worth[a][world] for a in term.args]
    match term.op:
        case "const":
            return term.value
        case "var" | "uf":
            return drawn(f"{term.name}{given}", world) & (mask(term.width) or 1)
        case "array" | "karray":
            assert term.shape is not None
            cells = range(1 << term.shape[0])
            held = [drawn(f"{term.data}[{k}]", world) if term.op == "array" else int(str(term.data)) for k in cells]
            return tuple(v & mask(term.shape[1]) for v in held)
        case "select":
            return given[0][given[1]]
        case "store":
            return (*given[0][: given[1]], given[2], *given[0][given[1] + 1 :])
        case "ite":
            return given[1] if given[0] else given[2]
    return OPERATORS[term.op].python(term.width, tuple(a.width for a in term.args), term.data, *given)


def drawn(name: str, world: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{name} {world}".encode(), digest_size=2).digest())


@settings(max_examples=4000, deadline=None, derandomize=True)
@given(st.integers(0, 1 << 40))
def test_simplified_terms_mean_the_same(seed: int) -> None:
    for written, simplified in Pool(seed).terms:
        assert written.width == simplified.width and written.shape == simplified.shape
        assert worth(written) == worth(simplified), f"{show(written)} became {show(simplified)}"


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.integers(0, 1 << 40))
def test_rebuilding_and_evaluation_keep_the_meaning(seed: int) -> None:
    pool = Pool(seed)
    written = [a for a, _ in pool.terms if a.width != ARRAY]
    swapped = substitute(written, {P: lnot(Q), Q: P})
    plain = {P: intern("lnot", 0, (Q,), None), Q: P}
    asked = rewrite(written, lambda t, args: plain.get(t) or intern(t.op, t.width, args, t.data, t.shape))
    assert [worth(t) for t in swapped] == [worth(t) for t in asked]
    found = evaluate(
        written,
        lambda v: drawn(f"{v.name}[]", 3) & (mask(v.width) or 1),
        lambda m, k: drawn(f"{m.name}[{k}]", 3) & mask(m.shape[1] if m.shape else 0),
        lambda name, args, width: drawn(f"{name}{list(args)}", 3) & (mask(width) or 1),
    )
    assert found == [worth(t)[3] for t in written]


def concat(high: Term, low: Term) -> Term:
    return mk("concat", high.width + low.width, high, low)


def c4(value: int) -> Term:
    return constant(4, value)


ADD = mk("add", 4, A, B)
PLUS_3, PLUS_5 = mk("add", 4, A, c4(3)), mk("add", 4, A, c4(5))
WRITTEN = store(M, AT, A)
AFTER = mk("add", INDEX, AT, constant(INDEX, 1))

# simplified, what it is
RULES: list[tuple[Term, Term]] = [
    (ite(TRUE, A, B), A),
    (ite(FALSE, A, B), B),
    (ite(P, A, A), A),
    (ite(lnot(P), A, B), ite(P, B, A)),
    (ite(P, TRUE, Q), lor(P, Q)),
    (ite(P, Q, FALSE), land(P, Q)),
    (ite(P, FALSE, Q), land(lnot(P), Q)),
    (ite(P, Q, TRUE), lor(lnot(P), Q)),
    (ite(P, ite(P, A, B), C), ite(P, A, C)),
    (ite(P, A, ite(P, B, C)), ite(P, A, C)),
    (ite(P, A, ite(Q, A, B)), ite(lor(P, Q), A, B)),
    (ite(P, concat(A, B), concat(C, B)), concat(ite(P, A, C), B)),
    (land(P, FALSE), FALSE),
    (land(FALSE, P), FALSE),
    (land(P, TRUE), P),
    (land(P, P), P),
    (land(P, lnot(P)), FALSE),
    (land(land(P, Q), P), land(P, Q)),
    (land(P, land(P, Q)), land(P, Q)),
    (land(land(P, Q), lnot(Q)), FALSE),
    (land(eq(A, c4(1)), eq(A, c4(2))), FALSE),
    (lor(P, TRUE), TRUE),
    (lor(P, FALSE), P),
    (lor(P, P), P),
    (lor(P, lnot(P)), TRUE),
    (lor(lor(P, Q), Q), lor(P, Q)),
    (lor(P, lor(P, Q)), lor(P, Q)),
    (lnot(lnot(P)), P),
    (eq(A, A), TRUE),
    (eq(P, TRUE), P),
    (eq(FALSE, P), lnot(P)),
    (eq(c4(1), A), eq(A, c4(1))),
    (eq(ite(P, c4(1), A), c4(2)), land(lnot(P), eq(A, c4(2)))),
    (eq(concat(A, B), constant(8, 0x12)), land(eq(A, c4(1)), eq(B, c4(2)))),
    (eq(zext(A, 8), constant(8, 16)), FALSE),
    (eq(zext(A, 8), constant(8, 5)), eq(A, c4(5))),
    (eq(PLUS_3, c4(1)), eq(A, c4(14))),
    (extract(A, 3, 0), A),
    (extract(extract(A, 3, 1), 1, 1), extract(A, 2, 2)),
    (extract(concat(A, B), 2, 1), extract(B, 2, 1)),
    (extract(concat(A, B), 6, 5), extract(A, 2, 1)),
    (extract(concat(A, B), 5, 2), concat(extract(A, 1, 0), extract(B, 3, 2))),
    (extract(zext(A, 8), 2, 1), extract(A, 2, 1)),
    (extract(zext(A, 8), 7, 5), constant(3, 0)),
    (extract(zext(A, 8), 6, 2), zext(extract(A, 3, 2), 5)),
    (extract(mk("sext", 8, A), 3, 2), extract(A, 3, 2)),
    (extract(mk("xor", 4, A, B), 2, 1), mk("xor", 2, extract(A, 2, 1), extract(B, 2, 1))),
    (extract(mk("not", 4, A), 2, 1), mk("not", 2, extract(A, 2, 1))),
    (extract(ADD, 2, 0), mk("add", 3, extract(A, 2, 0), extract(B, 2, 0))),
    (extract(ite(P, A, c4(5)), 0, 0), ite(P, extract(A, 0, 0), constant(1, 1))),
    (concat(c4(0), A), zext(A, 8)),
    (concat(extract(A, 3, 2), extract(A, 1, 0)), A),
    (zext(zext(A, 6), 8), zext(A, 8)),
    (zext(A, 4), A),
    (mk("sext", 4, A), A),
    (mk("add", 4, PLUS_3, c4(2)), PLUS_5),
    (mk("add", 4, A, c4(0)), A),
    (mk("add", 4, c4(3), A), PLUS_3),
    (mk("sub", 4, A, A), c4(0)),
    (mk("sub", 4, A, c4(13)), PLUS_3),
    (mk("or", 4, A, A), A),
    (mk("or", 4, c4(0), A), A),
    (mk("or", 4, A, c4(15)), c4(15)),
    (mk("xor", 4, A, A), c4(0)),
    (mk("xor", 4, A, c4(0)), A),
    (mk("and", 4, A, A), A),
    (mk("and", 4, c4(0), A), c4(0)),
    (mk("and", 4, A, c4(15)), A),
    (mk("and", 4, A, c4(3)), zext(extract(A, 1, 0), 4)),
    (mk("and", 4, A, c4(6)), zext(concat(extract(A, 2, 1), constant(1, 0)), 4)),
    (mk("shl", 4, A, c4(0)), A),
    (mk("shl", 4, A, c4(4)), c4(0)),
    (mk("shl", 4, A, c4(1)), concat(extract(A, 2, 0), constant(1, 0))),
    (mk("lshr", 4, A, c4(0)), A),
    (mk("lshr", 4, A, c4(9)), c4(0)),
    (mk("lshr", 4, A, c4(1)), zext(extract(A, 3, 1), 4)),
    (mk("ashr", 4, A, c4(0)), A),
    (mk("ult", 0, A, A), FALSE),
    (mk("ule", 0, A, A), TRUE),
    (mk("ult", 0, A, c4(0)), FALSE),
    (mk("ule", 0, c4(0), A), TRUE),
    (mk("ule", 0, A, c4(15)), TRUE),
    (mk("ult", 0, A, c4(1)), eq(A, c4(0))),
    (mk("ule", 0, A, c4(0)), eq(A, c4(0))),
    (mk("ult", 0, ite(P, c4(1), c4(9)), c4(5)), P),
    (mk("ule", 0, ite(P, c4(5), c4(9)), c4(5)), P),
    (mk("ult", 0, ite(P, c4(5), c4(9)), c4(5)), FALSE),
    (select(WRITTEN, AT), A),
    (select(WRITTEN, AFTER), select(M, AFTER)),
    (select(constant_array(3, 4, 5), AT), c4(5)),
    (select(ite(P, WRITTEN, M), AT), ite(P, A, select(M, AT))),
    (mk("add", 4, c4(9), c4(9)), c4(2)),
]


@pytest.mark.parametrize(("found", "expected"), RULES, ids=lambda t: show(t)[:40])
def test_rules(found: Term, expected: Term) -> None:
    assert found is expected


UNTOUCHED = [
    mk("add", 4, A, B),
    mk("sub", 4, A, B),
    mk("and", 4, A, c4(5)),
    mk("shl", 4, A, B),
    mk("lshr", 4, A, B),
    mk("ult", 0, A, B),
    mk("ult", 0, A, c4(2)),
    mk("slt", 0, A, A),
    mk("udiv", 4, A, c4(1)),
    ite(P, A, B),
    eq(A, B),
    extract(A, 2, 1),
    extract(mk("add", 4, A, B), 3, 1),
    concat(extract(A, 1, 0), extract(A, 3, 2)),
    concat(extract(A, 3, 3), extract(A, 1, 0)),
    mk("and", 4, A, c4(10)),
    land(P, Q),
    select(M, AT),
    select(WRITTEN, ELSEWHERE),
]


@pytest.mark.parametrize("term", UNTOUCHED, ids=lambda t: show(t)[:40])
def test_what_no_rule_is_about_stays(term: Term) -> None:
    assert term is intern(term.op, term.width, term.args, term.data, term.shape)


def test_the_pool_shares_parts_on_purpose() -> None:
    """Every shape in which a rule asks for the same term twice is drawn."""
    seen: set[tuple[object, ...]] = set()
    for seed in range(4000):
        for written, _ in Pool(seed).terms:
            for k, arg in enumerate(written.args):
                seen |= {(written.op, k, arg.op) for other in written.args if other is not arg and other in arg.args}
                seen |= {(written.op, "twice")} if written.args.count(arg) > 1 else set()
    deep = {(op, k, op) for op, places in (("land", (0, 1)), ("lor", (0, 1)), ("ite", (1, 2))) for k in places}
    negated = {(op, k, "lnot") for op in ("land", "lor") for k in (0, 1)}
    assert (
        deep | negated | {(op, "twice") for op in ("land", "lor", "ite", "eq", "sub", "and", "or", "xor", "ult", "ule")}
        <= seen
    )


def test_every_operator_is_drawn() -> None:
    assert {*SAME, *COMPARE, *OTHERS} == {*OPERATORS, "select", "store"}
    assert set(folding.FOLDS) <= {*SAME, *COMPARE, *OTHERS}


EDGES = [
    ("udiv", 7, 0, 15),
    ("urem", 7, 0, 7),
    ("sdiv", 7, 0, 15),
    ("sdiv", 9, 0, 1),
    ("srem", 9, 0, 9),
    ("sdiv", 8, 15, 8),
    ("srem", 8, 15, 0),
    ("sdiv", 9, 2, 13),
    ("srem", 9, 2, 15),
    ("shl", 1, 4, 0),
    ("lshr", 8, 4, 0),
    ("ashr", 8, 9, 15),
    ("ashr", 4, 9, 0),
]


@pytest.mark.parametrize(("op", "a", "b", "expected"), EDGES)
def test_operators_at_their_edges(op: str, a: int, b: int, expected: int) -> None:
    assert mk(op, 4, c4(a), c4(b)).value == expected


def test_signed() -> None:
    assert [signed(4, v) for v in (0, 7, 8, 15)] == [0, 7, -8, -1]


def test_equal_terms_are_one_object() -> None:
    assert mk("add", 4, A, B) is mk("add", 4, A, B) is not mk("add", 4, B, A)
    assert variable(4, "a") is A is not variable(5, "a")


def test_a_node_as_written_loses_no_argument() -> None:
    load = node("load", 4, AT)
    assert load in walk([node("and", 4, load, c4(0))])
    assert node("and", 4, c4(3), c4(6)) is c4(2)


def test_walk_gives_arguments_first_and_once() -> None:
    order = list(walk([ADD, mk("sub", 4, ADD, A)]))
    assert len(order) == len(set(order)) and all(order.index(a) < order.index(t) for t in order for a in t.args)


def test_shared_parts_are_simplified_once() -> None:
    term, memory = variable(32, "start"), M
    for k in range(100):
        guard = variable(0, f"g{k}")
        term = ite(guard, mk("add", 32, term, constant(32, 2)), term)
        memory = ite(guard, store(memory, variable(INDEX, f"i{k}"), A), memory)
    assert len(list(walk([extract(term, 23, 0)]))) < 1000
    assert select(memory, AT).width == ELEMENT
    assert len(list(walk([eq(term, constant(32, 4))]))) < 1000


def test_deep_terms_need_no_deep_stack() -> None:
    for height in (155, 160, 165, 210):
        deep = variable(32, f"deep{height}")
        for k in range(height - 1):
            deep = (
                mk("xor", 32, mk("add", 32, deep, variable(32, "y")), variable(32, f"x{k}"))
                if k % 2
                else mk("not", 32, deep)
            )
        assert extract(deep, 3, 0).width == 4
    term, chain, bits = variable(32, "start"), constant(32, 1), variable(1, "bit")
    for k in range(3000):
        term = mk("add", 32, term, variable(32, f"x{k}"))
        chain = ite(variable(0, f"g{k}"), constant(32, k + 2), chain)
        bits = concat(variable(1, f"b{k}"), bits)
    assert extract(term, 7, 0).width == 8
    assert eq(chain, constant(32, 5)).width == 0
    assert extract(bits, 1500, 1).width == 1500
    assert extract(bits, 0, 0) is variable(1, "bit")
    assert ite(P, bits, concat(variable(1, "z"), bits.args[1])).width == 3001
    assert len(digest([term, chain, bits])) == 32


DIGESTS = "from pgcheck.isa.terms import *\nm = array(3, 4, 'm')\n"
DIGESTS += "t = select(store(m, variable(3, 'i'), variable(4, 'a')), variable(3, 'j'))\n"
DIGESTS += "print(digest([t, mk('extract', 2, t, data=(2, 1)), apply(4, 'f', t), constant_array(3, 4, 1)]))"


def test_digests_are_the_same_in_every_process() -> None:
    found = set()
    for seed in ("0", "1", "77"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            [sys.executable, "-c", DIGESTS], env=environment, capture_output=True, text=True, check=True
        )
        found.add(run.stdout)
    assert len(found) == 1 and len(found.pop().strip()) == 32


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (A, B),
        (A, variable(5, "a")),
        (extract(A, 2, 1), extract(A, 2, 0)),
        (land(P, Q), lor(P, Q)),
        (M, array(4, 4, "m")),
        (M, constant_array(3, 4, 0)),
        (mk("sub", 4, A, B), mk("sub", 4, B, A)),
        (c4(1), constant(0, 1)),
    ],
)
def test_digests_differ(one: Term, other: Term) -> None:
    assert digest([one]) != digest([other])
    assert digest([one, other]) != digest([other, one])
