"""What a change is held against: diff, compare, waive."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from pgcheck.commands.completion import instructions
from pgcheck.commands.completion import specifications as completed
from pgcheck.commands.options import PATH, Configured, judging, taking
from pgcheck.options import DEPLOYMENT, FAIL_ON, JUDGING, ONLY, REQUIRED, said

COMPARE_EPILOG: Final = """\b
Exit codes:
  0  they are the same machine
  1  they are not; for each part that differs a state shows it
  2  a wrong specification, command line or file
  3  not decided
  4  an error inside pgcheck
"""


@click.command(cls=Configured)
@click.argument(
    "versions", nargs=-1, required=True, metavar="OLD NEW | REVISION.. [-- PATH...]", shell_complete=completed
)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Default: text.")
@click.option(
    "--fail-on",
    multiple=True,
    type=click.Choice(FAIL_ON),
    default=FAIL_ON[:1],
    metavar="WHAT",
    help=f"What exits 1, any of several: {said(FAIL_ON)}.",
)
@taking(ONLY)
@judging
def diff(versions: tuple[str, ...], format_: str, fail_on: tuple[str, ...], **judging_: Any) -> int:
    """Compare two versions of specifications by meaning.

    Two files or folders, or git revisions: `pgcheck diff main.. -- specs/`.
    """
    from pgcheck.gate.diff import compare
    from pgcheck.request import request

    revisions = ".." in versions[0] and not Path(versions[0]).exists()
    words, paths = (versions[:1], versions[1:]) if revisions else (versions, ())
    return compare(words, paths, request(judging_), fail_on, as_json=format_ == "json")


@click.command("compare", cls=Configured, epilog=COMPARE_EPILOG)
@click.argument("first", shell_complete=completed)
@click.argument("second", shell_complete=completed)
@taking(ONLY)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Default: text.")
@click.option("--json", "json_", is_flag=True, help="Short for --format json.")
@taking(*(option for option in JUDGING if option is not DEPLOYMENT))
def compare_(first: str, second: str, format_: str, json_: bool, **judging_: Any) -> int:
    """Prove that two specifications are the same machine, or show a state where they differ.

    Leaves match by name and type; instructions by the words that they share. What is compared is what the machines do: steps, traps'
    deliveries, interrupts, translation, reset and platform. Modes, roles and deployments do not count.
    """
    from pgcheck.gate.compare import compared
    from pgcheck.request import request

    return compared(first, second, request(judging_), as_json=json_ or format_ == "json")


@click.command(cls=Configured)
@click.argument("specification", shell_complete=completed)
@click.argument("instruction", shell_complete=instructions)
@click.option("--reason", required=True, metavar="TEXT", help="Why the difference is accepted.")
@click.option(
    "--property",
    "properties",
    multiple=True,
    type=click.Choice(REQUIRED),
    metavar="NAME",
    help="theorem1, theorem3 or monitor; default: all that fail on it.",
)
@click.option("--expires", metavar="DATE", default="", help="The last day that it holds, as YYYY-MM-DD.")
@click.option("--file", type=PATH, metavar="FILE", help="Default: the pgcheck-waivers.yaml that a check reads.")
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
    from pgcheck.gate.acceptance import WaiveRequest, accept
    from pgcheck.request import request

    asked = WaiveRequest(instruction, reason, properties, expires, file)
    return accept(specification, request(judging_), asked)


COMMANDS: Final = (diff, compare_, waive)
