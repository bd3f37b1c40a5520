"""The machine and the monitor: run, plan, prove-monitor, fuzz."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from pgcheck.commands.completion import deployments
from pgcheck.commands.completion import specifications as completed
from pgcheck.commands.options import PATH, Configured, Names, Seconds, judging, taking
from pgcheck.isa.rows import modules
from pgcheck.options import ENGINE, ONLY

KIND: Final = Names("pgcheck.vmm.kind", "kinds")

SECONDS: Final = Seconds()
PROPERTIES: Final = tuple(name.upper() for name in modules("pgcheck.checker.campaign.properties"))
RUN_EPILOG: Final = """\b
Exit codes:
  0  the guest powered off with code 0, halted, or waits for ever
  1  another code, a trap loop, or something that the specification leaves out
  2  a wrong image, specification, command line or file
  3  the limit of instructions was reached
  4  an error inside pgcheck
"""
PLAN_EPILOG: Final = """\b
Exit codes:
  0  every deployment has a monitor
  1  one has none
  2  a wrong specification, command line or file
  3  not decided
  4  an error inside pgcheck
"""


@click.command("run", cls=Configured, epilog=RUN_EPILOG)
@click.argument("specification", shell_complete=completed)
@click.argument("image", type=PATH)
@click.option("--raw", metavar="ADDRESS", help="The image is memory as it is, from there on.")
@click.option(
    "--disk",
    "disks",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="What the disk holds; it is written to. Of several guests each has one, in order.",
)
@click.option("--memory", metavar="SIZE", help="Units of RAM, with K, M or G; default: what the platform has.")
@click.option("--input", "input_", metavar="FILE", default="", help="What the console reads; - is standard input.")
@click.option("--trace", is_flag=True, help="Show every instruction on standard error before it runs.")
@taking(ENGINE)
@click.option(
    "--gdb",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Wait for gdb there, on this machine alone; 0 is any free port. Of guests it sees the first.",
)
@click.option("--max-instructions", type=click.IntRange(0), metavar="N", help="Stop after so many steps.")
@click.option("--vmm", type=KIND, help="Run it on a virtual machine under such a monitor.")
@click.option(
    "--guests", type=click.IntRange(1, 64), default=1, metavar="N", help="So many virtual machines side by side."
)
@click.option("--force", is_flag=True, help="Run a monitor that the check refuses.")
@click.option(
    "--deployment",
    metavar="NAME",
    default="",
    help="The monitor's; default: the first that the check allows.",
    shell_complete=deployments,
)
@click.option(
    "--report", type=click.Choice(["text", "json"]), default="text", help="How a monitor's account is written."
)
@click.option("--timeline", type=PATH, metavar="FILE", help="Draw who ran when, to FILE.svg or FILE.html.")
def run_(
    specification: str,
    image: Path,
    raw: str | None,
    disks: tuple[Path, ...],
    memory: str | None,
    input_: str,
    trace: bool,
    engine: Any,
    gdb: int | None,
    max_instructions: int | None,
    vmm: str | None,
    guests: int,
    force: bool,
    deployment: str,
    report: Any,
    timeline: Path | None,
) -> int:
    """Run a program on a specification's computer.

    IMAGE is an ELF file, S-records, Intel HEX, assembly if it is named *.s or *.asm, or with --raw memory as it is. Standard output is the console.
    With --vmm the computer is a virtual one; how often its monitor stepped in, and why, is on standard error.
    With --gdb the program does not start until gdb lets it.
    """
    from pgcheck import console
    from pgcheck.machines.bare import RunRequest, run_bare, size
    from pgcheck.machines.programs import address
    from pgcheck.running import finding

    place = None if raw is None else address(raw)
    room = size(memory) if memory else 0
    asked = RunRequest(image, place, disks, room, input_, trace, max_instructions, engine, gdb)
    machine = finding.loaded(specification)
    if vmm is None:
        if guests > 1 or force or deployment or report != "text" or timeline is not None:
            raise console.Failure("--guests, --force, --deployment, --report and --timeline need --vmm")
        return run_bare(machine, asked)
    from pgcheck.machines.guests import GuestsRequest, run_guests
    from pgcheck.request import request
    from pgcheck.vmm.kind import kinds

    under = GuestsRequest(kinds()[vmm], guests, force, report, timeline)
    return run_guests(machine, asked, under, request({"deployment": deployment}))


@click.command(epilog=PLAN_EPILOG)
@click.argument("specification", shell_complete=completed)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Default: text.")
@click.option("--json", "json_", is_flag=True, help="Short for --format json.")
@judging
def plan(specification: str, format_: str, json_: bool, **given: Any) -> int:
    """Say what a monitor must do: fix, mirror, hold, map, emulate, reflect, deny.

    With what each costs in exits, and what guests see all the same. Where no monitor exists: each hole, and what would close it.
    """
    from pgcheck.machines.plan import planned
    from pgcheck.request import request
    from pgcheck.running import finding

    return planned(finding.loaded(specification), request(given), as_json=json_ or format_ == "json")


@click.command("prove-monitor")
@click.argument("specification", shell_complete=completed)
@click.option("--kind", type=KIND, help="Default: the first that the check allows.")
@click.option("--force", is_flag=True, help="Prove a monitor that the check refuses, to see where it fails.")
@taking(ONLY)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Default: text.")
@click.option("--json", "json_", is_flag=True, help="Short for --format json.")
@click.option("--all", "every", is_flag=True, help="Show every obligation that is not proved.")
@click.option("--native", is_flag=True, help="Prove the native code of every instruction too.")
@click.option("--no-timing", is_flag=True, help="Leave out what differs from run to run.")
@judging
def prove_monitor(
    specification: str,
    kind: str | None,
    force: bool,
    format_: str,
    json_: bool,
    every: bool,
    **given: Any,
) -> int:
    """Prove the monitor that the check promises, step by step.

    Exit code 0: every obligation is proved; 1: one is refuted, or there is no monitor; 3: one is open.
    """
    from pgcheck.machines.proofs import prove
    from pgcheck.request import request
    from pgcheck.running import finding
    from pgcheck.vmm.kind import kinds

    machine = finding.loaded(specification)
    asked = prove.ProofRequest(
        kind=kinds()[kind] if kind else None,
        force=force,
        json=json_ or format_ == "json",
        timing=not given["no_timing"],
        every=every,
        native=given["native"],
    )
    return prove.prove(machine, request(given), asked)


@click.command()
@click.argument("specification", shell_complete=completed)
@click.option(
    "--property",
    "properties",
    multiple=True,
    metavar="ID",
    shell_complete=lambda context, parameter, incomplete: [p for p in PROPERTIES if p.startswith(incomplete.upper())],
    help=f"{', '.join(PROPERTIES)}; default: all cheap ones.",
)
@click.option("--cases", type=click.IntRange(1), metavar="N", help="Cases of each property.")
@click.option("--seconds", type=SECONDS, metavar="S", help="Stop after that time. Default: 60.")
@click.option("--seed", default="0", metavar="TEXT", help="Same seed, same cases. Default: 0.")
@click.option("--resume", is_flag=True, help="Leave out what the database says is done.")
@click.option("--database", type=PATH, metavar="FILE", help="Default: in the user's cache folder.")
@click.option("--write-test", "tests", type=PATH, metavar="DIR", help="Write findings as files with pytest cases.")
@click.option("--monitor", type=KIND, help="Default: the first that the verdict allows.")
@click.option("--force", is_flag=True, help="Run a monitor that the verdict does not allow.")
@click.option("--json", is_flag=True, help="Print one JSON document and no log.")
@click.option("--images", type=PATH, metavar="DIR", help="Instead, write and run each hole's boot image.")
@judging
def fuzz(
    specification: str,
    cases: int | None,
    seconds: float | None,
    images: Path | None,
    **given: Any,
) -> int:
    """Run random guests on the bare machine and under a monitor, and compare.

    Exit codes: 0 no failure, 1 failures found, 3 a property of which not one shard of cases was finished, or that never met what it is about.
    """
    from dataclasses import fields

    from pgcheck.machines.fuzz import FuzzRequest, run_campaign
    from pgcheck.request import request
    from pgcheck.running import finding
    from pgcheck.vmm.kind import kinds

    if images is not None:
        from pgcheck.machines.images import show

        return show(finding.loaded(specification), request(given), images)
    own = {f.name: given[f.name] for f in fields(FuzzRequest) if f.name in given and f.name != "monitor"}
    limit = 60.0 if cases is None and seconds is None else seconds
    asked = FuzzRequest(
        **own, cases=cases, seconds=limit, monitor=kinds()[given["monitor"]] if given["monitor"] else None
    )
    return run_campaign(finding.loaded(specification), request(given), asked)


COMMANDS: Final = (run_, plan, prove_monitor, fuzz)
