"""What a campaign claims: the row that each module of `properties/` carries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from pgcheck.checker.campaign.cases.case import Author, Case
from pgcheck.checker.campaign.pairs.account import Subject
from pgcheck.checker.campaign.pairs.outcome import Ground, Outcome, failed
from pgcheck.vmm.gate import ResourceControlLost

Run: TypeAlias = Callable[[Ground, Sequence[Case], int | None], Outcome]
LAST = 90


@dataclass(frozen=True, slots=True)
class Property:
    """A property of whole runs; its `id` is the name of its module in capitals.

    `run` looks at as many cases as `cases` says, all from one tape, and compares after every `stride` steps if that is given, else as
    the case says. `title` is the property in a line, `claim` what exactly is compared. `subject` are the events that must have come for
    a pass to mean anything. It takes room for so many `guests` on one host, of a monitor at a `depth`. Its
    programs access `devices` if there are any, and are all `paged`, if the machine has tables, with changes of translations in use. Campaigns go by `order`, then by id, and run it unless told otherwise if it is `default`.
    """

    id: str
    run: Run
    title: str = field(kw_only=True)
    claim: str = field(kw_only=True)
    subject: Subject = field(kw_only=True)
    cases: int = field(default=1, kw_only=True)
    guests: int = field(default=1, kw_only=True)
    depth: int = field(default=1, kw_only=True)
    devices: bool = field(default=False, kw_only=True)
    paged: bool = field(default=False, kw_only=True)
    order: int = field(default=LAST, kw_only=True)
    default: bool = field(default=True, kw_only=True)

    def drawn(self, author: Author, tape: bytes) -> tuple[Case, ...]:
        """The cases of a tape."""
        return author.cases(tape, self.cases, devices=self.devices, paged=self.paged)

    def tried(self, ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
        """The outcome of cases, with all that happened in them; a guest that takes the machine from its monitor breaks whatever is claimed."""
        ground.used.clear()
        try:
            outcome = self.run(ground, cases, stride)
        except ResourceControlLost as lost:
            log = [taken for machines in ground.used for taken in machines.oracle.log]
            outcome = failed(self.id, log, log[-1].clock if log else 0, type(lost).__name__, str(lost))
        traps = sum(bool(taken.function) for taken in outcome.log)
        happened = ground.account() + Counter(outcome.events)
        return replace(outcome, events={**happened, "trap": traps} if traps else happened)
