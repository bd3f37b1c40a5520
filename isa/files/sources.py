"""The files of a specification: what one of them means by another's name, and the digest of them all."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

Shipped: TypeAlias = Callable[[str], Path | None]


def by_name(item: str) -> bool:
    """Whether `include` names a shipped specification, and not a file."""
    return "/" not in item and not item.endswith(".yaml")


def target(item: str, path: Path, shipped: Shipped) -> Path | None:
    """The file that the file at `path` includes as `item`; None for a name under which nothing is shipped."""
    return shipped(item) if by_name(item) else path.parent / item


class Digest:
    """blake2b of files in their order, each as the name by which it is included (none for the first), its length and its bytes."""

    def __init__(self) -> None:
        self._whole = hashlib.blake2b(digest_size=32)

    def add(self, name: str, content: bytes) -> None:
        self._whole.update(f"{len(name)} {name} {len(content)} ".encode() + content)

    def hexdigest(self) -> str:
        return self._whole.hexdigest()


@contextmanager
def without_collector() -> Iterator[None]:
    """Rests the cyclic garbage collector, which would take half of the time of building a tree and find nothing."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
