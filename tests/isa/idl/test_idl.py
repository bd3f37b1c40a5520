"""IDL-core: each rule takes something, and refuses the smallest wrong thing at its place.

`@` marks where a text is wrong.
"""

from itertools import zip_longest

import pytest

from pgcheck.isa.files.errors import NOWHERE, Position, Problems, Text
from pgcheck.isa.files.schema import StateEntry
from pgcheck.isa.files.tree import Mapping
from pgcheck.isa.files.values import Reading
from pgcheck.isa.idl.declarations import declare_functions, declare_types
from pgcheck.isa.idl.expressions import expression_in
from pgcheck.isa.idl.layout import declare_state
from pgcheck.isa.idl.program import Program
from pgcheck.isa.idl.scopes import Value, operand_values
from pgcheck.isa.idl.statements import lower_body, lower_function, lower_functions
from pgcheck.isa.idl.types import BOOLEAN, VOID, Bits
from pgcheck.isa.terms import evaluate
from pgcheck.isa.terms.ir import Block, Do, If, Raise, Return, SetElement, SetLeaf, SetLocal, SetNext, Store

TYPES = """\
enum Color { Red Green 5 Blue }
bitfield (8) Flags { Z 0 N 7-4 }
struct Pair { Bits<8> a; Boolean b; }
"""
FUNCTIONS = """\
function next_byte { returns Bits<8> arguments Bits<8> x description { . } body { return x + 8'd1; } }
function odd? { returns Boolean arguments Bits<8> x description { . } body { return x[0] == 1; } }
function pair { returns Pair arguments Bits<8> x description { . } body { Pair p; p.a = x; p.b = true; return p; } }
function split { returns Bits<4>, Bits<4> arguments Bits<8> x description { . } body { return x[7:4], x[3:0]; } }
function low { template U32 N returns Bits<N> arguments Bits<8> x description { . } body { return x[N-1:0]; } }
function touch { description { . } body { R = 0; } }
function trap { arguments Color c description { . } body { R = 1; trap(c); } }
"""
STATE = {
    "PC": {"type": "Bits<8>", "role": "general", "pc": "true"},
    "R": {"type": "Bits<8>", "role": "general"},
    "F": {"type": "Flags", "role": "general"},
    "P": {"type": "Pair", "role": "general"},
    "B": {"type": "Boolean", "role": "general"},
    "E": {"type": "Color", "role": "general"},
    "X": {"type": "Bits<8>", "size": "4", "role": "general"},
    "Y": {"type": "Flags", "size": "4", "role": "general"},
    "V": {"type": "Bits<8>", "role": "device", "volatile": "true"},
    "satp": {"type": "Bits<8>", "role": "general"},
    "MEM": {"type": "Bits<8>", "size": "256", "role": "general"},
}
OPERANDS = {"x": Bits(8), "y": Bits(4), "s": Bits(8, signed=True), "t": Bits(4, signed=True), "i": Bits(2)}


def node(value: object) -> Text | Mapping:
    if isinstance(value, dict):
        return Mapping(NOWHERE, {Text(k): node(v) for k, v in value.items()})
    return Text(str(value))


def program(types: str = TYPES, functions: str = FUNCTIONS) -> Program:
    made = Program(Problems(), lower_function)
    made.params["K"] = 7
    made.sites |= {"any": Bits(4), "coin": BOOLEAN}
    declare_types(made, [Text(types)], [])
    made.terminators = frozenset(["trap"])
    state = {Text(n): StateEntry.model_validate(node(e), context=Reading(made.problems)) for n, e in STATE.items()}
    declare_state(made, state)
    made.memory_unit, made.address_width = 8, 8
    declare_functions(made, Text(functions))
    return made


def lowered(body: str) -> tuple[Block, list[tuple[Position, str]]]:
    made = program()
    block = lower_body(made, Text(body), operand_values(OPERANDS), 16, VOID)
    return block, problems_of(made)


def problems_of(made: Program) -> list[tuple[Position, str]]:
    return [(p.position, p.message) for p in made.problems]


