"""What goes wrong, as one message on standard error and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import click

from pgcheck.checker.result import ExitCode
from pgcheck.isa.errors import SpecificationError
from pgcheck.output import ReaderGone

REPORT = "please report it with the command and the specification; PGCHECK_DEBUG=1 shows where"


@contextmanager
def troubles(codes: list[ExitCode]) -> Iterator[None]:
    """Notes what went wrong inside as an exit code, after one message on standard error."""
    try:
        yield
    except SpecificationError as error:
        click.echo(str(error), err=True)
        codes.append(ExitCode.USAGE)
    except click.ClickException as error:
        error.show()
        codes.append(ExitCode.USAGE)
    except OSError as error:
        where = f" {error.filename}:" if error.filename else ""
        click.echo(f"Error:{where} {error.strerror or error}", err=True)
        codes.append(ExitCode.USAGE)
    except (ReaderGone, click.exceptions.Exit):
        raise
    except Exception as error:  # a bug of ours must not look like an answer
        if os.environ.get("PGCHECK_DEBUG"):
            traceback.print_exc()
        line = " ".join(str(error).split())[:200]
        print(f"Internal error: {type(error).__name__}: {line}; {REPORT}", file=sys.stderr)
        codes.append(ExitCode.INTERNAL)
