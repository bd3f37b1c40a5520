"""What a comparison of two machines found, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pgcheck.checker.result import ExitCode, StateValue

Status = Literal["equal", "different", "undecided"]
Kind = Literal["row", "around"]
CODES: Final[Mapping[Status, ExitCode]] = {
    "different": ExitCode.REFUTED,
    "undecided": ExitCode.UNKNOWN,
    "equal": ExitCode.PROVED,
}


@dataclass(frozen=True, slots=True)
class Side:
    """What one machine did in the state where the two differ: how it ended, with which arguments and results, and the leaves that changed."""

    did: str
    exit: str
    arguments: tuple[int, ...]
    results: tuple[int, ...]
    after: Mapping[str, StateValue]


@dataclass(frozen=True, slots=True)
class Example:
    """A state in which the two machines differ, as the reference binding replayed it on both.

    `state` has the leaves of either machine that are not 0, `answers` what the state does not hold: what choices, volatile entries, and
    translation gave. `units` are the instruction's, empty where none is executed. `differs` are the places in which the machines differ.
    """

    units: tuple[int, ...]
    state: Mapping[str, StateValue]
    answers: Mapping[str, int]
    first: Side
    second: Side
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One thing compared: an instruction's row (`row`), or what surrounds them (`around`).

    `first` and `second` are what the machines call it, "" where one has none. `how` says what an equality rests on: `text` (they say the same), `terms` (their terms are the same) or
    `solver`.
    """

    kind: Kind
    name: str
    first: str
    second: str
    status: Status
    how: str = ""
    reason: str = ""
    example: Example | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two machines: their names, and all parts, or of instructions `only` these.

    `assumed` are claims of the specifications themselves that the answer rests on.
    """

    first: str
    second: str
    parts: tuple[Part, ...]
    assumed: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """Equal iff every part is; different if one is."""
        found = {p.status for p in self.parts}
        return "different" if "different" in found else "undecided" if "undecided" in found else "equal"
