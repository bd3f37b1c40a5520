"""What a deployment's report says besides its rows' verdicts: the configuration, what runs directly, the findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pgcheck.checker import judging as judging_machines
from pgcheck.checker.check import Options, check
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import Event, Finding, FindingStatus, Judged
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.values import NOTHING, Configuration
from pgcheck.checker.verdicts import judge as judging
from pgcheck.isa.machine.build import load
from tests.checker.results import Checked, row
from tests.checker.variants import variant, with_instruction
from tests.specifications import SMALL, machine_of

PLAIN = Options(cache=False, second=False)


@pytest.mark.parametrize(
    ("name", "direct"),
    [
        ("pg74", "M == 1"),
        ("popf", "M == 1"),
        ("read_mode", "M == 1"),
        ("shrink", ""),
        ("lra", ""),
        ("shrink_mirror", ""),
        ("mask_mirror", "M == 1"),
    ],
)
def test_virtual_user_mode_runs_directly_unless_a_row_is_a_hole_there(name: str, direct: str, checked: Checked) -> None:
    assert checked(name).main.direct == direct


def test_nothing_runs_directly_where_a_premise_is_refuted() -> None:
    main = check(load(SMALL / "soundness" / "no_return.yaml"), PLAIN).main
    assert main.theorems["theorem3"].premises == ("guest_can_be_entered",)
    assert not any(r.holed_user for r in main.instructions) and main.direct == ""


def test_a_row_shows_what_of_the_configuration_closes_it_and_others_nothing(checked: Checked) -> None:
    main = checked("conditional").main
    assert main.configuration == row(checked("conditional"), "uio").configuration == Configuration({"TRAPIO": 1})
    assert all(i.configuration is None for i in main.instructions if i.id != "uio")
    assert checked("popf").main.configuration == NOTHING


def test_only_holes_have_witnesses_and_each_has_one(checked: Checked) -> None:
    for name in ("popf", "shrink", "conditional", "user_only", "timer_read"):
        for i in checked(name).main.instructions:
            assert (i.witness is not None) == (i.verdict == "hole"), f"{name} {i.id}"


def test_every_row_is_judged_once_alone_and_once_if_the_configuration_touches_it() -> None:
    events: list[Event] = []
    check(machine_of("conditional"), replace(PLAIN, only=("uio", "add", "lrr")), events.append)
    judged = [(e.phase, e.id) for e in events if isinstance(e, Judged)]
    assert sorted(judged) == [("configuration", "uio"), ("rows", "add"), ("rows", "lrr"), ("rows", "uio")]


@pytest.mark.parametrize(("real", "empty"), [("R.b != 0", False), ("R.b < 11'd5 && R.b > 11'd7", True)])
def test_a_real_machine_without_a_state_proves_nothing(real: str, empty: bool, tmp_path: Path) -> None:
    machine = variant(tmp_path, f'deployments:\n  one: {{real_mode: 1, real: "{real}"}}\n')
    result = check(machine, replace(PLAIN, only=("lrr",)))
    found = [f.status for f in result.findings if f.law == "hypotheses_are_satisfiable"]
    assert found == (["error"] if empty else [])
    assert (row(result, "lrr").verdict == "unknown") == empty


def test_a_row_that_is_unknown_states_nothing_but_that_it_is_privileged(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_(*_: object, **__: object) -> Iterator[judging.Hole]:
        raise Undecided("made up", "too hard")

    monkeypatch.setattr(judging, "question", open_)
    result = check(machine_of("popf"), replace(PLAIN, only=("lrr", "popf", "add")))
    refused, free = row(result, "lrr"), row(result, "popf")
    assert (refused.verdict, free.verdict) == ("unknown", "unknown")
    assert (refused.privileged, free.privileged) == (True, False)
    assert not any(r.sensitive or r.sensitivities or r.user_sensitive or r.holed_user for r in (refused, free))
    assert {n: t.failing for n, t in result.main.theorems.items()} == {
        "theorem1": ("popf",), "theorem2": ("popf",), "theorem3": ("popf",), "monitor": ("lrr", "popf"),
    }  # fmt: skip
    assert {t.status for t in result.main.theorems.values()} == {"unknown"}


# ---- premises that what is mirrored would lose


@pytest.mark.parametrize(
    ("status", "alone", "chosen"),
    [("fails", "ok", False), ("fails", "unknown", False), ("ok", "ok", True), ("fails", "fails", True)],
)
def test_nothing_is_mirrored_that_loses_a_premise(
    status: FindingStatus, alone: FindingStatus, chosen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Configuration] = []

    def granted(setting: Setting, configuration: Configuration, evidence: Evidence) -> list[Finding]:
        asked.append(configuration)
        return [Finding("made_up", status if configuration.mirrored else alone, setting.deployment.name, "")]

    monkeypatch.setattr(judging_machines, "granted", granted)
    main = check(machine_of("mask_mirror"), replace(PLAIN, only=("mask", "add"))).main
    assert bool(main.configuration) == chosen
    assert main.theorems["monitor"].status == ("conditional" if (status, chosen) == ("ok", True) else "fails")
    assert main.theorems["monitor"].premises == (("made_up",) if alone == "fails" else ())
    assert len(asked) == len(set(map(str, asked))), "each configuration is asked about once"


def test_what_is_fixed_is_the_monitors_and_asks_no_premise_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def granted(setting: Setting, configuration: Configuration, evidence: Evidence) -> list[Finding]:
        asked.append(str(configuration))
        return []

    monkeypatch.setattr(judging_machines, "granted", granted)
    check(machine_of("conditional"), replace(PLAIN, only=("uio",)))
    assert asked == ["TRAPIO = 1"]


def test_a_row_is_asked_again_under_what_legality_ties_to_its_leaves() -> None:
    result = check(machine_of("soundness/f01_cfg_through_legal"), PLAIN)
    assert row(result, "x").configuration == result.main.configuration == Configuration({"C": 0})
    assert (row(result, "x").privileged, row(result, "x").privileged_under_configuration) == (False, True)


def test_what_shows_time_alone_in_user_mode_is_no_hole_there(tmp_path: Path) -> None:
    body = "if (M == 0) { K = A[r][0]; } else { A[r] = TIMER; }"
    machine = with_instruction(tmp_path, body, more="state:\n  K: {type: Bits<1>, role: interrupt}\n")
    result = check(machine, replace(PLAIN, only=("new",)))
    assert row(result, "new").verdict == "hole" and not row(result, "new").holed_user
    statuses = {n: t.status for n, t in result.main.theorems.items()}
    assert statuses == {"theorem1": "fails", "theorem2": "fails", "theorem3": "holds", "monitor": "fails"}
