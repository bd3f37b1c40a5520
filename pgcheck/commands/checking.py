"""The question itself: check, diff, explain, replay, report, validate."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

import click
from click.core import ParameterSource

from pgcheck.commands.completion import specifications as completed
from pgcheck.commands.options import CONFIGURATION, DIRECTORY, Configured, ConfiguredCheck, judging, request

REQUIRED: Final = ("theorem1", "theorem3", "monitor")
REQUIRE: Final = "What exit code 0 asks for: theorem1 (default), theorem3 or monitor."
FORMATS: Final = ("text", "json", "sarif", "junit", "github", "html")
FORMAT: Final = "What standard output is: text (default), json, sarif, junit, github or html."
FAIL_ON: Final = ("regression", "hole", "class", "any", "never")
FAILS: Final = "What exits 1: regression (default), hole, class, any or never."
IMPLICIT: Final = "pgcheck.implicit"


@click.command(cls=ConfiguredCheck)
@click.argument("specifications", nargs=-1, metavar="SPECIFICATION...", shell_complete=completed)
@click.option("--format", "format_", type=click.Choice(FORMATS), default="text", metavar="NAME", help=FORMAT)
@click.option(
    "--output", "outputs_", multiple=True, metavar="FORMAT=FILE", help="Write a file besides; github needs none."
)
@click.option("--sarif-waived", type=click.Choice(["keep", "omit"]), default="keep", help="Waived results in SARIF.")
@click.option("--require", type=click.Choice(REQUIRED), default=REQUIRED[0], metavar="NAME", help=REQUIRE)
@click.option("--exit-zero", is_flag=True, help="Exit 0 for answers 1 and 3 too.")
@click.option("--only", multiple=True, metavar="INSTRUCTION", help="Judge these alone: ids or mnemonics, with * and ?.")
@click.option("--rows", is_flag=True, help="Group nothing in the text: a line for every row.")
@click.option("--witnesses", type=DIRECTORY, metavar="DIR", help="Write a file per hole, for `pgcheck replay`.")
@click.option("--no-timing/--timing", help="Leave out what differs from run to run.")
@click.option("--waivers", type=DIRECTORY, metavar="FILE", help="Default: pgcheck-waivers.yaml at or above them.")
@click.option("--no-waivers", is_flag=True, help="Nothing is waived.")
@click.option("--show-config", is_flag=True, help="Show every setting and where it comes from, and check nothing.")
@judging
@click.pass_context
def check(
    context: click.Context,
    /,
    specifications: tuple[str, ...],
    format_: str,
    outputs_: tuple[str, ...],
    require: str,
    exit_zero: bool,
    only: tuple[str, ...],
    rows: bool,
    witnesses: Path | None,
    no_timing: bool,
    sarif_waived: Literal["keep", "omit"],
    waivers: Path | None,
    no_waivers: bool,
    show_config: bool,
    **judging_: Any,
) -> int:
    """Prove or refute the condition (the default command).

    Without a specification those of [tool.pgcheck] in pyproject.toml are checked, which presets options too.
    """
    if show_config:
        from pgcheck import console
        from pgcheck.settings import config_text

        console.say(config_text.shown(context))
        return 0
    from pgcheck.reports import formats
    from pgcheck.running import run

    specifications = specifications or context.meta[CONFIGURATION].specifications()
    if not specifications:
        raise click.UsageError("Missing argument 'SPECIFICATION...', and [tool.pgcheck] names no specs.", context)
    accepted = _waivers(context, waivers, no_waivers)
    asked = request(judging_, only=only, require=require, exit_zero=exit_zero, witnesses=witnesses, waivers=accepted)
    manner = formats.Manner(not no_timing, rows, bool(only), sarif_waived)
    commands = _siblings(context) if context.meta.get(IMPLICIT) else ()
    return run.each(specifications, asked, formats.subscribers(format_, outputs_, manner), commands)


def _waivers(context: click.Context, file: Path | None, none: bool) -> Path | Literal["found", "none"]:
    """Which waivers count; of a file and --no-waivers the command line's wins. Raises UsageError if both are there."""
    if file is not None and none:
        spoken = [
            n for n in ("waivers", "no_waivers") if context.get_parameter_source(n) is ParameterSource.COMMANDLINE
        ]
        if len(spoken) == 2:
            raise click.UsageError("--waivers and --no-waivers exclude each other", context)
        none = spoken == ["no_waivers"]
    return "none" if none else file or "found"


