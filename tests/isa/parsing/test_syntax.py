"""The parser of IDL says where a text stops being IDL, and bears anything."""

import random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pgcheck.isa.files.errors import Position, Text
from pgcheck.isa.parsing.grammar import tree_of
from pgcheck.isa.parsing.parse_tree import Item, Token, Tree, dumped, restored
from pgcheck.isa.parsing.syntax import IdlSyntaxError, parse, place
from tests.specifications import ROOT

STARTS = ["definitions", "body", "expression", "constraint"]
MORE = [
    ("body", "a.b[3:0] = CSR[m.x].F; CSR[x].f?(1); (a, -) = f(x); return -, a;"),
    ("body", "if (a) { } else if (b) { } else { } x++; y--; return if c; return a if b;"),
    ("body", "for (U32 i = 0; i < 4; i++) { Bits<8> x[4] = y; Bits<8> a, b; }"),
    ("expression", "a || b && c | d ^ e & f == g < h << i + j * k"),
    ("expression", "a * b + c << d < e == f & g ^ h | i && j || k"),
    ("expression", "a - b - c `+ d `- e `* f `<< g >>> h"),
    ("expression", "~-!a[1][3:2].b + $bits({a, b}) ? {4{x}} : E::V"),
    ("expression", "f<a < b ? 4 : 3, x>(1, 2) >= Bits"),
    ("expression", "p?(a) ? q?(b) : $pc + $encoding[3] + MXLEN'd5 + 'hff + 4'b1_0"),
    ("expression", "(a -> b)[0]"),
    ("expression", "[a, b]"),
    ("constraint", "-> a; a -> b; for (U32 i = 0; i < 4; i++) { -> x[i]; }"),
    (
        "definitions",
        '%version: 1.0\ninclude "a.idl"\nconst U32 A = 5; Bits<4> B[3]; generated enum E; fetch { x = 1; }',
    ),
    ("definitions", "generated function f { template U32 N returns Bits<N> arguments Bits<N> a, B b description {x} }"),
    ("definitions", "external function f returns U32, B description {x} body { return 1, b; }"),
    ("definitions", "enum E { A B 4 } bitfield (8) F { A 7-4 B 0 } struct S { E e; Bits<4> b; } # done"),
]


def texts() -> list[tuple[str, str]]:
    """IDL of the shipped specifications, with what it is."""
    starts = {
        "functions": "definitions",
        "types": "definitions",
        "operation()": "body",
        "sw_read": "body",
        "when": "expression",
    }
    found: list[tuple[str, str]] = []

    def collect(node: object) -> None:
        match node:
            case dict():
                for key, value in node.items():
                    if key in starts and isinstance(value, str):
                        found.append((starts[key], value))
                    collect(value)
            case list():
                for item in node:
                    collect(item)

    for file in sorted((ROOT / "specs").rglob("*.yaml")):
        collect(yaml.load(file.read_text("utf-8"), yaml.CSafeLoader))
    return found


def shape(tree: Item) -> object:
    """A tree in plain values: names, kinds, texts and offsets."""
    if isinstance(tree, Token):
        return (str(tree), tree.kind, tree.start)
    return (tree.data, tree.start, [shape(c) for c in tree.children])


@pytest.mark.parametrize(("start", "text"), MORE)
def test_every_construct_is_read(start: str, text: str) -> None:
    assert tree_of(text, start).data == start


def test_a_kept_tree_is_the_tree() -> None:
    for start, text in random.Random(5).sample(texts(), 150) + MORE:
        tree = tree_of(text, start)
        assert shape(restored(dumped(tree))) == shape(tree)


@pytest.mark.parametrize(
    "text", ["", "[]", '["body", 0]', '["name", 0, "x"]', '["body", "0", []]', "{}", '["body", 0, [7]]']
)
def test_what_is_no_kept_tree_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        restored(text)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(STARTS), st.text(alphabet="ab{}()[]<>?:;.,=+-*/&|^~!'\"#$ \n0x1ifCSRBits", max_size=60))
def test_any_text_is_read_or_refused_at_a_place_within(start: str, text: str) -> None:
    try:
        parse(Text(text), start)
    except IdlSyntaxError as error:
        assert 1 <= error.problem.position.line <= text.count("\n") + 1


ERRORS = [
    ("body", "x = ;", 1, 5, "';'", "a name"),
    ("body", "x = 1", 1, 6, "the end", "';'"),
    ("body", "x = 1;\n  y 2;", 2, 5, "'2'", "'='"),
    ("body", "if x { }", 1, 4, "'x'", "'('"),
    ("body", "if (x) { y = 1; ", 1, 16, "the end", "'}'"),
    ("body", "x = 1; ` = 2;", 1, 8, "'`'", ""),
    ("body", "else { }", 1, 6, "'{'", "'='"),
    ("body", "U32 5;", 1, 5, "'5'", "'='"),
    ("body", "(a) = f();", 1, 3, "')'", "','"),
    ("expression", "a b", 1, 3, "'b'", "the end"),
    ("expression", "a +", 1, 4, "the end", "a name"),
    ("expression", "f(a,)", 1, 5, "')'", "a name"),
    ("expression", "{}", 1, 2, "'}'", "a name"),
    ("expression", "E::5", 1, 4, "'5'", "a name"),
    ("expression", '"abc', 1, 1, "'\"'", ""),
    ("definitions", "enum { A }", 1, 6, "'{'", "a name"),
    ("definitions", "enum A { }", 1, 10, "'}'", "a name"),
    ("definitions", "bitfield (x) A { B 0 }", 1, 11, "'x'", "a number"),
    ("definitions", "function f { body { } }", 1, 14, "'body'", "description {...}"),
    ("definitions", "function f { description { x } }", 1, 32, "'}'", "'body'"),
    ("definitions", "5", 1, 1, "'5'", "a name"),
]


@pytest.mark.parametrize(("start", "text", "line", "column", "found", "expected"), ERRORS)
def test_errors(start: str, text: str, line: int, column: int, found: str, expected: str) -> None:
    with pytest.raises(IdlSyntaxError) as caught:
        parse(Text(text, Position("f", 10, 7), ((0, 10, 7),) if "\n" not in text else None), start)
    problem = caught.value.problem
    place_of = Position("f", 10, 6 + column) if "\n" not in text else Position("f", 9 + line, column)
    if text.endswith(("1", "+", "; ")) and "\n" not in text:
        place_of = Position("f", 10, 7 + len(text.rstrip()))
    assert (problem.position, problem.found) == (place_of, found)
    assert expected in problem.expected


def test_places_of_parts() -> None:
    text = Text("x = (a + b) * c;", Position("f", 3, 5))
    (assign,) = parse(text, "body").children
    assert isinstance(assign, Tree)
    product = assign.children[1]
    assert isinstance(product, Tree) and isinstance(product.children[2], Tree)
    assert place(text, product) == Position("f", 3, 9)
    assert place(text, product.children[2]) == Position("f", 3, 19)
    name = product.children[2].children[0]
    assert isinstance(name, Token) and (name, name.kind) == ("c", "NAME")


@pytest.mark.parametrize("text", ["x" + "[0]" * 101, "x" + " + x" * 101, "!" * 101 + "x"])
def test_depth_has_a_limit(text: str) -> None:
    with pytest.raises(IdlSyntaxError) as caught:
        parse(Text(text), "expression")
    assert caught.value.problem.message == "this is nested too deep"
    assert parse(
        Text(text.replace("[0]", "", 5).replace(" + x", "", 5).replace("!", "", 5)),
        "expression",
    )
