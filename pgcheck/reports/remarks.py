"""What a run has to say about places in specifications: one remark for each rule that is broken somewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pgcheck.checker.result import DeploymentResult, Finding, InstructionResult, TheoremResult, Witness
from pgcheck.isa.files.errors import Position
from pgcheck.reports.book import Entry, book
from pgcheck.reports.declared import declarations, place
from pgcheck.running.events import Checked, Failed, Story
from pgcheck.waivers.application import waived
from pgcheck.words import configuration, difference, units

if TYPE_CHECKING:
    from pgcheck.checker.verdicts.waiver import Reviewed
    from pgcheck.isa.encoding.fields import Decode

Level = Literal["error", "warning", "note", "none"]
LONGEST_NAME = 200
LONGEST_MESSAGE = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A rule broken at a place.

    `identity` says which defect it is, in words that no edit elsewhere changes. `related` are other rows that belong to it;
    `waived` is the reason why it is accepted, "" if it is not.
    """

    rule: Entry
    level: Level
    message: str
    position: Position
    identity: tuple[str, ...]
    specification: str = ""
    deployment: str = ""
    subject: str = ""
    row: InstructionResult | None = None
    related: tuple[InstructionResult, ...] = ()
    waived: str = ""

    @property
    def title(self) -> str:
        """A line without the details."""
        return shortened(f"{self.rule.id} {self.rule.name}: {self.subject or self.specification}", LONGEST_NAME)


def remarks(story: Story) -> Iterator[Remark]:
    """All that a run has to say, in the order of the command line and of the specifications."""
    for outcome in story.outcomes:
        match outcome:
            case Checked():
                yield from _answered(outcome, story.began.require)
            case Failed():
                yield from _wrong(outcome)


def _wrong(failed: Failed) -> Iterator[Remark]:
    for problem in failed.problems:
        details = (("found", problem.found), ("expected", problem.expected), ("hint", problem.hint))
        message = "\n".join([problem.message, *(f"{name}: {text}" for name, text in details if text)])
        yield Remark(
            rule=book()["specification"],
            level="error",
            message=printable(message),
            position=problem.position,
            identity=(problem.message, problem.found),
            specification=failed.specification,
        )


def _answered(checked: Checked, require: str) -> Iterator[Remark]:
    from pgcheck.isa.machine.meaning import meanings

    result = checked.result
    every = [v.machine for v in checked.machine.virtual if v.machine is not None]
    meant = {i: m.encoding + m.step for one in (*every, checked.machine) for i, m in meanings(one).instructions.items()}
    placeless = any(f.position is None for f in result.findings) or any(d.name != "default" for d in result.deployments)
    places = declarations(result.path) if placeless else {}
    for finding in result.findings:
        yield _finding(checked, finding, places, meant)
    for deployment in result.deployments:
        main = deployment is result.main
        for name, theorem in deployment.theorems.items():
            if theorem.status == "fails":
                yield _theorem(checked, deployment, theorem, "error" if main and name == require else "note", places)
        for row in () if deployment.void else deployment.instructions:
            if row.verdict == "hole":
                yield _row(checked, deployment, row, book()["hole"], "error" if main else "warning", meant)
            elif row.verdict == "unknown":
                yield _row(checked, deployment, row, book()["undecided"], "warning", meant)
    yield from (_waiver(checked, one) for one in checked.waivers if one.status != "accepted")


def _finding(checked: Checked, finding: Finding, places: Mapping[str, Position], meant: Mapping[str, str]) -> Remark:
    levels: dict[str, Level] = {
        "error": "error", "fails": "error", "warning": "warning", "unknown": "warning", "assumed": "none", "ok": "none",
    }  # fmt: skip
    about = f"{finding.subject}: " if finding.subject else ""
    undecided = "not decided: " if finding.status == "unknown" else ""
    position = finding.position or place(places, finding.subject) or _top(checked)
    return Remark(
        rule=book()[finding.law],
        level=levels[finding.status],
        message=printable(about + undecided + finding.message),
        position=position,
        identity=(meant.get(finding.subject, finding.subject),),
        specification=checked.result.name,
        subject=finding.subject,
    )


