"""Specifications that come with pgcheck, found by name."""

from __future__ import annotations

from pathlib import Path


def folder() -> Path:
    """Where the shipped specifications lie: in the installed package, or beside it in a checkout without links."""
    package = Path(__file__).resolve().parent
    inside = package / "specs"
    return inside.resolve() if inside.is_dir() else package.parent / "specs"


def shipped(name: str) -> Path | None:
    """The path of the shipped specification `name`, or None."""
    path = folder() / f"{name}.yaml"
    return path if name.replace("-", "").replace("_", "").isalnum() and path.is_file() else None


def names() -> list[str]:
    """The names of all shipped specifications, sorted."""
    return list(paths())


def paths() -> dict[str, Path]:
    """The paths of all shipped specifications by name, sorted."""
    return {path.stem: path for path in sorted(folder().glob("*.yaml"), key=lambda path: path.stem)}
