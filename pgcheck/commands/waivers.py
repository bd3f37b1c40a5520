"""What is accepted: waive."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from pgcheck.commands.completion import specifications as completed
from pgcheck.commands.options import DIRECTORY, Configured, judging, request

PROPERTIES: Final = ("theorem1", "theorem3", "monitor")


@click.command(cls=Configured)
@click.argument("specification", shell_complete=completed)
@click.argument("instruction")
@click.option("--reason", required=True, metavar="TEXT", help="Why the difference is accepted.")
@click.option(
    "--property",
    "properties",
    multiple=True,
    type=click.Choice(PROPERTIES),
    metavar="NAME",
    help="theorem1, theorem3 or monitor; default: all that fail on it.",
)
@click.option("--expires", metavar="DATE", default="", help="The last day that it holds, as YYYY-MM-DD.")
@click.option("--file", type=DIRECTORY, metavar="FILE", help="Default: the pgcheck-waivers.yaml that a check reads.")
@judging
def waive(
    specification: str,
    instruction: str,
    reason: str,
    properties: tuple[Any, ...],
    expires: str,
    file: Path | None,
    **judging_: Any,
) -> int:
    """Accept the difference that an instruction shows today.

    INSTRUCTION is a row of the report, or an id or mnemonic with all its rows. The waiver names what the check finds, and
    covers nothing else. One that is there is replaced; comments and order stay.
    """
    from pgcheck.gate import waive as waiving

    asked = waiving.Asked(instruction, reason, properties, expires, file)
    return waiving.waive(specification, request(judging_), asked)


COMMANDS: Final = (waive,)
