"""Terms as copies of bits, and values read back from where they were copied to."""

from __future__ import annotations

import random

import pytest

from pgcheck.checker.world.slices import Place, bits, pieces, read_back
from pgcheck.isa.terms import (
    TRUE,
    Term,
    array,
    constant,
    disjunction,
    evaluate,
    extract,
    ite,
    lnot,
    mk,
    select,
    variable,
)

X, Y, FLAG = variable(8, "x"), variable(8, "y"), variable(0, "flag")
ASKED, SECRET = variable(0, "asked"), variable(0, "secret")
CELL = select(array(2, 8, "cells"), constant(2, 3))


def known(condition: Term) -> Term | None:
    """Whoever reads back knows `asked`."""
    return condition if condition is TRUE or condition in (ASKED, lnot(ASKED)) else None


def concat(high: Term, low: Term) -> Term:
    return mk("concat", high.width + low.width, high, low)


def plus(term: Term, value: int) -> Term:
    return mk("add", term.width, term, constant(term.width, value))


@pytest.mark.parametrize(
    ("target", "places", "shown"),
    [
        (X, [X], "x <- p0"),
        (X, [concat(Y, X)], "x <- p0[7:0]"),
        (X, [extract(X, 7, 4), mk("zext", 16, extract(X, 3, 0))], "x[3:0] <- p1[3:0], x[7:4] <- p0"),
        (X, [plus(X, 1)], "x <- p0 - 1"),
        (X, [plus(X, -2)], "x <- p0 + 2"),
        (X, [mk("xor", 8, X, constant(8, 0x0F)), mk("or", 8, X, constant(8, 0xF0))], "x[3:0] <- p1[3:0], x[7:4] <- p0[7:4]"),
        (X, [ite(ASKED, X, Y), ite(ASKED, Y, X)], "x <- p0 or p1"),
        (FLAG, [mk("concat", 8, extract(Y, 6, 0), bits(FLAG))], "flag <- p0[0:0]"),
        (CELL, [concat(CELL, Y)], "x <- p0[15:8]"),
    ],
)  # fmt: skip
def test_a_value_is_read_back_from_its_copies(target: Term, places: list[Term], shown: str) -> None:
    name = "flag" if target is FLAG else "x"
    found = read_back(Place(name, target), [Place(f"p{n}", t) for n, t in enumerate(places)], known)
    assert (str(found), found.missing) == (shown, ())
    assert always(found.proof())


@pytest.mark.parametrize(
    ("place", "missing"),
    [
        (constant(8, 0), [(7, 0)]),
        (extract(X, 6, 0), [(7, 7)]),
        (mk("xor", 8, X, Y), [(7, 0)]),
        (mk("and", 8, X, constant(8, 0xF3)), [(3, 2)]),
        (ite(ASKED, X, Y), [(7, 0)]),
        (ite(SECRET, X, X), []),
        (ite(SECRET, concat(extract(X, 7, 4), extract(Y, 3, 0)), X), [(7, 0)]),
        (extract(plus(X, 1), 7, 4), [(7, 0)]),
        (extract(plus(X, 1), 3, 0), [(7, 4)]),
        (mk("mul", 8, X, constant(8, 3)), [(7, 0)]),
    ],
)
def test_what_no_place_holds_is_missing(place: Term, missing: list[tuple[int, int]]) -> None:
    found = read_back(Place("x", X), [Place("p", place)], known)
    assert list(found.missing) == missing
    assert always(found.proof())


def test_a_term_of_many_branches_is_given_up_and_not_worked_out() -> None:
    term = X
    for n in range(40):
        term = ite(variable(0, f"b{n}"), concat(extract(term, 6, 0), extract(term, 7, 7)), term)
    assert len(list(pieces(term))) <= 4096


def test_every_piece_holds_what_it_says() -> None:
    chance = random.Random(9)
    for _ in range(300):
        term = made(chance, 4)
        for p in pieces(term):
            held = extract(bits(term), p.at + p.width - 1, p.at)
            source = bits(p.source)
            read = extract(plus(source, p.plus) if p.plus else source, p.low + p.width - 1, p.low)
            assert always(disjunction([lnot(p.guard), mk("eq", 0, held, read)]), chance)


def made(chance: random.Random, depth: int) -> Term:
    """A term of 8 bits."""
    if not depth or chance.random() < 0.1:
        return chance.choice([X, Y, CELL, constant(8, chance.getrandbits(8)), mk("zext", 8, bits(FLAG))])
    a, b = made(chance, depth - 1), made(chance, depth - 1)
    cut = chance.randrange(1, 8)
    return chance.choice([
        concat(extract(a, cut - 1, 0), extract(b, 7, cut)),
        concat(extract(a, 7, cut), extract(b, cut - 1, 0)),
        ite(chance.choice([ASKED, SECRET, FLAG]), a, b),
        plus(a, chance.getrandbits(8)),
        mk(chance.choice(["and", "or", "xor"]), 8, a, constant(8, chance.getrandbits(8))),
        mk("zext", 8, extract(a, cut - 1, 0)),
        mk("sext", 8, extract(a, cut - 1, 0)),
        mk("sub", 8, a, b),
    ])  # fmt: skip


def always(term: Term, chance: random.Random | None = None) -> bool:
    """A formula holds for some dozens of values of its variables."""
    chance = chance or random.Random(1)
    for _ in range(40):
        values: dict[Term, int] = {}
        cells: dict[int, int] = {}

        def leaf(t: Term, values: dict[Term, int] = values) -> int:
            return values.setdefault(t, chance.getrandbits(t.width or 1))

        def element(_: Term, index: int, cells: dict[int, int] = cells) -> int:
            return cells.setdefault(index, chance.getrandbits(8))

        if not evaluate([term], leaf, element, lambda *_: 0)[0]:
            return False
    return True