def marked(text: str) -> tuple[str, Position]:
    """The text without its mark, and the place of the mark."""
    before, _, after = text.partition("@")
    return before + after, Position("<text>", before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


# good statement, bad statement, what the problem says
RULES = [
    ("R = 8'd1;", "R = @;", "this is not IDL"),
    ("R = x;", "R = x@", "this is not IDL"),
    ("R = x;", "R = x \n  @$; ", "this is not IDL"),
    ("R = 8'd255;", "R = @256;", "256 does not fit Bits<8> `R`"),
    ("R = 8'hff;", "R = @8'h1ff;", "511 does not fit in 8 bits"),
    ("R = x;", "R = @z;", "no 'z' here"),
    ("B = odd?(x);", "R = @odd?(x);", "this value does not fit `R`"),
    ("B = x == 0;", "B = @x;", "this value does not fit `B`"),
    ("E = Color::Red;", "E = @Color::Pink;", "Color has no 'Pink'"),
    ("E = Color::Red;", "E = @Colour::Red;", "no enum 'Colour'"),
    ("E = $enum(Color, x[2:0]);", "E = @x[2:0];", "this value does not fit `E`"),
    ("R = $bits(E);", "R = @E;", "this value does not fit `R`"),
    ("E = Color::Red;", "E = @B;", "this value does not fit `E`"),
    ("if (x == 0) { R = 0; }", "if (@x) { R = 0; }", "a condition must be Boolean"),
    (
        "if (x == 0) { R = 0; } else { R = 1; }",
        "if (x == 0) { R = 0; } else { R = @B; }",
        "this value does not fit `R`",
    ),
    ("R = 0 if x == 0;", "R = 0 if @x;", "a condition must be Boolean"),
    ("B = E == Color::Red;", "B = @E == x;", "these two cannot be compared"),
    ("B = B == true;", "B = @B == x;", "these two cannot be compared"),
    ("B = x < y;", "B = @E < y;", "an enum value is no number"),
    ("R = x + y;", "R = x + @B;", "a Boolean is no number"),
    ("R = x + y;", "R = x + @E;", "an enum value is no number"),
    ("R = x + y;", "R = x + @P;", "an aggregate has no bits"),
    ("R = K + 4'd1;", "R = @K + 1;", "8 does not fit the 3 bits of the two numbers"),
    ("R = K - 7;", "R = @6 - K;", "-1 does not fit the 3 bits of the two numbers"),
    ("R = 2 * 8'd9;", "R = @2 * 9;", "18 does not fit the 4 bits of the two numbers"),
    ("R = 4'd15 + 4'd1;", "R = @4'd15 + 1;", "16 does not fit the 4 bits of the two numbers"),
    ("R = (8'hff + 8'd1) * 2'd3;", "R = @K * 2'd3;", "21 does not fit the 3 bits of the two numbers"),
    ("R = x / (y | 4'd1);", "R = x / @4'd0;", "division by zero"),
    ("R = x % y;", "R = x % @0;", "division by zero"),
    ("R = 8'd1 << y;", "R = @1 << y;", "a literal of minimum width is shifted"),
    ("R = -8'd1;", "R = @-1;", "a literal of minimum width is negated"),
    ("R = ~8'd1;", "R = @~1;", "a literal of minimum width is inverted"),
    ("R = {y, 4'd1};", "R = {y, @1};", "a literal of minimum width is concatenated"),
    ("R = {2{y}};", "R = @{K-K{y}};", "this width cannot be"),
    ("R = {2{y}};", "R = {@y{y}};", "a constant was expected"),
    ("R = {4096{1'd1}}[7:0];", "R = @{4097{1'd1}};", "this width cannot be"),
    ("R = (x `<< 2)[7:0];", "R = x `<< @y;", "a widening shift needs a constant distance"),
    ("R = (x `<< 4088)[7:0];", "R = @x `<< 4089;", "this width cannot be"),
    ("B = !B;", "B = !@x;", "a condition must be Boolean"),
    ("B = B && x == 0;", "B = B && @x;", "a condition must be Boolean"),
    ("B = B || x == 0;", "B = @x || B;", "a condition must be Boolean"),
    ("R = B ? x : y;", "R = @x ? x : y;", "a condition must be Boolean"),
    ("R = B ? x : y;", "R = B ? x : @E;", "an enum value is no number"),
    ("E = B ? E : Color::Red;", "P = @B ? P : P;", "a choice between aggregates"),
    ("R = x[7:0];", "R = @x[8:0];", "this range is not within 8 bits"),
    ("R = x[7:0];", "R = @x[0:7];", "this range is not within 8 bits"),
    ("R = x[7:0];", "R = x[@y:0];", "a constant was expected"),
    ("R = x[K];", "R = x[@8];", "bit 8 is beyond Bits<8>"),
    ("R = x[y];", "R = @B[0];", "a Boolean is no number"),
    ("R = X[3];", "R = X[@4];", "X has 4 elements"),
    ("R = X[i];", "R = X[@y];", "this index is wider than X needs"),
    ("R = X[i];", "R = @X;", "X is an array"),
    ("X[i] = R;", "@X = R;", "X is an array"),
    ("R = F.N;", "R = @F.Q;", "Flags has no field 'Q'"),
    ("R = P.a;", "R = @P.c;", "Pair has no member 'c'"),
    ("R = F.N;", "R = @x.N;", "Bits<8> has no fields"),
    ("R = Y[i].N;", "R = @Y[i].Q;", "Flags has no field 'Q'"),
    ("F.N = y;", "@F.Q = y;", "F has no 'Q'"),
    ("F.N = y;", "F.N = @16;", "16 does not fit Bits<4> `F.N`"),
    ("Y[i].N = y;", "@Y[i].Q = y;", "Y has no 'Q'"),
    ("P.a = x;", "@P.c = x;", "P has no 'c'"),
    ("P.b = true;", "P.b = @x;", "this value does not fit `P.b`"),
    ("P = pair(x);", "P = @x;", "this value does not fit"),
    ("R[3:0] = y;", "@R[8:0] = x;", "this range is not within 8 bits"),
    ("R[3] = 1'd1;", "R[@8] = 1'd1;", "bit 8 is beyond Bits<8>"),
    ("R[y] = 1'd1;", "R[y] = @2;", "2 does not fit Bits<1>"),
    ("R = $width(x);", "R = @$width(x, y);", "$width cannot be used like this"),
    ("R = $bits(F);", "R = @$bits(B);", "$bits cannot be used like this"),
    ("R = $signed(x);", "R = $signed(@B);", "$signed of Boolean"),
    ("E = $enum(Color, y[2:0]);", "E = @$enum(Flags, x);", "no such enum"),
    ("E = $enum(Color, 3'd5);", "E = $enum(Color, @8);", "8 does not fit Bits<3>"),
    ("R = next_byte(x);", "R = @next_bite(x);", "no function 'next_bite'"),
    ("R = next_byte(x);", "R = @next_byte(x, x);", "next_byte takes 1 arguments"),
    ("R = next_byte(x);", "R = next_byte(@B);", "this value does not fit argument `x` of next_byte"),
    ("R = low<4>(x);", "R = @low(x);", "low takes 1 template values"),
    ("R = low<4>(x);", "R = low<@y>(x);", "a constant was expected"),
    ("R = low<8>(x);", "R = low<9>(x);@", "this range is not within 8 bits"),
    ("touch();", "R = @touch();", "this call has no value"),
    ("trap(Color::Red);", "R = @trap(Color::Red);", "this call has no value"),
    ("trap(Color::Red);", "trap(@x);", "this value does not fit argument `c` of trap"),
    (
        "R = read_physical_memory<16>(x)[7:0];",
        "R = @read_physical_memory<12>(x);",
        "an access is a multiple of the memory unit",
    ),
    ("R = read_physical_memory<8>(x);", "R = @read_physical_memory<8>();", "read_physical_memory takes an address"),
    ("R = read_physical_memory<8>(x);", "R = read_physical_memory<8>(@{x, x});", "this address is wider than memory"),
    (
        "write_physical_memory<8>(x, x);",
        "@write_physical_memory<8>(x);",
        "write_physical_memory takes an address and a value",
    ),
    ("write_physical_memory<8>(x, x);", "write_physical_memory<8>(x, @B);", "a Boolean is no number"),
    ("write_physical_memory<8>(x, x);", "R = @write_physical_memory<8>(x, x);", "write_physical_memory has no value"),
    ('R = undefined<4>("any");', 'R = undefined<4>(@"nay");', "no site 'nay'"),
    ('R = undefined<4>("any");', 'R = @undefined<5>("any");', "site 'any' is declared otherwise"),
    ('B = choice("coin");', 'B = @choice("any");', "site 'any' is declared otherwise"),
    ('B = choice("coin");', "B = @choice(x);", "the name of a site in quotes is expected"),
    ('unpredictable("why");', "@unpredictable(x);", "unpredictable takes a reason in quotes"),
    ("halt();", "R = @halt();", "halt has no value"),
    ('unmodelled("why");', 'R = @"why";', "a string is only the name of a site or the reason of an exit"),
    ("Bits<8> z; R = z;", "@Bits<0> z; ", "this width cannot be"),
    ("Bits<4096> z;", "@Bits<4097> z;", "this width cannot be"),
    ("Bits<8> z; R = z;", "@Byte z;", "no type 'Byte'"),
    ("Bits<8> z = x;", "Bits<8> z = @B;", "this value does not fit `z`"),
    ("Bits<8> z = x;", "@Bits<8> x;", "'x' is an operand of this instruction"),
    ("Bits<8> z;", "@Bits<8> z[4];", "local arrays are not part of IDL-core"),
    ("Bits<8> z; if (B) { z = x; }", "if (B) { Bits<8> z; } @z = x;", "no 'z' here"),
    ("R = x;", "@x = R;", "'x' cannot be assigned to"),
    ("R = K;", "@K = R;", "'K' cannot be assigned to"),
    ("(R, R) = split(x);", "(R, R, R) = @split(x);", "this call gives another number of values"),
    ("(R, -) = split(x);", "@(R, -) = x;", "several variables are set by a call"),
    ("(R, R) = split(x);", "R = @split(x);", "split gives (Bits<4>, Bits<4>)"),
    ("Pair p = pair(x); R = p.a;", "Pair p = @split(x);", "this value does not fit"),
    ("Pair p = pair(x); p.a = x;", "Pair p; @p.c = x;", "Pair has no 'c'"),
    ("return;", "@return x;", "there is no value to return here"),
    ("for (U32 k = 0; k < 4; k++) { X[k] = x; }", "for (U32 k = 0; k < 5; k++) { X[@k] = x; }", "X has 4 elements"),
    ("for (U32 k = 0; k < 4096; k++) { }", "@for (U32 k = 0; k < 4097; k++) { }", "this loop has more than 4096 trips"),
    ("for (U32 k = 0; k < 4; k++) { }", "for (U32 k = 0; @k < x; k++) { }", "a loop needs a constant number of trips"),
    ("for (U32 k = 0; k < 4; k = k + 2) { }", "for (U32 k = 0; k < 4; @R = 1) { }", "the step changes `k`"),
    ("for (U32 k = 0; k < 4; k++) { }", "for (@U32 k; k < 4; k++) { }", "the counter needs a first value"),
    ("for (U32 k = 0; k < 4; k++) { }", "for (@Boolean k = 0; k < 4; k++) { }", "a loop counts in bits"),
    ("for (U32 k = 3; k < 4; k--) { }", "@for (R = 0; R < 4; R++) { }", "a loop declares its counter"),
    ("R = $encoding[7:0];", "R = @$encoding[16:9];", "this range is not within 16 bits"),
    ("$pc = $pc + 8'd1;", "$pc = @B;", "this value does not fit $pc"),
    ("R++; X[i]--;", "@B++;", "a Boolean is no number"),
    ("R = CSR[satp];", "R = @CSR[zatp];", "no 'zatp' here"),
    ("R = x;", "B = @x -> B;", "implies is not part of IDL-core"),
    ("R = x;", "R = @[x, x];", "array is not part of IDL-core"),
]


@pytest.mark.parametrize(("good", "bad", "message"), RULES, ids=lambda text: text[:40])
def test_each_rule_of_bodies(good: str, bad: str, message: str) -> None:
    assert lowered(good)[1] == []
    text, place = marked(bad)
    _, problems = lowered(text)
    assert [m for _, m in problems] == [message] * len(problems) and problems
    if "low<9>" not in bad:
        assert problems[0][0] == place


def test_an_error_within_a_function_is_at_its_place() -> None:
    made = program()
    lower_body(made, Text("R = low<9>(x);"), operand_values(OPERANDS), 0, VOID)
    line = FUNCTIONS.splitlines().index(next(row for row in FUNCTIONS.splitlines() if "function low" in row))
    column = FUNCTIONS.splitlines()[line].index("x[N-1:0]") + 1
    assert problems_of(made)[0][0] == Position("<text>", line + 1, column)


# text, operands, (width, value)
VALUES: list[tuple[str, dict[str, int], tuple[int, int]]] = [
    ("x + y", {"x": 0xF8, "y": 9}, (8, 1)),
    ("x `+ y", {"x": 0xF8, "y": 9}, (9, 0x101)),
    ("x - y", {"x": 3, "y": 4}, (8, 0xFF)),
    ("x `- y", {"x": 3, "y": 4}, (9, 0x1FF)),
    ("x * y", {"x": 0x80, "y": 3}, (8, 0x80)),
    ("x `* y", {"x": 0x80, "y": 3}, (12, 0x180)),
    ("s + t", {"s": 0, "t": 0xF}, (8, 0xFF)),
    ("s + y", {"s": 0, "y": 0xF}, (8, 0xF)),
    ("x + t", {"x": 0, "t": 0xF}, (8, 0xFF)),
    ("x / y", {"x": 200, "y": 7}, (8, 28)),
    ("x % y", {"x": 200, "y": 7}, (8, 4)),
    ("s / t", {"s": 0xF9, "t": 2}, (8, 0xFD)),
    ("s % t", {"s": 0xF9, "t": 2}, (8, 0xFF)),
    ("x & y", {"x": 0xFF, "y": 9}, (8, 9)),
    ("x | y", {"x": 0xF0, "y": 9}, (8, 0xF9)),
    ("x ^ y", {"x": 0xFF, "y": 9}, (8, 0xF6)),
    ("~y", {"y": 9}, (4, 6)),
    ("-y", {"y": 9}, (4, 7)),
    ("x << y", {"x": 0x81, "y": 1}, (8, 2)),
    ("x << y", {"x": 1, "y": 8}, (8, 0)),
    ("y << x", {"x": 16, "y": 1}, (4, 0)),
    ("x `<< 4", {"x": 0x81}, (12, 0x810)),
    ("x >> y", {"x": 0x81, "y": 4}, (8, 8)),
    ("s >> y", {"s": 0x81, "y": 4}, (8, 8)),
    ("x >>> y", {"x": 0x81, "y": 4}, (8, 0xF8)),
    ("y >>> x", {"x": 200, "y": 8}, (4, 0xF)),
    ("x == y", {"x": 9, "y": 9}, (0, 1)),
    ("x == t", {"x": 0xFF, "t": 0xF}, (0, 1)),
    ("x != y", {"x": 9, "y": 9}, (0, 0)),
    ("x < t", {"x": 0x7F, "t": 0xF}, (0, 1)),
    ("s < t", {"s": 0x80, "t": 0xF}, (0, 1)),
    ("s <= t", {"s": 0xFF, "t": 0xF}, (0, 1)),
    ("s > t", {"s": 0, "t": 0xF}, (0, 1)),
    ("x >= y", {"x": 8, "y": 9}, (0, 0)),
    ("x[0] == 1 && x / y == 0", {"x": 2, "y": 0}, (0, 0)),
    ("x[0] == 0 || y == 0", {"x": 2, "y": 1}, (0, 1)),
    ("!(x == 0)", {"x": 2}, (0, 1)),
    ("x == 0 ? s : t", {"x": 1, "s": 0, "t": 0xF}, (8, 0xFF)),
    ("x == 0 ? x : t", {"x": 1, "t": 0xF}, (8, 0xFF)),
    ("{y, x}", {"x": 0x12, "y": 3}, (12, 0x312)),
    ("{3{y}}", {"y": 5}, (12, 0x555)),
    ("x[6:3]", {"x": 0b01011000}, (4, 0b1011)),
    ("x[y]", {"x": 0x80, "y": 7}, (1, 1)),
    ("x[y]", {"x": 0x80, "y": 8}, (1, 0)),
    ("x[3]", {"x": 8}, (1, 1)),
    ("$signed(y) + 8'sd0", {"y": 0xF}, (8, 0xFF)),
    ("$bits(s) + y", {"s": 0xFF, "y": 1}, (8, 0)),
    ("$width(x)", {}, (4, 8)),
    ("$bits(Color::Blue)", {}, (3, 6)),
    ("$enum(Color, y[2:0]) == Color::Green", {"y": 13}, (0, 1)),
    ("8'hf_f", {}, (8, 0xFF)),
    ("4'b1010", {}, (4, 10)),
    ("6'o17", {}, (6, 15)),
    ("32'sd5", {}, (32, 5)),
    ("0x1f", {}, (5, 31)),
    ("K", {}, (3, 7)),
    ("x + 1 == 0 ? 1'b1 : 1'b0", {"x": 255}, (1, 1)),
    ("x - y - y", {"x": 9, "y": 4}, (8, 1)),
    ("F", {"F.N": 9, "F.Z": 1}, (8, 0x91)),
    ("F.N", {"F.N": 9}, (4, 9)),
    ("P.a", {"P.a": 200}, (8, 200)),
    ("$bits(E)", {"E": 5}, (3, 5)),
    ("$pc", {"PC": 77}, (8, 77)),
]


@pytest.mark.parametrize(("text", "operands", "expected"), VALUES, ids=lambda v: v if isinstance(v, str) else "")
def test_values(text: str, operands: dict[str, int], expected: tuple[int, int]) -> None:
    made = program()
    value = expression_in(made, Text(text), operands=operand_values(OPERANDS))
    assert isinstance(value, Value) and problems_of(made) == []
    (result,) = evaluate([value.term], lambda v: operands[v.name.text], lambda a, i: 0, lambda n, a, w: 0)
    assert (value.term.width, result) == expected


@pytest.mark.parametrize(
    ("text", "value"), [("1 << 32", 1 << 32), ("3 * 4", 12), ("1 + 1", 2), ("K - 1", 6), ("(1 << 20) - 1", 0xFFFFF)]
)
def test_numbers_of_yaml_are_as_wide_as_they_need(text: str, value: int) -> None:
    made = program()
    found = expression_in(made, Text(text), sized=False)
    assert found is not None and found.term.value == value


@pytest.mark.parametrize("text", ["1 << 5000", "1 - 2"])
def test_numbers_of_yaml_that_cannot_be(text: str) -> None:
    made = program()
    assert expression_in(made, Text(text), sized=False) is None and len(made.problems) == 1


def run(block: Block, state: dict[str, int]) -> None:
    """Execute a body without calls, arrays or exits."""
    for statement in block:
        if isinstance(statement, If):
            (condition,) = evaluate(
                [statement.condition], lambda v: state[v.name.text], lambda a, i: 0, lambda n, a, w: 0
            )
            run(statement.then if condition else statement.orelse, state)
        else:
            assert isinstance(statement, SetLocal | SetLeaf)
            (value,) = evaluate([statement.value], lambda v: state[v.name.text], lambda a, i: 0, lambda n, a, w: 0)
            state[statement.leaf if isinstance(statement, SetLeaf) else statement.name] = value


EFFECTS: list[tuple[str, dict[str, int], dict[str, int]]] = [
    ("F = x;", {"x": 0xA1}, {"F.N": 10, "F.Z": 1}),
    ("F.N = y;", {"y": 3, "F.N": 9, "F.Z": 1}, {"F.N": 3, "F.Z": 1}),
    ("F[7:6] = 2'd1; F[0] = 1'd0;", {"F.N": 0xF, "F.Z": 1}, {"F.N": 7, "F.Z": 0}),
    ("R[3:0] = y;", {"R": 0xFF, "y": 2}, {"R": 0xF2}),
    ("R[7] = 1'd0;", {"R": 0xFF}, {"R": 0x7F}),
    ("R[i] = 1'd1;", {"R": 0, "i": 2}, {"R": 4}),
    ("R[x] = 1'd1;", {"R": 0, "x": 8}, {"R": 0}),
    ("R++;", {"R": 255}, {"R": 0}),
    ("R--;", {"R": 0}, {"R": 255}),
    ("R = s + t;", {"s": 0, "t": 0xF}, {"R": 0xFF}),
    ("R = t;", {"t": 0xF}, {"R": 0xFF}),
    ("R = y;", {"y": 0xF}, {"R": 0x0F}),
    ("R = {x, y};", {"x": 0x12, "y": 3}, {"R": 0x23}),
    ("Bits<8> z = x; z[7:4] = y; R = z;", {"x": 0xFF, "y": 1}, {"R": 0x1F}),
    ("Bits<8> z; R = z;", {"R": 9}, {"R": 0}),
    ("Flags f = x; f.N = y; R = $bits(f);", {"x": 0xFF, "y": 1}, {"R": 0x1F}),
    ("Pair p; p.a = x; P = p; R = P.a;", {"x": 7}, {"R": 7, "P.a": 7, "P.b": 0}),
    ("for (U32 k = 0; k < 8; k = k + 3) { R = R + k; }", {"R": 1}, {"R": 10}),
    ("for (U32 k = 4; k > 0; k--) { R = R + k; }", {"R": 0}, {"R": 10}),
    ("Bits<8> z = 1; if (B) { Bits<8> z = 2; R = z; } R = R + z;", {"B": 1, "R": 0}, {"R": 3}),
    ("if (x == 0) { R = 1; } else if (x == 1) { R = 2; } else { R = 3; }", {"x": 1}, {"R": 2}),
    ("if (x == 0) { R = 1; } else if (x == 1) { R = 2; } else { R = 3; }", {"x": 2}, {"R": 3}),
    ("R = 1 if x == 0; R = 2 if x == 1;", {"x": 1, "R": 0}, {"R": 2}),
]


@pytest.mark.parametrize(("body", "before", "after"), EFFECTS, ids=lambda v: v if isinstance(v, str) else "")
def test_effects(body: str, before: dict[str, int], after: dict[str, int]) -> None:
    block, found = lowered(body)
    assert found == []
    state = dict(before)
    run(block, state)
    assert {name: state[name] for name in after} == after


def test_statements_are_lowered_to_their_effects() -> None:
    body = "R = x; F.N = y; X[i] = x; $pc = x; write_physical_memory<8>(x, x); touch(); trap(Color::Red); return;"
    kinds = [type(s) for s in lowered(body)[0]]
    assert kinds == [SetLeaf, SetLeaf, SetElement, SetNext, Store, Do, Raise, Return]


def test_writing_a_whole_bitfield_evaluates_its_value_once() -> None:
    block, _ = lowered("F = V;")
    assert [type(s) for s in block] == [SetLocal, SetLeaf, SetLeaf]


def test_a_constant_condition_leaves_one_branch_but_both_are_checked() -> None:
    assert lowered("if (K == 7) { R = 1; } else { R = 2; }")[0] == lowered("R = 1;")[0]
    assert [m for _, m in lowered("if (K == 7) { R = 1; } else { R = B; }")[1]] == ["this value does not fit `R`"]
    assert isinstance(lowered("if (x == 7) { R = 1; } else { R = 2; }")[0][0], If)


def test_every_refused_statement_is_reported() -> None:
    assert len(lowered("R = B; R = x; B = R; R = E;")[1]) == 3


DEFINITIONS = [
    ("enum A { X Y }", "enum A { X @X }", "'X' is declared twice"),
    ("enum A { X 4095 }", "enum A { X @5000'h0 }", "this width cannot be"),
    ("bitfield (8'h8) A { X 7 }", "bitfield (8'h8) A { @X 8 }", "X is not within 8 bits"),
    ("enum A { X 1 }", "@enum A { X " + "0x1" + "0" * 1030 + " }", "this width cannot be"),
    ("bitfield (8) A { X 7-0 }", "bitfield (8) A { @X 8-0 }", "X is not within 8 bits"),
    ("bitfield (8) A { X 7-1 Y 0 }", "bitfield (8) A { X 7-1 @Y 1 }", "bit 1 of Y belongs to X already"),
    ("bitfield (8) A { X 7 Y 0 }", "bitfield (8) A { X 7 @X 0 }", "'X' is declared twice"),
    ("bitfield (4096) A { X 7 }", "@bitfield (4097) A { X 7 }", "a bitfield is too wide"),
    ("struct A { Bits<8> x; }", "struct A { Bits<8> x; Bits<8> @x; }", "'x' is declared twice"),
    ("struct A { Bits<8> x; }", "struct A { @Bites x; }", "no type 'Bites'"),
    ("struct A { Flags x; }", "struct A { @Pair x; }", "a struct within a struct"),
    ("enum A { X }", "@enum Color { X }", "'Color' is declared twice"),
    ("enum A { X }", "@function f { description { . } body { } }", "a function among the types"),
    ("enum A { X }", "enum A { @}", "this is not IDL"),
]


@pytest.mark.parametrize(("good", "bad", "message"), DEFINITIONS, ids=lambda text: text[:40])
def test_each_rule_of_types(good: str, bad: str, message: str) -> None:
    made = program()
    declare_types(made, [Text(good)], [])
    assert problems_of(made) == []
    made = program()
    text, place = marked(bad)
    declare_types(made, [Text(text)], [])
    ((found, said),) = problems_of(made)
    assert said == message
    if "enum A { X " not in text or "description" in text:
        assert found == place


HEAD, TAIL = "function f { returns Bits<8> arguments Bits<8> a description { . } body { ", " } }"
FUNCTION_RULES = [
    (HEAD + "return a;" + TAIL, HEAD + "return @B;" + TAIL, "this value does not fit the result"),
    (HEAD + "return a;" + TAIL, HEAD + "@return;" + TAIL, "this returns another number of values"),
    (HEAD + "return a;" + TAIL, HEAD + "@return a, a;" + TAIL, "this returns another number of values"),
    (HEAD + "return a;" + TAIL, HEAD + "return @f(a);" + TAIL, "functions cannot be recursive"),
    (HEAD + "return a;" + TAIL, "@function touch { description { . } body { } }", "'touch' is declared twice"),
    (HEAD + "return a;" + TAIL, "@enum A { X }", "enum among the functions"),
    (
        HEAD + "return a;" + TAIL,
        "function f { arguments @Bits<8> a[2] description { . } body { } }",
        "an array cannot be an argument",
    ),
    (HEAD + "return a;" + TAIL, "function f { arguments @Byte a description { . } body { } }", "no type 'Byte'"),
    (
        "function f { template U32 N returns Bits<N> arguments Bits<N> a description { . } body { return a; } }",
        "function f { template U32 N returns Bits<8> description { . } body { return @f<N + 8'd1>(); } }\n"
        "function g { returns Bits<8> description { . } body { return f<1>(); } }",
        "functions cannot be recursive",
    ),
]


@pytest.mark.parametrize(("good", "bad", "message"), FUNCTION_RULES, ids=lambda text: text[-40:])
def test_each_rule_of_functions(good: str, bad: str, message: str) -> None:
    for text, wanted in zip_longest((good, bad), ([], [message])):
        plain, place = marked(text)
        made = program()
        declare_functions(made, Text(plain))
        lower_functions(made)
        assert [m for _, m in problems_of(made)] == wanted
        if wanted:
            assert problems_of(made)[0][0] == place


@pytest.mark.parametrize(
    "body",
    [
        "for (U32 a = 0; a < 4096; a++) { for (U32 b = 0; b < 4096; b++) { } }",
        "for (U32 a = 0; a < 4096; a++) { for (U32 b = 0; b < 4096; b++) { R = x; } }",
        "R = " + "x + " * 100_000 + "x;",
        "R = " + "~" * 5000 + "x;",
        "if (B) { " * 2000 + "}" * 2000,
        "R = x" + "[0]" * 5000 + ";",
        "R = " + "next_byte(" * 3000 + "x" + ")" * 3000 + ";",
        "R = " + "a<" * 50_000 + ";",
        "if (B) { " * 99 + "R = " + "((x | x) + x) * (" * 40 + "x" + ")" * 40 + ";" + "}" * 99,
        "Bits<1000000> z;",
        "R = {" + "x, " * 5000 + "x};",
        "R = 999999999999'd1;",
        "R = " + "9" * 5000 + ";",
    ],
    ids=lambda body: f"{body[:30]}..{len(body)}",
)
def test_hostile_bodies_are_refused(body: str) -> None:
    assert lowered(body)[1]


def test_parentheses_and_long_else_if_chains_are_fine() -> None:
    body = "if (x == 0) { R = 0; }" + "".join(f" else if (x == {i}) {{ R = {i}; }}" for i in range(1, 200))
    block, problems = lowered(body)
    assert problems == [] and block