def _theorem(
    checked: Checked, deployment: DeploymentResult, theorem: TheoremResult, level: Level, places: Mapping[str, Position]
) -> Remark:
    rule = book()[theorem.name]
    rows = tuple(row for row in deployment.instructions if row.id in theorem.failing)
    named = ", ".join([*theorem.premises, *theorem.failing])
    message = f"{checked.result.name}{_under(deployment)}: {rule.title[0].lower()}{rule.title[1:]}: {named}"
    return Remark(
        rule=rule,
        level=level,
        message=printable(message),
        position=place(places, deployment.name) or _top(checked),
        identity=(checked.result.name, deployment.name),
        specification=checked.result.name,
        deployment=deployment.name,
        related=rows,
        waived=excuse(checked, deployment, theorem),
    )


def excuse(checked: Checked, deployment: DeploymentResult, theorem: TheoremResult) -> str:
    """Why a failing theorem is accepted; "" if it is not, or not all of it."""
    if not waived(theorem):
        return ""
    named = [r.waiver for r in checked.waivers if r.status == "accepted" and r.waiver.property == theorem.name]
    reasons = [f"{w.instruction}: {w.reason}" for w in named if w.deployment == deployment.name]
    return printable("\n".join(reasons))


def _waiver(checked: Checked, one: Reviewed) -> Remark:
    waiver = one.waiver
    lines = [f"{one.status}: the waiver of {waiver.instruction} for {waiver.property}: {one.message}"]
    if one.witness is not None:
        lines += witnessed(one.witness, checked.machine.decoding.decode)
    return Remark(
        rule=book()["waiver"],
        level="warning" if one.status == "unknown" else "error",
        message=printable("\n".join(lines)),
        position=waiver.position,
        identity=(waiver.machine, waiver.deployment, waiver.instruction, waiver.property, one.status),
        specification=checked.result.name,
        deployment=waiver.deployment,
        subject=waiver.instruction,
    )


def _row(
    checked: Checked,
    deployment: DeploymentResult,
    row: InstructionResult,
    rule: Entry,
    level: Level,
    meant: Mapping[str, str],
) -> Remark:
    seen = str(row.witness.differs[0]) if row.witness is not None else ""
    identity = (deployment.name, meant.get(row.id.removesuffix(row.row), row.id), row.row, seen)
    return Remark(
        rule=rule,
        level=level,
        message=said(row, deployment, checked.machine.decoding.decode),
        position=row.position,
        identity=identity,
        specification=checked.result.name,
        deployment=deployment.name,
        subject=row.id,
        row=row,
        waived=checked.waived.get((deployment.name, row.id), ""),
    )


def said(row: InstructionResult, deployment: DeploymentResult, decode: Decode) -> str:
    """Why a row is a hole or open, with its witness."""
    verdict = "is a hole" if row.verdict == "hole" else "is not decided"
    lines = [f"{row.id} {verdict}{_under(deployment)}: {row.reason}"]
    if row.witness is not None:
        lines += witnessed(row.witness, decode)
    return printable("\n".join(lines))


def witnessed(witness: Witness, decode: Decode) -> list[str]:
    """What a witness shows, in lines."""
    lines = [f"Witness: {witness.assembly} [{units(witness.units, decode.unit)}]"]
    lines += [f"- {difference(witness, differs)}" for differs in witness.differs]
    return [*lines, f"with {configuration(witness.configuration)}"] if witness.configuration else lines


def _under(deployment: DeploymentResult) -> str:
    return f" under {deployment.name}" if deployment.name != "default" else ""


def _top(checked: Checked) -> Position:
    return Position(checked.result.path, 1, 1)


def printable(text: str, most: int = LONGEST_MESSAGE) -> str:
    """The text with newlines, with all other control characters and half surrogates escaped, and not too long."""
    if text.replace("\n", "").isprintable():
        return shortened(text, most)
    shown = "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode("ascii") for c in text)
    return shortened(shown, most)


def shortened(text: str, most: int) -> str:
    """The text, without its middle if it is too long."""
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[len(text) - most // 2 + 5 :]}"
