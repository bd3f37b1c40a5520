"""What goes wrong, as one message on standard error and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from pgcheck.checker.result import ExitCode
from pgcheck.console import ReaderGone
from pgcheck.isa.files.errors import Problem, SpecificationError

REPORT = "please report it with the command and the specification; PGCHECK_DEBUG=1 shows where"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong: a line, the problems of a wrong specification, and the exit code that it means."""

    message: str
    problems: tuple[Problem, ...]
    code: ExitCode


@contextmanager
def troubles(codes: list[ExitCode], told: Callable[[Trouble], None] = lambda trouble: None) -> Iterator[None]:
    """Notes what went wrong inside as an exit code, after one message on standard error; then it is told."""
    try:
        yield
        return
    except SpecificationError as error:
        click.echo(str(error), err=True)
        count = len(error.problems)
        trouble = Trouble(
            f"{error.subject} has {count} error{'' if count == 1 else 's'}", error.problems, ExitCode.USAGE
        )
    except click.ClickException as error:
        error.show()
        trouble = Trouble(error.format_message(), (), ExitCode.USAGE)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        trouble = Trouble(f"{where}{error.strerror or error}", (), ExitCode.USAGE)
        click.echo(f"Error: {trouble.message}", err=True)
    except (ReaderGone, click.exceptions.Exit):
        raise
    except Exception as error:  # a bug of ours must not look like an answer
        if os.environ.get("PGCHECK_DEBUG"):
            traceback.print_exc()
        line = " ".join(str(error).split())[:200]
        trouble = Trouble(f"{type(error).__name__}: {line}", (), ExitCode.INTERNAL)
        print(f"Internal error: {trouble.message}; {REPORT}", file=sys.stderr)
    codes.append(trouble.code)
    told(trouble)
