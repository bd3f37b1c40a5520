"""What every machine-read report of a run has to show, taken from the run itself: a report that was written is read back and held against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pgcheck.reports.book import book
from pgcheck.running.events import Checked, Failed, Story

WRONG: Final = book()["specification"].id
VERDICTS: Final = {"hole": book()["hole"].id, "unknown": book()["undecided"].id}
SHOWN: Final = frozenset((*VERDICTS.values(), WRONG))


class WrongReport(Exception):
    """A report does not say what the run found: an error of pgcheck, and no report."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A rule (its id) that is broken in a line of a file, as the format names files; a line is counted from 1."""

    rule: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.rule} at {self.file}:{self.line}"


def facts(story: Story, file: Callable[[str], str], *, waived: bool) -> Counter[Fact]:
    """How often each row that is a hole or undecided, and each problem of a wrong specification, has to be shown; `file` names its file.

    Of a void answer no row is shown.
    """
    return Counter(_facts(story, file, waived))


def _facts(story: Story, file: Callable[[str], str], waived: bool) -> Iterator[Fact]:
    for outcome in story.outcomes:
        match outcome:
            case Failed():
                for problem in outcome.problems:
                    yield Fact(WRONG, file(problem.position.path), problem.position.line)
            case Checked():
                for under in outcome.result.deployments:
                    for row in () if under.void else under.instructions:
                        if row.verdict in VERDICTS and (waived or not outcome.waived.get((under.name, row.id))):
                            yield Fact(VERDICTS[row.verdict], file(row.position.path), row.position.line)


def hold(expected: Counter[Fact], found: Iterable[Fact], *, partly: bool = False) -> None:
    """Hold what a report shows against what it has to show, or may show where it says so `partly`. Raises WrongReport."""
    shown = Counter(found)
    for fact in shown - expected:
        raise WrongReport(f"the report shows {fact}, which the run did not find")
    for fact in () if partly else expected - shown:
        raise WrongReport(f"the report leaves out {fact}")
