"""Text to syntax trees, with errors at their place in the file."""

from __future__ import annotations

from functools import lru_cache

from pgcheck.isa.files.errors import Position, Problem, Text
from pgcheck.isa.parsing.grammar import Item, Misfit, Tree, tree_of
from pgcheck.isa.parsing.parse_tree import Token

__all__ = ["IdlSyntaxError", "Item", "Token", "Tree", "csr_name", "parse", "place"]


class IdlSyntaxError(Exception):
    """A text is not IDL; carries the one problem found."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem)


_tree = lru_cache(maxsize=4096)(tree_of)  # equal texts share a tree, for its places are offsets


def parse(text: Text, start: str) -> Tree:
    """The tree of `text`, a `definitions`, `body`, `expression` or `constraint`. Raises IdlSyntaxError."""
    try:
        return _tree(str(text), start)
    except Misfit as misfit:
        problem = Problem(text.locate(misfit.offset), misfit.message, found=misfit.found, expected=misfit.expected)
        raise IdlSyntaxError(problem) from misfit
    except RecursionError as error:
        raise IdlSyntaxError(Problem(text.position, "this text is nested too deep")) from error


def csr_name(token: object) -> str:
    """`satp` of `CSR[satp]`."""
    return str(token)[3:].strip()[1:-1].strip()


def place(text: Text, item: Tree | Token) -> Position:
    """Where a piece of a tree of `text` stands in the file."""
    return text.locate(item.start)
