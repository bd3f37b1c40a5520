"""What results are reported under: a stable id, the law in words and as a formula, its source, and the smallest thing that breaks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from pgcheck.checker.example import Example
from pgcheck.checker.hypotheses import Hypothesis
from pgcheck.checker.result import Finding, FindingStatus
from pgcheck.isa.files.errors import Position

Level = Literal["error", "warning", "note"]
LEVELS: Final[tuple[Level, ...]] = ("error", "warning", "note")
PAPER: Final = "Popek and Goldberg, CACM 17(7), 1974"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a specification keeps or breaks. It stands where it is found out, and `pgcheck rules` gathers all of them.

    `id` is never given to another rule: PG00x are about instructions, PG01x about theorems, PG1xx about the specification itself and the premises,
    PG20x about the text of files, and PG30x about what a change does to traps. `name` is that of the finding, theorem or verdict that says so. `hypothesis` is what of the
    induction it is part of.
    """

    id: str
    name: str
    level: Level
    title: str
    law: str
    formula: str
    reference: str
    example: Example
    hypothesis: Hypothesis | None = None

    def finding(self, status: FindingStatus, subject: str, message: str, position: Position | None = None) -> Finding:
        """An answer under this rule."""
        return Finding(self.name, status, subject, message, position)
