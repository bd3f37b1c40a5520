"""What answers depend on besides questions: the sources of the tool."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final

ROOMS: Final = ("isa", "models", "vmm", "checker")
"""The rooms whose code can change an answer."""


@cache
def digest(*rooms: str) -> str:
    """blake2b over the sources of rooms, and of what a program has added to the path of a package in them."""
    packages = {f"pgcheck.{room}": import_module(f"pgcheck.{room}") for room in rooms}
    inner = tuple(f"{name}." for name in packages)
    packages |= {
        n: module for n, module in list(sys.modules.items()) if n.startswith(inner) and hasattr(module, "__path__")
    }
    paths = {name: list(module.__path__) for name, module in sorted(packages.items())}
    added = {f"{name}+{k}": folder for name, path in paths.items() for k, folder in enumerate(path[1:])}
    return source_digest({room: paths[f"pgcheck.{room}"][0] for room in rooms} | added)


def source_digest(rooms: Mapping[str, str | Path]) -> str:
    """blake2b over the paths, lengths and bytes of the files of code and grammar in folders, at every depth."""
    whole = hashlib.blake2b(digest_size=16)
    for room, folder in sorted(rooms.items()):
        for path, file in _sources(room, folder):
            with open(file, "rb", buffering=0) as source:
                text = source.read()
            whole.update(f"{len(path)} {path} {len(text)} ".encode() + text)
    return whole.hexdigest()


def _sources(path: str, folder: str | Path) -> Iterator[tuple[str, str]]:
    with os.scandir(folder) as found:
        items = sorted(found, key=lambda item: item.name)
    for item in items:
        inner = f"{path}/{item.name}"
        if item.is_dir():
            yield from _sources(inner, item.path)
        elif item.name.endswith((".py", ".lark")):
            yield inner, item.path
