"""What programs call: `check`, `load` and `compare`. docs/python.md has examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

if TYPE_CHECKING:
    from os import PathLike

    from pgcheck.checker.result import Event
    from pgcheck.checker.verdicts.difference import Difference
    from pgcheck.isa.machine.machine import Machine
    from pgcheck.options import Required
    from pgcheck.running.events import Checked

    Path = str | PathLike[str]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def load(specification: Path) -> Machine:
    """The machine of a specification: a file, or the name of one that is shipped.

    Raises SpecificationError with every error of a wrong one, and ValueError if there is no such file.
    """
    from pgcheck import language
    from pgcheck.running import finding

    return language.load(_asked(finding.find, str(specification)))


def check(
    specification: Path,
    *,
    require: Required = "theorem1",
    deployment: str = "",
    only: Iterable[str] = (),
    waivers: Path | None | Literal[False] = None,
    jobs: int | None = None,
    budget: int | None = None,
    second: bool = True,
    cache: bool = True,
    listener: Callable[[Event], None] = lambda event: None,
) -> Checked:
    """The answer for a specification, the same value that every output of the command line is written from.

    The options are those of `pgcheck check`; pyproject.toml presets none of them. `waivers` is their file, None the nearest
    pgcheck-waivers.yaml, False none. `listener` hears `Started`, `Judged` and `Finished` of pgcheck.checker.result.
    Raises SpecificationError for a wrong specification or waiver file, and ValueError for names that are not there.
    """
    from pathlib import Path as File

    from pgcheck.options import REQUIRED
    from pgcheck.request import request
    from pgcheck.running import finding, run

    path = _asked(finding.find, str(specification))
    if require not in REQUIRED:
        raise ValueError(f"require is theorem1, theorem3 or monitor, not {require!r}")
    if isinstance(only, str):
        raise ValueError("only is a list of instructions, not one text")
    asked = _judging(jobs, budget, second=second, cache=cache) | {"require": require, "deployment": deployment}
    asked |= {"only": only, "no_waivers": waivers is False, "waivers": File(waivers) if waivers else None}
    return _asked(run.answered, str(specification), path, request(asked), listener, shown=False)


def compare(
    old: Path, new: Path, *, jobs: int | None = None, budget: int | None = None, second: bool = True, cache: bool = True
) -> Difference:
    """What changed from one version of a specification to another, by meaning. Waivers do not count.

    Raises SpecificationError for a wrong specification, and ValueError if there is no such file.
    """
    from pgcheck.checker.verdicts.difference import Version, difference, version
    from pgcheck.request import request
    from pgcheck.running import run

    asked = request(_judging(jobs, budget, second=second, cache=cache))

    def side(specification: Path) -> Version:
        machine = load(specification)
        return version(machine, run.judged(machine, asked, shown=False))

    return difference(side(old), side(new))


def _judging(jobs: int | None, budget: int | None, *, second: bool, cache: bool) -> dict[str, Any]:
    """The options of whatever asks a solver, by their parameters on the command line."""
    for name, number in (("jobs", jobs), ("budget", budget)):
        if number is not None and number < 1:
            raise ValueError(f"{name} is a number from 1 on, not {number}")
    return {"jobs": jobs, "budget": budget, "no_second": not second, "no_cache": not cache}


def _asked(function: Callable[_P, _R], *given: _P.args, **named: _P.kwargs) -> _R:
    """The function's answer; what is wrong with a command line is a ValueError here."""
    from pgcheck.console import Failure

    try:
        return function(*given, **named)
    except Failure as failure:
        raise ValueError(failure.format_message()) from None
