"""Progress on standard error: what is being judged, how far it is and how long it has taken. Only on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pgcheck.checker.result import Event, Finished, Judged, Started

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PHASES = {"rows": "judging", "configuration": "under the configuration"}


def wanted() -> bool:
    """Whether somebody looks at standard error who can see lines change."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def shown(*, enabled: bool) -> Iterator[Callable[[Event], None]]:
    """A subscriber of events that shows them while the context is open, and leaves nothing on the screen after it."""
    if not enabled:
        yield lambda event: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[last]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Bars(bar)


class _Bars:
    """A bar for each phase of the specification that is being checked; the counts start anew with a specification."""

    def __init__(self, bar: Progress) -> None:
        self.bar = bar
        self.tasks: dict[str, TaskID] = {}
        self.name, self.rows = "", 0

    def __call__(self, event: Event) -> None:
        match event:
            case Started(name=name, rows=rows):
                self.name, self.rows = name, rows
                self._task("rows")
            case Judged(phase=phase, id=identifier):
                self.bar.update(self._task(phase), advance=1, last=identifier[:24])
            case Finished():
                for task in self.tasks.values():
                    self.bar.remove_task(task)
                self.tasks = {}

    def _task(self, phase: str) -> TaskID:
        if phase not in self.tasks:
            total = self.rows if phase == "rows" else None
            self.tasks[phase] = self.bar.add_task(f"{self.name}: {PHASES.get(phase, phase)}", total=total, last="")
        return self.tasks[phase]
