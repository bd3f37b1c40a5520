"""The table of options as the command line has them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from pgcheck.commands import completion
from pgcheck.options import DEPLOYMENT, JUDGING, ONLY, Choice, Number, Option, Place, Switch, Texts, Values, Word

PATH: Final = click.Path(path_type=Path)
CONFIGURATION: Final = "pgcheck.configuration"
COMPLETED: Final = {ONLY: completion.instructions, DEPLOYMENT: completion.deployments}
Function = Callable[..., Any]


class Names(click.Choice[str]):
    """One of the names of a table, which is read when the option is: `pgcheck --help` starts without it."""

    def __init__(self, module: str, table: str) -> None:
        self.module, self.table, self.case_sensitive = module, table, True

    @cached_property
    def choices(self) -> tuple[str, ...]:  # type: ignore[override]  # nobody sets it
        return tuple(getattr(import_module(self.module), self.table)())


class Seconds(click.FloatRange):
    """A number of seconds: finite, which a float need not be, and at most a year."""

    name = "seconds"

    def __init__(self) -> None:
        super().__init__(0.1, 366 * 24 * 3600)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if found != found:
            self.fail(f"{value!r} is no number.", param, ctx)
        return found


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


def taking(*options: Option) -> Callable[[Function], Function]:
    """Gives a command these options, in their order."""

    def given(function: Function) -> Function:
        for one in reversed(options):
            function = click.option(
                *one.flags,
                one.parameter,
                metavar=one.metavar,
                help=one.help,
                shell_complete=COMPLETED.get(one),
                **_typed(one.values),
            )(function)
        return function

    return given


def _typed(values: Values) -> dict[str, Any]:
    match values:
        case Choice(words):
            return {"type": click.Choice(words), "default": words[0]}
        case Number(most):
            return {"type": click.IntRange(1, most)}
        case Switch():
            return {"is_flag": True}
        case Texts():
            return {"multiple": True}
        case Place():
            return {"type": PATH}
        case Word():
            return {"default": ""}


judging = taking(*JUDGING)
