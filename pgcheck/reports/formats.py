"""The table of outputs: a format is a function of a run's story, and what is asked for subscribes to the run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final, Literal

import click

from pgcheck import console
from pgcheck.isa.files.errors import did_you_mean
from pgcheck.running.events import Checked, Ended, Event, Recorder, Story, Subscriber

# The module that has `render(story, manner)`, by format.
FORMATS: Final = {
    "text": "text.output",
    "json": "json_output",
    "sarif": "sarif",
    "junit": "junit",
    "github": "github",
    "html": "html.output",
}


@dataclass(frozen=True, slots=True)
class Manner:
    """How outputs are written: with times or the same from run to run.

    `partly` says that not all instructions were asked about, `waived` what SARIF does with waived results.
    """

    timing: bool = True
    every_row: bool = False
    partly: bool = False
    waived: Literal["keep", "omit"] = "keep"


def render(format_: str, story: Story, manner: Manner) -> str:
    """The whole text of a format."""
    text: str = import_module(f"pgcheck.reports.{FORMATS[format_]}").render(story, manner)
    return text


class Writer:
    """A subscriber that writes a format at the end of the run."""

    def __init__(self, format_: str, manner: Manner, write: Callable[[str], None]) -> None:
        self._format, self._manner, self._write = format_, manner, write
        self._recorder = Recorder()

    def __call__(self, event: Event) -> None:
        self._recorder(event)
        if isinstance(event, Ended):
            self._write(render(self._format, self._recorder.story(event), self._manner))


class Teller:
    """A subscriber that prints the text of each specification as soon as it is there."""

    def __init__(self, manner: Manner) -> None:
        self._manner, self._first = manner, True

    def __call__(self, event: Event) -> None:
        if isinstance(event, Checked):
            from pgcheck.reports.text.output import report_of

            if not self._first:
                console.say("")
            self._first = False
            console.say(report_of(event, self._manner))


def subscribers(format_: str, asked: Sequence[str], manner: Manner) -> list[Subscriber]:
    """Those for each `FORMAT=FILE` and for standard output; `github` without a file is printed. Raises Failure.

    Standard output comes last: what it has shown the files know, whenever the run is broken off.
    """
    first = Teller(manner) if format_ == "text" else Writer(format_, manner, _printed)
    return [*(_subscriber(word, format_, manner) for word in asked), first]


def _subscriber(word: str, format_: str, manner: Manner) -> Subscriber:
    name, equals, file = word.partition("=")
    if name not in FORMATS:
        hint = did_you_mean(name, FORMATS) or f"it is one of {', '.join(FORMATS)}"
        raise console.Failure(f"--output {word}: no format '{name}'; {hint}")
    if name == "github" and not equals:
        return Writer(name, manner, _printed if format_ == "text" else _aside)
    if not file:
        raise console.Failure(f"--output {word}: write {name}=FILE; --format {name} prints it")
    return Writer(name, manner, lambda text: console.write(Path(file), text + "\n" if text else text))


def _printed(text: str) -> None:
    if text:
        console.say(text)


def _aside(text: str) -> None:
    """On standard error, where standard output is a document; the runner reads both."""
    if text:
        click.echo(text, file=sys.stderr)