def _siblings(context: click.Context) -> tuple[str, ...]:
    """The commands that the first word might have meant."""
    group = context.parent.command if context.parent is not None else None
    return tuple(group.commands) if isinstance(group, click.Group) else ()


@click.command(cls=Configured)
@click.argument("specification", shell_complete=completed)
@click.argument("instruction")
@judging
def explain(specification: str, instruction: str, **judging_: Any) -> int:
    """Say why an instruction is what it is."""
    from pgcheck import console
    from pgcheck.reports.text import explain as explanation
    from pgcheck.running import run

    machine = run.loaded(specification)
    asked = request(judging_, only=(instruction,))
    console.say(explanation.explained(machine, run.judged(machine, asked)))
    return 0


@click.command()
@click.argument("file")
@click.option("--spec", metavar="SPECIFICATION", help="Default: the shipped one that the file names.")
def replay(file: str, spec: str | None) -> int:
    """Run a witness, or a finding of a campaign, again on integers, without a solver."""
    from pgcheck import console
    from pgcheck.checker.witnesses.file import BadWitnessFile, load
    from pgcheck.checker.witnesses.witness_replay import BadWitness, replay_witness
    from pgcheck.reports.text import explain as explanation
    from pgcheck.running import run

    text = console.read(file)
    if text.lstrip().startswith("{"):
        from pgcheck.machines import fuzz as campaigns

        return campaigns.replay(text, file, spec)
    try:
        witness = load(text, file)
        machine = run.loaded(spec or witness.specification)
        found = replay_witness(machine, witness)
    except BadWitnessFile as error:
        raise console.Failure(str(error)) from None
    except BadWitness as error:
        raise console.Failure(f"{file}: {error}") from None
    console.say(explanation.replayed(machine, witness, found))
    return 0 if found.reproduced else 1


@click.command()
@click.argument("specifications", nargs=-1, required=True, metavar="SPECIFICATION...", shell_complete=completed)
def validate(specifications: tuple[str, ...]) -> int:
    """Read specifications and show every error at once."""
    from pgcheck import console
    from pgcheck.checker.result import ExitCode
    from pgcheck.running import run
    from pgcheck.running.trouble import troubles

    codes: list[ExitCode] = []
    for word in specifications:
        with troubles(codes):
            machine = run.loaded(word)
            size = f"{len(machine.instructions)} instructions, {len(machine.state.leaves)} leaves"
            console.say(f"{machine.identity.path}: {size}: valid")
    return ExitCode.worst(codes)


@click.command(cls=Configured)
@click.argument("versions", nargs=-1, required=True, metavar="OLD NEW | REVISION.. [-- PATH...]")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Default: text.")
@click.option("--fail-on", type=click.Choice(FAIL_ON), default=FAIL_ON[0], metavar="WHAT", help=FAILS)
@judging
def diff(versions: tuple[str, ...], format_: str, fail_on: str, **judging_: Any) -> int:
    """Compare two versions of specifications by meaning.

    Two files or folders, or git revisions: `pgcheck diff main.. -- specs/`.
    """
    from pgcheck.gate import diff as comparing

    revisions = ".." in versions[0] and not Path(versions[0]).exists()
    words, paths = (versions[:1], versions[1:]) if revisions else (versions, ())
    return comparing.compare(words, paths, request(judging_), fail_on, as_json=format_ == "json")


@click.command()
@click.argument("places", nargs=-1, required=True, metavar="PLACE...")
@click.option("--output", "-o", "file", type=DIRECTORY, metavar="FILE", help="Default: standard output.")
@judging
def report(places: tuple[str, ...], file: Path | None, **judging_: Any) -> int:
    """Write an HTML page on several machines side by side.

    PLACE is a result of `pgcheck --format json`, a specification, or a folder of such files.
    """
    from pgcheck.reports.html import report as reports

    return reports.report(places, request(judging_), file)


COMMANDS: Final = (check, diff, explain, replay, report, validate)
