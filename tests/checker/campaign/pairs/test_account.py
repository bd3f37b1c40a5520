"""What campaigns count: every property has a subject that a right machine meets, and that a monitor which runs nothing does not."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from pgcheck.checker.campaign.cases.case import TAPE, Author
from pgcheck.checker.campaign.cases.tape import counted
from pgcheck.checker.campaign.pairs.account import EVENTS, absent, possible, unmet
from pgcheck.checker.campaign.pairs.outcome import Ground
from pgcheck.checker.campaign.strategies import policy_of
from pgcheck.checker.campaign.table import PROPERTIES
from pgcheck.vmm.monitor import TrapAndEmulate
from tests.specifications import machine, machine_of
from tests.vmm.lockstep import policy_of as known_policy_of

SMALL = "campaigns/sixty_four"
APART = {"SH2", "IR1", "DV1", "DV2"}
CASES = 5000
FEW = 120
FORCED = ("i386", "x86-umip")
LEAST = 100


@cache
def author() -> Author:
    of = machine_of(SMALL)
    return Author(of, policy_of(of))


def met(name: str, cases: int, of: Author | None = None, *, forced: bool = False) -> Counter[str]:
    """What happened in the first cases of a property; a `forced` monitor is one that the verdict forbids, which guests notice."""
    one, ground, found = PROPERTIES[name], Ground(of or author()), Counter[str]()
    for k in range(cases):
        outcome = one.tried(ground, one.drawn(ground.author, counted(f"met {name}", k, TAPE)), None)
        assert forced or outcome.failure is None, outcome.failure
        found.update(outcome.events)
    return found


def test_every_part_of_a_subject_is_an_event_that_some_shipped_machine_has() -> None:
    for one in PROPERTIES.values():
        assert one.subject and all(name in EVENTS for part in one.subject for name in part)
        assert not absent(one.subject, machine("riscv64")), one.id


def test_what_a_machine_has_nothing_for_is_told_by_its_subject() -> None:
    assert {p.id for p in PROPERTIES.values() if absent(p.subject, author().machine)} == APART
    assert {p.id for p in PROPERTIES.values() if absent(p.subject, machine("m68010"))} == {"SH1", "SH2"}
    assert "interrupt" in possible(machine("pg74")) and "drop" not in possible(machine("pg74"))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PROPERTIES.keys() - APART))
def test_a_right_monitor_meets_what_a_property_is_about(name: str) -> None:
    assert unmet(PROPERTIES[name].subject, met(name, 24)) == ()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["EQ2", "EQ3", "RC1", "RC2", "EF1", "ISO1", "ISO2", "ISO3", "SH1", "NE1"])
def test_a_monitor_that_runs_nothing_does_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guest is what the bare machine is, as all of it is interpreted; only the account tells. EF1 fails for it besides."""
    monkeypatch.setattr(TrapAndEmulate, "_run_directly", lambda self, state, surroundings, intercept: None)
    if name == "EF1":
        with pytest.raises(AssertionError, match="interpreted"):
            met(name, 8)
        return
    left = unmet(PROPERTIES[name].subject, met(name, 8))
    assert ("direct",) in left or ("fill", "bound") in left


def test_a_part_is_met_by_any_of_its_events_and_by_no_other() -> None:
    subject = PROPERTIES["SH1"].subject
    assert unmet(subject, {"fill": 1, "drop": 2}) == unmet(subject, {"fill": 1, "switch": 1}) == ()
    assert unmet(subject, {"bound": 1}) == ()
    assert unmet(subject, {"fill": 3, "direct": 9}) == (("drop", "protect", "switch", "bound"),)
    assert unmet(subject, {"drop": 1}) == (("fill", "bound"),)


def rare(one: Author, cases: int, *, forced: bool = False) -> dict[str, int]:
    """The events that come less often than LEAST times in CASES, of cases spread over the properties that run by default.

    EF1 is left out: the known policies do not say which rows trap.
    """
    of = one.machine
    chosen = [p for p in PROPERTIES.values() if p.default and p.id != "EF1" and not absent(p.subject, of)]
    found, each = Counter[str](), cases // len(chosen)
    for chosen_one in chosen:
        found += met(chosen_one.id, each, one, forced=forced)
    least = each * len(chosen) * LEAST // CASES
    return {event: found[event] for event in possible(of, one.policy) if found[event] < least}


@pytest.mark.slow
def test_a_processor_remembers_translations_also_where_the_monitor_answers_for_its_tables() -> None:
    one = _author("i386")
    assert one.machine.code.tables and unmet(PROPERTIES["SH2"].subject, met("SH2", 8, one)) == ()


@pytest.mark.campaign
@pytest.mark.slow
@pytest.mark.parametrize("name", ["pg74", "m68010", "riscv64", "riscv64 vmm_in_m", "pdp10-ka10", *FORCED])
def test_every_event_of_a_machine_comes_often(name: str) -> None:
    assert rare(_author(name), CASES, forced=name in FORCED) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pg74", "riscv64"])
def test_every_event_of_a_machine_comes_often_in_few_cases(name: str) -> None:
    assert rare(_author(name), FEW) == {}


def _author(name: str) -> Author:
    """The decoder of a shipped specification, of its first deployment or the one that is named, under what the check promises."""
    name, _, deployment = name.partition(" ")
    kind = "hybrid" if name == "pdp10-ka10" else "type1"
    of = machine_of(name)
    return Author(of, known_policy_of(name, deployment or of.deployments[0].name, kind))
