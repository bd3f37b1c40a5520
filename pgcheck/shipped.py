"""Specifications that come with pgcheck, found by name."""

from __future__ import annotations

from pathlib import Path


def shipped(name: str) -> Path | None:
    """The path of the shipped specification `name`, or None."""
    folder = Path(__file__).resolve().parent / "specs"
    if not folder.is_dir():
        folder = Path(__file__).resolve().parent.parent / "specs"
    path = folder / f"{name}.yaml"
    return path if name.replace("-", "").replace("_", "").isalnum() and path.is_file() else None


def names() -> list[str]:
    """The names of all shipped specifications, sorted."""
    folder = Path(__file__).resolve().parent / "specs"
    if not folder.is_dir():
        folder = Path(__file__).resolve().parent.parent / "specs"
    return sorted(p.stem for p in folder.glob("*.yaml"))
