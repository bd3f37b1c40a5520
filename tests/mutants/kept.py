"""What became of mutants in earlier runs, a line of JSON each, so that a run that was broken off goes on where it was.

A result is found again by the mutant (its edits, the text of its module), by what tries to kill it (with the text of a case or test that a
killer names), and by how often. What else changed since is not looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.mutants.mutant import Mutant
from tests.mutants.planted import ROOT, Fault, file_of


def digest(one: Mutant | Fault, seeds: int = 1) -> str:
    """The name that a mutant's result is kept under."""
    killers = (*one.by, one.equivalent) if isinstance(one, Fault) else (*one.noticed, *one.by)
    files = [file_of(one.target.partition(":")[0]), *filter(None, map(_file, killers))]
    whole: list[Any] = [one.target, one.edits, killers, seeds, [file.read_text("utf-8") for file in files]]
    return hashlib.blake2b(json.dumps(whole).encode(), digest_size=16).hexdigest()


def _file(killer: str) -> Path | None:
    """The case or the test that a killer names."""
    word, _, rest = killer.partition(" ")
    file = ROOT / rest.partition("::")[0]
    return file if word in ("check", "suite") and file.is_file() else None


@dataclass
class Kept:
    """The results in a file, which need not be there; without a file nothing is kept."""

    file: Path | None
    found: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file is not None and self.file.is_file():
            self.found = dict(_read(self.file.read_text("utf-8").splitlines()))

    def add(self, name: str, result: Mapping[str, Any]) -> None:
        """Keep a result at once."""
        self.found[name] = result
        if self.file is not None:
            with self.file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({"name": name, "result": dict(result)}) + "\n")


def _read(lines: Iterable[str]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue  # what a run that was killed left of a line
        yield row["name"], row["result"]
