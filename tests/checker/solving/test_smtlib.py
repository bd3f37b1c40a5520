"""SMT-LIB text: every operator means the same to Python and to three solvers, sharing stays linear, names survive."""

import random

import pytest

from pgcheck.checker.options import Limits
from pgcheck.checker.solving.model import Answer
from pgcheck.checker.solving.smtlib import abstract, script
from pgcheck.checker.solving.solver import Solver
from pgcheck.isa.terms import (
    OPERATORS,
    Term,
    apply,
    array,
    constant,
    constant_array,
    disjunction,
    eq,
    lnot,
    mk,
    node,
    select,
    store,
    variable,
)
from tests.checker.solvers import OTHERS, Other

A, B = variable(32, "a"), variable(32, "b")


@pytest.fixture(scope="module")
def solver() -> Solver:
    return Solver(Limits())


def test_a_script_in_full() -> None:
    total = mk("add", 32, A, B)
    text = script([mk("ult", 0, total, B), eq(mk("sub", 32, A, total), constant(32, 0x2A))]).text
    assert text.splitlines() == [
        "(set-logic QF_BV)",
        "(declare-fun |$a| () (_ BitVec 32))",
        "(declare-fun |$b| () (_ BitVec 32))",
        "(define-fun ~0 () (_ BitVec 32) (bvadd |$a| |$b|))",
        "(assert (bvult ~0 |$b|))",
        "(assert (= (bvsub |$a| ~0) #x0000002a))",
        "(check-sat)",
    ]


@pytest.mark.parametrize(
    ("assertion", "logic"),
    [
        (eq(A, B), "QF_BV"),
        (eq(apply(32, "f", A), B), "QF_UFBV"),
        (eq(select(array(32, 8, "m"), A), constant(8, 0)), "QF_ABV"),
        (eq(select(store(constant_array(32, 8, 1), B, constant(8, 2)), A), constant(8, 2)), "QF_ABV"),
        (eq(select(array(32, 32, "m"), apply(32, "f", A)), B), "QF_AUFBV"),
    ],
)
def test_the_logic_is_the_least_that_fits(assertion: Term, logic: str) -> None:
    assert script([assertion]).text.startswith(f"(set-logic {logic})\n")


def test_shared_nodes_are_written_once() -> None:
    deep = A
    for _ in range(2000):
        deep = node("xor", 32, node("mul", 32, deep, deep), B)
    assert len(script([eq(deep, B)]).text) < 2000 * 200


def test_a_deep_chain_without_sharing_is_linear_and_readable() -> None:
    deep = A
    for i in range(1000):
        deep = node("xor", 32, node("add", 32, deep, variable(32, f"x{i % 7}")), constant(32, i))
    assert len(script([eq(deep, B)]).text) < 1000 * 200
    assert Solver(Limits(rlimit=5_000_000)).check([eq(deep, B)], label="").status == "sat"


@pytest.mark.parametrize("other", OTHERS)
def test_names_survive_quoting(solver: Solver, other: Other) -> None:
    names = [
        "a b",
        "x|y",
        "x\\y",
        "x%7cy",
        "~0",
        "~1",
        "é",
        "line\nbreak",
        '"',
        ";",
        "(",
        "let",
        "true",
        "ite",
        "bvadd",
        "#x00",
        "",
    ]
    wanted = [eq(variable(16, name), constant(16, 100 + i)) for i, name in enumerate(names)]
    shared = mk("mul", 16, variable(16, "~0"), variable(16, "~1"))
    answer = solver.check([*wanted, lnot(eq(shared, constant(16, 1))), mk("ult", 0, constant(16, 9), shared)], label="")
    assert answer.model is not None
    assert {n.text: v for n, v in answer.model.variables.items()} == {name: 100 + i for i, name in enumerate(names)}
    assert solver.confirm(wanted, other).status == "sat"
    assert solver.confirm([*wanted, eq(variable(16, "x|y"), variable(16, "x%7cy"))], other).status == "unsat"


# What some solver takes for its own, in bars or without, and what none of them minds.
WORDS = (
    "repeat extract bvcomp rotate_left rotate_right zero_extend sign_extend bvnand bvnor bvxnor bvsmod bvredor bvredand bvsub bvsge bvuge "
    "bvnego bvuaddo bvsaddo bvumulo bvsmulo bvsdivo ite select store const concat lambda let forall exists match par as _ ! => true false and "
    "or xor not distinct = Bool Array BitVec Int Real is bv2nat nat2bv int2bv @a .x @ . $ $a ~0 ~ 0 #x00 assert check-sat declare-fun "
    "fp.add RoundingMode RNE + NUMERAL STRING BINARY bv5 ?x :named "
).split()


