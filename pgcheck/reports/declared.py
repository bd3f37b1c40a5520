"""Where a specification declares what findings speak of: state, deployments, functions, and the keys themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pgcheck.isa.files.errors import Position, SpecificationError, Text
from pgcheck.shipped import shipped

_NAMED: Final = ("state", "deployments", "tables", "exits")
_FUNCTION: Final = re.compile(r"\bfunction\s+([A-Za-z_]\w*[?]?)")


def declarations(path: str) -> dict[str, Position]:
    """The place of each name, the first one if it is declared twice; none if the files cannot be read any more."""
    from pgcheck.isa.files.loader import load

    try:
        root = load(Path(path), shipped).root
    except (SpecificationError, OSError, ValueError):
        return {}
    found: dict[str, Position] = {}
    for key in _NAMED:
        inner = root.get(Text(key))
        if isinstance(inner, Mapping):
            for name, value in inner.items():
                _note(found, str(name), name)
                fields = value.get(Text("fields")) if isinstance(value, Mapping) else None
                for field in fields if isinstance(fields, Mapping) else ():
                    _note(found, f"{name}.{field}", field)
    texts = root.get(Text("functions"))
    for text in texts if isinstance(texts, (list, tuple)) else ():
        if isinstance(text, Text):
            for match in _FUNCTION.finditer(text):
                found.setdefault(match[1], text.locate(match.start(1)))
    return found


def _note(found: dict[str, Position], name: str, key: object) -> None:
    if isinstance(key, Text):
        found.setdefault(name, key.position)


def place(found: Mapping[str, Position], subject: str) -> Position | None:
    """Where the subject of a finding is declared: `NAME`, `NAME.FIELD`, or `NAME: more`."""
    return found.get(subject) or found.get(re.split(r"[.:]", subject, maxsplit=1)[0])
