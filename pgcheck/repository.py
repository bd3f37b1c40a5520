"""The repository around a file, found without asking git."""

from __future__ import annotations

from pathlib import Path


def root(start: Path) -> Path:
    """The nearest folder from `start` upwards that holds `.git`, else `start`."""
    start = start.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start)
