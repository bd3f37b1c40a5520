"""What verdicts speak of: ways to be sensitive, differences of two steps, and what a monitor fixes."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from pgcheck.isa.machine.choices import MIRROR, Choice, Fields


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """One way an instruction is sensitive: `ctl`, `beh`, `trs` or `tks`, the role of the state, the start mode (S, U or both)."""

    kind: str
    role: str
    start: str

    def __str__(self) -> str:
        return f"{self.kind}[{self.role}@{self.start}]"


def sensitivity(text: str) -> Sensitivity:
    """The sensitivity that is written so. Raises ValueError."""
    kind, opened, rest = text.partition("[")
    role, at, start = rest.removesuffix("]").partition("@")
    found = Sensitivity(kind, role, start)
    if not (opened and at and str(found) == text):
        raise ValueError(f"'{text[:40]}' is no way to be sensitive")
    return found


Way: TypeAlias = Literal[
    "trap", "virtual", "real", "mirror", "payload", "general", "assumed", "halt", "unpredictable", "unmodelled"
]  # the plainest first
WAYS: Final[Mapping[str, Way]] = {way: way for way in get_args(Way)}


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that a guest or its monitor notices: the way, and the leaf or terminator that it shows in."""

    way: Way
    place: str = ""

    def __str__(self) -> str:
        return f"{self.way}:{self.place}" if self.place else self.way


@dataclass(frozen=True, slots=True)
class Payload:
    """The traps by a terminator whose arguments have these values, by name: all of its traps where there are none."""

    function: str
    values: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        given = ", ".join(f"{name}={value}" for name, value in self.values)
        return f"{self.function}({given})" if given else self.function


def payload(text: str) -> Payload:
    """The payload that is written so. Raises ValueError."""
    function, opened, rest = text.partition("(")
    pairs = [p.partition("=") for p in rest.removesuffix(")").split(", ")] if opened else []
    if any(not value.isdecimal() for _, _, value in pairs):
        raise ValueError(f"'{text[:40]}' is no trap: expected FUNCTION or FUNCTION(ARGUMENT=VALUE, ...)")
    found = Payload(function, tuple((name, int(value)) for name, _, value in pairs))
    if str(found) != text:
        raise ValueError(f"'{text[:40]}' is no trap: expected FUNCTION or FUNCTION(ARGUMENT=VALUE, ...)")
    return found


REAL_LEFT: Final = Mismatch("assumed", "real")  # the real machine ends where `real` does not hold


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

    def __bool__(self) -> bool:
        return bool(self.leaves or self.tables)

    @property
    def constants(self) -> Mapping[str, int]:
        """The leaves that are fixed to constants."""
        return {n: v for n, v in self.leaves.items() if isinstance(v, int)}

    @property
    def mirrored(self) -> frozenset[str]:
        """The leaves that are mirrored."""
        return frozenset(n for n, v in self.leaves.items() if v == MIRROR)

    def within(self, leaves: Container[str], tables: Container[str]) -> Configuration:
        """The part about these leaves and tables."""
        return Configuration(
            {n: v for n, v in self.leaves.items() if n in leaves}, {n: f for n, f in self.tables.items() if n in tables}
        )

    def beyond(self, other: Configuration) -> Configuration:
        """What is fixed here and not alike in `other`."""
        return Configuration(
            {n: v for n, v in self.leaves.items() if other.leaves.get(n) != v},
            {n: f for n, f in self.tables.items() if n not in other.tables or other.tables[n] != f},
        )

    def includes(self, other: Configuration) -> bool:
        """Whether everything that `other` fixes is fixed alike here."""
        return not other.beyond(self)

    def shown(self) -> dict[str, object]:
        """The assignment as plain data, by name: for documents and files, where a table is `@NAME`."""
        tables = {f"@{n}": MIRROR if f is None else dict(f) for n, f in sorted(self.tables.items())}
        return {**dict(sorted(self.leaves.items())), **tables}

    def __str__(self) -> str:
        return ", ".join(f"{n} = {v}" for n, v in self.shown().items())


NOTHING = Configuration()


def configuration(shown: Mapping[str, object]) -> Configuration:
    """The configuration that is shown so. Raises ValueError."""
    leaves: dict[str, Choice] = {}
    tables: dict[str, Fields | None] = {}
    for name, value in shown.items():
        match value:
            case Mapping() if name.startswith("@") and all(isinstance(v, int) for v in value.values()):
                tables[name[1:]] = {str(f): int(v) for f, v in value.items()}
            case "mirror" if name.startswith("@"):
                tables[name[1:]] = None
            case int() if not name.startswith("@"):
                leaves[name] = value
            case "mirror":
                leaves[name] = MIRROR
            case _:
                raise ValueError(f"nothing fixes {name[:40]} to {str(value)[:40]}")
    return Configuration(leaves, tables)
