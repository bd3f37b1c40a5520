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
    if sys.stdout is not None:
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
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot make the folder {path}: {error.strerror}") from None
    return path


def write(path: Path, text: str) -> None:
    """The file with this text, or no file at all; a device or a pipe is written to. Raises Failure."""
    import tempfile

    draft = ""
    target = Path(os.path.realpath(path))
    try:
        if path.is_relative_to("/dev") or (path.exists() and not path.is_file() and not path.is_dir()):
            flush()
            with open(path, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
            return
        descriptor, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        os.chmod(draft, 0o644)
        os.replace(draft, target)
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror}") from None
    finally:
        if draft and os.path.exists(draft):
            os.unlink(draft)


def read(path: str) -> str:
    """The text of a file, or of standard input for `-`. Raises Failure."""
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Failure(f"cannot read {path}: it is not UTF-8 text") from None
