"""The question itself: check, explain, replay, report, validate."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from pgcheck.commands.completion import instructions
from pgcheck.commands.completion import specifications as completed
from pgcheck.commands.options import CONFIGURATION, PATH, Configured, ConfiguredCheck, judging, taking
from pgcheck.options import CHECKING, NO_WAIVERS, SPECS, WAIVERS

IMPLICIT: Final = "pgcheck.implicit"


@click.command(cls=ConfiguredCheck)
@click.argument(SPECS.parameter, nargs=-1, metavar="SPECIFICATION...", shell_complete=completed)
@taking(*CHECKING)
@click.option("--show-config", is_flag=True, help="Show every setting and where it comes from, and check nothing.")
@judging
@click.pass_context
def check(context: click.Context, /, specifications: tuple[str, ...], show_config: bool, **given: Any) -> int:
    """Prove or refute the condition (the default command).

    Without a specification those of [tool.pgcheck] in pyproject.toml are checked, which presets options too.
    """
    from pgcheck.settings.config import Configuration

    project: Configuration = context.meta[CONFIGURATION]
    if show_config:
        from pgcheck import console
        from pgcheck.settings import config_text

        console.say(config_text.shown(context, project))
        return 0
    from pgcheck.reports.writing import subscribers
    from pgcheck.request import request
    from pgcheck.running import run
    from pgcheck.running.events import Manner

    specifications = specifications or project.specifications()
    if not specifications:
        raise click.UsageError("Missing argument 'SPECIFICATION...', and [tool.pgcheck] names no specs.", context)
    given["no_waivers"] = _unwaived(context, given["waivers"], denied=given["no_waivers"])
    manner = Manner(
        not given["no_timing"], given["rows"], bool(given["only"]), given["sarif_waived"], present=given["present"]
    )
    printed = subscribers(given["format_"], given["outputs"], manner, specifications)
    commands = _siblings(context) if context.meta.get(IMPLICIT) else ()
    return run.each(specifications, request(given), printed, commands)


def _unwaived(context: click.Context, file: Path | None, *, denied: bool) -> bool:
    """Whether no waivers count; of a file and --no-waivers the command line's wins. Raises UsageError if both are there."""
    if file is None or not denied:
        return denied
    spoken = [
        one.parameter
        for one in (WAIVERS, NO_WAIVERS)
        if context.get_parameter_source(one.parameter) is ParameterSource.COMMANDLINE
    ]
    if len(spoken) == 2:
        raise click.UsageError("--waivers and --no-waivers exclude each other", context)
    return spoken == [NO_WAIVERS.parameter]


def _siblings(context: click.Context) -> tuple[str, ...]:
    """The commands that the first word might have meant."""
    group = context.parent.command if context.parent is not None else None
    return tuple(group.commands) if isinstance(group, click.Group) else ()


@click.command(cls=Configured)
@click.argument("specification", shell_complete=completed)
@click.argument("instruction", shell_complete=instructions)
@judging
def explain(specification: str, instruction: str, **judging_: Any) -> int:
    """Say why an instruction is what it is."""
    from pgcheck import console
    from pgcheck.reports.text.explain import explained
    from pgcheck.request import request
    from pgcheck.running import finding, run

    machine = finding.loaded(specification)
    asked = request({**judging_, "only": (instruction,)})
    console.say(explained(machine, run.judged(machine, asked)))
    return 0


@click.command()
@click.argument("file")
@click.option("--spec", metavar="SPECIFICATION", help="Default: the shipped one that the file names.")
def replay(file: str, spec: str | None) -> int:
    """Run a witness, or a finding of a campaign, again on integers, without a solver."""
    from pgcheck import console
    from pgcheck.checker.witnesses.file import BadWitnessFile, load
    from pgcheck.checker.witnesses.witness_replay import BadWitness, replay_witness
    from pgcheck.reports.text.explain import replayed
    from pgcheck.running import finding

    text = console.read(file)
    if text.lstrip().startswith("{"):
        from pgcheck.machines.fuzz import replay_finding

        return replay_finding(text, file, spec)
    try:
        witness = load(text, file)
        machine = finding.loaded(spec or witness.specification)
        guests = {v.deployment.name for v in machine.virtual}
        machine = machine.under(witness.deployment) if witness.deployment in guests else machine
        found = replay_witness(machine, witness)
    except BadWitnessFile as error:
        raise console.Failure(str(error)) from None
    except BadWitness as error:
        raise console.Failure(f"{file}: {error}") from None
    console.say(replayed(machine, witness, found))
    return 0 if found.reproduced else 1


@click.command()
@click.argument("specifications", nargs=-1, required=True, metavar="SPECIFICATION...", shell_complete=completed)
def validate(specifications: tuple[str, ...]) -> int:
    """Read specifications and show every error at once."""
    from pgcheck import console
    from pgcheck.checker.result import ExitCode
    from pgcheck.running import finding
    from pgcheck.running.trouble import troubles

    codes: list[ExitCode] = []
    for word in specifications:
        with troubles(codes):
            size = finding.size(word)
            console.say(f"{size.path}: {size.instructions} instructions, {size.leaves} leaves: valid")
    return ExitCode.worst(codes)


@click.command()
@click.argument("places", nargs=-1, required=True, metavar="PLACE...")
@click.option("--output", "-o", "file", type=PATH, metavar="FILE", help="Default: standard output.")
@judging
def report(places: tuple[str, ...], file: Path | None, **judging_: Any) -> int:
    """Write an HTML page on several machines side by side.

    PLACE is a result of `pgcheck --format json`, a specification, or a folder of such files.
    """
    from pgcheck.reports.html.report import side_by_side
    from pgcheck.request import request

    return side_by_side(places, request(judging_), file)


COMMANDS: Final = (check, explain, replay, report, validate)
