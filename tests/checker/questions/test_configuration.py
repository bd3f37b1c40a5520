"""One configuration for the whole machine, from what each row would be content with."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgcheck.checker.check import Options, check
from pgcheck.checker.questions.configuration import Demand, admissible, common, exhaustive
from pgcheck.checker.questions.translated import leading
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.values import NOTHING, Configuration
from pgcheck.isa.machine.choices import MIRROR, Choice
from tests.checker.judging import setting_of
from tests.checker.results import Checked, row
from tests.checker.variants import edited
from tests.specifications import machine_of


def fixed(**leaves: int) -> Configuration:
    return Configuration(leaves)


A0, A1, B0, B1 = fixed(A=0), fixed(A=1), fixed(B=0), fixed(B=1)


@pytest.mark.parametrize(
    ("demands", "expected"),
    [
        ([], {}),
        ([((A0,), True)], {"A": 0}),
        ([((A0, A1), True), ((A1,), True)], {"A": 1}),
        ([((A0,), True), ((B1,), True)], {"A": 0, "B": 1}),
        ([((A0, B0), True), ((B0,), True)], {"B": 0}),
        ([((A0 | B0, A1), True)], {"A": 1}),
        ([((A0,), True), ((A1,), False), ((A1,), False)], {"A": 0}),
        ([((A0, A1), True), ((A1,), False)], {"A": 1}),
        ([((A0,), True), ((A1,), True), ((A1,), True)], {"A": 1}),
        ([((A0, fixed(A=0, B=0)), True)], {"A": 0}),
    ],
)
def test_most_exact_then_most_classical_then_least(
    demands: list[tuple[tuple[Configuration, ...], bool]], expected: object
) -> None:
    found = common([Demand(str(k), good, exact) for k, (good, exact) in enumerate(demands)])
    assert found.shown() == expected
    assert bool(found) == bool(expected)


@pytest.mark.parametrize(
    ("vetoed", "expected"),
    [
        ([], {"A": 0}),
        ([A0], {"A": 1, "B": 0}),
        ([A0, A1], {"B": 0}),
        ([A0, A1, B0], {}),
        ([A0 | B0], {"A": 0}),
        ([fixed(A=2)], {"A": 0}),
    ],
)
@pytest.mark.parametrize("most", [200_000, 0])
def test_nothing_vetoed_is_chosen(
    vetoed: list[Configuration], expected: object, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgcheck.checker.questions.configuration.MAX_ASSIGNMENTS", most)
    demands = [Demand("x", (A0, A1), True), Demand("y", (A0, B0), True), Demand("z", (A0,), False)]
    found = common(demands, vetoed)
    assert not any(found.includes(v) for v in vetoed)
    assert found.shown() == expected
    assert exhaustive(demands) == bool(most)


def test_tables_and_mirrors_are_choices_like_any_other() -> None:
    closed, own = Configuration({}, {"descriptor": {"P": 0}}), Configuration({"TS": MIRROR}, {"descriptor": None})
    assert common([Demand("pop", (closed,), True)]).shown() == {"@descriptor": {"P": 0}}
    assert common([Demand("x", (own,), True)]).shown() == {"TS": "mirror", "@descriptor": "mirror"}
    both = common([Demand("pop", (closed, own), True), Demand("fld", (Configuration({"TS": MIRROR}),), True)])
    assert both.leaves == {"TS": MIRROR} and both.tables["descriptor"] in ({"P": 0}, None)


def test_the_order_of_demands_does_not_matter() -> None:
    demands = [Demand("a", (A0, B1), True), Demand("b", (B1, A1), True), Demand("c", (A0,), False)]
    assert common(demands).shown() == common(demands[::-1]).shown()
    assert common([Demand("a", (), True)]) == NOTHING


def test_the_configuration_closes_what_it_is_for(checked: Checked) -> None:
    result = checked("conditional")
    assert result.main.configuration == fixed(TRAPIO=1)
    closed = row(result, "uio")
    assert closed.configuration == fixed(TRAPIO=1) and closed.privileged_under_configuration and not closed.privileged


def test_nothing_is_fixed_without_need(checked: Checked) -> None:
    for name in ("pg74", "popf", "m68010"):
        assert checked(name).main.configuration == NOTHING
    assert checked("conditional").main.configuration == fixed(TRAPIO=1)


def test_no_innocuous_row_traps_because_of_it(checked: Checked) -> None:
    for name in ("conditional", "pdp10-ka10", "spoiled", "spared"):
        assert not [f for f in checked(name).findings if f.law == "efficiency"]
    assert checked("spoiled").main.configuration == NOTHING and row(checked("spoiled"), "uio").witness is not None
    assert checked("spared").main.configuration == fixed(TRAPINPUT=1)


def test_a_configuration_that_spoils_all_the_same_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgcheck.checker.verdicts.survey.MAX_VETOES", 0)
    (found,) = [
        f for f in check(machine_of("spoiled"), Options(cache=False, second=False)).findings if f.law == "efficiency"
    ]
    assert found.status == "error" and "calc" in found.message


# ---- what the monitor translates with

BASE_AND_BOUND, PAGES = "soundness/d13b_mirror_candidate", "soundness/d16_const_pg"


@pytest.mark.parametrize(
    ("path", "leaves", "allowed"),
    [
        (PAGES, {"PG": 1}, True),
        (PAGES, {"PG": 0}, False),
        (PAGES, {"PG": MIRROR}, False),
        (PAGES, {"ROOT": MIRROR}, False),
        (PAGES, {"ROOT": 0}, False),
        (PAGES, {"IE": 0, "SP": MIRROR}, True),
        (BASE_AND_BOUND, {"L": MIRROR}, False),
        (BASE_AND_BOUND, {"B": MIRROR}, False),
        (BASE_AND_BOUND, {"L": 0}, False),
        (BASE_AND_BOUND, {"B": 15}, False),
        (BASE_AND_BOUND, {"IE": 0, "SP": MIRROR}, True),
    ],
    ids=str,
)
def test_what_the_monitor_translates_with_is_fixed_to_what_is_given_or_not_at_all(
    path: str, leaves: dict[str, Choice], allowed: bool, evidence: Evidence
) -> None:
    setting = setting_of(machine_of(path))
    assert admissible(setting, Configuration(leaves), evidence) == allowed


@pytest.mark.parametrize("real", ["PG == 0", "PG == 0 || IE == 0 && IE == 1"])
def test_a_real_machine_whose_translation_is_not_set_up_proves_nothing(
    real: str, tmp_path: Path, evidence: Evidence
) -> None:
    text = ("configurations: {c: {PG: [0]}}", f'deployments: {{d: {{real_mode: 1, real: "{real}"}}}}')
    assert not admissible(setting_of(edited(tmp_path, text, base=PAGES)), NOTHING, evidence)
    other = (text[0], text[1].replace("PG == 0", "PG == 1"))
    assert admissible(setting_of(edited(tmp_path, other, base=PAGES)), NOTHING, evidence)


def test_whatever_moves_addresses_between_bounds_is_the_monitors(tmp_path: Path, evidence: Evidence) -> None:
    assert leading(machine_of(BASE_AND_BOUND)) == {"L", "B"}
    moved = edited(tmp_path, ("return sum[3:0];", "return sum[3:0] ^ {3'd0, IE};"), base=BASE_AND_BOUND)
    assert leading(moved) == {"L", "B", "IE"}
    assert not admissible(setting_of(moved), Configuration({"IE": MIRROR}), evidence)
    refused = edited(tmp_path, ("if (a >= B)", "if (IE == 1 || a >= B)"), base=BASE_AND_BOUND)
    assert leading(refused) == {"L", "B"}
    assert leading(machine_of("m68000")) == frozenset()
    assert leading(machine_of(PAGES)) == {"ROOT", "PG"}
