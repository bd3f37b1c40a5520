"""The plan of a monitor as it is shown: what is to be done, by kind, with what is done alike together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pgcheck.checker.result import MachineResult
from pgcheck.reports.grouping import grouped_names

if TYPE_CHECKING:
    from pgcheck.checker.verdicts.plan import Duty, Plan, Task

TITLES: Final[dict[Duty, str]] = {
    "fix": "Fix on the processor",
    "mirror": "Let the guest have its own value on the processor",
    "hold": "Hold in the books; the processor has the monitor's value",
    "table": "Own the tables",
    "map": "Map",
    "interpret": "Interpret",
    "take": "Take the traps",
    "emulate": "Emulate",
    "reflect": "Reflect to the guest",
    "deny": "Deny to guests",
    "visible": "What remains visible",
    "close": "Holes, and what would close them",
    "lack": "What the machine lacks",
}


@dataclass(frozen=True, slots=True)
class Job:
    """What is done alike: the names of it, how it is done, what it costs in exits, and why."""

    names: str
    how: str
    exits: str
    why: str


def heading(result: MachineResult, found: Plan) -> str:
    """What a plan is of, in a line."""
    under = "" if found.deployment == "default" else f", deployment {found.deployment}"
    what = f"the plan of a {found.kind} monitor" if found.kind else f"no monitor: {found.refused}"
    return f"{result.name}{under}: {what}"


def jobs(result: MachineResult, found: Plan) -> Iterator[tuple[str, tuple[Job, ...]]]:
    """The jobs of each kind that the plan has, by the title of the kind."""
    for duty, title in TITLES.items():
        alike: dict[tuple[str, str, str], list[Task]] = {}
        for task in found.tasks:
            if task.duty == duty:
                alike.setdefault((task.how, task.exits, task.why), []).append(task)
        if alike:
            yield title, tuple(Job(_names(result, tasks), *said) for said, tasks in alike.items())


def _names(result: MachineResult, tasks: list[Task]) -> str:
    """The subjects: rows as the report groups them, leaves and traps as they are called."""
    rows = {row.id: row for deployment in result.deployments for row in deployment.instructions}
    named = [rows[task.subject] for task in tasks if task.subject in rows]
    others = [task.subject for task in tasks if task.subject not in rows]
    return ", ".join([*([grouped_names(named, len(named))] if named else []), *others])
