"""The grammar of IDL: recursive descent from tokens to trees.

It takes IDL-core and what else the bodies of the RISC-V Unified Database use, so that a construct which IDL-core lacks
is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pgcheck.isa.tokens import END, Token, Tokens

MAX_DEPTH: Final = 100


class Tree:
    """A construct: its name `data`, its parts, the offset of its first character and how deep it is."""

    __slots__ = ("children", "data", "depth", "start")

    def __init__(self, data: str, start: int, children: list[Tree | Token]) -> None:
        self.data, self.start, self.children = data, start, children
        self.depth: int = 1 + max([c.depth for c in children], default=0)
        if self.depth > MAX_DEPTH:
            raise Misfit(start, "", f"at most {MAX_DEPTH} levels", "this is nested too deep")


Item = Tree | Token


class Misfit(Exception):
    """The text stops being IDL at `offset`."""

    def __init__(self, offset: int, found: str, expected: str, message: str = "this is not IDL") -> None:
        self.offset, self.found, self.expected, self.message = offset, found, expected, message
        super().__init__(message)


# Operators by precedence, lowest first: the name of the construct and whether it keeps its operator.
_LEVELS: Final = (
    ("logical_or", ("||",)),
    ("logical_and", ("&&",)),
    ("binary", ("|",)),
    ("binary", ("^",)),
    ("binary", ("&",)),
    ("compare", ("==", "!=")),
    ("compare", ("<", "<=", ">", ">=")),
    ("shift", ("<<", "`<<", ">>", ">>>")),
    ("binary", ("+", "`+", "-", "`-")),
    ("binary", ("*", "`*", "/", "%")),
)
_BINARY: Final[Mapping[str, tuple[int, str]]] = {
    sign: (level, name) for level, (name, signs) in enumerate(_LEVELS) for sign in signs
}
_UNARY: Final[Mapping[str, str]] = {"~": "invert", "-": "negate", "!": "logical_not"}
_ATOMS: Final[Mapping[str, str]] = {"INT": "literal", "STRING": "string", "PC": "pc", "ENCODING": "encoding"}
_TOP: Final = {"definitions", "body", "expression", "constraint"}


def tree_of(text: str, start: str) -> Tree:
    """The tree of a whole text, which is a `definitions`, `body`, `expression` or `constraint`. Raises Misfit."""
    assert start in _TOP
    parser = _Parser(Tokens(text))
    children: list[Item] = []
    if start == "expression":
        children.append(parser.expression())
    else:
        part: Callable[[], Item] = {
            "definitions": parser.definition, "body": parser.statement, "constraint": parser.law,
        }[start]  # fmt: skip
        if start == "definitions" and parser.kind == "VERSION":
            children.append(parser.take())
        while parser.kind != END:
            children.append(part())
    if parser.kind != END:
        raise parser.misfit("the end")
    return Tree(start, 0, children)


class _Parser:
    """A place in a text; each method reads one construct from there on."""

    def __init__(self, tokens: Tokens) -> None:
        self.kinds, self.values, self.starts = tokens.kinds, tokens.values, tokens.starts
        self.at, self.nesting = 0, 0
        self.kind = self.kinds[0]

    # ---- tokens

    def advance(self) -> None:
        self.at += 1
        self.kind = self.kinds[self.at]

    def take(self) -> Token:
        """The token here, which is passed."""
        at = self.at
        token = Token(self.values[at], self.kind, self.starts[at])
        self.at = at + 1
        self.kind = self.kinds[at + 1]
        return token

    def need(self, kind: str) -> None:
        if self.kind != kind:
            raise self.misfit(_WORDS.get(kind, f"'{kind}'"))
        self.at += 1
        self.kind = self.kinds[self.at]

    def token(self, *kinds: str) -> Token:
        if self.kind not in kinds:
            raise self.misfit(_WORDS.get(kinds[0], f"'{kinds[0]}'"))
        return self.take()

    def skip(self, kind: str) -> bool:
        """Whether such a token stood here; it is passed."""
        if self.kind != kind:
            return False
        self.advance()
        return True

    def misfit(self, expected: str) -> Misfit:
        found = "the end" if self.kind == END else repr(self.values[self.at])
        if self.kind == "STRAY":
            expected = ""
        return Misfit(self.starts[self.at], found, expected)

    def word(self, word: str) -> bool:
        """Whether the name here is `word`, which means something at this place only."""
        return self.kind == "NAME" and self.values[self.at] == word

    def skip_word(self, word: str) -> bool:
        if not self.word(word):
            return False
        self.advance()
        return True

    def nest(self) -> None:
        self.nesting += 1
        if self.nesting > MAX_DEPTH:
            raise Misfit(self.starts[self.at], "", f"at most {MAX_DEPTH} levels", "this is nested too deep")

    def several(self, part: Callable[[], Item]) -> list[Item]:
        """One or more of a part with commas between."""
        found = [part()]
        while self.kind == ",":
            self.advance()
            found.append(part())
        return found

    # ---- definitions

    def definition(self) -> Item:
        start, word = self.starts[self.at], self.values[self.at] if self.kind == "NAME" else ""
        following = self.values[self.at + 1] if self.kind != END else ""
        match word, following:
            case ("external", "function") | ("function", _):
                return self.function(
                    start, [Token("external", "EXTERNAL", start)] if self.skip_word("external") else []
                )
            case "enum", _:
                return self.enum(start)
            case "bitfield", _:
                return self.bitfield(start)
            case "struct", _:
                return self.struct(start)
            case ("builtin" | "generated", "function"):
                self.advance()
                return self.builtin(start, Token(f"{word} function", "BUILTIN", start))
            case "generated", "enum":
                self.advance()
                self.advance()
                tree = Tree(
                    "generated_enum", start, [Token("generated enum", "GENERATED_ENUM", start), self.token("NAME")]
                )
                self.need(";")
                return tree
            case "include", _:
                self.advance()
                return Tree("include", start, [self.token("STRING")])
            case "fetch", _:
                self.advance()
                return Tree("fetch", start, [self.block()])
        return self.global_value(start)

    def global_value(self, start: int) -> Tree:
        constant = self.skip_word("const")
        if self.kind not in ("NAME", "BITS"):
            raise self.misfit("a definition")
        children: list[Item] = [self.type(), self.token("NAME")]
        if self.kind == "[":
            children.append(self.dimension())
        if constant or self.kind == "=":
            self.need("=")
            children.append(self.expression())
        self.need(";")
        return Tree("global_value", start, children)

    def enum(self, start: int) -> Tree:
        self.advance()
        children: list[Item] = [self.token("NAME")]
        self.need("{")
        while self.kind != "}" or len(children) == 1:
            first = self.starts[self.at]
            parts: list[Item] = [self.token("NAME")]
            if self.kind == "INT":
                parts.append(self.take())
            children.append(Tree("enumerator", first, parts))
        self.advance()
        return Tree("enum", start, children)

    def bitfield(self, start: int) -> Tree:
        self.advance()
        self.need("(")
        children: list[Item] = [self.token("INT")]
        self.need(")")
        children.append(self.token("NAME"))
        self.need("{")
        while self.kind != "}" or len(children) == 2:
            first = self.starts[self.at]
            parts: list[Item] = [self.token("NAME"), self.token("INT")]
            if self.skip("-"):
                parts.append(self.token("INT"))
            children.append(Tree("bit_range", first, parts))
        self.advance()
        return Tree("bitfield", start, children)

    def struct(self, start: int) -> Tree:
        self.advance()
        children: list[Item] = [self.token("NAME")]
        self.need("{")
        while self.kind != "}" or len(children) == 1:
            children += (self.type(), self.token("NAME"))
            self.need(";")
        self.advance()
        return Tree("struct", start, children)

    def header(self) -> list[Item]:
        """What a function takes, gives and is for."""
        found: list[Item] = []
        for word, part in (("template", self.parameter), ("returns", self.type), ("arguments", self.parameter)):
            start = self.starts[self.at]
            if self.skip_word(word):
                found.append(Tree(word, start, self.several(part)))
        found.append(self.token("DESCRIPTION"))
        return found

    def function(self, start: int, children: list[Item]) -> Tree:
        self.advance()
        children.append(self.token("NAME", "PREDICATE"))
        braced = self.skip("{")
        children += self.header()
        if not self.skip_word("body"):
            raise self.misfit("'body'")
        children.append(self.block())
        if braced:
            self.need("}")
        return Tree("function", start, children)

    def builtin(self, start: int, keyword: Token) -> Tree:
        self.advance()
        children: list[Item] = [keyword, self.token("NAME", "PREDICATE")]
        self.need("{")
        children += self.header()
        self.need("}")
        return Tree("builtin", start, children)

    def parameter(self) -> Tree:
        start = self.starts[self.at]
        children: list[Item] = [self.type(), self.token("NAME")]
        if self.kind == "[":
            children.append(self.dimension())
        return Tree("parameter", start, children)

    def dimension(self) -> Tree:
        start = self.starts[self.at]
        self.advance()
        size = self.expression()
        self.need("]")
        return Tree("dimension", start, [size])

    def type(self) -> Tree:
        start = self.starts[self.at]
        if self.kind == "BITS":
            children: list[Item] = [self.take(), self.expression(bounded=True)]
            self.need(">")
            return Tree("bits_type", start, children)
        return Tree("named_type", start, [self.token("NAME")])

    # ---- statements

    def block(self) -> Tree:
        start = self.starts[self.at]
        self.need("{")
        self.nest()
        children: list[Item] = []
        while self.kind != "}":
            if self.kind == END:
                raise self.misfit("'}'")
            children.append(self.statement())
        self.advance()
        self.nesting -= 1
        return Tree("block", start, children)

    def statement(self) -> Tree:
        start = self.starts[self.at]
        if self.kind == "if":
            return self.branch(start)
        if self.kind == "for":
            head = self.loop_head()
            return Tree("for", start, [*head, self.block()])
        tree = self.returned(start) if self.kind == "return" else self.simple()
        if self.kind == "if":
            self.advance()
            tree = Tree("guarded", start, [tree, self.expression()])
        self.need(";")
        return tree

    def branch(self, start: int) -> Tree:
        children: list[Item] = []
        more = True
        while more and self.kind == "if":
            self.advance()
            self.need("(")
            children.append(self.expression())
            self.need(")")
            children.append(self.block())
            more = self.skip("else")
        if more:
            children.append(self.block())
        return Tree("if", start, children)

    def loop_head(self) -> list[Item]:
        self.advance()
        self.need("(")
        start = self.simple()
        self.need(";")
        test = self.expression()
        self.need(";")
        step = self.simple()
        self.need(")")
        return [start, test, step]

    def returned(self, start: int) -> Tree:
        self.advance()
        if self.kind in (";", "if"):
            return Tree("return", start, [])
        return Tree("return", start, self.several(self.result))

    def result(self) -> Item:
        if self.kind == "-" and self.kinds[self.at + 1] in (",", ";", "if"):
            return self.nothing()
        return self.expression()

    def nothing(self) -> Tree:
        start = self.starts[self.at]
        self.advance()
        return Tree("nothing", start, [])

    def simple(self) -> Tree:
        start, kind, following = self.starts[self.at], self.kind, self.kinds[min(self.at + 1, len(self.kinds) - 1)]
        if kind == "(":
            return self.assign_many(start)
        if kind == "BITS" or (kind == "NAME" and following == "NAME"):
            return self.declare(start)
        if kind in ("TEMPLATED", "PREDICATE") or (kind == "NAME" and following == "("):
            return self.call(start)
        if kind == "CSR" and following == "." and self.kinds[self.at + 3] == "(":
            return self.csr(start)
        if kind not in ("NAME", "CSR", "PC"):
            raise self.misfit("a statement")
        place = self.place(start)
        if self.skip("++"):
            return Tree("increment", start, [place])
        if self.skip("--"):
            return Tree("decrement", start, [place])
        self.need("=")
        return Tree("assign", start, [place, self.expression()])

    def declare(self, start: int) -> Tree:
        children: list[Item] = [self.type(), self.token("NAME")]
        if self.kind == ",":
            while self.skip(","):
                children.append(self.token("NAME"))
            return Tree("declare_many", start, children)
        if self.kind == "[":
            children.append(self.dimension())
        if self.skip("="):
            children.append(self.expression())
        return Tree("declare", start, children)

    def assign_many(self, start: int) -> Tree:
        self.advance()
        children = self.several(self.target)
        if len(children) == 1:
            raise self.misfit("','")
        self.need(")")
        self.need("=")
        return Tree("assign_many", start, [*children, self.expression()])

    def target(self) -> Item:
        return self.nothing() if self.kind == "-" else self.token("NAME")

    def place(self, start: int) -> Tree:
        if self.kind == "CSR":
            return self.parts(self.csr(start), start)
        return self.parts(Tree("name" if self.kind == "NAME" else "pc", start, [self.take()]), start)

    def parts(self, tree: Tree, start: int) -> Tree:
        """What follows a value or place: elements, bit ranges and fields of it."""
        while True:
            if self.kind == "[":
                self.advance()
                first = self.expression()
                if self.kind == ":":
                    self.advance()
                    tree = Tree("range", start, [tree, first, self.expression()])
                else:
                    tree = Tree("index", start, [tree, first])
                self.need("]")
            elif self.kind == ".":
                self.advance()
                tree = Tree("member", start, [tree, self.token("NAME")])
            else:
                return tree

    def law(self) -> Tree:
        start = self.starts[self.at]
        if self.kind != "for":
            tree = Tree("law", start, [self.expression()])
            self.need(";")
            return tree
        children = self.loop_head()
        self.need("{")
        self.nest()
        while self.kind != "}" or len(children) == 3:
            children.append(self.law())
        self.advance()
        self.nesting -= 1
        return Tree("law_for", start, children)

    # ---- expressions

    def expression(self, *, bounded: bool = False) -> Tree:
        """An expression; a bare > ends a `bounded` one, which stands between < and >."""
        self.nest()
        start = self.starts[self.at]
        if self.skip("->"):
            tree = Tree("implies", start, [self.binary(0, bounded)])
        else:
            tree = self.binary(0, bounded)
            if self.kind == "?":
                self.advance()
                then = self.expression(bounded=bounded)
                self.need(":")
                tree = Tree("choose", start, [tree, then, self.expression(bounded=bounded)])
            elif self.kind == "->":
                self.advance()
                tree = Tree("implies", start, [tree, self.binary(0, bounded)])
        self.nesting -= 1
        return tree

    def binary(self, lowest: int, bounded: bool) -> Tree:
        """Operands joined by operators of at least the precedence `lowest`."""
        start = self.starts[self.at]
        left = self.unary()
        while True:
            row = _BINARY.get(self.kind)
            if row is None or row[0] < lowest or (bounded and self.kind == ">"):
                return left
            level, name = row
            if level < 2:
                self.advance()
                left = Tree(name, start, [left, self.binary(level + 1, bounded)])
            else:
                sign = self.take()
                left = Tree(name, start, [left, sign, self.binary(level + 1, bounded)])

    def unary(self) -> Tree:
        start = self.starts[self.at]
        name = _UNARY.get(self.kind)
        if name is None:
            return self.parts(self.primary(start), start)
        self.nest()
        self.advance()
        tree = Tree(name, start, [self.unary()])
        self.nesting -= 1
        return tree

    def primary(self, start: int) -> Tree:
        kind = self.kind
        if kind == "NAME":
            following = self.kinds[self.at + 1]
            if following == "(":
                return self.call(start)
            if following == "::":
                enum = self.take()
                self.advance()
                return Tree("enum_value", start, [enum, self.token("NAME")])
            return Tree("name", start, [self.take()])
        if kind in _ATOMS:
            return Tree(_ATOMS[kind], start, [self.take()])
        match kind:
            case "(":
                self.advance()
                tree = self.expression()
                self.need(")")
                return tree
            case "{":
                return self.braces(start)
            case "[":
                self.advance()
                children = self.several(self.expression)
                self.need("]")
                return Tree("array", start, children)
            case "TEMPLATED" | "PREDICATE":
                return self.call(start)
            case "DOLLAR":
                children = [self.take()]
                self.need("(")
                children += self.several(self.expression)
                self.need(")")
                return Tree("intrinsic", start, children)
            case "CSR":
                return self.csr(start)
        raise self.misfit("an expression")

    def braces(self, start: int) -> Tree:
        self.advance()
        first = self.expression()
        if self.skip("{"):
            tree = Tree("repeat", start, [first, self.expression()])
            self.need("}")
        elif self.skip(","):
            tree = Tree("concat", start, [first, *self.several(self.expression)])
        else:
            tree = Tree("concat", start, [first])
        self.need("}")
        return tree

    def call(self, start: int) -> Tree:
        name, children = "call", list[Item]()
        if self.kind == "TEMPLATED":
            name = "templated"
            children.append(self.take())
            children += self.several(lambda: self.expression(bounded=True))
            self.need(">")
        else:
            children.append(self.take())
        return Tree(name, start, children + self.given())

    def given(self) -> list[Item]:
        """The arguments of a call."""
        self.need("(")
        children = [] if self.kind == ")" else self.several(self.expression)
        self.need(")")
        return children

    def csr(self, start: int) -> Tree:
        register = self.take()
        if self.kind != ".":
            return Tree("csr", start, [register])
        self.advance()
        name = self.token("NAME", "PREDICATE")
        if self.kind == "(":
            return Tree("csr_call", start, [register, name, *self.given()])
        return Tree("csr_member", start, [register, name])


_WORDS: Final[Mapping[str, str]] = {
    "NAME": "a name", "INT": "a number", "STRING": "a text in quotes", "DESCRIPTION": "description {...}",
}  # fmt: skip
