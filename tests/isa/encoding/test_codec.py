"""Decode and encode are inverse on canonical operands, and fetch no unit too many."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcheck.isa import terms
from pgcheck.isa.encoding.codec import Decoder, compiled, completed, encode, from_bytes, is_canonical, length, to_bytes
from pgcheck.isa.encoding.encoding import compile_encoding
from tests.isa.tables import BYTES, LARGE, RISC, TABLES, WORDS, canonical, code, condition, fetch_from

EVERY = [(table, name) for table, (_, encodings) in TABLES.items() for name in encodings]
DECODERS = {table: Decoder(encodings, decode) for table, (decode, encodings) in TABLES.items()}


@pytest.mark.parametrize("table, name", EVERY)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_decoding_what_was_encoded_gives_the_operands(table: str, name: str, data: st.DataObject) -> None:
    encoding = TABLES[table][1][name]
    operands = data.draw(canonical(encoding))
    units = encode(encoding, operands)
    decoded = DECODERS[table].decode(fetch_from(units))
    assert decoded is not None
    assert (decoded.id, decoded.operands, decoded.units) == (name, operands, units)
    assert decoded.length == length(encoding, operands)


@pytest.mark.parametrize("disp", [0, 0x7F, 0xFFFFFF80, 0xFFFFFFFF])
def test_a_narrow_field_is_extended_by_its_own_top_bit(disp: int) -> None:
    encoding = TABLES["bytes"][1]["mov.r_m"]
    operands = dict.fromkeys(encoding.operands, 0) | {"mod": 1, "disp": disp}
    decoded = DECODERS["bytes"].decode(fetch_from(encode(encoding, operands)))
    assert decoded is not None and decoded.operands == operands


@pytest.mark.parametrize("table", TABLES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_decodes_is_canonical_but_for_its_length(table: str, data: st.DataObject) -> None:
    decode, encodings = TABLES[table]
    units = data.draw(
        st.lists(st.integers(0, terms.mask(decode.unit)), min_size=decode.max_length, max_size=decode.max_length)
    )
    decoded = DECODERS[table].decode(fetch_from(tuple(units)))
    if decoded is not None:
        encoding = encodings[decoded.id]
        assert decoded.length * decode.pc_unit == len(decoded.units) * decode.unit
        assert is_canonical(encoding, decoded.operands)
        assert length(encoding, decoded.operands) <= decoded.length


@pytest.mark.parametrize(
    "table, units, name, operands",
    [
        ("risc", (0x8533, 0x00C5), "add", {"xd": 10, "xs1": 11, "xs2": 12}),
        ("risc", (0x0FE3, 0xFE00), "beq", {"imm": 0x1FFE, "xs1": 0, "xs2": 0}),
        ("risc", (0x157D,), "c.addi", {"xd": 10, "imm": 0x3F}),
        ("risc", (0x7139,), "c.addi16sp", {"imm": 0x3C0}),
        ("words", (0x2028, 0xFFFC), "move", {"size": 2, "src_mode": 5, "src_disp": 0xFFFFFFFC}),
        ("words", (0x33FC, 0x1234, 0x0001, 0x0000), "move", {"size": 3, "src_imm": 0x1234, "dst_disp": 0x10000}),
        ("words", (0x2040,), "movea", {"size": 2, "dst_reg": 0}),
        (
            "bytes",
            (0x8B, 0x44, 0x8D, 0xFC),
            "mov.r_m",
            {"base": 5, "index": 1, "scale": 2, "disp": 0xFFFFFFFC},
        ),
        ("bytes", (0x66, 0xB8, 0x34, 0x12), "mov.r_i", {"osz": 1, "imm": 0x1234}),
        ("bytes", (0x0F, 0x01, 0xC1), "vmcall", {}),
        ("large", (0o254200_001234,), "halt", {"y": 0o1234}),
        ("large", (0o200040_001234,), "move", {"ac": 1, "y": 0o1234}),
    ],
)
def test_known_words(table: str, units: tuple[int, ...], name: str, operands: dict[str, int]) -> None:
    decoded = DECODERS[table].decode(fetch_from(units))
    assert decoded is not None and decoded.id == name and decoded.units == units
    assert {key: decoded.operands[key] for key in operands} == operands


@pytest.mark.parametrize(
    "table, units",
    [
        ("risc", (0x0000,)),
        ("risc", (0x0073, 0x0010)),
        ("bytes", (0xF4,)),
        ("bytes", (0x0F, 0x22, 0xC8)),
        ("bytes", (0x66, 0x8B, 0x00)),
        ("bytes", (0x66,) * 11),
        ("bytes", (0x66,) * 9 + (0xB8, 0)),
        ("words", (0x4E70,)),
        ("large", (0o254040_000000,)),
    ],
)
def test_units_of_no_encoding(table: str, units: tuple[int, ...]) -> None:
    assert DECODERS[table].decode(fetch_from(units)) is None


def test_repeated_prefixes_decode_with_the_length_that_was_read() -> None:
    decoded = DECODERS["bytes"].decode(fetch_from((0x26, 0x2E, 0x8B, 0x00)))
    assert decoded is not None and decoded.operands["sego"] == 2 and decoded.length == 4
    assert length(TABLES["bytes"][1]["mov.r_m"], decoded.operands) == 3


def test_an_encoding_does_not_fetch_on_behalf_of_another() -> None:
    """Of two forms told apart by mod, the longer is given up before its immediate is fetched."""
    pair = {
        "long": compile_encoding(code("81 /0 iz", "mem"), BYTES, condition),
        "short": compile_encoding(code("81 /r", "reg"), BYTES, condition),
    }
    decoded = Decoder(pair, BYTES).decode(fetch_from((0x81, 0xC0)))
    assert decoded is not None and decoded.id == "short"


def test_what_fetch_raises_passes_through() -> None:
    def fetch(index: int) -> int:
        if index == 2:
            raise OSError
        return (0x8B, 0x40)[index]

    with pytest.raises(OSError):
        DECODERS["bytes"].decode(fetch)


def test_operands_that_are_not_canonical_are_not_encoded() -> None:
    load = TABLES["bytes"][1]["mov.r_m"]
    good = completed(load, {"mod": 1, "disp": 4})
    assert encode(load, good) == (0x8B, 0x40, 0x04)
    for name, value in {"mod": 3, "disp": 0x80, "base": 1, "reg": 8, "rm": -1}.items():
        with pytest.raises(ValueError, match="no canonical encoding"):
            encode(load, {**good, name: value})
    with pytest.raises(ValueError, match="missing or unknown"):
        encode(load, {"mod": 1})
    with pytest.raises(ValueError, match="length are missing or unknown"):
        encode(load, {**good, "length": 3})
    with pytest.raises(ValueError, match="imm are missing or unknown"):
        encode(load, {**good, "imm": 0})


def test_length_may_be_left_out() -> None:
    push = TABLES["bytes"][1]["push"]
    assert encode(push, {"reg": 3}) == (0x53,)


@given(st.binary(max_size=12))
def test_units_and_bytes(data: bytes) -> None:
    for decode in (RISC, WORDS, BYTES):
        whole = data[: len(data) - len(data) % (decode.unit // 8)]
        assert to_bytes(tuple(from_bytes(data, decode)), decode) == whole
    assert to_bytes((0x1234,), RISC) == b"\x34\x12" and to_bytes((0x1234,), WORDS) == b"\x12\x34"


def test_units_of_36_bits_are_no_bytes() -> None:
    with pytest.raises(ValueError, match="36 bits are not whole bytes"):
        to_bytes((1,), LARGE)


@settings(max_examples=60)
@given(st.integers(0, 255), st.integers(0, 255))
def test_compiled_terms_have_the_meaning_of_terms(a: int, b: int) -> None:
    x, y = terms.variable(8, "x"), terms.variable(8, "y")
    low = terms.mk("ult", 0, x, y)
    samples = [
        terms.ite(terms.lor(low, terms.eq(x, terms.constant(8, 7))), terms.mk("add", 8, x, y), terms.mk("not", 8, x)),
        terms.land(low, terms.lnot(terms.eq(terms.extract(x, 3, 0), terms.extract(y, 7, 4)))),
        terms.mk("sext", 16, terms.mk("sub", 8, x, y)),
    ]
    values = {"x": a, "y": b}
    expected = terms.evaluate(samples, lambda t: values[t.name.text], lambda _a, _i: 0, lambda _n, _a, _w: 0)
    assert [int(compiled(sample)(values)) for sample in samples] == expected


def test_decoding_is_fast_enough_for_a_debugger() -> None:
    """At least 30 000 a second; an order of magnitude is normal."""
    rng = random.Random(3)
    streams = [bytes([rng.choice((0x8B, 0x89, 0xCD, 0x50, 0x81, 0x26)), *rng.randbytes(12)]) for _ in range(3000)]
    decode = DECODERS["bytes"].decode
    start = time.process_time()
    for stream in streams:
        decode(stream.__getitem__)
    assert time.process_time() - start < 0.1
