"""What a campaign has exercised: rows of instructions by the mode they ran in and how they ended."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping

from pgcheck.checker.campaign.pairs.recording import Taken
from pgcheck.isa.machine.machine import Machine, Modes

COMPLETED = "completed"
NO_INSTRUCTION = "-"
Cell = tuple[str, str, str]


class Coverage:
    """Steps by (row, virtual mode, exit kind)."""

    __slots__ = ("cells", "machine")

    def __init__(self, machine: Machine, cells: Mapping[Cell, int] | None = None) -> None:
        self.machine = machine
        self.cells: Counter[Cell] = Counter(cells or {})

    def add(self, log: Iterable[Taken], modes: Modes) -> None:
        """Count the steps of a bare machine."""
        rules = self.machine.code.exits
        for taken in log:
            rule = rules.get(taken.function)
            kind = COMPLETED if not taken.function else rule.kind_of(taken.args) if rule else taken.function
            mode = "supervisor" if taken.mode in modes.supervisor.values else "user"
            self.cells[taken.instruction or NO_INSTRUCTION, mode, kind] += 1

    def merge(self, cells: Mapping[Cell, int]) -> None:
        self.cells.update(cells)

    def seen(self, mode: str = "") -> frozenset[str]:
        """The rows that ran, in a mode if one is given."""
        return frozenset(i for i, m, _ in self.cells if i != NO_INSTRUCTION and mode in ("", m))

    def unseen(self) -> tuple[str, ...]:
        """The rows that never ran, in the order of the specification."""
        seen = self.seen()
        return tuple(name for name in rows(self.machine) if name not in seen)

    def table(self) -> tuple[tuple[str, int, int], ...]:
        """(exit kind, steps in supervisor mode, steps in user mode), in order of names, completion first."""
        kinds = sorted({k for _, _, k in self.cells}, key=lambda k: (k != COMPLETED, k))
        return tuple((k, self._sum("supervisor", k), self._sum("user", k)) for k in kinds)

    def _sum(self, mode: str, kind: str) -> int:
        return sum(n for (_, m, k), n in self.cells.items() if m == mode and k == kind)


def rows(machine: Machine) -> tuple[str, ...]:
    """The rows of all instructions that have an encoding."""
    return tuple(i.id + r.label for i in machine.instructions if i.encoding is not None for r in i.rows)


def dump(cells: Mapping[Cell, int]) -> str:
    """Cells as text."""
    return json.dumps([[*cell, n] for cell, n in sorted(cells.items())], separators=(",", ":"))


def load(text: str) -> dict[Cell, int]:
    """The cells of a text. Raises ValueError."""
    rows = json.loads(text)
    if not isinstance(rows, list):
        raise ValueError("no list of cells")
    cells: dict[Cell, int] = {}
    for row in rows:
        if not (
            isinstance(row, list)
            and len(row) == 4
            and all(isinstance(x, str) for x in row[:3])
            and isinstance(row[3], int)
        ):
            raise ValueError("a cell is three names and a number")
        cells[row[0], row[1], row[2]] = row[3]
    return cells
