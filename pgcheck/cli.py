"""The command line. Nothing is imported before it is needed: `pgcheck --help` loads click and this file."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from pgcheck import __version__

INTERRUPTED: Final = 130
READER_GONE: Final = 141
TERMINATED: Final = 143
IMPLICIT: Final = "pgcheck.implicit"
REQUIRED: Final = ("theorem1", "theorem3", "monitor")
REQUIRE: Final = "What exit code 0 asks for: theorem1 (default), theorem3 or monitor."
DIRECTORY: Final = click.Path(path_type=Path)

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
        if args and args[0] not in self.commands and args[0] not in ("--help", "--version"):
            ctx.meta[IMPLICIT] = True
            args = ["check", *args]
        return super().parse_args(ctx, args)

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


def judging(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that asks a solver."""
    for option in reversed((
        click.option("--deployment", metavar="NAME", default="", help="Default: all; the first one answers."),
        click.option("--jobs", "-j", type=click.IntRange(1, 256), metavar="N", help="Default: one per processor."),
        click.option("--budget", type=click.IntRange(1, 2**32 - 1), metavar="N", help="z3's rlimit per obligation."),
        click.option("--no-second", is_flag=True, help="Let no second solver confirm the proofs."),
        click.option("--no-cache", is_flag=True, help="Neither use nor keep results on disk."),
        click.option("--dump-smt", type=DIRECTORY, metavar="DIR", help="Keep every obligation as SMT-LIB 2."),
    )):  # fmt: skip
        function = option(function)
    return function


@command.command()
@click.argument("specifications", nargs=-1, required=True, metavar="SPECIFICATION...")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Default: text.")
@click.option("--require", type=click.Choice(REQUIRED), default=REQUIRED[0], metavar="NAME", help=REQUIRE)
@click.option("--exit-zero", is_flag=True, help="Exit 0 for answers 1 and 3 too.")
@click.option("--only", multiple=True, metavar="INSTRUCTION", help="Judge these alone: ids or mnemonics, with * and ?.")
@click.option("--rows", is_flag=True, help="Group nothing in the text: a line for every row.")
@click.option("--witnesses", type=DIRECTORY, metavar="DIR", help="Write a file per hole, for `pgcheck replay`.")
@click.option("--no-timing", is_flag=True, help="Leave out what differs from run to run.")
@judging
@click.pass_context
def check(
    context: click.Context, /, specifications: tuple[str, ...], format_: str, require: str, exit_zero: bool,
    only: tuple[str, ...], rows: bool, witnesses: Path | None, no_timing: bool, **judging_: Any,
) -> int:  # fmt: skip
    """Prove or refute the condition (the default command)."""
    from pgcheck import json_output, output, run, text
    from pgcheck.checker.result import MachineResult
    from pgcheck.isa.encoding import Decode
    from pgcheck.isa.machine import Machine

    asked = _request(judging_, only=only, require=require, exit_zero=exit_zero, witnesses=witnesses)
    results: list[tuple[MachineResult, Decode]] = []

    def use(machine: Machine, result: MachineResult) -> None:
        if format_ == "text" and results:
            output.say("")
        results.append((result, machine.decode))
        if format_ == "text":
            shown = text.report(result, machine.decode, timing=not no_timing, every_row=rows, partly=bool(only))
            output.say(shown)

    commands = tuple(command.commands) if context.meta.get(IMPLICIT) else ()
    found = run.each(specifications, asked, use, commands)
    if format_ == "json" and results:
        several = len(specifications) > 1
        output.say(json_output.document(results, timing=not no_timing, several=several))
    return found


@command.command()
@click.argument("specification")
@click.argument("instruction")
@judging
def explain(specification: str, instruction: str, **judging_: Any) -> int:
    """Say why an instruction is what it is."""
    from pgcheck import output, run
    from pgcheck import explain as explanation

    machine = run.loaded(specification)
    asked = _request(judging_, only=(instruction,))
    output.say(explanation.explained(machine, run.judged(machine, asked)))
    return 0


