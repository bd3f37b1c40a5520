"""What may be written at a place of a specification: keys and words by the JSON Schema, names everywhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from pgcheck.schemas import specification

_LINE: Final = re.compile(r"""( *)((?:- +)*)(?:["']?([\w$().?-]+)["']?[ ]*:(?=\s|$))?""")
_KEY: Final = re.compile(r"""["']?[\w$().?-]*$""")
ITEM: Final = "[]"

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Keys from the root to a place, with `[]` for an item of a list; whether a key begins there, else a value."""

    path: tuple[str, ...]
    is_key: bool


def place(lines: Sequence[str], row: int, column: int) -> Place:
    """Where a cursor is, judged by indentation and by the brackets of its own line; never fails."""
    line = lines[row][:column] if row < len(lines) else ""
    match = _LINE.match(line)
    if match is None:
        return Place((), is_key=False)
    path: list[str] = []
    rest = line[match.end() :]
    is_key = match[3] is None and _KEY.fullmatch(rest) is not None
    if match[3] is not None:
        path.append(match[3])
        inner, is_key = _flow(rest)
        path += inner
    elif not is_key:
        inner, is_key = _flow(rest)
        path += inner
    limit, loose = len(match[1]) + len(match[2]), False
    if match[2]:
        path.insert(0, ITEM)
        limit, loose = len(match[1]), True
    for above in reversed(lines[max(0, row - 20000) : row]):
        if limit == 0 and not loose:
            break
        found = _LINE.match(above)
        if found is None or not above.strip() or above.lstrip().startswith("#"):
            continue
        indent, dashes, key = len(found[1]), len(found[2]), found[3]
        start = indent + dashes
        if key is not None and (start < limit or (loose and start == limit and not dashes)):
            path.insert(0, key)
            limit, loose = start, False
            if dashes:
                path.insert(0, ITEM)
                limit, loose = indent, True
        elif dashes and start == limit and not loose:
            path.insert(0, ITEM)
            limit, loose = indent, True
    return Place(tuple(path), is_key)


def _flow(text: str) -> tuple[list[str], bool]:
    """The keys of the open brackets in the rest of a line, and whether a key begins at its end."""
    stack: list[tuple[str, str]] = []
    key, quote, word = "", "", ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'" and not word.strip():
            quote = character
        elif character == "{" and not word.strip():
            stack.append(("{", key))
            key, word = "", ""
        elif character == "[" and not word.strip():
            stack.append(("[", key))
            key, word = "", ""
        elif character in "}]" and stack:
            stack.pop()
            key, word = "", ""
        elif character == ":" and stack:
            key, word = word.strip().strip("\"'"), ""
        elif character == "," and stack:
            key, word = "", ""
        else:
            word += character
    if not stack:
        return [], False
    path: list[str] = []
    for number, (bracket, outer) in enumerate(stack):
        if number and outer:
            path.append(outer)
        if bracket == "[":
            path.append(ITEM)
    if key:
        path.append(key)
    return path, stack[-1][0] == "{" and not key and not quote


@cache
def _schema() -> Schema:
    return specification()


def _alternatives(schema: Any) -> Iterator[Schema]:
    if not isinstance(schema, Mapping):
        return
    if "$ref" in schema:
        yield from _alternatives(_schema()["$defs"][schema["$ref"].rpartition("/")[2]])
    yield schema
    for one in schema.get("anyOf", ()):
        yield from _alternatives(one)


def _inside(schemas: list[Schema], key: str) -> list[Schema]:
    """The schemas of what stands under a key, or in a list."""
    found: list[Any] = []
    for schema in schemas:
        if key == ITEM:
            found += [schema.get("items"), *schema.get("prefixItems", ())]
        elif key in schema.get("properties", {}):
            found.append(schema["properties"][key])
        else:
            found += [s for pattern, s in schema.get("patternProperties", {}).items() if re.search(pattern, key)]
            found.append(schema.get("additionalProperties"))
    return [alternative for schema in found for alternative in _alternatives(schema)]


def schemas(path: Sequence[str]) -> list[Schema]:
    """Every schema that what stands at a path may follow."""
    found = list(_alternatives(_schema()))
    for key in path:
        found = _inside(found, key)
    return found


def keys(path: Sequence[str]) -> dict[str, str]:
    """The keys that may stand in the mapping at a path, each with what it means."""
    return {
        key: str(inner.get("description", "")) if isinstance(inner, Mapping) else ""
        for schema in schemas(path)
        for key, inner in schema.get("properties", {}).items()
    }


def words(path: Sequence[str]) -> list[str]:
    """The words that may be the value at a path, where there are only some."""
    found = {str(word): None for schema in schemas(path) for word in schema.get("enum", ()) if word is not None}
    constants = {str(schema["const"]): None for schema in schemas(path) if "const" in schema}
    return list(found | constants)
