"""Four small encoding tables, one a family, and the conditions and values that the tests draw from them."""

import ast
import re
from collections.abc import Callable, Mapping

from hypothesis import strategies as st

from pgcheck.isa import terms
from pgcheck.isa.encoding.codec import completed, is_canonical
from pgcheck.isa.encoding.encoding import (
    Declaration,
    Decode,
    Encoding,
    Field,
    Group,
    Variable,
    compile_encoding,
    parse_variable,
)
from pgcheck.isa.files.errors import NOWHERE, Problem, SpecificationError
from pgcheck.isa.terms import Term, knownbits
from pgcheck.isa.terms.names import FREE


def condition(text: str, widths: Mapping[str, int]) -> Term:
    """Boolean expressions of ==, !=, <, &&, ||, !, & over names and numbers."""
    source = re.sub(r"!(?!=)", " not ", text.replace("&&", " and ").replace("||", " or "))

    def number(node: ast.expr, width: int) -> Term:
        match node:
            case ast.Constant(value=int(value)):
                return terms.constant(width, value)
            case ast.Name(id=name) if name in widths:
                return terms.zext(terms.variable(widths[name], name), width)
            case ast.BinOp(left=left, op=ast.BitAnd(), right=right):
                return terms.mk("and", width, number(left, width), number(right, width))
        raise SpecificationError([Problem(NOWHERE, "unknown name", found=ast.unparse(node))])

    def boolean(node: ast.expr) -> Term:
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return terms.conjunction(map(boolean, values))
            case ast.BoolOp(values=values):
                return terms.disjunction(map(boolean, values))
            case ast.UnaryOp(operand=inner):
                return terms.lnot(boolean(inner))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                a, b = number(left, 64), number(right, 64)
                if isinstance(op, ast.Lt):
                    return terms.mk("ult", 0, a, b)
                return terms.eq(a, b) if isinstance(op, ast.Eq) else terms.lnot(terms.eq(a, b))
        raise AssertionError(ast.dump(node))

    return boolean(ast.parse(source.strip(), mode="eval").body)


def field(name: str, width: int, signed: bool = False, bits: int | None = None) -> Field:
    return Field(name, width, signed, width if bits is None else bits)


def group(when: str | None, *fields: Field) -> Group:
    return Group(when, fields)


def compile_table(decode: Decode, declarations: Mapping[str, Declaration]) -> dict[str, Encoding]:
    return {name: compile_encoding(declaration, decode, condition) for name, declaration in declarations.items()}


def match(bits: str, *variables: str | Variable, when: str | None = None, length: int | None = None) -> Declaration:
    parsed = tuple(parse_variable(v) if isinstance(v, str) else v for v in variables)
    return Declaration(match=bits, variables=parsed, when=when, length=length)


RISC = Decode(unit=16, order="little", pc_unit=8, max_length=2)
RISC_DECLARATIONS = {
    "add": match("0000000----------000-----0110011", "xs2 24-20", "xs1 19-15", "xd 11-7"),
    "sub": match("0100000----------000-----0110011", "xs2 24-20", "xs1 19-15", "xd 11-7"),
    "addi": match(
        "-----------------000-----0010011", Variable("imm", "31-20", sign_extend=True), "xs1 19-15", "xd 11-7"
    ),
    "lui": match("-------------------------0110111", Variable("imm", "31-12", left_shift=12), "xd 11-7"),
    "beq": match(
        "-----------------000-----1100011",
        Variable("imm", "31|7|30-25|11-8", left_shift=1, sign_extend=True),
        "xs2 24-20",
        "xs1 19-15",
    ),
    "csrrw": match("-----------------001-----1110011", "csr 31-20", "xs1 19-15", "xd 11-7"),
    "ecall": match("00000000000000000000000001110011"),
    "c.addi": match(
        "000-----------01", Variable("imm", "12|6-2", sign_extend=True, excluded=(0,)), Variable("xd", "11-7")
    ),
    "c.lui": match(
        "011-----------01", Variable("imm", "12|6-2", left_shift=12, excluded=(0,)), "xd 11-7", when="xd != 2"
    ),
    "c.addi16sp": match(
        "011-00010-----01", Variable("imm", "12|4-3|5|2|6", left_shift=4, sign_extend=True, excluded=(0,))
    ),
}

EXTENSION = (
    group("mode == 5", field("disp", 32, True, 16)),
    group("mode == 6", field("disp", 32, True, 8), field("zero", 3), field("long", 1), field("index", 4)),
    group("mode == 7 && reg == 0", field("disp", 32, True, 16)),
    group("mode == 7 && reg == 1", field("disp", 32)),
    group("mode == 7 && reg == 4 && size == 2", field("imm", 32)),
    group("mode == 7 && reg == 4 && size != 2", field("imm", 32, False, 16)),
)
WORDS = Decode(unit=16, order="big", pc_unit=8, max_length=5, tails={"ea": EXTENSION})
_MOVE = ("size 13-12", "dst_reg 11-9", "dst_mode 8-6", "src_mode 5-3", "src_reg 2-0")
WORDS_DECLARATIONS = {
    "move": Declaration(
        match="00--------------",
        variables=tuple(map(parse_variable, _MOVE)),
        when="size != 0 && dst_mode != 1 && !(src_mode == 1 && size == 1) && !(dst_mode == 7 && 1 < dst_reg)"
        " && !(src_mode == 7 && 4 < src_reg) && !(src_mode == 7 && src_reg < 4 && 1 < src_reg)",
        tails=(("src", "ea"), ("dst", "ea")),
    ),
    "movea": Declaration(
        match="00-----001------",
        variables=tuple(map(parse_variable, ("size 13-12", "dst_reg 11-9", "mode 5-3", "reg 2-0"))),
        when="size != 0 && size != 1 && !(mode == 7 && 1 < reg)",
        tails=(("", "ea"),),
    ),
    "moveq": match("0111---0--------", Variable("data", "7-0", sign_extend=True), "reg 11-9"),
    "nop": match("0100111001110001"),
}

