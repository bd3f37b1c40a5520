"""Compiling encodings: what is refused, and what the canonicity predicate says."""

import pytest

from pgcheck.isa import terms
from pgcheck.isa.encoding.codec import compiled, completed, is_canonical
from pgcheck.isa.encoding.encoding import (
    Declaration,
    Decode,
    Encoding,
    Operand,
    Variable,
    compile_encoding,
    parse_variable,
    rename,
)
from pgcheck.isa.files.errors import Position, SpecificationError, Text
from tests.isa.tables import BYTES, RISC, TABLES, WORDS, code, condition, field, group, match


def problems(declaration: Declaration, decode: Decode = RISC) -> list[str]:
    with pytest.raises(SpecificationError) as caught:
        compile_encoding(declaration, decode, condition)
    return [problem.message for problem in caught.value.problems]


def canonical(encoding: Encoding, **operands: int) -> bool:
    return is_canonical(encoding, completed(encoding, operands))


@pytest.mark.parametrize(
    "declaration, message",
    [
        (match("01x0000000000000"), "a match is made of 0, 1 and -"),
        (match(""), "a match is made of 0, 1 and -"),
        (match("0101"), "the match does not fill whole units"),
        (match("0" * 32, length=16), "the match is longer than `length`"),
        (match("----------------", "a 16"), "the location is not in the match"),
        (match("----------------", "a 3-5"), "the location is not in the match"),
        (match("----------------", "a x"), "the location is not in the match"),
        (match("----------------", "a 3|3"), "the location names a bit twice"),
        (match("---------------0", "a 1-0"), "bit 0 is fixed by the match"),
        (match("----------------", "a 1-0", "b 1"), "bit 1 is part of another variable"),
        (match("----------------", "a 1", "a 2"), "operand a is held twice"),
        (match("----------------", "length 1"), "length is the name of the length"),
        (match("----------------", Variable("a", "1-0", excluded=(4,))), "an excluded value does not fit"),
        (match("----------------", "a 1", when="b == 1"), "unknown name"),
        (Declaration(), "an encoding has either `match` or `bytes`"),
        (Declaration(match="0" * 16, bytes="00"), "an encoding has either `match` or `bytes`"),
        (Declaration(match="0" * 16, modrm="mem"), "`modrm` belongs to `bytes`"),
        (Declaration(match="0" * 16, tails=(("", "ea"),)), "unknown tail"),
        (Declaration(match="0" * 16, prefixes=("osz",)), "unknown prefix field"),
        (Declaration(bytes="90"), "`bytes` needs units of 8 bits"),
    ],
)
def test_a_wrong_match_is_refused(declaration: Declaration, message: str) -> None:
    assert message in problems(declaration)


@pytest.mark.parametrize(
    "declaration, message",
    [
        (code("9"), "unknown token"),
        (code("51+r"), "unknown token"),
        (code("/8"), "unknown token"),
        (code("90 iq"), "unknown tail"),
        (code("90", "mem"), "`modrm` is mem or reg, of an encoding with a field mod"),
        (code("8B /r", "both"), "`modrm` is mem or reg, of an encoding with a field mod"),
        (code("66 90"), "the first unit can be the prefix 0x66 of osz, which is read first"),
        (code("60+r"), "the first unit can be the prefix 0x64 of sego, which is read first"),
        (code("90 ib ib"), "operand imm is held twice"),
        (code("90 ib iz"), "field imm has two widths"),
        (code("90", None, ("seg",)), "unknown prefix field"),
    ],
)
def test_wrong_bytes_are_refused(declaration: Declaration, message: str) -> None:
    assert message in problems(declaration, BYTES)


@pytest.mark.parametrize(
    "groups, message",
    [
        ((group(None, field("a", 7)),), "a group of tail t does not fill whole units"),
        ((group(None),), "a group of tail t does not fill whole units"),
        ((group(None, field("a", 4, False, 8)),), "field a has more bits than its operand, or none"),
        ((group(None, field("a", 8)), group("a == 1", field("a", 8))), "operand a is held twice"),
        ((group("b == 1", field("a", 8)), group(None, field("b", 8))), "unknown name"),
        ((group(None, field("osz", 8)),), "osz is the name of a prefix field"),
    ],
)
def test_a_wrong_tail_is_refused(groups: tuple[object, ...], message: str) -> None:
    decode = Decode(8, "little", 8, 9, BYTES.prefixes, {"t": groups})  # type: ignore[dict-item]  # tuples of groups
    assert message in problems(code("90 t"), decode)


