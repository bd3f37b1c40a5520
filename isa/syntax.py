"""Text to syntax trees: the grammar of IDL-core, and its errors at their place in the file."""

from __future__ import annotations

import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from pgcheck.isa.errors import Position, Problem, Text

if TYPE_CHECKING:
    from lark import Lark, Token, Tree

STARTS = ("definitions", "body", "expression", "constraint")

_WORDS = {
    "SEMICOLON": "';'", "LPAR": "'('", "RPAR": "')'", "LBRACE": "'{'", "RBRACE": "'}'", "LSQB": "'['", "RSQB": "']'",
    "EQUAL": "'='", "COMMA": "','", "DOT": "'.'", "QMARK": "'?'", "COLON": "':'", "NAME": "a name", "INT": "a number",
    "PREDICATE": "a call", "TEMPLATED": "a call", "IF": "'if'", "DESCRIPTION": "description {...}", "$END": "the end",
}  # fmt: skip


class IdlSyntaxError(Exception):
    """A text is not IDL-core; carries the one problem found."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem)


def cache_folder() -> Path:
    """Where results and tables that can be made again are kept: PGCHECK_CACHE, else the user's cache folder."""
    chosen = os.environ.get("PGCHECK_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pgcheck"


@cache
def _parser() -> Lark:
    from lark import Lark

    grammar = files("pgcheck.isa").joinpath("idl.lark").read_text(encoding="utf-8")
    return Lark(
        grammar, parser="lalr", start=list(STARTS), propagate_positions=True, maybe_placeholders=False,
        cache=_table_file() or False,
    )  # fmt: skip


def _table_file() -> str:
    """Where the parser's table is kept, so that it is not computed at every start; "" when there is no such place."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return ""
    return str(folder / "idl.lark.cache") if os.access(folder, os.W_OK) else ""


@cache
def _tree(text: str, start: str) -> Tree[Token]:
    """The tree of a text; equal texts share one, for its places are offsets."""
    return _parser().parse(text, start=start)


def parse(text: Text, start: str) -> Tree[Token]:
    """The syntax tree of `text`, whose tokens carry offsets into it. Raises IdlSyntaxError."""
    from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

    try:
        return _tree(str(text), start)
    except UnexpectedCharacters as error:
        at, found, wanted = error.pos_in_stream or 0, repr(error.char), error.allowed
    except UnexpectedToken as error:
        at = error.pos_in_stream if error.pos_in_stream is not None else len(text)
        found, wanted = ("the end" if error.token.type == "$END" else repr(str(error.token))), error.accepts
        if error.token.type == "$END":
            at = len(text.rstrip())
    except UnexpectedEOF as error:
        at, found, wanted = len(text.rstrip()), "the end", set(error.expected)
    except UnexpectedInput as error:  # the base class: nothing more is known
        at, found, wanted = error.pos_in_stream or 0, "", set()
    except RecursionError:
        at, found, wanted = 0, "nesting that is too deep", set()
    names = sorted(_WORDS.get(w, "") for w in wanted or () if w in _WORDS)
    expected = ", ".join(dict.fromkeys(names)) if 0 < len(names) <= 8 else ""
    raise IdlSyntaxError(Problem(text.locate(at), "this is not IDL", found=found, expected=expected))


def place(text: Text, item: Tree[Token] | Token) -> Position:
    """Where a piece of a tree of `text` stands in the file."""
    offset = item.start_pos if hasattr(item, "start_pos") else getattr(item.meta, "start_pos", None)
    return text.locate(offset or 0)
