"""The rules about changes: each example breaks its rule and no other, what it was before breaks none, and the command line knows all of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pgcheck.checker.traps.changes import CHANGES, ChangeRule
from pgcheck.options import TRAP_CHANGES
from tests.pgcheck.conftest import Pgcheck

pytestmark = pytest.mark.slow
RULES = pytest.mark.parametrize("rule", CHANGES, ids=[rule.name for rule in CHANGES])


def written(folder: Path, rule: ChangeRule) -> tuple[Path, Path]:
    """The versions before and after the change that breaks a rule."""
    before, after = folder / "before.yaml", folder / "after.yaml"
    before.write_text(rule.example.mended, "utf-8")
    after.write_text(rule.example.broken, "utf-8")
    return before, after


@RULES
def test_a_change_is_told_under_its_rule_and_fails_where_that_is_asked_for(
    rule: ChangeRule, pgcheck: Pgcheck, tmp_path: Path
) -> None:
    before, after = written(tmp_path, rule)
    asked = [before, after, "--fail-on", rule.name, *(("--budget", "1") if rule.example.budget else ())]
    found = pgcheck("diff", *asked)
    assert found.code == 1 and f"{rule.name}: " in found.out
    assert pgcheck("diff", before, before, "--fail-on", rule.name).code == 0


@RULES
def test_other_rules_are_kept(rule: ChangeRule, pgcheck: Pgcheck, tmp_path: Path) -> None:
    others = {r.name for r in CHANGES} - {rule.name} - ({"lost-trap"} if rule.name == "lost-knob" else set())
    words = [word for name in sorted(others) for word in ("--fail-on", name)]
    budget = ("--budget", "1") if rule.example.budget else ()
    ran = pgcheck("diff", *written(tmp_path, rule), *words, *budget, "--format", "json")
    assert ran.code == 0
    [machine] = json.loads(ran.out)["machines"]
    told = {(t["rule"], t["level"]) for t in machine["traps"]} | {(k["rule"], "error") for k in machine["lost"]}
    assert (rule.id, rule.level) in told


def test_any_of_several_fails(pgcheck: Pgcheck, tmp_path: Path) -> None:
    rule = CHANGES[0]
    pair = written(tmp_path, rule)
    assert pgcheck("diff", *pair, "--fail-on", "new-trap", "--fail-on", rule.name).code == 1
    assert pgcheck("diff", *pair, "--fail-on", "new-trap", "--fail-on", "never").code == 0


def test_the_command_line_knows_every_rule() -> None:
    assert tuple(rule.name for rule in CHANGES) == TRAP_CHANGES
