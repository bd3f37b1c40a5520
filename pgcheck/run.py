"""Checks of one specification after another: loading, judging, writing, and the exit code that the answers mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from pgcheck import output, progress
from pgcheck.checker.check import Options, check
from pgcheck.checker.result import ExitCode, MachineResult
from pgcheck.isa.build import load
from pgcheck.isa.errors import did_you_mean
from pgcheck.isa.machine import Machine
from pgcheck.shipped import names, shipped
from pgcheck.trouble import troubles


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for, besides the specifications."""

    options: Options
    only: tuple[str, ...] = ()
    deployment: str = ""
    require: str = "theorem1"
    exit_zero: bool = False
    witnesses: Path | None = None


def find(word: str, alternatives: Sequence[str] = ()) -> Path:
    """The file that a word means: a shipped specification by its name, else a path. Raises Failure."""
    path = shipped(word)
    if path is not None:
        folder = Path.cwd()
        return path.relative_to(folder) if path.is_relative_to(folder) else path
    path = Path(word)
    if not path.exists():
        hint = did_you_mean(word, [*alternatives, *names()])
        what = "command, specification or file" if alternatives else "specification or file"
        raise output.Failure(f"no {what} '{word}'; {hint or '`pgcheck list` names what is shipped'}")
    if path.is_dir():
        raise output.Failure(f"{word} is a folder; name the specification's file in it")
    return path


def loaded(word: str) -> Machine:
    """The machine that a word means. Raises Failure or SpecificationError."""
    return load(find(word), shipped=shipped)


def judged(machine: Machine, request: Request) -> MachineResult:
    """The answer for a machine, with progress on standard error. Raises Failure for names that it does not have."""
    machine = _under(machine, request.deployment)
    options = replace(request.options, only=_selected(machine, request.only))
    if options.dump is not None:
        options = replace(options, dump=output.folder(options.dump))
    with progress.shown(enabled=progress.wanted()) as subscriber:
        return check(machine, options, subscriber)


def _under(machine: Machine, name: str) -> Machine:
    if not name:
        return machine
    chosen = tuple(d for d in machine.deployments if d.name == name)
    if not chosen:
        known = [d.name for d in machine.deployments]
        hint = did_you_mean(name, known) or f"it has {', '.join(known)}"
        raise output.Failure(f"{machine.name} has no deployment '{name}'; {hint}")
    return replace(machine, deployments=chosen)


def _selected(machine: Machine, patterns: Sequence[str]) -> tuple[str, ...]:
    """The ids that the patterns name; each is an id, a mnemonic, or either with * and ?."""
    chosen: dict[str, None] = {}
    for pattern in patterns:
        found = [i.id for i in machine.instructions if fnmatchcase(i.id, pattern) or fnmatchcase(i.name, pattern)]
        if not found:
            hint = did_you_mean(pattern, {n for i in machine.instructions for n in (i.id, i.name)})
            raise output.Failure(f"{machine.name} has no instruction '{pattern}'" + (f"; {hint}" if hint else ""))
        chosen |= dict.fromkeys(found)
    return tuple(chosen)


def code(result: MachineResult, request: Request) -> ExitCode:
    """The exit code that a result means: a wrong specification answers nothing, and what is not decided is no pass."""
    statuses = {f.status for f in result.findings}
    match "error" if "error" in statuses else result.main.theorems[request.require].status:
        case "error":
            return ExitCode.USAGE
        case "fails":
            found = ExitCode.REFUTED
        case "unknown":
            found = ExitCode.UNKNOWN
        case _:
            found = ExitCode.UNKNOWN if "unknown" in statuses else ExitCode.PROVED
    return ExitCode.PROVED if request.exit_zero else found


def each(
    words: Sequence[str], request: Request, use: Callable[[Machine, MachineResult], None], alternatives: Sequence[str]
) -> ExitCode:
    """Check every specification and hand its result to `use`; one that cannot be checked does not stop the others.

    Raises Failure if a word means no file, before anything is checked.
    """
    codes: list[ExitCode] = []
    paths = [find(word, alternatives if place == 0 else ()) for place, word in enumerate(words)]
    for path in paths:
        with troubles(codes):
            machine = load(path, shipped=shipped)
            result = judged(machine, request)
            if request.witnesses is not None:
                write_witnesses(result, request.witnesses)
            use(machine, result)
            codes.append(code(result, request))
    return ExitCode.worst(codes)


def write_witnesses(result: MachineResult, folder: Path) -> None:
    """One file per hole, `MACHINE-DEPLOYMENT-ROW.yaml`. Raises Failure."""
    from pgcheck.checker.witness_file import dump

    output.folder(folder)
    for deployment in result.deployments:
        for row in deployment.instructions:
            if row.witness is not None:
                name = f"{result.name}-{deployment.name}-{row.id}"
                safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
                output.write(folder / f"{safe}.yaml", dump(row.witness))
