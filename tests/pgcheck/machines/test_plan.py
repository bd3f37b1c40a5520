"""`pgcheck plan`: a table for people, JSON for programs, and exit codes that say whether there is a monitor."""

from __future__ import annotations

import json

from tests.pgcheck.conftest import Pgcheck
from tests.specifications import SMALL

OPEN = SMALL / "field" / "clock-open.yaml"


def test_a_plan_names_what_is_emulated_and_what_remains_visible(pgcheck: Pgcheck) -> None:
    ran = pgcheck("plan", OPEN, "--no-second")
    assert ran.code == 0
    assert "clock-open: the plan of a type1 monitor" in ran.out
    assert "What remains visible\n  rdclock\n" in ran.out
    assert all(len(line) <= 80 for line in ran.out.splitlines())
    (found,) = json.loads(pgcheck("plan", OPEN, "--json", "--no-second").out)["plans"]
    assert (found["deployment"], found["kind"], found["refused"]) == ("default", "type1", None)
    assert {"duty": "visible", "subject": "rdclock"}.items() <= found["tasks"][-1].items()


def test_the_line_monitor_says_what_guests_see_of_real_time(pgcheck: Pgcheck) -> None:
    ran = pgcheck(OPEN, "--no-second")
    assert "Monitor    exists: no instruction is a hole; the guest sees real time by rdclock" in ran.out
    gated = pgcheck(SMALL / "field" / "clock-gated.yaml", "--no-second")
    assert "Monitor    exists with TDIS = 1: no hole is left\n" in gated.out


def test_where_there_is_no_monitor_it_exits_1_and_says_what_to_fix(pgcheck: Pgcheck) -> None:
    ran = pgcheck("plan", SMALL / "either.yaml", "--no-second")
    assert ran.code == 1
    assert "either: no monitor: monitor fails on other" in ran.out
    assert "Holes, and what would close them\n  other\n" in ran.out


def test_a_specification_that_breaks_a_law_has_no_plan(pgcheck: Pgcheck) -> None:
    ran = pgcheck("plan", SMALL / "field" / "claims-after.yaml", "--no-second")
    assert ran.code == 2
    assert "breaks a law, so nothing is claimed" in " ".join(ran.out.split())


def test_an_unknown_deployment(pgcheck: Pgcheck) -> None:
    ran = pgcheck("plan", "pg74", "--deployment", "bare")
    assert ran.code == 2 and "no deployment 'bare'" in ran.err
