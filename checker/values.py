"""What verdicts speak of: ways to be sensitive, differences of two steps, and what a monitor fixes."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from pgcheck.isa.machine.machine import MIRROR, Choice, Fields


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """One way an instruction is sensitive: `ctl`, `beh`, `trs` or `tks`, the role of the state, the start mode (S, U or both)."""

    kind: str
    role: str
    start: str

    def __str__(self) -> str:
        return f"{self.kind}[{self.role}@{self.start}]"


Way: TypeAlias = Literal[
    "trap", "virtual", "real", "mirror", "payload", "general", "halt", "unpredictable", "unmodelled"
]  # the plainest first
WAYS: Final[Mapping[str, Way]] = {way: way for way in get_args(Way)}


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that a guest or its monitor notices: the way, and the leaf or terminator that it shows in."""

    way: Way
    place: str = ""

    def __str__(self) -> str:
        return f"{self.way}:{self.place}" if self.place else self.way


def mismatch(text: str) -> Mismatch:
    """The mismatch that is written so. Raises ValueError."""
    way, _, place = text.partition(":")
    if way not in WAYS:
        raise ValueError(f"no two steps differ by '{way[:40]}'")
    return Mismatch(WAYS[way], place)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the monitor fixes: leaves to constants or mirrored, tables to one response each (None: the guest's own entry)."""

    leaves: Mapping[str, Choice] = field(default_factory=dict)
    tables: Mapping[str, Fields | None] = field(default_factory=dict)

    def __or__(self, other: Configuration) -> Configuration:
        return Configuration({**self.leaves, **other.leaves}, {**self.tables, **other.tables})

    def constants(self, names: Container[str]) -> Configuration:
        """The part that fixes leaves among `names` to constants."""
        return Configuration({n: v for n, v in self.leaves.items() if n in names and isinstance(v, int)})

    def includes(self, other: Configuration) -> bool:
        """Whether everything that `other` fixes is fixed alike here."""
        return other.leaves.items() <= self.leaves.items() and all(
            n in self.tables and self.tables[n] == f for n, f in other.tables.items()
        )

    @property
    def empty(self) -> bool:
        return not self.leaves and not self.tables

    def shown(self) -> dict[str, object]:
        """The assignment as plain data for reports, tables as `@NAME`."""
        tables = {f"@{n}": MIRROR if r is None else dict(r) for n, r in sorted(self.tables.items())}
        return {**dict(sorted(self.leaves.items())), **tables}


NOTHING = Configuration()
