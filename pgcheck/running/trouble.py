"""What goes wrong, as one message on standard error and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from pgcheck.checker.limits import Limited, Undecided, told
from pgcheck.checker.result import ExitCode
from pgcheck.console import ReaderGone
from pgcheck.glossary import pointer
from pgcheck.isa.files.errors import Problem, SpecificationError

LONGEST_NAME = 160
REPORT = "please report it with the command and the specification; PGCHECK_DEBUG=1 shows where"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong: a line, the problems of a wrong specification, and the exit code that it means."""

    message: str
    problems: tuple[Problem, ...]
    code: ExitCode


@contextmanager
def troubles(codes: list[ExitCode], tell: Callable[[Trouble], None] = lambda trouble: None) -> Iterator[None]:
    """Notes what went wrong inside as an exit code, after one message on standard error; then it is told."""
    try:
        yield
        return
    except SpecificationError as error:
        click.echo(str(error), err=True)
        if pointed := pointer("\n".join(f"{p.message} {p.hint}" for p in error.problems)):
            click.echo(pointed, err=True)
        count = len(error.problems)
        trouble = Trouble(
            f"{error.subject} has {count} error{'' if count == 1 else 's'}", error.problems, ExitCode.USAGE
        )
    except click.ClickException as error:
        error.show()
        trouble = Trouble(error.format_message(), (), ExitCode.USAGE)
    except (Limited, Undecided) as error:
        trouble = _limited(str(error))
    except (MemoryError, ImportError, RuntimeError) as error:
        trouble = _limited(limit) if (limit := told(error)) else _internal(error)
    except OSError as error:
        where = f"{shortened(str(error.filename))}: " if error.filename else ""
        trouble = Trouble(f"{where}{told(error) or error.strerror or error}", (), ExitCode.USAGE)
        click.echo(f"Error: {trouble.message}", err=True)
    except (ReaderGone, click.exceptions.Exit):
        raise
    except Exception as error:  # a bug of ours must not look like an answer
        trouble = _internal(error)
    codes.append(trouble.code)
    tell(trouble)


def shortened(name: str) -> str:
    """A name of which a line of text can hold the whole, or its ends."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME // 2]} ... {name[-LONGEST_NAME // 2 :]}"


def _internal(error: Exception) -> Trouble:
    if os.environ.get("PGCHECK_DEBUG"):
        traceback.print_exc()
    line = " ".join(str(error).split())[:200]
    print(f"Internal error: {type(error).__name__}: {line}; {REPORT}", file=sys.stderr)
    return Trouble(f"{type(error).__name__}: {line}", (), ExitCode.INTERNAL)


def _limited(message: str) -> Trouble:
    """A limit of the shell or the system, or a solver without an answer: nothing is decided, and nothing is wrong."""
    click.echo(f"Error: not decided: {message}", err=True)
    return Trouble(message, (), ExitCode.UNKNOWN)
