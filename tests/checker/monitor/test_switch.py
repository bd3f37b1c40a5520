"""The world switch on the machine itself: that it is proved of every policy, and that a map with any one bit wrong is refuted, and seen on integers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from pgcheck.checker.monitor import machine
from pgcheck.checker.monitor.obligations import crossings
from pgcheck.checker.monitor.result import Obligation
from pgcheck.checker.monitor.step import Promise
from pgcheck.checker.options import Limits
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.solver import Solver
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.vmm.paging import shadow
from pgcheck.vmm.paging.entries import Private, private
from pgcheck.vmm.policy import Policy
from tests.specifications import machine_of
from tests.vmm.lockstep import policy_of
from tests.vmm.test_gate import POLICIES, copies

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def solver() -> Iterator[Solver]:
    found = Solver(Limits(), None, True)
    yield found
    found.close()


def asked(solver: Solver, name: str, rules: Policy) -> list[Obligation]:
    loaded = machine_of(name)
    own = next(d for d in loaded.deployments if d.name == rules.deployment)
    promise = Promise(Setting(loaded, own, rules.intercept - {TRANSLATE}), rules)
    return list(crossings(promise, lambda: Evidence(solver, False)))


LONG = ("m68010", "pdp10-ka10")


@pytest.mark.parametrize(
    ("name", "deployment", "kind"),
    [pytest.param(*p, marks=pytest.mark.campaign if p[0] in LONG else ()) for p in POLICIES],
)
def test_every_entry_and_every_return_is_proved(solver: Solver, name: str, deployment: str, kind: str) -> None:
    """Interrupts are among the entries where the machine has them; each family has its obligations."""
    found = asked(solver, name, policy_of(name, deployment, kind))
    assert {o.verdict for o in found} == {"proved"}
    assert {o.family for o in found} == {"EQ1", "RC1", "ISO2", "ISO3"}
    crossing = policy_of(name, deployment, kind).crossing
    assert crossing is not None
    entries = {f"(trap entry, {n})" for n in crossing.recoveries if " in " not in n}
    assert {"(return)", *entries} <= {o.subject.partition("@")[0] for o in found}


@pytest.mark.parametrize(("name", "deployment"), [("pg74", "default"), ("riscv64", "vmm_in_m")])
def test_a_map_with_one_bit_wrong_is_refuted(solver: Solver, name: str, deployment: str) -> None:
    rules = policy_of(name, deployment)
    assert rules.crossing is not None
    for what, wrong in copies(rules.crossing):
        found = [o for o in asked(solver, name, replace(rules, crossing=wrong)) if o.verdict != "proved"]
        assert found and {o.verdict for o in found} == {"refuted"}, what
        assert all(o.counterexample is not None and o.counterexample.differs for o in found), what


def test_a_delivery_that_stores_beyond_what_is_kept_is_refuted(solver: Solver) -> None:
    rules = policy_of("pg74")
    assert rules.crossing is not None
    found = asked(solver, "pg74", replace(rules, crossing=replace(rules.crossing, keep=0)))
    # Nor is the monitor's first instruction in what is kept.
    assert {(o.family, o.verdict) for o in found if o.verdict != "proved"} == {("ISO2", "refuted"), ("RC1", "refuted")}


# ---- the monitor's own pages, and the entries of its tables


def refuted(solver: Solver, name: str, rules: Policy) -> set[tuple[str, str]]:
    """The families and subjects that are not proved; each is shown on integers."""
    found = [o for o in asked(solver, name, rules) if o.verdict != "proved"]
    assert all(o.verdict == "refuted" and o.counterexample is not None and o.counterexample.differs for o in found)
    return {(o.family, o.subject.partition("@")[0]) for o in found}


def test_a_page_of_the_monitors_own_is_refused_to_guests_and_leads_the_monitor(solver: Solver) -> None:
    rules = policy_of("riscv64", "s_in_u")
    assert rules.crossing is not None and rules.crossing.pages
    for pages in ({}, {0x1000: 0x1000}, {0: rules.crossing.keep}):
        found = refuted(solver, "riscv64", replace(rules, crossing=replace(rules.crossing, pages=pages)))
        assert {("RC1", "(return)"), ("RC1", "(trap entry, raise)"), ("RC1", "(trap entry, interrupt)")} <= found


@pytest.mark.parametrize(
    ("flag", "family"), [({"U": 1}, "ISO2"), ({"X": 0}, "RC1"), ({"A": 0}, "RC1")], ids=["open", "data", "untouched"]
)
def test_an_entry_with_another_flag_is_refuted(
    solver: Solver, flag: Mapping[str, int], family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Open to guests, not to be executed, or never accessed."""

    def wrong(*given: Any) -> Private:
        found = private(*given)
        return Private({**found.fields, **flag}, found.permits)

    monkeypatch.setattr(machine, "private", wrong)
    monkeypatch.setattr(shadow, "private", wrong)
    assert family in {f for f, _ in refuted(solver, "riscv64", policy_of("riscv64", "s_in_u"))}


def test_the_monitors_entries_lead_deliveries_to_it_and_stay(solver: Solver) -> None:
    rules = policy_of("pg74")
    assert rules.crossing is not None
    ((at, entry),) = rules.crossing.laid.items()

    def laid(entries: Mapping[int, int]) -> set[tuple[str, str]]:
        assert rules.crossing is not None
        return refuted(solver, "pg74", replace(rules, crossing=replace(rules.crossing, laid=entries)))

    entered = {("RC1", "(trap entry, trap)"), ("RC1", "(trap entry, interrupt)")}
    assert laid({at: entry ^ 1 << 31}) == entered  # M: user mode
    assert laid({at: entry ^ 1 << 10}) == entered  # B: nothing to fetch
    assert laid({at: entry | 1023 << 21}) == entered  # P: beyond what is kept
    assert laid({at: entry, 0: 5}) == {*entered, ("RC1", "(return)")}  # where words are stored
