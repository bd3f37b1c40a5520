"""What a campaign claims: the row that each module of `properties/` carries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.outcome import Ground, Outcome

Run: TypeAlias = Callable[[Ground, Sequence[Case], int | None], Outcome]
LAST = 90


@dataclass(frozen=True, slots=True)
class Property:
    """A property of whole runs; its `id` is the name of its module in capitals.

    `run` looks at as many cases as `cases` says, all from one tape, and compares after every `stride` steps if that is given, else as
    the case says. `title` is the property in a line, `claim` what exactly is compared. Campaigns go by `order`, then by id, and run
    it unless told otherwise if it is `default`.
    """

    id: str
    run: Run
    title: str = field(kw_only=True)
    claim: str = field(kw_only=True)
    cases: int = field(default=1, kw_only=True)
    order: int = field(default=LAST, kw_only=True)
    default: bool = field(default=True, kw_only=True)
