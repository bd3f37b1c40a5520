"""Several machines side by side: a page from results of earlier checks (docs/json.md) and from checks made now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError

from pgcheck import console
from pgcheck.checker import values
from pgcheck.checker.result import THEOREMS, ExitCode
from pgcheck.checker.values import Configuration, Sensitivity
from pgcheck.isa.files.kind import says_machine
from pgcheck.reports.formats.json import SCHEMA_VERSION, document
from pgcheck.reports.html.rendering import rendered
from pgcheck.reports.text.report import CLAIMS
from pgcheck.request import Request
from pgcheck.running.events import Checked, Ended, Event, Failed, Recorder
from pgcheck.running.run import each
from pgcheck.shipped import shipped
from pgcheck.words import configuration

MAJOR: Final = SCHEMA_VERSION.partition(".")[0]
TITLES: Final = {**{name: claim[0] for name, claim in CLAIMS.items()}, "monitor": "Monitor"}


def _configuration(shown: object) -> Configuration | None:
    """The configuration of a document. Raises ValueError."""
    if shown is not None and not isinstance(shown, Mapping):
        raise ValueError("a configuration is an object or null")
    return None if shown is None else values.configuration(shown)


def _sensitivity(text: object) -> Sensitivity:
    """A sensitivity of a document. Raises ValueError."""
    return values.sensitivity(text if isinstance(text, str) else "")


class _Given(BaseModel):
    """A part of a result; keys that are not named here are ignored, as docs/json.md asks of readers."""

    model_config = ConfigDict(frozen=True)


class Theorem(_Given):
    status: Literal["holds", "fails", "conditional", "unknown", "void"]
    failing: tuple[str, ...]
    configuration: Annotated[Configuration | None, PlainValidator(_configuration)] = None
    waived: tuple[str, ...] = ()
    premises: tuple[str, ...] = ()
    timing: tuple[str, ...] = ()

    @property
    def fixed(self) -> str:
        return configuration(self.configuration) if self.configuration else ""


class Row(_Given):
    id: str
    sensitivity: tuple[Annotated[Sensitivity, PlainValidator(_sensitivity)], ...]
    verdict: str
    reason: str


class Answered(_Given):
    """A machine under one deployment."""

    deployment: str
    theorem1: Theorem
    theorem2: Theorem
    theorem3: Theorem
    monitor: Theorem
    instructions: tuple[Row, ...]

    @property
    def theorems(self) -> tuple[Theorem, ...]:
        return self.theorem1, self.theorem2, self.theorem3, self.monitor

    @property
    def holes(self) -> tuple[Row, ...]:
        return tuple(row for row in self.instructions if row.verdict == "hole")


class Spec(_Given):
    name: str
    title: str
    digest: str


class Tool(_Given):
    version: str
    solvers: dict[str, str]


class Finding(_Given):
    status: str
    law: str
    subject: str
    message: str


class Result(Answered):
    """What one specification's check answered."""

    schema_version: str
    spec: Spec
    tool: Tool
    deployments: tuple[Answered, ...]
    findings: tuple[Finding, ...]
    unmodelled: tuple[str, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings for which the answers mean nothing."""
        return tuple(f for f in self.findings if f.status == "error")


class Unanswered(_Given):
    specification: str
    message: str


class Several(_Given):
    """The document of a run over several specifications."""

    results: tuple[Result, ...]
    errors: tuple[Unanswered, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A machine under one deployment, as the tables head it."""

    name: str
    result: Result
    answered: Answered


def side_by_side(places: Sequence[str], request: Request, file: Path | None) -> ExitCode:
    """Write the page on all that the places name: folders, JSON results, specifications. Raises Failure.

    The answers do not count for the exit code, only what has none.
    """
    files, words = _sorted_out(places)
    found = [read(path) for path in files]
    results = [result for several in found for result in several.results]
    errors = [error for several in found for error in several.errors]
    codes: list[ExitCode] = []
    for outcome in _checked(words, request):
        match outcome:
            case Checked():
                text = document([(outcome.result, outcome.machine.decoding.decode)], timing=False, several=False)
                results.append(Result.model_validate_json(text))
            case Failed():
                errors.append(Unanswered(specification=outcome.specification, message=outcome.message))
                codes.append(outcome.code)
    text = page(results, errors)
    if file is None:
        console.say(text)
    else:
        console.write(file, text + "\n")
    return ExitCode.worst(codes)


def page(results: Sequence[Result], errors: Sequence[Unanswered]) -> str:
    """The page on these results; equal results give equal bytes."""
    columns = [Column(_named(r, a), r, a) for r in results for a in (r, *r.deployments)]
    return rendered(
        "report.html",
        results=results,
        errors=errors,
        columns=columns,
        titles=[TITLES[name] for name in THEOREMS],
        roles=tuple(_roles(columns)),
    )


def _named(result: Result, answered: Answered) -> str:
    alone = not result.deployments and answered.deployment == "default"
    return result.spec.name if alone else f"{result.spec.name} ({answered.deployment})"


def _roles(columns: Sequence[Column]) -> Iterator[tuple[str, tuple[tuple[str, ...], ...]]]:
    """Each role that some hole involves, with the holes of each column that do."""
    involved = [{row.id: {one.role for one in row.sensitivity} for row in c.answered.holes} for c in columns]
    for role in sorted({role for holes in involved for roles in holes.values() for role in roles}):
        yield role, tuple(tuple(name for name, roles in holes.items() if role in roles) for holes in involved)


def _sorted_out(places: Sequence[str]) -> tuple[list[Path], list[str]]:
    """The files of results that the places name, and the specifications. Raises Failure."""
    files: list[Path] = []
    words: list[str] = []
    for place in places:
        path = Path(place)
        if path.is_dir():
            results = sorted(path.glob("*.json"))
            specifications = [p for p in sorted(path.glob("*.yaml")) if says_machine(p, shipped)]
            if not results and not specifications:
                raise console.Failure(f"{place} holds neither results (*.json) nor specifications (*.yaml)")
            files += results
            words += map(str, specifications)
        elif path.suffix == ".json":
            files.append(path)
        else:
            words.append(place)
    return files, words


def read(path: Path) -> Several:
    """The results in a file. Raises Failure."""
    try:
        given = json.loads(console.read(str(path)))
    except (ValueError, RecursionError) as error:
        raise console.Failure(f"{path} is not JSON: {error}") from None
    version = given.get("schema_version") if isinstance(given, dict) else None
    if not isinstance(version, str):
        raise console.Failure(f"{path} is no result of pgcheck: it has no schema_version")
    if version.partition(".")[0] != MAJOR:
        raise console.Failure(f"{path} has version {version[:20]} of the results' format; this is {SCHEMA_VERSION}")
    try:
        return Several.model_validate_json(json.dumps(given if "results" in given else {"results": [given]}))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise console.Failure(f"{path} is no result of pgcheck: {where}: {first['msg']}") from None


def _checked(words: Sequence[str], request: Request) -> tuple[Checked | Failed, ...]:
    """The outcomes of checks made now."""
    if not words:
        return ()
    recorder, ends = Recorder(), list[Ended]()

    def hear(event: Event) -> None:
        recorder(event)
        if isinstance(event, Ended):
            ends.append(event)

    each(words, request, [hear], ())
    return recorder.story(ends[0]).outcomes
