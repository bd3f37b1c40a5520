"""What options ask for together, whoever sets them."""

from pathlib import Path
from typing import Any

import pytest

from pgcheck.checker.options import Options, default_jobs
from pgcheck.options import CHECKING, JUDGING
from pgcheck.request import Request, request

CHANGED: dict[str, Any] = {
    "deployment": "d",
    "jobs": 3,
    "budget": 4,
    "no_second": True,
    "no_cache": True,
    "dump_smt": Path("smt"),
    "require": "monitor",
    "exit_zero": True,
    "only": ["a"],
    "witnesses": Path("w"),
    "waivers": Path("x.yaml"),
    "no_waivers": True,
    "plan": True,
}
# How a report is written is no part of what is asked.
MANNER = {"format_", "outputs", "sarif_waived", "present", "rows", "no_timing"}


def test_nothing_set_asks_for_the_defaults() -> None:
    assert request({}) == Request(Options(jobs=default_jobs()))


@pytest.mark.parametrize("parameter", CHANGED)
def test_every_option_counts(parameter: str) -> None:
    assert request({parameter: CHANGED[parameter]}) != request({})


def test_no_option_is_forgotten() -> None:
    assert {one.parameter for one in (*CHECKING, *JUDGING)} == {*CHANGED, *MANNER}


def test_waivers_are_denied_found_or_named() -> None:
    assert request({"waivers": None, "no_waivers": False}).waivers == "found"
    assert request({"waivers": Path("a")}).waivers == Path("a")
    assert request({"waivers": Path("a"), "no_waivers": True}).waivers == "none"
