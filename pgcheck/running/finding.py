"""What the words of a command line mean: files, and the machines in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pgcheck import console
from pgcheck.isa.files.errors import did_you_mean
from pgcheck.language import known, load
from pgcheck.shipped import names, shipped

if TYPE_CHECKING:
    from pgcheck.isa.machine.machine import Machine


def find(word: str, alternatives: Sequence[str] = ()) -> Path:
    """The file that a word means: a shipped specification by its name, else a path. Raises Failure."""
    path = shipped(word)
    if path is not None:
        folder = Path.cwd()
        return path.relative_to(folder) if path.is_relative_to(folder) else path
    path = Path(word)
    if not path.exists():
        hint = did_you_mean(word, [*alternatives, *names()])
        what = "command, specification or file" if alternatives else "specification or file"
        raise console.Failure(f"no {what} '{word}'; {hint or '`pgcheck list` names what is shipped'}")
    if path.is_dir():
        raise console.Failure(f"{word} is a folder; name the specification's file in it")
    return path


class Size(NamedTuple):
    """How large the machine of a file is."""

    path: str
    instructions: int
    leaves: int


def size(word: str) -> Size:
    """How large the machine is that a word means, which is not read where that is known. Raises Failure or SpecificationError."""
    path = find(word)
    if (kept := known(path)) is not None:
        return Size(kept.path, kept.instructions, kept.leaves)
    machine = load(path)
    return Size(machine.identity.path, len(machine.instructions), len(machine.state.leaves))


def loaded(word: str) -> Machine:
    """The machine that a word means. Raises Failure or SpecificationError."""
    return load(find(word))
