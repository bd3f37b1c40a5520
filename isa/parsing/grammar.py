"""The parser of IDL: the grammar idl.lark, its errors in plain words, and trees kept between runs."""

from __future__ import annotations

import hashlib
import importlib.metadata
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from pgcheck.isa.files.cache import Cache
from pgcheck.isa.parsing.parse_tree import Item, Misfit, Token, Tree, dumped, restored

if TYPE_CHECKING:
    import lark

__all__ = ["Item", "Misfit", "Tree", "keep_trees", "tree_of"]

_MAKERS: Final = ("idl.lark", "grammar.py", "parse_tree.py")
STARTS: Final = ("definitions", "body", "expression", "constraint")
_WORDS: Final = {
    "SEMICOLON": "';'", "LPAR": "'('", "RPAR": "')'", "LBRACE": "'{'", "RBRACE": "'}'", "LSQB": "'['", "RSQB": "']'",
    "EQUAL": "'='", "COMMA": "','", "DOT": "'.'", "QMARK": "'?'", "COLON": "':'", "NAME": "a name", "INT": "a number",
    "PREDICATE": "a call", "TEMPLATED": "a call", "IF": "'if'", "DESCRIPTION": "description {...}", "BODY": "'body'",
    "$END": "the end",
}  # fmt: skip


@cache
def _source() -> str:
    return files("pgcheck.isa.parsing").joinpath("idl.lark").read_text(encoding="utf-8")


@cache
def _parser() -> lark.Lark:
    from lark import Lark

    return Lark(_source(), parser="lalr", start=list(STARTS), propagate_positions=True, maybe_placeholders=False)


@cache
def _kept() -> Cache:
    return Cache()


@cache
def _making() -> str:
    """What a tree depends on besides its text: the grammar, what makes trees of it and writes them, and the parser's version."""
    whole = hashlib.blake2b(importlib.metadata.version("lark").encode(), digest_size=16)
    for file in _MAKERS:
        content = files("pgcheck.isa.parsing").joinpath(file).read_bytes()
        whole.update(f" {file} {len(content)} ".encode() + content)
    return whole.hexdigest()


def _key(text: str, start: str) -> str:
    whole = " ".join((_making(), start, text))
    return "tree " + hashlib.blake2b(whole.encode(), digest_size=16).hexdigest()


def keep_trees() -> None:
    """Store the trees made since the last call, so that the next run need not parse their texts again."""
    _kept().flush()


def tree_of(text: str, start: str) -> Tree:
    """The tree of a whole text, which is a `definitions`, `body`, `expression` or `constraint`. Raises Misfit."""
    key = _key(text, start)
    found = _kept().get(key)
    if found is not None:
        try:
            return restored(found)
        except ValueError:
            pass
    tree = _parsed(text, start)
    _kept().put_later(key, dumped(tree))
    return tree


def _parsed(text: str, start: str) -> Tree:
    from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

    try:
        return _converted(_parser().parse(text, start=start))
    except UnexpectedCharacters as error:
        raise Misfit(error.pos_in_stream or 0, repr(error.char), _expected(error.allowed)) from error
    except UnexpectedToken as error:
        ended = error.token.type == "$END"
        offset = len(text.rstrip()) if ended else error.pos_in_stream or 0
        found = "the end" if ended else repr(str(error.token))
        raise Misfit(offset, found, _expected(error.accepts)) from error
    except UnexpectedInput as error:
        raise Misfit(error.pos_in_stream or 0, "", "") from error


def _expected(kinds: set[str] | None) -> str:
    """The kinds of token that may stand here, when they are few enough to tell."""
    words = sorted({_WORDS[k] for k in kinds or () if k in _WORDS})
    return ", ".join(words) if 0 < len(words) <= 8 else ""


def _converted(item: lark.Tree[lark.Token]) -> Tree:
    """Lark's tree as ours; raises Misfit when it is too deep."""
    children: list[Item] = []
    for child in item.children:
        if isinstance(child, str):
            children.append(Token(str(child), child.type, child.start_pos or 0))
        else:
            children.append(_converted(child))
    return Tree(str(item.data), getattr(item.meta, "start_pos", 0), children)
