"""A specification checked again whenever one of its files changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from pgcheck import console
from pgcheck.checker.result import ExitCode
from pgcheck.isa.files import loader
from pgcheck.isa.files.errors import SpecificationError
from pgcheck.request import Request
from pgcheck.running import finding, run
from pgcheck.running.events import Subscriber
from pgcheck.running.trouble import troubles
from pgcheck.shipped import shipped

PAUSE: Final = 0.3
Stamps = Mapping[Path, tuple[int, int, int] | None]


def watch(word: str, request: Request, listening: Callable[[], Sequence[Subscriber]]) -> int:
    """Checks, each time with new subscribers, until somebody interrupts, which is no error. Raises Failure if the word means no file at the start."""
    path = finding.find(word)
    files = {path}
    try:
        while True:
            files = sources(path, files)
            before = stamps(files)
            _check(word, request, listening())
            changed(before)
    except KeyboardInterrupt:
        click.echo("", err=True)
        return 0


def _check(word: str, request: Request, subscribers: Sequence[Subscriber]) -> None:
    click.clear()  # does nothing where standard output is no terminal
    codes: list[ExitCode] = []
    with troubles(codes):
        run.each([word], request, subscribers, ())
    console.flush()
    click.echo(f"{time.strftime('%H:%M:%S')} waiting for a change; Ctrl-C ends", err=True)


def sources(path: Path, known: Iterable[Path]) -> set[Path]:
    """The files that a specification is read from; where it cannot be read, also those known before."""
    try:
        return {path, *loader.load(path, shipped).sources}
    except SpecificationError as error:
        return {path, *known, *(Path(p.position.path) for p in error.problems)}


def stamps(files: Iterable[Path]) -> Stamps:
    """What changes with a file's content: time, size and number; None where there is no file."""
    found: dict[Path, tuple[int, int, int] | None] = {}
    for file in files:
        try:
            state = file.stat()
            found[file] = state.st_mtime_ns, state.st_size, state.st_ino
        except OSError:
            found[file] = None
    return found


def changed(before: Stamps, pause: float = PAUSE) -> Stamps:
    """Waits until a file is not what it was and no more is being written; what is there then."""
    last = before
    while True:
        time.sleep(pause)
        now = stamps(before)
        if now == last != before:
            return now
        last = now