@pytest.mark.parametrize("other", OTHERS)
def test_no_name_is_a_word_of_some_solver(solver: Solver, other: Other) -> None:
    """As a variable, as an array and as a function, in an order that no two of them share."""
    for turn in range(3):
        claims = []
        for i, word in enumerate(WORDS):
            value = constant(16, 100 + i)
            match (i + turn) % 3:
                case 0:
                    claims.append(eq(variable(16, word), value))
                case 1:
                    claims.append(eq(select(array(8, 16, word), constant(8, 1)), value))
                case _:
                    claims.append(eq(apply(16, word, value), value))
        answer = solver.check(claims, label="")
        assert answer.model is not None and answer.model.satisfies(claims)
        assert {n.text for n in answer.model.variables} == {w for i, w in enumerate(WORDS) if not (i + turn) % 3}
        assert solver.confirm(claims, other) == Answer("sat")
        assert solver.confirm([*claims, lnot(claims[-1])], other).status == "unsat"
        confirmed = solver.confirm(
            [*claims, eq(variable(16, "new"), constant(16, 1)), mk("ult", 0, variable(16, "new"), constant(16, 1))],
            other,
        )
        assert confirmed == Answer("unsat")


def test_no_two_names_share_a_symbol_and_none_is_a_shared_node() -> None:
    parts = ["", "$", "~", "~0", "%", "%7e", "|", "\\", "a", "$a", "%24a", "%24", "é", "%c3%a9", "e", " ", "%20"]
    names = [*parts, *(a + b for a in parts for b in parts if a + b not in parts)]
    texts = sorted({*names})
    symbols = script([eq(variable(8, text), constant(8, 0)) for text in texts]).symbols
    assert len(symbols) == len(texts) and all(s.startswith("$") and not {"|", "\\"} & {*s} for s in symbols)


@pytest.mark.parametrize(
    "terms",
    [
        [eq(A, constant(32, 1)), eq(variable(8, "a"), constant(8, 1))],
        [eq(A, constant(32, 1)), eq(select(array(8, 32, "a"), constant(8, 0)), B)],
        [eq(apply(8, "f", A), constant(8, 0)), eq(apply(8, "f", A, B), constant(8, 0))],
        [eq(select(array(0, 8, "m"), constant(8, 0)), constant(8, 1))],
    ],
)
def test_one_name_with_two_sorts_or_a_sort_without_bits_is_refused(terms: list[Term]) -> None:
    with pytest.raises(ValueError, match="sort"):
        script(terms)


def test_asked_terms_have_a_name() -> None:
    total = mk("add", 32, A, B)
    written = script([eq(A, B)], named=[total, A])
    assert written.name(A) == "|$a|"
    assert f"(define-fun {written.name(total)} () (_ BitVec 32) (bvadd |$a| |$b|))" in written.text
    with pytest.raises(KeyError):
        written.name(mk("sub", 32, A, B))


def _samples() -> list[tuple[Term, int]]:
    """Every operator on unknowns that are pinned to awkward values, with its value in Python."""
    source = random.Random(1)
    result = []
    for op in sorted(OPERATORS):
        for width in (1, 5, 8, 32):
            edges = [0, 1, (1 << width) - 1, 1 << (width - 1), source.getrandbits(width), width % (1 << width)]
            for _ in range(8):
                x, y = (_pinned(width, source.choice(edges)) for _ in range(2))
                p, q = (_pinned(0, source.getrandbits(1)) for _ in range(2))
                low = source.randrange(width)
                high = source.randrange(low, width)
                args, data, out = _shapes(op, x, y, p, q, high, low, source.randrange(9))
                widths = tuple(a.width for a, _ in args)
                value = OPERATORS[op].python(out, widths, data, *(v for _, v in args))
                result.append((node(op, out, *(a for a, _ in args), data=data), value))
    return result


Pinned = tuple[Term, int]


