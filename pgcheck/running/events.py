"""What happens in a run over several specifications, as values; every output is written from nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pgcheck.checker import result
from pgcheck.checker.result import ExitCode, MachineResult

if TYPE_CHECKING:
    from pgcheck.checker.verdicts.plan import Plan
    from pgcheck.checker.verdicts.waiver import Reviewed
    from pgcheck.isa.files.errors import Problem
    from pgcheck.isa.machine.machine import Machine


@dataclass(frozen=True, slots=True)
class Began:
    """A run has begun: the words of the command line in their order, and the answer that exit code 0 asks for."""

    specifications: tuple[str, ...]
    require: str


@dataclass(frozen=True, slots=True)
class Underway:
    """The check of a specification goes on: what the checker says of it."""

    specification: str
    event: result.Event


@dataclass(frozen=True, slots=True)
class Checked:
    """A specification has its answer.

    `waivers` are those of this machine, each with what became of it; `waived` gives the reason for each accepted hole, by
    (deployment, row). `plans` are what a monitor has to do under each deployment, where that was asked and could be decided.
    """

    specification: str
    machine: Machine
    result: MachineResult
    code: ExitCode
    waived: Mapping[tuple[str, str], str] = field(default_factory=dict)
    waivers: tuple[Reviewed, ...] = ()
    plans: tuple[Plan, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """A specification has no answer: its problems if it is wrong, and else the message that says why."""

    specification: str
    message: str
    problems: tuple[Problem, ...]
    code: ExitCode


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over, or was broken off before it was `complete`.

    `code` is what the process ends with, `versions` are the solvers'.
    """

    code: int
    versions: Mapping[str, str]
    complete: bool


Event = Began | Underway | Checked | Failed | Ended
Subscriber = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Story:
    """The events of a run told over, for outputs that are written at its end.

    `unfinished` are the words without an answer, `seconds` what each row took: by word, deployment's number, row. `so_far` are what
    rows were judged to be, each alone, for words without an answer.
    """

    began: Began
    outcomes: tuple[Checked | Failed, ...]
    ended: Ended
    unfinished: tuple[str, ...]
    seconds: Mapping[tuple[str, int, str], float]
    so_far: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def left(self, word: str) -> str:
        """How far a word without an answer came before the run was broken off."""
        if word not in self.so_far:
            return "not checked, for the run was broken off"
        rows = len(self.so_far[word])
        return f"broken off; {rows} {'row' if rows == 1 else 'rows'} judged so far, each alone, which is no answer yet"

    @property
    def checked(self) -> tuple[Checked, ...]:
        return tuple(o for o in self.outcomes if isinstance(o, Checked))

    @property
    def failed(self) -> tuple[Failed, ...]:
        return tuple(o for o in self.outcomes if isinstance(o, Failed))


@dataclass(frozen=True, slots=True)
class Manner:
    """How a story is written: with times or the same from run to run.

    `partly` says that not all instructions were asked about, `waived` what SARIF does with waived results, `present` that the HTML page is
    one of slides.
    """

    timing: bool = True
    every_row: bool = False
    partly: bool = False
    waived: Literal["keep", "omit"] = "keep"
    present: bool = False


class Recorder:
    """A subscriber that keeps what the story needs."""

    def __init__(self) -> None:
        self._began = Began((), "")
        self._outcomes: list[Checked | Failed] = []
        self._seconds: dict[tuple[str, int, str], float] = {}
        self._times: dict[tuple[str, str], int] = {}
        self._verdicts: dict[str, dict[str, str]] = {}

    def __call__(self, event: Event) -> None:
        match event:
            case Began():
                self._began = event
            case Underway(specification, result.Judged() as judged):
                self._judged(specification, judged)
            case Checked() | Failed():
                self._outcomes.append(event)

    def _judged(self, specification: str, judged: result.Judged) -> None:
        """Rows are judged deployment by deployment, in phase `rows` once under each."""
        row = specification, judged.id
        self._verdicts.setdefault(specification, {}).setdefault(judged.id, judged.verdict)
        self._times[row] = self._times.get(row, -1) + (judged.phase == "rows")
        key = specification, self._times[row], judged.id
        self._seconds[key] = self._seconds.get(key, 0.0) + judged.seconds

    def story(self, ended: Ended) -> Story:
        """What has happened so far, with this end."""
        words = list(self._began.specifications)
        for outcome in self._outcomes:
            words.remove(outcome.specification)
        so_far = {word: self._verdicts[word] for word in words if word in self._verdicts}
        return Story(self._began, tuple(self._outcomes), ended, tuple(words), self._seconds, so_far)
