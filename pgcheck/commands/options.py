"""The options that commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

DIRECTORY: Final = click.Path(path_type=Path)
CONFIGURATION: Final = "pgcheck.configuration"


class Names(click.Choice[str]):
    """One of the names of a table, which is read when the option is: `pgcheck --help` starts without it."""

    def __init__(self, module: str, table: str) -> None:
        self.module, self.table, self.case_sensitive = module, table, True

    @cached_property
    def choices(self) -> tuple[str, ...]:  # type: ignore[override]  # nobody sets it
        return tuple(getattr(import_module(self.module), self.table)())


class Configured(click.Command):
    """A command whose options the project's configuration presets: those of every command, and for some their own."""

    own = False

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--help" not in args:
            from pgcheck.settings import config

            ctx.meta[CONFIGURATION] = found = config.current()
            ctx.default_map = found.presets(everywhere=not self.own)
        return super().parse_args(ctx, args)


class ConfiguredCheck(Configured):
    """The command that all of the configuration is about."""

    own = True


def judging(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that asks a solver."""
    for option in reversed(
        (
            click.option("--deployment", metavar="NAME", default="", help="Default: all; the first one answers."),
            click.option("--jobs", "-j", type=click.IntRange(1, 256), metavar="N", help="Default: one per processor."),
            click.option(
                "--budget", type=click.IntRange(1, 2**32 - 1), metavar="N", help="z3's rlimit per obligation."
            ),
            click.option("--no-second/--second", help="Let no second solver confirm the proofs."),
            click.option("--no-cache/--cache", help="Neither use nor keep results on disk."),
            click.option("--dump-smt", type=DIRECTORY, metavar="DIR", help="Keep every obligation as SMT-LIB 2."),
        )
    ):
        function = option(function)
    return function


def request(judging_: dict[str, Any], **asked: Any) -> Any:
    """The request that the options mean."""
    from pgcheck.checker.check import Options, default_jobs
    from pgcheck.running.run import Request

    defaults = Options()
    options = Options(
        jobs=judging_["jobs"] or default_jobs(),
        rlimit=judging_["budget"] or defaults.rlimit,
        cache=not judging_["no_cache"],
        second=not judging_["no_second"],
        dump=judging_["dump_smt"],
    )
    return Request(options, deployment=judging_["deployment"], **asked)
