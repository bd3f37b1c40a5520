"""Specifications read as an editor shows them: what is open there is read from it, everything else from the disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pgcheck.isa.files import kind, loader
from pgcheck.isa.files.door import Overlaid
from pgcheck.isa.files.errors import NOWHERE, Position, Problem, SpecificationError
from pgcheck.isa.machine.machine import Machine
from pgcheck.language import load
from pgcheck.shipped import shipped

Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Read:
    """What reading a specification gave: its merged files, the machine if there is one, else the problems."""

    sources: tuple[str, ...]
    loaded: loader.Loaded | None
    machine: Machine | None
    problems: tuple[Problem, ...]


def read(path: str, texts: Texts) -> Read:
    """The specification at `path`, with `texts` in the place of files. Whatever is wrong with it is a problem."""
    shown = _overlaid(texts)

    def find(name: str) -> Path | None:
        found = shipped(name)
        return None if found is None else shown(found)

    loaded = None
    try:
        loaded = loader.load(shown(path), find)
        machine = load(shown(path), shipped=find)
    except SpecificationError as error:
        sources = _names(loaded) or tuple(dict.fromkeys((path, *(p.position.path for p in error.problems))))
        return Read(sources, loaded, None, error.problems)
    except Exception as error:  # a bug of ours is told where it shows, and the editor keeps its server
        message = f"internal error: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return Read(_names(loaded) or (path,), loaded, None, (Problem(Position(path, 1, 1), message),))
    return Read(_names(loaded), loaded, machine, ())


def _names(loaded: loader.Loaded | None) -> tuple[str, ...]:
    return () if loaded is None else tuple(map(str, loaded.sources))


def says_machine(path: str, texts: Texts) -> bool:
    """Whether a document says that it specifies a machine."""
    return kind.says_machine(_overlaid(texts)(path), shipped)


def _overlaid(texts: Texts) -> type[Path]:
    """The class of paths that are read as `texts` say."""
    return type("Shown", (Overlaid,), {"__slots__": (), "texts": dict(texts)})


def known(position: Position) -> bool:
    """Whether a position is in a file."""
    return position.path != NOWHERE.path
