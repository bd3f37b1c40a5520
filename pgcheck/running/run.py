"""Checks of one specification after another: loading, judging, writing, and the exit code that the answers mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from pgcheck import console
from pgcheck.checker import result as answers
from pgcheck.checker.check import check
from pgcheck.checker.limits import Undecided
from pgcheck.checker.result import ExitCode, MachineResult
from pgcheck.checker.solving.versions import versions
from pgcheck.isa.files.errors import did_you_mean
from pgcheck.language import load
from pgcheck.request import Request
from pgcheck.running import progress
from pgcheck.running.events import Began, Checked, Ended, Event, Failed, Subscriber, Underway
from pgcheck.running.finding import find
from pgcheck.running.trouble import Trouble, troubles
from pgcheck.waivers import application

if TYPE_CHECKING:
    from pgcheck.checker.verdicts.plan import Plan
    from pgcheck.checker.verdicts.waiver import Reviewed
    from pgcheck.isa.machine.machine import Machine


def answered(word: str, path: Path, request: Request, tell: Callable[[answers.Event], None], *, shown: bool) -> Checked:
    """The answer for a file with its waivers, and progress if it is `shown`. Raises Failure or SpecificationError."""
    machine = load(path, kept=request.options.cache)
    waivers = application.read(path, request.waivers)
    result = judged(machine, request, tell, shown=shown)
    result, reviewed = application.reviewed(machine, result, waivers, request)
    holes = {
        (r.waiver.deployment, r.waiver.instruction): r.waiver.reason for r in application.accepted(reviewed, "monitor")
    }
    given = code(result, request, reviewed), holes, reviewed, _planned(machine, result, request)
    return Checked(word, machine, result, *given)


def _planned(machine: Machine, result: MachineResult, request: Request) -> tuple[Plan, ...]:
    """What a monitor has to do, if that is asked of a whole machine and can be decided."""
    if not request.plan or request.only:
        return ()
    from pgcheck.running.planning import plans

    with suppress(Undecided):
        return plans(under(machine, request.deployment), result, request)
    return ()


def judged(
    machine: Machine,
    request: Request,
    tell: Callable[[answers.Event], None] = lambda event: None,
    *,
    shown: bool = True,
) -> MachineResult:
    """The answer for a machine, with progress on standard error. Raises Failure for names that it does not have."""
    machine = under(machine, request.deployment)
    chosen = request.options.only or (selected(request.only, machine) if request.only else ())
    options = replace(request.options, only=chosen)
    if options.dump is not None:
        options = replace(options, dump=console.folder(options.dump))
    with progress.shown(enabled=shown and progress.wanted()) as show:

        def heard(event: answers.Event) -> None:
            show(event)
            tell(event)

        return check(machine, options, heard)


def under(machine: Machine, name: str) -> Machine:
    if not name:
        return machine
    virtual = next((v.machine for v in machine.virtual if v.deployment.name == name), None)
    if virtual is not None:
        return virtual
    chosen = tuple(d for d in machine.deployments if d.name == name)
    if not chosen:
        known = [d.name for d in (*machine.deployments, *(v.deployment for v in machine.virtual))]
        hint = did_you_mean(name, known) or f"it has {', '.join(known)}"
        raise console.Failure(f"{machine.identity.name} has no deployment '{name}'; {hint}")
    return replace(machine, deployments=chosen, virtual=())


def about(machine: Machine, deployment: str) -> Machine:
    """The machine that a deployment is about, where one is named: with its guest, if that is another machine."""
    return machine.under(deployment) if deployment in _guests(machine) else machine


def _guests(machine: Machine) -> frozenset[str]:
    """The deployments of which another machine is the guest."""
    return frozenset(v.deployment.name for v in machine.virtual)


def selected(patterns: Sequence[str], machine: Machine, *others: Machine) -> tuple[str, ...]:
    """The ids that the patterns name on any of the machines; each is an id, a mnemonic, or either with * and ?, or several of them with commas.

    Raises Failure for a pattern that names none.
    """
    from pgcheck.checker.questions.subject import judgeable

    chosen: dict[str, None] = {}
    known = [i for each in (machine, *others) for i in judgeable(each)]
    for pattern in [one.strip() for word in patterns for one in word.split(",") if one.strip()]:
        found = [i.id for i in known if fnmatchcase(i.id, pattern) or fnmatchcase(i.name, pattern)]
        if not found:
            hint = did_you_mean(pattern, {n for i in known for n in (i.id, i.name)})
            whose = "neither has an" if others else f"{machine.identity.name} has no"
            raise console.Failure(f"{whose} instruction '{pattern}'" + (f"; {hint}" if hint else ""))
        chosen |= dict.fromkeys(found)
    return tuple(chosen)


def code(result: MachineResult, request: Request, reviewed: Sequence[Reviewed] = ()) -> ExitCode:
    """The exit code that a result means: a wrong specification answers nothing, and what is not decided is no pass."""
    if any(f.status == "error" for f in result.findings):
        return ExitCode.USAGE
    found = ExitCode.worst([_required(result, request.require), *map(application.code, reviewed)])
    return ExitCode.PROVED if request.exit_zero else found


def _required(result: MachineResult, require: str) -> ExitCode:
    """What the answer that exit code 0 asks for means; a premise whose every failure is waived leaves what is not decided."""
    theorem = result.main.theorems[require]
    unknown = any(f.status == "unknown" for f in result.findings)
    match theorem.status:
        case "fails" if application.waived(theorem):
            unknown = unknown or any(row.verdict == "unknown" for row in result.main.instructions)
        case "fails":
            return ExitCode.REFUTED
        case "unknown" | "void":
            return ExitCode.UNKNOWN
    return ExitCode.UNKNOWN if unknown else ExitCode.PROVED


def each(
    words: Sequence[str], request: Request, subscribers: Sequence[Subscriber], alternatives: Sequence[str]
) -> ExitCode:
    """Check every specification and tell the subscribers; one that cannot be checked does not stop the others.

    The end is told too when the run is broken off. Raises Failure if a word means no file, before anything is checked.
    """
    run = _Run(subscribers)
    try:
        run.tell(Began(tuple(words), request.require))
        for word, path in [(w, run.found(w, alternatives if place == 0 else ())) for place, w in enumerate(words)]:
            run.check(word, path, request)
    except BaseException as error:
        run.end(_ending(error), complete=False)
        raise
    run.end(ExitCode.worst(run.codes), complete=True)
    return ExitCode.worst(run.codes)


def _ending(error: BaseException) -> int:
    """What the process ends with when a run is broken off by this."""
    match error:
        case KeyboardInterrupt():
            return console.INTERRUPTED
        case console.ReaderGone():
            return console.READER_GONE
        case console.Failure():
            return console.FAILED
        case SystemExit(code=int() as number):
            return number
        case _:
            return ExitCode.INTERNAL


@dataclass(slots=True)
class _Run:
    """A run over several specifications: who hears of it, and the exit codes so far."""

    subscribers: Sequence[Subscriber]
    codes: list[ExitCode] = field(default_factory=list)

    def tell(self, event: Event) -> None:
        """Every subscriber hears it, whatever goes wrong with another. Raises ReaderGone after that."""
        gone: console.ReaderGone | None = None
        for subscriber in self.subscribers:
            try:
                with troubles(self.codes):
                    subscriber(event)
            except console.ReaderGone as error:
                gone = error
        if gone is not None:
            raise gone

    def found(self, word: str, alternatives: Sequence[str]) -> Path:
        try:
            return find(word, alternatives)
        except console.Failure as failure:
            self.tell(Failed(word, failure.format_message(), (), ExitCode.USAGE))
            raise

    def check(self, word: str, path: Path, request: Request) -> None:
        def failed(trouble: Trouble) -> None:
            self.tell(Failed(word, trouble.message, trouble.problems, trouble.code))

        with troubles(self.codes, failed):
            answer = answered(word, path, request, lambda event: self.tell(Underway(word, event)), shown=True)
            if request.witnesses is not None:
                write_witnesses(answer.result, request.witnesses)
            self.codes.append(answer.code)
            self.tell(answer)

    def end(self, number: int, *, complete: bool) -> None:
        """Tell the end; of a run that is broken off it is no news that a reader has gone."""
        try:
            self.tell(Ended(number, versions(), complete))
        except console.ReaderGone:
            if complete:
                raise


def write_witnesses(result: MachineResult, folder: Path) -> None:
    """One file per hole, `MACHINE-DEPLOYMENT-ROW.yaml`. Raises Failure."""
    from pgcheck.checker.witnesses.file import dump

    console.folder(folder)
    for deployment in result.deployments:
        for row in deployment.instructions:
            if row.witness is not None:
                name = f"{result.name}-{deployment.name}-{row.id}"
                safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
                console.write(folder / f"{safe}.yaml", dump(row.witness))
