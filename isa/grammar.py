"""The grammar of IDL: recursive descent from tokens to trees.

It takes IDL-core and what else the bodies of the RISC-V Unified Database use, so that a construct which IDL-core lacks
is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pgcheck.isa.parsing import ExpressionParser, Item, Misfit, Tree
from pgcheck.isa.tokens import END, Token, Tokens

__all__ = ["Item", "Misfit", "Tree", "tree_of"]

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


class _Parser(ExpressionParser):
    """Reads definitions, statements and constraints."""

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
