"""Overlaps are found with an example, disjoint tables are accepted, and hard pairs are handed on."""

import random
import time
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcheck.isa import terms
from pgcheck.isa.encoding.codec import Decoder
from pgcheck.isa.encoding.coverage import Claim, accepts, claimed, overlaps
from pgcheck.isa.encoding.encoding import Declaration, Decode, Encoding, compile_encoding
from tests.isa.tables import (
    BYTES,
    RISC,
    TABLES,
    WORDS,
    WORDS_DECLARATIONS,
    code,
    compile_table,
    condition,
    fetch_from,
    match,
)


def accepted(encoding: Encoding, decode: Decode, units: tuple[int, ...]) -> bool:
    return Decoder({"": encoding}, decode).decode(lambda k: units[k] if k < len(units) else 0) is not None


@pytest.mark.parametrize("table", TABLES)
def test_the_tables_are_disjoint(table: str) -> None:
    result = overlaps(TABLES[table][1])
    assert not result.found and not result.undecided


@pytest.mark.parametrize(
    "decode, a, b",
    [
        (RISC, match("0---------------"), match("-1--------------")),
        (RISC, match("0000000000000001"), match("00000000000000010000000000000001")),
        (RISC, match("----------------", "a 3-0", when="a != 2"), match("----------------", "a 3-0", when="a < 4")),
        (BYTES, code("8B /r"), code("8B /r", "mem")),
        (BYTES, code("0F 01 /0"), code("0F 01 C1")),
        (BYTES, code("90", None, ("osz",)), code("90", None, ("sego",))),
        (BYTES, code("90", None, ("osz",)), code("90", None, ("osz", "sego"), when="osz == 1 && sego == 0")),
        (WORDS, WORDS_DECLARATIONS["move"], match("0010000000111000")),
    ],
)
def test_overlapping_encodings_are_found_with_an_example(decode: Decode, a: Declaration, b: Declaration) -> None:
    table = compile_table(decode, {"a": a, "b": b})
    [overlap] = overlaps(table).found
    assert (overlap.a, overlap.b) == ("a", "b")
    assert all(accepted(encoding, decode, overlap.units) for encoding in table.values())


@pytest.mark.parametrize(
    "decode, a, b",
    [
        (RISC, match("0---------------"), match("1---------------")),
        (RISC, match("----------------", "a 3-0", when="a != 2"), match("----------------", "a 3-0", when="a == 2")),
        (RISC, match("----------------", "a 7-0", when="a < 100"), match("----------------", "b 7-4", when="b == 14")),
        (BYTES, code("8B /r", "reg"), code("8B /r", "mem")),
        (BYTES, code("90", None, ("osz",), when="osz == 1"), code("90")),
        (WORDS, WORDS_DECLARATIONS["move"], match("0000000001111000")),
    ],
)
def test_disjoint_encodings_are_not_reported(decode: Decode, a: Declaration, b: Declaration) -> None:
    result = overlaps(compile_table(decode, {"a": a, "b": b}))
    assert not result.found and not result.undecided


def test_a_literal_after_a_variable_part_is_seen() -> None:
    decode = Decode(8, "little", 8, 9, {}, BYTES.tails)
    a, b = code("0F /r 0F", "mem", when="mod == 1 && rm == 0"), code("0F 40 00 /r", "mem")
    found = overlaps(compile_table(decode, {"a": a, "b": b})).found
    assert [accepted(compile_encoding(d, decode, condition), decode, found[0].units) for d in (a, b)] == [True, True]
    assert not overlaps(compile_table(decode, {"a": a, "b": code("0F 40 00 0E")})).found


def test_a_pair_that_is_too_hard_is_undecided_with_its_predicates() -> None:
    table = compile_table(
        RISC,
        {
            "a": match("-" * 32, "x 15-0", "y 31-16", when="x < y"),
            "b": match("-" * 32, "x 15-0", "y 31-16", when="y < x"),
        },
    )
    result = overlaps(table, budget=50)
    [pair] = result.undecided
    assert not result.found
    names = {v.name.text for v in terms.walk([pair.accepts_a, pair.accepts_b]) if v.op == "var"}
    assert names == {"unit 0", "unit 1"}


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(TABLES)), st.data())
def test_the_predicate_on_units_is_what_the_decoder_does(table: str, data: st.DataObject) -> None:
    decode, encodings = TABLES[table]
    name = data.draw(st.sampled_from(sorted(encodings)))
    first = data.draw(st.integers(0, terms.mask(decode.unit)))
    rest = data.draw(st.lists(st.integers(0, terms.mask(decode.unit)), min_size=9, max_size=9))
    literal = encodings[name].steps[0]
    if data.draw(st.booleans()):
        mask, value = (decode.split(w, literal.units)[0] for w in (literal.mask, literal.value))
        first = first & ~mask | value
    if any(first in row for row in decode.prefixes.values()):
        return
    units = (first, *rest)
    roomy = Decode(decode.unit, decode.order, decode.pc_unit, 20, decode.prefixes, decode.tails)
    values = {f"unit {i}": unit for i, unit in enumerate((*units, *[0] * 11))}
    [says] = terms.evaluate(
        [accepts(encodings[name])], lambda t: values.get(t.name.text, 0), lambda _a, _i: 0, lambda _n, _a, _w: 0
    )
    found = Decoder({name: encodings[name]}, roomy).decode(fetch_from((*units, *[0] * 11)))
    assert bool(says) == (found is not None)


def test_the_claim_on_the_first_unit() -> None:
    table = compile_table(BYTES, {"a": code("50+r"), "b": code("0F 01 /0"), "c": code("0F 22 /r")})
    assert claimed(table, BYTES) == Claim(encodings=9, prefixes=7, of=256)
    words = compile_table(RISC, {"a": match("0000------------", "x 3-0", when="x != 0"), "b": match("1" * 16)})
    assert claimed(words, RISC) == Claim(encodings=15 * 256 + 1, prefixes=0, of=65536)
    assert claimed({}, RISC) == Claim(0, 0, 65536)


def test_three_hundred_encodings_are_compared_in_a_moment() -> None:
    rng = random.Random(1)
    declarations = {
        f"{opcode:02x}{escape}.{form}": code(f"{escape} {opcode:02X} /r".strip(), form, ("sego", "osz"))
        for escape in ("", "0F")
        for opcode in sorted(rng.sample([b for b in range(0x68, 0x100)], 76))
        for form in ("mem", "reg")
    }
    table = compile_table(BYTES, declarations)
    assert len(table) > 300
    start = time.process_time()
    result = overlaps(table)
    assert time.process_time() - start < 0.3
    assert not result.found and not result.undecided


@pytest.mark.parametrize("fixed", [0.5, 0.8])
def test_many_encodings_overlap_where_their_pairs_do_and_in_that_order(fixed: float) -> None:
    """More than are compared pair by pair: nothing is lost by looking only at those that no literal bit tells apart."""
    draw = random.Random(7)
    texts = ["".join(draw.choice("01") if draw.random() < fixed else "-" for _ in range(16)) for _ in range(120)]
    table = compile_table(RISC, {f"i{k}": match(text) for k, text in enumerate(texts)})
    pairs = [overlaps(dict(pair)).found for pair in combinations(table.items(), 2)]
    assert overlaps(table).found == tuple(overlap for found in pairs for overlap in found) != ()
