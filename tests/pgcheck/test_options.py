"""The table of options: what stands in it is what commands have, and what several places name is the same."""

from typing import get_args

import click
import pytest

from pgcheck import options
from pgcheck.checker.verdicts.waiver import Property
from pgcheck.commands.checking import check
from pgcheck.commands.monitors import run_
from pgcheck.gate import diff
from pgcheck.options import CHECKING, JUDGING, SETTINGS, Choice, Number, Option, Place, Switch, Texts, Word


def test_the_check_has_every_option_as_the_table_says() -> None:
    known = {p.name: p for p in check.params}
    for option in (*CHECKING, *JUDGING):
        parameter = known[option.parameter]
        assert isinstance(parameter, click.Option) and parameter.help == option.help
        assert [*parameter.opts, *parameter.secondary_opts] == "/".join(option.flags).split("/")


def test_a_project_sets_parameters_that_the_check_or_a_run_has() -> None:
    assert {one.parameter for one in SETTINGS.values()} <= {p.name for p in (*check.params, *run_.params)}
    assert all(key == one.key for key, one in SETTINGS.items())


def test_every_option_is_somebodys() -> None:
    every = {value for value in vars(options).values() if isinstance(value, Option)}
    assert every == {*CHECKING, *JUDGING, *SETTINGS.values()}


def test_names_that_two_places_know_are_the_same() -> None:
    assert options.FAIL_ON == tuple(diff.FAIL_ON) and options.REQUIRED == get_args(Property)


@pytest.mark.parametrize(
    ("values", "good", "bad"),
    [
        (Choice(("a", "b")), ["a", "b"], ["c", 1, None]),
        (Number(3), [1, 3], [0, 4, True, "1", 2.0]),
        (Switch(), [True, False], [0, "true"]),
        (Texts("words"), [[], ["a"]], ["a", [""], [1]]),
        (Place(), ["a", False], [True, "", 1]),
        (Word(), ["", "a"], [1, None]),
    ],
)
def test_values_fit_or_do_not(values: options.Values, good: list[object], bad: list[object]) -> None:
    assert all(values.fits(value) for value in good) and not any(values.fits(value) for value in bad)
    assert values.expected
