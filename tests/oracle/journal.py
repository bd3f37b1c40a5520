"""What was found of generated machines, a line of JSON for each: a campaign that was stopped goes on behind its last whole line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from pgcheck.checker.solving.versions import versions
from pgcheck.isa.kept.tool import ROOMS, digest, source_digest


@dataclass(frozen=True, slots=True)
class Told:
    """Of a machine: contradictions, what the check left open, monitors that could not be made, its answer, and the runs of both kinds."""

    seed: int
    contradictions: tuple[str, ...]
    unknown: tuple[str, ...]
    unbuilt: tuple[str, ...]
    answer: str
    decided: int
    held: int


def current(runs: int) -> str:
    """What a line depends on besides its seed: the tool, the solvers, the oracle, and how many runs a monitor gets."""
    mine = source_digest({"oracle": Path(__file__).parent})
    return f"{digest(*ROOMS)} {mine} {sorted(versions().items())} {runs}"


def resumed(path: Path, key: str, seeds: Iterable[int], decide: Callable[[int], Told]) -> Iterator[Told]:
    """What is found of each machine: read from the journal if it is there under this key, else decided and written there."""
    known = {told.seed: told for told in _read(path, key)}
    _whole(path)
    for seed in seeds:
        if seed not in known:
            known[seed] = decide(seed)
            with path.open("a", encoding="utf-8") as journal:
                journal.write(json.dumps({"key": key, **asdict(known[seed])}) + "\n")
        yield known[seed]


def _read(path: Path, key: str) -> Iterator[Told]:
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            held = json.loads(line)
        except ValueError:
            continue  # what was being written when the campaign was stopped
        if held.pop("key") == key:
            yield _told(held)


def _told(held: Mapping[str, object]) -> Told:
    values = (tuple(v) if isinstance(v := held[f.name], list) else v for f in fields(Told))
    return Told(*values)  # type: ignore[arg-type]


def _whole(path: Path) -> None:
    """End a line that was cut off, so that the next one is one of its own."""
    if path.exists() and (held := path.read_bytes()) and not held.endswith(b"\n"):
        path.write_bytes(held + b"\n")
