"""The names that a specification declares: where, what they are, and which word stands at a place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pgcheck.isa.files.errors import Position, Text
from pgcheck.isa.files.loader import Loaded
from pgcheck.isa.files.tree import Mapping, Node, Sequence

WORD: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\??")
_FUNCTION: Final = re.compile(r"\bfunction\s+([A-Za-z_]\w*\??)\s*\{((?:(?!\bbody\b)[^{}]|\{[^{}]*\})*)")
_TYPE: Final = re.compile(r"\b(enum|bitfield|struct)\s+(?:\(\s*\w+\s*\)\s*)?([A-Za-z_]\w*)")
_DESCRIPTION: Final = re.compile(r"description\s*\{\s*([^{}]*?)\s*\}")


@dataclass(frozen=True, slots=True)
class Name:
    """A declared name: what it is (state, function, ...), where it stands, and a line about it."""

    name: str
    kind: str
    position: Position
    about: str


@dataclass(frozen=True, slots=True)
class Item:
    """An instruction of the list: its mnemonic, its id, and where its entry and its name stand."""

    name: str
    id: str
    position: Position
    named: Position


def names(loaded: Loaded) -> dict[str, Name]:
    """What the merged files declare; of two declarations the first."""
    found: dict[str, Name] = {}
    for name in _names(loaded.root):
        found.setdefault(name.name, name)
    return found


def _names(root: Mapping) -> Iterator[Name]:
    kinds: dict[str, Callable[[Text, Node], Iterator[Name]]] = {
        "state": _state,
        "params": _plain("parameter"),
        "tables": _nothing,
        "exits": _nothing,
        "configurations": _plain("configuration"),
        "deployments": _plain("deployment"),
    }
    for key, declared in kinds.items():
        inner = root.get(Text(key))
        for name, value in inner.items() if isinstance(inner, Mapping) else ():
            yield from declared(name, value)
    csrs = root.get(Text("csrs"))
    table = csrs.get(Text("table")) if isinstance(csrs, Mapping) else None
    for name, value in table.items() if isinstance(table, Mapping) else ():
        yield Name(str(name), "register", name.position, _shown(value))
    for text in _texts(root.get(Text("functions"))):
        for match in _FUNCTION.finditer(text):
            told = _DESCRIPTION.search(match[2])
            about = " ".join(told[1].split()) if told else ""
            yield Name(match[1], "function", text.locate(match.start(1)), about)
    for text in _texts(root.get(Text("types"))):
        for match in _TYPE.finditer(text):
            yield Name(match[2], match[1], text.locate(match.start(2)), "")


def _nothing(name: Text, value: Node) -> Iterator[Name]:
    """Their names are functions, which are declared elsewhere."""
    return iter(())


def _plain(kind: str) -> Callable[[Text, Node], Iterator[Name]]:
    def named(name: Text, value: Node) -> Iterator[Name]:
        yield Name(str(name), kind, name.position, _shown(value))

    return named


def _state(name: Text, value: Node) -> Iterator[Name]:
    yield Name(str(name), "state", name.position, _shown(value))
    fields = value.get(Text("fields")) if isinstance(value, Mapping) else None
    for field, given in fields.items() if isinstance(fields, Mapping) else ():
        yield Name(f"{name}.{field}", "state", field.position, _shown(given))


def _texts(node: Node | None) -> Iterator[Text]:
    for one in node if isinstance(node, Sequence) else [node]:
        if isinstance(one, Text):
            yield one


def _shown(node: Node) -> str:
    """The value as it may be written, on one line of bounded length."""
    match node:
        case Mapping():
            text = ", ".join(f"{k}: {_shown(v)}" for k, v in node.items() if k != "fields")
        case Sequence():
            text = ", ".join(map(_shown, node))
        case _:
            text = " ".join(str(node).split())
    return text if len(text) <= 200 else text[:197] + "..."


def items(loaded: Loaded) -> list[Item]:
    """The instructions, in the order of the list."""
    found: list[Item] = []
    listed = loaded.root.get(Text("instructions"))
    for node in listed if isinstance(listed, Sequence) else ():
        name = node.get(Text("name")) if isinstance(node, Mapping) else None
        if isinstance(node, Mapping) and isinstance(name, Text):
            variant = node.get(Text("variant"))
            identity = f"{name}.{variant}" if isinstance(variant, Text) else str(name)
            found.append(Item(str(name), identity, node.position, name.position))
    return found


def word(line: str, column: int) -> str:
    """The name around a column (from 0) of a line, with what it is a part of to its left; "" if there is none."""
    for match in WORD.finditer(line):
        if match.start() <= column <= match.end():
            text, cut = match[0], column - match.start()
            after = text.find(".", cut)
            return text if after < 0 else text[:after]
    return ""


def declared(found: dict[str, Name], text: str) -> Name | None:
    """The declaration of a name: of the whole, or of the head where a field has none of its own."""
    while text:
        if text in found:
            return found[text]
        text = text.rpartition(".")[0]
    return None
