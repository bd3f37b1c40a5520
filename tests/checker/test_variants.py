"""The small specifications: each carries the answers that were derived by hand, under `verdicts`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from tests.checker.results import Checked
from tests.specifications import SMALL, small_names

THEOREMS = ("theorem1", "theorem2", "theorem3", "monitor")
FIELDS = {"sensitive", "privileged", "user_sensitive", "timing", "verdict"}


def expected(name: str) -> Mapping[str, Any]:
    found = yaml.load((SMALL / f"{name}.yaml").read_text(), Loader=yaml.CSafeLoader).get("verdicts")
    assert isinstance(found, dict), "every specification of tests/specs says what its answers are"
    return found


def disagreements(wanted: Mapping[str, Any], name: str, checked: Checked) -> list[str]:
    """Every answer that is not the expected one."""
    main = checked(name).main
    rows = {i.id: i for i in main.instructions}
    wrong = []
    for theorem in (t for t in THEOREMS if t in wanted):
        if (status := main.theorems[theorem].status) != wanted[theorem]:
            wrong.append(f"{theorem}: {status}, expected {wanted[theorem]}")
    for identifier, facts in wanted["instructions"].items():
        for fact, value in facts.items():
            if (found := getattr(rows[identifier], fact)) != value:
                wrong.append(f"{identifier}.{fact}: {found}, expected {value} ({rows[identifier].reason})")
    return wrong


@pytest.mark.parametrize("name", small_names())
def test_answers_are_those_derived_by_hand(name: str, checked: Checked) -> None:
    wanted = expected(name)
    assert "monitor" in wanted and wanted["instructions"] and set(wanted) <= {*THEOREMS, "instructions"}
    assert all("verdict" in facts and set(facts) <= FIELDS for facts in wanted["instructions"].values())
    assert not disagreements(wanted, name, checked)


def test_a_wrong_expectation_is_noticed(checked: Checked) -> None:
    wanted = dict(expected("popf"))
    wanted["theorem3"] = "fails"
    wanted["instructions"] = {"popf": {"sensitive": True, "privileged": True, "verdict": "hole"}}
    assert [line.split(":")[0] for line in disagreements(wanted, "popf", checked)] == ["theorem3", "popf.privileged"]
