"""The command line. Nothing is imported before it is needed: `pgcheck --help` loads click and this file."""

from __future__ import annotations

import io
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from pgcheck import __version__
from pgcheck.commands import authoring, checking, completion, gate, monitors, references, traps
from pgcheck.commands.checking import IMPLICIT

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

TERMINATED: Final = 143
COMPLETE: Final = "_PGCHECK_COMPLETE"

EPILOG: Final = """\b
Exit codes:
  0  the required property holds, perhaps under the configuration shown
  1  its premise fails
  2  a wrong specification, command line or file
  3  not decided
  4  an error inside pgcheck
"""


class Commands(click.Group):
    """A group whose first word, when it is no command, is a specification to check."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing and self._configured():
            args = ["check"]
        if args and args[0] not in self.commands and args[0] not in ("--help", "--version"):
            ctx.meta[IMPLICIT] = True
            args = ["check", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands, and what the first word of a check may be."""
        return [*completion.specifications(ctx, None, incomplete), *super().shell_complete(ctx, incomplete)]

    @staticmethod
    def _configured() -> bool:
        """Whether the project says what to check."""
        from pgcheck.settings import project

        if not project.perhaps_configured():
            return False
        from pgcheck.settings import config

        return "specs" in config.current().values

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, "SPECIFICATION... [OPTIONS]")
        formatter.write_usage(ctx.command_path, "COMMAND [ARGUMENTS]... [OPTIONS]")


@click.group(cls=Commands, epilog=EPILOG, context_settings={"max_content_width": 80})
@click.version_option(__version__, message="%(prog)s %(version)s")
def command() -> None:
    """Decide from an instruction set's specification whether its machine can be virtualized by trap and emulate.

    `pgcheck SPECIFICATION` is short for `pgcheck check SPECIFICATION`; write ./NAME for a file that is named like a
    command. `pgcheck list` names the specifications that come with pgcheck.
    """


for one in (
    *checking.COMMANDS,
    *monitors.COMMANDS,
    *traps.COMMANDS,
    *references.COMMANDS,
    *authoring.COMMANDS,
    *gate.COMMANDS,
):
    command.add_command(one)


def main() -> NoReturn:
    """The program: ends the process with its exit code."""
    if COMPLETE in os.environ:
        from click.shell_completion import shell_complete

        sys.exit(shell_complete(command, {}, "pgcheck", COMPLETE, os.environ[COMPLETE]))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # so that workers end with it
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Obey a command line; the exit code. No exception but SystemExit of the interpreter itself passes."""
    try:
        return _obeyed(arguments)
    except KeyboardInterrupt:
        from pgcheck import console

        click.echo("Interrupted.", err=True)
        return console.INTERRUPTED


def _obeyed(arguments: list[str]) -> int:
    from pgcheck import console

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal shows ? for what it lacks
    try:
        try:
            with command.make_context("pgcheck", list(arguments)) as context:
                return int(command.invoke(context) or 0)
        finally:
            console.flush()
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except console.ReaderGone:
        return console.READER_GONE
    except click.ClickException as error:
        error.show()
        return console.FAILED
    except Exception:
        from pgcheck.running.trouble import troubles

        codes: list[Any] = []
        with troubles(codes):
            raise
        return int(codes[0])


if __name__ == "__main__":
    main()
