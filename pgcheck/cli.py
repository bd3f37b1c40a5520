"""The command line. Nothing is imported before it is needed: `pgcheck --help` loads click and this file."""

from __future__ import annotations

import io
import os
import resource
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

import click

from pgcheck.commands import authoring, checking, completion, gate, monitors, references, traps
from pgcheck.commands.checking import IMPLICIT

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

TERMINATED: Final = 143
UNDECIDED: Final = 3
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


def _version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from pgcheck import __version__

        click.echo(f"pgcheck {__version__}")
        context.exit()


@click.group(cls=Commands, epilog=EPILOG, context_settings={"max_content_width": 80})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version and exit."
)
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
    sys.stderr = _unfailing(sys.stderr)
    sys.unraisablehook = _passed_on
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(TERMINATED)
    )  # so that workers end with it, and what was found is told
    signal.signal(signal.SIGXCPU, _used_up)
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if soft == hard != resource.RLIM_INFINITY:  # at the hard limit nothing can be said any more
        if hard > 1:
            resource.setrlimit(resource.RLIMIT_CPU, (hard - 1, hard))
        else:
            signal.signal(signal.SIGPROF, _used_up)
            signal.setitimer(signal.ITIMER_PROF, max(hard - time.process_time() - 0.2, 0.01))
    code = run(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


class _Unfailing(io.RawIOBase):
    """Standard error where it can be written to; what is lost there is no reason to fail."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.descriptor

    def isatty(self) -> bool:
        return os.isatty(self.descriptor)

    def write(self, data: Any) -> int:
        try:
            return os.write(self.descriptor, data)
        except OSError:
            return len(data)


def _unfailing(stream: TextIO | None) -> TextIO:
    raw = _Unfailing(stream.fileno()) if stream is not None else open(os.devnull, "wb", buffering=0)
    encoding = stream.encoding if stream is not None else "utf-8"
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=True)


def _passed_on(failure: sys.UnraisableHookArgs) -> None:
    """Ctrl-C where Python cannot raise it comes again where it can."""
    if issubclass(failure.exc_type, KeyboardInterrupt):
        again = threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT))
        again.daemon = True
        again.start()
    else:
        sys.__unraisablehook__(failure)


def _used_up(*_: object) -> None:
    from pgcheck.checker import limits

    click.echo(f"Error: not decided: {limits.processor_time()}", err=True)
    sys.exit(UNDECIDED)


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
    from pgcheck.isa.files import door

    try:
        try:
            with door.remembering(), command.make_context("pgcheck", list(arguments)) as context:
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
    except Exception as error:
        return _told(error)


def _told(error: Exception) -> int:
    """The exit code of what no command has told, after one message."""
    try:
        from pgcheck.checker import limits

        limit = "" if isinstance(error, OSError) else limits.told(error)
    except MemoryError:
        limit = "out of memory"
    if limit:
        click.echo(f"Error: not decided: {limit}", err=True)
        return UNDECIDED
    from pgcheck.running.trouble import troubles

    codes: list[Any] = []
    with troubles(codes):
        raise error
    return int(codes[0])


if __name__ == "__main__":
    main()
