"""Specifications read as an editor shows them: what is open there is read from it, everything else from the disk."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

from pgcheck.isa.files import loader
from pgcheck.isa.files.errors import NOWHERE, Position, Problem, SpecificationError
from pgcheck.isa.machine.machine import Machine
from pgcheck.language import load
from pgcheck.shipped import shipped

Texts = Mapping[str, str]


_Plain: Any = type(Path())


class _Shown(_Plain):  # type: ignore[misc]
    """A path whose file is what an editor shows of it."""

    __slots__ = ()
    texts: ClassVar[Texts] = {}

    def open(self, mode: str = "r", *given: Any, **more: Any) -> IO[Any]:
        text = self.texts.get(str(self))
        return super().open(mode, *given, **more) if text is None else io.BytesIO(text.encode("utf-8", "replace"))

    def exists(self, **given: Any) -> bool:
        return str(self) in self.texts or bool(super().exists(**given))

    def is_file(self, **given: Any) -> bool:
        return str(self) in self.texts or bool(super().is_file(**given))


@dataclass(frozen=True, slots=True)
class Read:
    """What reading a specification gave: its merged files, the machine if there is one, else the problems."""

    sources: tuple[str, ...]
    loaded: loader.Loaded | None
    machine: Machine | None
    problems: tuple[Problem, ...]


def read(path: str, texts: Texts) -> Read:
    """The specification at `path`, with `texts` in the place of files. Whatever is wrong with it is a problem."""
    kind = type("_Shown", (_Shown,), {"__slots__": (), "texts": dict(texts)})

    def find(name: str) -> Path | None:
        found = shipped(name)
        return None if found is None else kind(found)

    loaded = None
    try:
        loaded = loader.load(kind(path), find)
        machine = load(kind(path), shipped=find)
    except SpecificationError as error:
        sources = _names(loaded) or tuple(dict.fromkeys((path, *(p.position.path for p in error.problems))))
        return Read(sources, loaded, None, error.problems)
    except Exception as error:  # a bug of ours is told where it shows, and the editor keeps its server
        message = f"internal error: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return Read(_names(loaded) or (path,), loaded, None, (Problem(Position(path, 1, 1), message),))
    return Read(_names(loaded), loaded, machine, ())


def _names(loaded: loader.Loaded | None) -> tuple[str, ...]:
    return () if loaded is None else tuple(map(str, loaded.sources))


def says_machine(text: str) -> bool:
    """Whether a text says of itself that it specifies a machine."""
    return any(
        line.replace('"', "").replace("'", "").split("#")[0].split() == ["kind:", "machine"]
        for line in text.splitlines()
        if line[:1] not in (" ", "\t")
    )


def known(position: Position) -> bool:
    """Whether a position is in a file."""
    return position.path != NOWHERE.path
