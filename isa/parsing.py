"""Trees of IDL, and the expressions of its grammar: recursive descent with a table of precedences."""

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
_WORDS: Final[Mapping[str, str]] = {
    "NAME": "a name", "INT": "a number", "STRING": "a text in quotes", "DESCRIPTION": "description {...}",
}  # fmt: skip


class ExpressionParser:
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
