"""The project around the current folder, found without loading anything."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from pgcheck.isa.files import door

FILE: Final = "pyproject.toml"
_MENTIONED: Final = re.compile(
    rb"""tool["'\s]*\.["'\s]*pgcheck|^\s*(?:pgcheck|"pgcheck"|'pgcheck')\s*(?:\.|=\s*\{)""", re.MULTILINE
)


def nearest() -> Path | None:
    """The nearest pyproject.toml from the current folder upwards, not beyond the root of the repository."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder / FILE
        if (folder / ".git").exists():
            return None
    return None


def perhaps_configured() -> bool:
    """Whether the project's file looks as if it had settings for pgcheck."""
    file = nearest()
    try:
        return file is not None and _MENTIONED.search(door.content(file)) is not None
    except OSError:
        return False
