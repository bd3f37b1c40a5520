"""A run as GitHub workflow commands, which annotate the changed files of a pull request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pgcheck.reports.facts import SHOWN, Fact, WrongReport, facts, hold
from pgcheck.reports.places import Places
from pgcheck.reports.remarks import Level, Remark, printable, remarks
from pgcheck.reports.writing import Format
from pgcheck.repository import root
from pgcheck.running.events import Manner, Story

COMMANDS: Final[dict[Level, str]] = {"error": "error", "warning": "warning", "note": "notice"}
# GitHub shows this many annotations of a kind for a step, and drops the others without a word.
MOST: Final = 10
_ANNOTATION: Final = re.compile(
    r"::(?:error|warning|notice) file=(?P<file>[^,:]*),line=(?P<line>[1-9]\d*),col=[1-9]\d*,title=(?P<rule>\w+) [^,:]*::.*"
)
_MORE: Final = re.compile(r"::(?:error|warning|notice) title=pgcheck::(\d+) more: ")


def render(story: Story, manner: Manner) -> str:
    """The commands, a line each; the last of a kind that has too many counts the rest. Waived results are left out."""
    places = Places(root(Path.cwd()))
    said = [remark for remark in remarks(story) if not remark.waived]
    lines = [_aside(f"{f.specification}: {f.message}") for f in story.failed if not f.problems]
    lines += [_aside(f"{word}: {story.left(word)}") for word in story.unfinished]
    for level in COMMANDS:
        found = [remark for remark in said if remark.level == level]
        room = MOST - (len(lines) if level == "error" else 0)
        lines += _few(found, level, max(room, 1), places)
    return "\n".join(lines)


def _few(found: Sequence[Remark], level: Level, room: int, places: Places) -> list[str]:
    if len(found) <= room:
        return [_command(remark, places) for remark in found]
    rest = found[room - 1 :]
    counted = ", ".join(remark.title for remark in rest)
    more = f"::{COMMANDS[level]} title=pgcheck::" + _data(f"{len(rest)} more: {printable(counted, 1000)}")
    return [*(_command(remark, places) for remark in found[: room - 1]), more]


def _command(remark: Remark, places: Places) -> str:
    position = remark.position
    file = places.relative(position.path) or position.path
    place = f"file={_property(file)},line={position.line},col={position.column},title={_property(remark.title)}"
    return f"::{COMMANDS[remark.level]} {place}::{_data(remark.message)}"


def _aside(text: str) -> str:
    return f"::error title=pgcheck::{_data(printable(text))}"


def _data(text: str) -> str:
    """A command's message, escaped."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """A value of a command's parameter, escaped."""
    return _data(printable(text)).replace(":", "%3A").replace(",", "%2C")


def reread(text: str, story: Story, manner: Manner) -> None:
    """Annotations stand in the files and lines of what the run found, and with those that are only counted none is missing. Raises WrongReport."""
    places = Places(root(Path.cwd()))
    lines = [*filter(None, text.split("\n"))][sum(not f.problems for f in story.failed) + len(story.unfinished) :]
    annotations = [found for line in lines if (found := _ANNOTATION.fullmatch(line))]
    counted = [int(found[1]) for line in lines if (found := _MORE.match(line))]
    if len(annotations) + len(counted) != len(lines):
        raise WrongReport("a line of the report is no workflow command")
    wanted = sum(not remark.waived and remark.level in COMMANDS for remark in remarks(story))
    if len(annotations) + sum(counted) != wanted:
        raise WrongReport(f"the report shows or counts {len(annotations) + sum(counted)} of {wanted} remarks")
    read = (Fact(a["rule"], _read(a["file"]), int(a["line"])) for a in annotations if a["rule"] in SHOWN)
    hold(facts(story, lambda p: printable(places.relative(p) or p), waived=False), read, partly=True)


def _read(value: str) -> str:
    return re.sub(r"%(25|0D|0A|3A|2C)", lambda escaped: chr(int(escaped[1], 16)), value)


FORMAT = Format(
    audience="annotations on a pull request: workflow commands",
    written="at the end; without a file on standard output, or on standard error when `--format` is another than text",
    render=render,
    aside=True,
    reread=reread,
)
