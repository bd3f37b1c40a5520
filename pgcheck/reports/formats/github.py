"""A run as GitHub workflow commands, which annotate the changed files of a pull request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pgcheck.reports.places import Places
from pgcheck.reports.remarks import Level, Remark, printable, remarks
from pgcheck.reports.writing import Format
from pgcheck.repository import root
from pgcheck.running.events import Manner, Story

COMMANDS: Final[dict[Level, str]] = {"error": "error", "warning": "warning", "note": "notice"}
# GitHub shows this many annotations of a kind for a step, and drops the others without a word.
MOST: Final = 10


def render(story: Story, manner: Manner) -> str:
    """The commands, a line each; the last of a kind that has too many counts the rest. Waived results are left out."""
    places = Places(root(Path.cwd()))
    said = [remark for remark in remarks(story) if not remark.waived]
    lines = [_aside(f"{f.specification}: {f.message}") for f in story.failed if not f.problems]
    lines += [_aside(f"{word}: not checked, for the run was broken off") for word in story.unfinished]
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


FORMAT = Format(
    audience="annotations on a pull request: workflow commands",
    written="at the end; without a file on standard output, or on standard error when `--format` is another than text",
    render=render,
    aside=True,
)
