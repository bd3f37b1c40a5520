"""How instructions end: traps."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from pgcheck.commands.completion import instructions as named
from pgcheck.commands.completion import specifications as completed
from pgcheck.commands.options import PATH, Configured, taking
from pgcheck.options import BUDGET, CACHE, DUMP, JOBS, SECOND


@click.command(cls=Configured)
@click.argument("specification", shell_complete=completed)
@click.argument("instructions", nargs=-1, metavar="[INSTRUCTION]...", shell_complete=named)
@click.option("--format", "format_", type=click.Choice(["text", "json", "html"]), default="text", help="Default: text.")
@click.option("--rows", is_flag=True, help="Say of every row when it ends how, those of registers too.")
@click.option("--output", "-o", "file", type=PATH, metavar="FILE", help="Default: standard output.")
@taking(JOBS, BUDGET, SECOND, CACHE, DUMP)
def traps(
    specification: str, instructions: tuple[str, ...], format_: str, file: Path | None, rows: bool, **given: Any
) -> int:
    """Say how instructions end: which trap, in which mode, under which bits, and to whom it is delivered.

    INSTRUCTION is an id, a mnemonic, a row or a register, with * and ?; without one the ways to end are shown of all, and
    not when each comes. Exit code 0: every condition is proved, or
    named by where it stands; 3: one is not decided.
    """
    from pgcheck.request import request
    from pgcheck.running import finding
    from pgcheck.traps.show import show

    return show(finding.loaded(specification), instructions, request(given), format_, file, rows=rows)


COMMANDS: Final = (traps,)
