"""Whether a file says that it specifies a machine: itself, or by what it includes. Found without reading it as YAML, so errors elsewhere hide nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pgcheck.isa.files import door
from pgcheck.isa.files.loader import INCLUDE_LIMIT
from pgcheck.isa.files.sources import Shipped, target

SUFFIXES: Final = (".yaml", ".yml")
_KIND: Final = re.compile(r"""^\ufeff?["']?kind["']?[ \t]*:[ \t]*["']?(\w*)["']?[ \t\r]*(?:#.*)?$""", re.MULTILINE)
_INCLUDE: Final = re.compile(
    r"""^\ufeff?["']?include["']?[ \t]*:((?:[^\n]*\n?)(?:(?:[ \t\r\-#\]][^\n]*)?\n?)*)""", re.MULTILINE
)
_COMMENT: Final = re.compile(r"(?:^|[ \t])#.*$", re.MULTILINE)
_NAME: Final = re.compile(r"""[^\s,\[\]"']+""")


def says_machine(path: Path, shipped: Shipped) -> bool:
    """Whether a YAML file says so; what cannot be read says nothing. `shipped` finds a shipped specification by name."""
    return path.suffix in SUFFIXES and _says(path, shipped, 0)


def _says(path: Path, shipped: Shipped, depth: int) -> bool:
    try:
        text = door.content(path).decode("utf-8", "replace")
    except OSError:
        return False
    own = _KIND.search(text)
    if own is not None:
        return own[1] == "machine"
    return depth < INCLUDE_LIMIT and any(_says(file, shipped, depth + 1) for file in _included(text, path, shipped))


def _included(text: str, path: Path, shipped: Shipped) -> Iterator[Path]:
    listed = _INCLUDE.search(text)
    if listed is not None:
        for name in _NAME.findall(_COMMENT.sub("", listed[1])):
            file = target(name, path, shipped)
            if file is not None and name != "-":
                yield file
