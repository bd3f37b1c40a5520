"""What the rows of a trap table say together: from where each register is read and written, and what each trap knob does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pgcheck.checker.traps.table import RowTraps, Traps
from pgcheck.checker.traps.ways import TRAPS, Way
from pgcheck.isa.machine.csrs import READ, WRITE
from pgcheck.isa.machine.machine import Machine

ALWAYS, NEVER, UNTOLD = "always", "never", "for some operands"
MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Register:
    """A register that instructions name by number: by mode when some instruction can read and write it, and the traps of those that cannot."""

    name: str
    address: int
    read: Mapping[int, str]
    written: Mapping[int, str]
    refused: Mapping[int, tuple[Way, ...]]


@dataclass(frozen=True, slots=True)
class Knob:
    """Control state on which it hangs whether rows trap otherwise than by memory: by comparisons of it (none where the condition is named)."""

    leaf: str
    mode: int
    way: Way
    when: tuple[str, ...]
    rows: tuple[str, ...]


def registers(machine: Machine, table: Traps) -> Iterator[Register]:
    """The registers that the table's rows are about, in the order of the specification."""
    for address, name in machine.decoding.csr_names.items():
        rows = [row for row in table.rows if row.register == address]
        if not rows:
            continue
        yield Register(
            name,
            address,
            {m: _when(rows, m, READ) for m in table.modes},
            {m: _when(rows, m, WRITE) for m in table.modes},
            {m: tuple(sorted({e.way for r in rows for e in r.endings[m] if e.way.what == TRAPS})) for m in table.modes},
        )


def _when(rows: Iterable[RowTraps], mode: int, access: str) -> str:
    """The states in which some row does an access: alternatives, each without what another says already."""
    found: set[frozenset[str]] = set()
    untold = False
    for row in rows:
        alternatives = row.accesses[mode, access]
        untold = untold or alternatives is None
        found |= {*(alternatives or ())}
    if frozenset() in found:
        return ALWAYS
    if untold:
        return UNTOLD
    least = sorted((sorted(a) for a in found if not any(b < a for b in found)), key=lambda a: (len(a), a))
    return " || ".join(" && ".join(a) if len(least) == 1 else _grouped(a) for a in least) or NEVER


def _grouped(literals: list[str]) -> str:
    return f"({' && '.join(literals)})" if len(literals) > 1 else literals[0]


def knobs(table: Traps) -> Iterator[Knob]:
    """The control state that traps hang on, in the order of its names."""
    found: dict[tuple[str, int, Way, tuple[str, ...]], dict[str, None]] = {}
    for row in table.rows:
        for mode, endings in row.endings.items():
            for ending in endings:
                if ending.way.what == TRAPS and any(c.kind != MEMORY for c in ending.way.causes):
                    for leaf, texts in ending.when.about:
                        found.setdefault((leaf, mode, ending.way, texts), {})[row.id] = None
    for (leaf, mode, way, texts), rows in sorted(found.items(), key=lambda item: item[0]):
        yield Knob(leaf, mode, way, texts, tuple(rows))
