"""What one writes specifications with: new, watch, lsp."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from pgcheck.commands.checking import REQUIRE, REQUIRED
from pgcheck.commands.completion import specifications as completed
from pgcheck.commands.options import DIRECTORY, Configured, judging, request


@click.group("new")
def new() -> None:
    """Write the beginning of something of your own."""


@new.command("isa")
@click.argument("name")
@click.option("--folder", type=DIRECTORY, default=Path(), metavar="DIR", help="Where. Default: here.")
def new_isa(name: str, folder: Path) -> int:
    """Write NAME.yaml, a small specification with one hole to find.

    It has ten instructions and comments that explain it; at its end it says how to mend the hole.
    """
    from pgcheck import console
    from pgcheck.machines import new as making

    path = making.isa(name, folder)
    console.say(f"{path} is written. Now ask for its hole:\n  pgcheck {making.word(path)}")
    return 0


@click.command(cls=Configured)
@click.argument("specification", shell_complete=completed)
@click.option("--require", type=click.Choice(REQUIRED), default=REQUIRED[0], metavar="NAME", help=REQUIRE)
@click.option("--only", multiple=True, metavar="INSTRUCTION", help="Judge these alone: ids or mnemonics, with * and ?.")
@click.option("--rows", is_flag=True, help="Group nothing in the text: a line for every row.")
@judging
def watch(specification: str, require: str, only: tuple[str, ...], rows: bool, **judging_: Any) -> int:
    """Check a specification again whenever one of its files changes.

    Ctrl-C ends it.
    """
    from pgcheck.reports import formats
    from pgcheck.running import watching

    asked = request(judging_, only=only, require=require)
    return watching.watch(specification, asked, formats.Manner(every_row=rows, partly=bool(only)))


@click.command()
def lsp() -> int:
    """Serve an editor on standard input and output (Language Server Protocol).

    It needs the extra `lsp`: pip install 'pgcheck[lsp]'. docs/editors.md says how editors start it.
    """
    from importlib.util import find_spec

    from pgcheck import console

    if find_spec("pygls") is None:
        raise console.Failure("the language server needs pygls: pip install 'pgcheck[lsp]'")
    from pgcheck.editor import server

    server.serve()
    return 0


COMMANDS: Final = (new, watch, lsp)
