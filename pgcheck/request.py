"""What a check is asked for, made from options in one place, whoever they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pgcheck.checker.options import Options, default_jobs


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for, besides the specifications.

    `waivers` is their file, or whether the nearest one to the specification counts; `plan` asks besides what a monitor has to do.
    """

    options: Options
    only: tuple[str, ...] = ()
    deployment: str = ""
    require: str = "theorem1"
    exit_zero: bool = False
    witnesses: Path | None = None
    waivers: Path | Literal["found", "none"] = "found"
    plan: bool = False


def request(given: Mapping[str, Any]) -> Request:
    """The request that options mean, by the parameters of `pgcheck.options`; what is not among them is as if nobody had set it."""
    options = Options(
        jobs=given.get("jobs") or default_jobs(),
        cache=not given.get("no_cache"),
        second=not given.get("no_second"),
        dump=given.get("dump_smt"),
    )
    if given.get("budget"):
        options = replace(options, rlimit=given["budget"])
    return Request(
        options,
        tuple(given.get("only", ())),
        given.get("deployment", ""),
        given.get("require", "theorem1"),
        bool(given.get("exit_zero")),
        given.get("witnesses"),
        "none" if given.get("no_waivers") else given.get("waivers") or "found",
        bool(given.get("plan")),
    )
