"""What is asked for subscribes to the run, and is written in its format: a module of `pgcheck.reports.formats` that has a row."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import click

from pgcheck import console
from pgcheck.isa.files.errors import did_you_mean
from pgcheck.isa.rows import modules
from pgcheck.running.events import Checked, Ended, Event, Manner, Recorder, Story, Subscriber

PACKAGE = "pgcheck.reports.formats"


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format of reports, named by its module: whom it is for, when it is written, and the whole text of a story.

    `at_once` is what standard output shows of each specification as soon as that has its answer, instead of the whole at the end;
    `aside` says that the format needs no file: it is printed, on standard error where standard output is a document.
    `reread` reads a text as its reader will and holds it against the story; it raises `facts.WrongReport`.
    """

    audience: str
    written: str
    render: Callable[[Story, Manner], str]
    at_once: Callable[[Checked, Manner], str] | None = None
    broken_off: Callable[[Story], list[str]] = lambda story: []
    aside: bool = False
    reread: Callable[[str, Story, Manner], None] | None = None


def names() -> tuple[str, ...]:
    """The names of all formats; none is loaded."""
    return modules(PACKAGE)


def format_of(name: str) -> Format:
    """The format of a name, which is one of `names`."""
    found: Format = import_module(f"{PACKAGE}.{name}").FORMAT
    return found


class Writer:
    """A subscriber that writes a format at the end of the run; a text that does not say what the run found is not written. Raises WrongReport."""

    def __init__(self, format_: Format, manner: Manner, write: Callable[[str], None]) -> None:
        self._format, self._manner, self._write = format_, manner, write
        self._recorder = Recorder()

    def __call__(self, event: Event) -> None:
        self._recorder(event)
        if isinstance(event, Ended):
            story = self._recorder.story(event)
            text = self._format.render(story, self._manner)
            if self._format.reread is not None:
                self._format.reread(text, story, self._manner)
            self._write(text)


class Teller:
    """A subscriber that prints what is to be said of each specification as soon as it is there, and at a broken end what was found so far."""

    def __init__(self, format_: Format, said: Callable[[Checked, Manner], str], manner: Manner) -> None:
        self._format, self._said, self._manner, self._first = format_, said, manner, True
        self._recorder = Recorder()

    def __call__(self, event: Event) -> None:
        self._recorder(event)
        if isinstance(event, Checked):
            self._say(self._said(event, self._manner))
        elif isinstance(event, Ended) and not event.complete and event.code != console.READER_GONE:
            for part in self._format.broken_off(self._recorder.story(event)):
                self._say(part)

    def _say(self, text: str) -> None:
        if not self._first:
            console.say("")
        self._first = False
        console.say(text)


def subscribers(name: str, asked: Sequence[str], manner: Manner, inputs: Sequence[str] = ()) -> list[Subscriber]:
    """Those for each `FORMAT=FILE` and for standard output. Raises Failure, also for a file that is among the inputs or named twice.

    Standard output comes last: what it has shown the files know, whenever the run is broken off.
    """
    printed = format_of(name)
    taken = {os.path.realpath(word): "a specification" for word in inputs}
    for word in asked:
        file = word.partition("=")[2]
        place = os.path.realpath(file)
        if file and os.path.isfile(place) | (not os.path.exists(place)) and taken.setdefault(place, word) is not word:
            raise console.Failure(f"--output {word}: {file} is {taken[place]} too; write another file")
    return [*(_subscriber(word, printed, manner) for word in asked), _printer(printed, manner)]


def _printer(format_: Format, manner: Manner) -> Subscriber:
    return (
        Teller(format_, format_.at_once, manner) if format_.at_once is not None else Writer(format_, manner, _printed)
    )


def _subscriber(word: str, printed: Format, manner: Manner) -> Subscriber:
    name, equals, file = word.partition("=")
    if name not in names():
        hint = did_you_mean(name, names()) or f"it is one of {', '.join(names())}"
        raise console.Failure(f"--output {word}: no format '{name}'; {hint}")
    format_ = format_of(name)
    if format_.aside and not equals:
        return Writer(format_, manner, _printed if printed.at_once is not None else _aside)
    if not file:
        raise console.Failure(f"--output {word}: write {name}=FILE; --format {name} prints it")
    return Writer(format_, manner, lambda text: console.write(Path(file), text + "\n" if text else text))


def _printed(text: str) -> None:
    if text:
        console.say(text)


def _aside(text: str) -> None:
    """On standard error, where standard output is a document; the runner reads both."""
    if text:
        click.echo(text, file=sys.stderr)
