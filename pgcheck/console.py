"""What leaves the program: standard output and files. Whatever goes wrong there is one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

FAILED = 2
INTERRUPTED = 130
READER_GONE = 141
LONGEST = 64 << 20
HOUR = 3600.0


class ReaderGone(Exception):
    """Whoever read standard output has closed it."""


class Failure(click.ClickException):
    """The run cannot go on; the message is the one line that says why."""

    exit_code = FAILED


def say(text: str) -> None:
    """Print a text and a newline, in colour only on a terminal that wants it. Raises ReaderGone or Failure."""
    if sys.stdout is None:
        raise Failure("standard output is closed")
    with _standard_output():
        click.echo(text, color=False if os.environ.get("NO_COLOR") else None)


def put(data: bytes) -> None:
    """Write bytes as they are, at once. Raises ReaderGone or Failure."""
    if sys.stdout is None:
        raise Failure("standard output is closed")
    with _standard_output():
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def flush() -> None:
    """Write out what is still held back. Raises ReaderGone or Failure."""
    if sys.stdout is not None and not sys.stdout.closed:
        with _standard_output():
            sys.stdout.flush()


@contextmanager
def _standard_output() -> Iterator[None]:
    """Turns what goes wrong inside into ReaderGone or Failure; what could not be written is then gone for good."""
    try:
        yield
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        if isinstance(error, BrokenPipeError):
            raise ReaderGone from None
        raise Failure(f"cannot write to standard output: {error.strerror}") from None


def folder(path: Path) -> Path:
    """The folder, made if it is not there. Raises Failure."""
    try:
        for one in reversed((path, *path.parents)):  # pathlib's own way to make parents is a recursion
            one.mkdir(exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot make the folder {path}: {error.strerror}") from None
    return path


def write(path: Path, text: str | bytes, *, change: bool = False) -> None:
    """The file with this text, or no file at all; a device or a pipe is written to. `change`: it was read for that. Raises Failure."""
    from pgcheck.checker import limits
    from pgcheck.isa.files import door

    flush()  # the file may be where standard output goes
    try:
        content = text if isinstance(text, bytes) else text.encode("utf-8", "backslashreplace")
        door.write(path, content, over="read" if change else "nothing")
    except OSError as error:
        raise Failure(f"cannot write {path}: {limits.told(error) or error.strerror}") from None


def read(path: str) -> str:
    """The text of a file, or of standard input for `-`. Raises Failure."""
    from pgcheck.isa.files import door

    if path == "-" and sys.stdin is None:
        raise Failure("standard input is closed")
    try:
        content = door.drained(sys.stdin.fileno(), LONGEST, HOUR) if path == "-" else door.content(path, LONGEST)
        return content.decode("utf-8")
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Failure(f"cannot read {path}: it is not UTF-8 text") from None
