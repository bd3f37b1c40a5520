"""Syntax trees of IDL: what the parser makes of a text, and their form on disk."""

from __future__ import annotations

import json
from typing import Final

MAX_DEPTH: Final = 100
Stored = list["str | int | Stored"]


class Misfit(Exception):
    """The text stops being IDL at `offset`."""

    def __init__(self, offset: int, found: str, expected: str, message: str = "this is not IDL") -> None:
        self.offset, self.found, self.expected, self.message = offset, found, expected, message
        super().__init__(message)


class Token(str):
    """A token: its text, its kind and its offset."""

    __slots__ = ("kind", "start")
    depth: Final = 0
    kind: str
    start: int

    def __new__(cls, value: str, kind: str, start: int) -> Token:
        token = str.__new__(cls, value)
        token.kind, token.start = kind, start
        return token


class Tree:
    """A construct: its name `data`, its parts, the offset of its first character and how deep it is."""

    __slots__ = ("children", "data", "depth", "start")

    def __init__(self, data: str, start: int, children: list[Tree | Token]) -> None:
        self.data, self.start, self.children = data, start, children
        self.depth: int = 1 + max([c.depth for c in children], default=0)
        if self.depth > MAX_DEPTH:
            raise Misfit(start, "", f"at most {MAX_DEPTH} levels", "this is nested too deep")

    @property
    def constructs(self) -> list[Tree]:
        """The parts that are no tokens."""
        return [part for part in self.children if isinstance(part, Tree)]

    def construct(self, index: int) -> Tree:
        """A part that the grammar makes a construct. Raises TypeError for a token."""
        part = self.children[index]
        if isinstance(part, Tree):
            return part
        raise TypeError(f"part {index} of {self.data} is the token {part!r}")


Item = Tree | Token


def dumped(tree: Tree) -> str:
    """The tree as JSON: [construct, offset, parts], a token as [kind, offset, text]."""

    def stored(item: Item) -> Stored:
        if isinstance(item, Token):
            return [item.kind, item.start, str(item)]
        return [item.data, item.start, [stored(c) for c in item.children]]

    return json.dumps(stored(tree), separators=(",", ":"))


def restored(text: str) -> Tree:
    """The tree that `dumped` wrote. Raises ValueError when it is none."""

    def item(stored: object) -> Item:
        if type(stored) is list and len(stored) == 3:
            kind, start, value = stored
            if type(kind) is str and type(start) is int:
                if type(value) is str:
                    return Token(value, kind, start)
                if type(value) is list:
                    return Tree(kind, start, [item(p) for p in value])
        raise ValueError("this is no stored tree")

    tree = item(json.loads(text))
    if isinstance(tree, Token):
        raise ValueError("this is no stored tree")
    return tree