def test_all_problems_are_reported_at_their_places() -> None:
    at = Position("a.yaml", 7, 20)
    wrong = match("0000000000000000", parse_variable(Text("a 99", at)), when="b == 1")
    with pytest.raises(SpecificationError) as caught:
        compile_encoding(wrong, RISC, condition)
    assert [p.message for p in caught.value.problems] == ["the location is not in the match", "unknown name"]
    assert caught.value.problems[0].position == Position("a.yaml", 7, 22)


def test_an_operand_has_the_width_of_its_location_and_shift() -> None:
    _, table = TABLES["risc"]
    assert table["beq"].operands["imm"] == Operand(13, signed=True)
    assert table["lui"].operands["imm"] == Operand(32)
    assert table["ecall"].operands == {}


def test_canonical_operands_leave_shifted_out_bits_zero() -> None:
    beq = TABLES["risc"][1]["beq"]
    assert canonical(beq, imm=0x1FFE)
    assert not canonical(beq, imm=1)


def test_canonical_operands_avoid_excluded_values_and_obey_when() -> None:
    table = TABLES["risc"][1]
    assert canonical(table["c.lui"], imm=1 << 12, xd=1)
    assert not canonical(table["c.lui"], imm=0, xd=1)
    assert not canonical(table["c.lui"], imm=1 << 12, xd=2)


def test_canonical_operands_extend_the_sign_and_are_zero_when_absent() -> None:
    load = TABLES["bytes"][1]["mov.r_m"]
    assert canonical(load, mod=1, disp=0xFFFFFF80)
    assert not canonical(load, mod=1, disp=0x80)
    assert canonical(load, mod=2, disp=0x80)
    assert not canonical(load, mod=0, disp=0x80)
    assert not canonical(load, mod=0, base=1)
    assert canonical(load, mod=0, rm=4, base=1)
    assert not canonical(load, mod=3)


def test_a_token_that_names_a_tail_is_no_hex_byte() -> None:
    assert [step.mask for step in TABLES["bytes"][1]["jmp.short"].steps] == [0xFF, 0]
    assert [step.mask for step in compile_encoding(code("EB CB"), BYTES, condition).steps] == [0xFF, 0xFF]


def test_a_digit_fixes_reg() -> None:
    sidt = TABLES["bytes"][1]["sidt"]
    assert canonical(sidt, reg=1)
    assert not canonical(sidt, reg=0)


def test_prefix_operands_are_those_the_encoding_takes_with_values_of_the_table() -> None:
    table = TABLES["bytes"][1]
    assert "sego" not in table["mov.r_r"].operands
    assert canonical(table["mov.r_m"], sego=6)
    assert not canonical(table["mov.r_m"], sego=7)


def test_conditions_read_a_prefix_field_that_is_not_taken_as_zero() -> None:
    fixed = compile_encoding(code("B8+r iz", when="osz == 0"), BYTES, condition)
    assert fixed.when is terms.TRUE
    assert [step.units for step in fixed.steps] == [1, 4]


def test_length_is_constant_or_follows_the_operands() -> None:
    _, table = TABLES["bytes"]
    assert table["push"].length is terms.constant(4, 1)
    assert TABLES["large"][1]["move"].length is terms.constant(1, 1)
    assert compiled(table["mov.r_m"].length)(completed(table["mov.r_m"], {"mod": 2, "rm": 4, "sego": 1})) == 8


def test_an_instruction_longer_than_the_maximum_is_not_canonical() -> None:
    add = TABLES["bytes"][1]["add.m_i"]
    longest = {"mod": 2, "rm": 4}
    assert canonical(add, **longest) and not canonical(add, **longest, sego=1)
    shorter = Decode(8, "little", 8, 10, BYTES.prefixes, BYTES.tails)
    plain = compile_encoding(code("81 /0 iz", "mem"), shorter, condition)
    assert canonical(plain, mod=1, rm=4) and not canonical(plain, **longest)


def test_names_inside_a_tail_mean_the_prefixed_operands_first() -> None:
    meaning = {name: name for name in ("mode", "src_mode", "dst_mode", "size")}
    inner = rename(meaning, "src")
    assert inner["mode"] == "src_mode" and inner["size"] == "size"
    assert rename(meaning, "")["mode"] == "mode"
    move = TABLES["words"][1]["move"]
    assert canonical(move, size=2, src_mode=5, src_disp=4) and not canonical(move, size=2, dst_mode=5, src_disp=4)
    assert WORDS.length_width == 4
