"""What one writes specifications with: new, watch, lsp."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import click

from pgcheck.commands.completion import specifications as completed
from pgcheck.commands.options import PATH, Configured, judging, taking
from pgcheck.options import ONLY, REQUIRE, ROWS


@click.group("new")
def new() -> None:
    """Write the beginning of something of your own."""


@new.command("isa")
@click.argument("name")
@click.option("--folder", type=PATH, default=Path(), metavar="DIR", help="Where. Default: here.")
def new_isa(name: str, folder: Path) -> int:
    """Write NAME.yaml, a small specification with one hole to find.

    It has ten instructions and comments that explain it; at its end it says how to mend the hole.
    """
    from pgcheck import console
    from pgcheck.machines.new import isa, word

    path = isa(name, folder)
    console.say(f"{path} is written. Now ask for its hole:\n  pgcheck {word(path)}")
    return 0


@click.command(cls=Configured)
@click.argument("specification", shell_complete=completed)
@taking(REQUIRE, ONLY, ROWS)
@judging
def watch(specification: str, **given: Any) -> int:
    """Check a specification again whenever one of its files changes.

    Ctrl-C ends it.
    """
    from pgcheck.reports.writing import subscribers
    from pgcheck.request import request
    from pgcheck.running import watching
    from pgcheck.running.events import Manner

    manner = Manner(every_row=given["rows"], partly=bool(given["only"]))
    return watching.watch(specification, request(given), lambda: subscribers("text", (), manner))


@click.command()
def lsp() -> int:
    """Serve an editor on standard input and output (Language Server Protocol).

    It needs the extra `lsp`: pip install 'pgcheck[lsp]'. docs/editors.md says how editors start it.
    """
    from importlib.util import find_spec

    from pgcheck import console

    if find_spec("pygls") is None:
        raise console.Failure("the language server needs pygls: pip install 'pgcheck[lsp]'")
    if sys.stdin is None or sys.stdout is None:
        raise console.Failure("the language server talks on standard input and output, and one of them is closed")
    from pgcheck.editor import server

    server.serve()
    return 0


COMMANDS: Final = (new, watch, lsp)