EA = (
    group("mod != 3 && rm == 4", field("base", 3), field("index", 3), field("scale", 2)),
    group("mod == 1", field("disp", 32, True, 8)),
    group("mod == 2 || (mod == 0 && (rm == 5 || (rm == 4 && base == 5)))", field("disp", 32)),
)
BYTES = Decode(
    unit=8,
    order="little",
    pc_unit=8,
    max_length=11,
    prefixes={"sego": {0x26: 1, 0x2E: 2, 0x36: 3, 0x3E: 4, 0x64: 5, 0x65: 6}, "osz": {0x66: 1}},
    tails={
        "modrm": (group(None, field("rm", 3), field("reg", 3), field("mod", 2)),),
        "ea": EA,
        "ib": (group(None, field("imm", 8)),),
        "iz": (group("osz == 0", field("imm", 32)), group("osz == 1", field("imm", 32, False, 16))),
        "iw": (group(None, field("imm", 16)),),
        "cb": (group(None, field("rel", 32, True, 8)),),
        "cd": (group(None, field("rel", 32)),),
    },
)


def code(text: str, modrm: str | None = None, prefixes: tuple[str, ...] = (), when: str | None = None) -> Declaration:
    return Declaration(bytes=text, modrm=modrm, prefixes=prefixes, when=when)


BYTES_DECLARATIONS = {
    "nop": code("90"),
    "mov.r_m": code("8B /r", "mem", ("sego",)),
    "mov.r_r": code("8B /r", "reg"),
    "mov.m_r": code("89 /r", "mem", ("sego", "osz")),
    "mov.r_i": code("B8+r iz", None, ("osz",)),
    "push": code("50+r"),
    "sgdt": code("0F 01 /0", "mem", ("sego",)),
    "sidt": code("0F 01 /1", "mem", ("sego",)),
    "vmcall": code("0F 01 C1"),
    "mov.cr": code("0F 22 /r", "reg", when="reg == 0 || reg == 3"),
    "add.m_i": code("81 /0 iz", "mem", ("sego", "osz")),
    "int": code("CD ib"),
    "put.byte": code("6A ib"),
    "put.word": code("68 iw"),
    "jmp.short": code("EB cb"),
    "jmp.near": code("E9 cd"),
}

LARGE = Decode(unit=36, order="big", pc_unit=36, max_length=1)
LARGE_DECLARATIONS = {
    "jrst": match("010101100", "ac 26-23", "i 22", "x 21-18", "y 17-0", length=36, when="ac == 0 || ac == 2"),
    "halt": match("0101011000100", "i 22", "x 21-18", "y 17-0", length=36),
    "move": match("010000000", "ac 26-23", "i 22", "x 21-18", "y 17-0", length=36),
}

TABLES: dict[str, tuple[Decode, dict[str, Encoding]]] = {
    name: (decode, compile_table(decode, declarations))
    for name, decode, declarations in (
        ("risc", RISC, RISC_DECLARATIONS),
        ("words", WORDS, WORDS_DECLARATIONS),
        ("bytes", BYTES, BYTES_DECLARATIONS),
        ("large", LARGE, LARGE_DECLARATIONS),
    )
}


@st.composite
def canonical(draw: st.DrawFn, encoding: Encoding) -> dict[str, int]:
    """Canonical operands of an encoding: one of the ways to satisfy its predicate, its free bits drawn."""
    choices = {name: draw(st.integers(0, terms.mask(o.width))) for name, o in encoding.operands.items()}
    pinned: knownbits.Known = {}
    for name in draw(st.permutations(sorted(choices))):
        width = encoding.operands[name].width
        attempt: knownbits.Known = {**pinned, terms.Name(FREE, name): (terms.mask(width), choices[name])}
        if next(knownbits.search([encoding.canonical], attempt, 500), None) is not None:
            pinned = attempt
    solution = next(knownbits.search([encoding.canonical], pinned, 500))
    operands = {name: solution.get(terms.Name(FREE, name), (0, choices.get(name, 0))) for name in encoding.operands}
    full = completed(encoding, {n: v | choices.get(n, 0) & ~m for n, (m, v) in operands.items()})
    assert is_canonical(encoding, full), full
    return full


def fetch_from(units: tuple[int, ...]) -> Callable[[int], int]:
    """A fetch that fails beyond the last unit."""

    def fetch(index: int) -> int:
        assert index < len(units), f"unit {index} is beyond the instruction"
        return units[index]

    return fetch