@command.command()
@click.argument("file")
@click.option("--spec", metavar="SPECIFICATION", help="Default: the shipped one that the witness names.")
def replay(file: str, spec: str | None) -> int:
    """Run a witness again on integers, without a solver."""
    from pgcheck import explain as explanation
    from pgcheck import output, run
    from pgcheck.checker.replay import BadWitness
    from pgcheck.checker.replay import replay as replayed
    from pgcheck.checker.witness_file import BadWitnessFile, load

    try:
        witness = load(output.read(file), file)
        machine = run.loaded(spec or witness.specification)
        found = replayed(machine, witness)
    except BadWitnessFile as error:
        raise output.Failure(str(error)) from None
    except BadWitness as error:
        raise output.Failure(f"{file}: {error}") from None
    output.say(explanation.replayed(machine, witness, found))
    return 0 if found.reproduced else 1


@command.command()
@click.argument("specifications", nargs=-1, required=True, metavar="SPECIFICATION...")
def validate(specifications: tuple[str, ...]) -> int:
    """Read specifications and show every error at once."""
    from pgcheck import output, run
    from pgcheck.checker.result import ExitCode
    from pgcheck.trouble import troubles

    codes: list[ExitCode] = []
    for word in specifications:
        with troubles(codes):
            machine = run.loaded(word)
            size = f"{len(machine.instructions)} instructions, {len(machine.leaves)} leaves"
            output.say(f"{machine.path}: {size}: valid")
    return ExitCode.worst(codes)


@command.command()
@click.argument("which", type=click.Choice(["specification", "result"]), default="specification")
def schema(which: str) -> int:
    """Print the JSON Schema of specifications or results."""
    from importlib.resources import files

    from pgcheck import output

    package, name = ("pgcheck", "result-schema.json") if which == "result" else ("pgcheck.isa", "schema.json")
    output.say(files(package).joinpath(name).read_text(encoding="utf-8").rstrip())
    return 0


@command.command("list")
def list_() -> int:
    """Name the specifications that are shipped."""
    from pgcheck import output
    from pgcheck.isa.loader import load
    from pgcheck.shipped import names, shipped

    for name in names():
        path = shipped(name)
        assert path is not None
        title = next((v for k, v in load(path, shipped).root.items() if k == "title"), "")
        output.say(f"{name:14}{title}")
    return 0


@command.command()
@click.argument("specification")
@click.argument("file", default="-")
def assemble(specification: str, file: str) -> int:
    """Turn assembly text into hexadecimal units.

    FILE is standard input by default.
    """
    from pgcheck import listing, output, run

    output.say(listing.assembled(run.loaded(specification), output.read(file), file))
    return 0


@command.command()
@click.argument("specification")
@click.argument("file", default="-")
def disassemble(specification: str, file: str) -> int:
    """Turn hexadecimal units into assembly text.

    FILE is standard input by default.
    """
    from pgcheck import listing, output, run

    output.say(listing.disassembled(run.loaded(specification), output.read(file), file))
    return 0


def _request(judging_: dict[str, Any], **asked: Any) -> Any:
    """The request that the options mean."""
    from pgcheck.checker.check import Options, default_jobs
    from pgcheck.run import Request

    defaults = Options()
    options = Options(
        jobs=judging_["jobs"] or default_jobs(), rlimit=judging_["budget"] or defaults.rlimit,
        cache=not judging_["no_cache"], second=not judging_["no_second"], dump=judging_["dump_smt"],
    )  # fmt: skip
    return Request(options, deployment=judging_["deployment"], **asked)


def main() -> NoReturn:
    """The program: ends the process with its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # so that workers end with it
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Obey a command line; the exit code. No exception but SystemExit of the interpreter itself passes."""
    try:
        return _obeyed(arguments)
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)
        return INTERRUPTED


def _obeyed(arguments: list[str]) -> int:
    from pgcheck import output

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal shows ? for what it lacks
    try:
        try:
            with command.make_context("pgcheck", list(arguments)) as context:
                return int(command.invoke(context) or 0)
        finally:
            output.flush()
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except output.ReaderGone:
        return READER_GONE
    except click.ClickException as error:
        error.show()
        return output.FAILED
    except Exception:
        from pgcheck.trouble import troubles

        codes: list[Any] = []
        with troubles(codes):
            raise
        return int(codes[0])


if __name__ == "__main__":
    main()