def _shapes(
    op: str, x: Pinned, y: Pinned, p: Pinned, q: Pinned, high: int, low: int, more: int
) -> tuple[tuple[Pinned, ...], tuple[int, int] | None, int]:
    """The arguments of `op`, its data and the width of its value."""
    width = x[0].width
    match op:
        case "land" | "lor":
            return (p, q), None, 0
        case "lnot":
            return (p,), None, 0
        case "ite":
            return (p, x, y), None, width
        case "eq" | "ult" | "ule" | "slt" | "sle":
            return (x, y), None, 0
        case "not" | "neg":
            return (x,), None, width
        case "extract":
            return (x,), (high, low), high - low + 1
        case "zext" | "sext":
            return (x,), None, width + more
        case "concat":
            return (x, y), None, 2 * width
        case _:
            return (x, y), None, width


def _pinned(width: int, value: int) -> Pinned:
    return variable(width, f"{width}_{value}"), value


@pytest.mark.parametrize("other", OTHERS)
def test_every_operator_means_in_smtlib_what_it_means_in_python(solver: Solver, other: Other) -> None:
    samples = _samples()
    assert {t.op for t, _ in samples} == set(OPERATORS)
    leaves = {a for t, _ in samples for a in t.args}
    pins = [eq(a, constant(a.width, int(a.name.text.split("_")[1]))) for a in sorted(leaves, key=lambda a: a.name)]
    same = [eq(t, constant(t.width, value)) for t, value in samples]
    differs = disjunction(lnot(s) for s in same)
    assert solver.check([*pins, *same], label="").status == "sat"
    assert solver.check([*pins, differs], label="").status == "unsat"
    assert solver.confirm([*pins, *same], other).status == "sat"
    assert solver.confirm([*pins, differs], other).status == "unsat"


@pytest.mark.parametrize("other", OTHERS)
def test_arrays_mean_the_same_to_every_solver(solver: Solver, other: Other) -> None:
    memory, i, j = array(8, 8, "m"), variable(8, "i"), variable(8, "j")
    written = store(memory, i, constant(8, 7))
    either = mk("ite", -1, variable(0, "g"), written, constant_array(8, 8, 7))
    claim = lnot(eq(node("select", 8, either, j), constant(8, 7)))
    for assertions, status in (([claim], "sat"), ([claim, eq(i, j)], "unsat")):
        assert solver.check(assertions, label="").status == status
        assert solver.confirm(assertions, other).status == status


def test_products_become_one_commutative_function() -> None:
    one, other = abstract([eq(node("mul", 32, A, B), A), eq(node("mul", 32, B, A), B)])
    assert one.args[0] is other.args[0]
    assert (one.args[0].op, one.args[0].width) == ("uf", 32)


def test_quotients_keep_their_order_and_their_width() -> None:
    names = [abstract([eq(node(op, 32, A, B), A)])[0].args[0].name for op in ("udiv", "urem", "sdiv", "srem")]
    narrow = abstract([eq(node("udiv", 8, variable(8, "c"), variable(8, "d")), constant(8, 1))])
    one, other = abstract([eq(node("udiv", 32, A, B), A), eq(node("udiv", 32, B, A), B)])
    assert len(set(names)) == 4
    assert not any(str(n) in script(narrow).text for n in names)
    assert one.args[0] is not other.args[0]


def test_an_operand_that_is_known_is_not_abstracted() -> None:
    assertions = [eq(mk("mul", 32, A, constant(32, 3)), B), eq(mk("urem", 32, A, constant(32, 10)), B)]
    assert all(a is b for a, b in zip(abstract(assertions), assertions, strict=True))


def test_an_abstraction_takes_a_name_of_its_own() -> None:
    claim = [eq(node("mul", 32, A, B), constant(32, 6)), lnot(eq(apply(32, "mul:32", A, B), constant(32, 6)))]
    assert Solver(Limits()).check(claim, label="").status == "sat"
    assert len({t.name for a in abstract(claim) for t in _uf(a)}) == 2


def _uf(term: Term) -> list[Term]:
    return [term] * (term.op == "uf") + [u for a in term.args for u in _uf(a)]


def test_abstraction_never_proves_more(solver: Solver) -> None:
    quotient = mk("udiv", 8, variable(8, "c"), variable(8, "d"))
    assert solver.check([mk("ult", 0, variable(8, "c"), quotient)], label="").status == "sat"
    bounded = [mk("ult", 0, variable(8, "c"), quotient), lnot(eq(variable(8, "d"), constant(8, 0)))]
    assert solver.check(bounded, label="").status == "unsat"
