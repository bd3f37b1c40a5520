"""Waiver files: read strictly, and in a run the exit code and every output follow what became of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema  # type: ignore[import-untyped]  # published without types
import pytest

from pgcheck.checker.options import Options
from pgcheck.checker.result import ExitCode, Finding, MachineResult
from pgcheck.checker.verdicts.waiver import Reviewed, Status, Waiver
from pgcheck.isa.files.errors import Position, SpecificationError
from pgcheck.isa.machine.machine import Machine
from pgcheck.options import WAIVERS_FILE
from pgcheck.reports.writing import format_of
from pgcheck.request import Request
from pgcheck.running.events import Manner
from pgcheck.running.run import code
from pgcheck.waivers import application, waiver_file
from tests.pgcheck.conftest import Pgcheck
from tests.pgcheck.factory import HOLE, ODD, WITNESS, result
from tests.pgcheck.stories import checked, story
from tests.specifications import ROOT, SMALL, machine_of

POPF = SMALL / "popf.yaml"
DIGEST = "8063c6ee886d5e68db032380ad012b48396a035bc36df5506b696547cffd62d9"
ENTRY = {
    "machine": "popf",
    "deployment": "default",
    "instruction": "popf",
    "property": "monitor",
    "meaning": DIGEST,
    "differences": '["virtual:IE"]',
    "reason": "known since 1974",
}
FIRST = {**ENTRY, "property": "theorem1", "differences": '["ctl[interrupt@S]"]'}


def text_of(*entries: Mapping[str, str]) -> str:
    lines = [f"  - {', '.join(f'{k}: {v}' for k, v in e.items())}".replace("  - ", "  - {") + "}\n" for e in entries]
    return "waivers:\n" + "".join(lines) if lines else "waivers: []\n"


def problems(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(SpecificationError) as error:
        waiver_file.parsed(text, Path("w.yaml"))
    return [(p.position.line, p.message, p.hint) for p in error.value.problems]


# ---- the file


def test_a_file_is_read_with_all_that_it_says() -> None:
    text = text_of({**ENTRY, "modes": "[user]", "operands": "{r: 0x1f}", "expires": "2027-02-28"})
    (waiver,) = waiver_file.parsed(text, Path("w.yaml"))
    assert waiver == Waiver(
        "popf",
        "default",
        "popf",
        "monitor",
        DIGEST,
        frozenset({"virtual:IE"}),
        "known since 1974",
        frozenset({"user"}),
        {"r": 31},
        date(2027, 2, 28),
        Position("w.yaml", 2, 5),
    )
    (short,) = waiver_file.parsed(text_of(ENTRY), Path("w.yaml"))
    assert sorted(short.modes) == ["supervisor", "user"] and not short.operands and short.expires is None


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "\n", "waivers: []\n"])
def test_a_file_may_waive_nothing(text: str) -> None:
    assert waiver_file.parsed(text, Path("w.yaml")) == ()


@pytest.mark.parametrize(
    "change, said",
    [
        ({"property": "theorem2"}, "one of a few words"),
        ({"reason": '" "'}, "text is needed"),
        ({"meaning": "12"}, "this is not the digest of a meaning"),
        ({"differences": "[]"}, "differences is empty"),
        ({"differences": "virtual:IE"}, "a list is needed"),
        ({"modes": "[]"}, "modes is empty"),
        ({"modes": "[kernel]"}, "one of a few words"),
        ({"operands": "{r: -1}"}, "an integer is needed"),
        ({"expires": "2027-02-29"}, "a date is needed"),
        ({"expires": "20270101"}, "a date is needed"),
        ({"reasons": "x"}, "unknown key 'reasons'"),
        ({"property": "theorem1", "modes": "[user]"}, "modes is for the property monitor"),
        ({"property": "theorem3", "operands": "{r: 1}"}, "operands is for the property monitor"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(change: dict[str, str], said: str) -> None:
    assert waiver_file.parsed(text_of(ENTRY), Path("w.yaml"))
    found = problems(text_of(ENTRY, {**ENTRY, "instruction": "other", **change}))
    assert [(line, message.startswith(said)) for line, message, _ in found] == [(3, True)]


@pytest.mark.parametrize("key", ENTRY)
def test_no_key_may_be_missing(key: str) -> None:
    assert problems(text_of({k: v for k, v in ENTRY.items() if k != key})) == [(2, f"key '{key}' is missing", "")]


def test_all_errors_come_at_once_with_what_was_meant() -> None:
    found = problems(text_of({**ENTRY, "propertie": "x"}, {**ENTRY, "instruction": "x", "property": "moniter"}))
    assert [line for line, *_ in found] == [2, 3]
    assert found[1][2] == "did you mean 'monitor'?"


def test_two_for_the_same_are_refused_and_two_properties_are_not() -> None:
    assert problems(text_of(ENTRY, FIRST, ENTRY)) == [(4, "this is waived twice", "")]
    assert len(waiver_file.parsed(text_of(ENTRY, FIRST), Path("w.yaml"))) == 2


@pytest.mark.parametrize(
    "text", ["waivers: [\n", "- machine: popf\n", "waiver: []\n", "waivers: &a []\n", "waivers: []\nwaivers: []\n"]
)
def test_what_is_no_such_file_is_refused(text: str) -> None:
    assert problems(text)


def test_the_nearest_file_up_to_the_root_of_the_repository_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "repository" / "specs" / "mine"
    inner.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    outside, top = tmp_path / WAIVERS_FILE, tmp_path / "repository" / WAIVERS_FILE
    outside.write_text("")
    top.write_text("")
    assert application.found(inner / "isa.yaml") is None
    (tmp_path / "repository" / ".git").mkdir()
    assert application.found(inner / "isa.yaml") == Path("repository") / WAIVERS_FILE
    top.unlink()
    assert application.found(inner / "isa.yaml") is None
    (inner / WAIVERS_FILE).write_text("")
    assert application.found(inner / "isa.yaml") == (inner / WAIVERS_FILE).relative_to(tmp_path)


# ---- the exit code


def noted(*names: str, **statuses: Any) -> MachineResult:
    """popf is a hole, and waived for these properties."""
    given = result(HOLE, **statuses)
    theorems = {n: replace(t, waived=t.failing if n in names else ()) for n, t in given.main.theorems.items()}
    return replace(given, deployments=(replace(given.main, theorems=theorems),))


def one(status: Status = "accepted", property_: Any = "theorem1", **more: Any) -> Reviewed:
    waiver = Waiver(
        "toy",
        "default",
        "popf",
        property_,
        DIGEST,
        frozenset({"virtual:IF"}),
        "no guest uses it",
        expires=date(2030, 1, 2),
        position=Position("pgcheck-waivers.yaml", 4, 5),
    )
    return Reviewed(waiver, status, "no guest uses it" if status == "accepted" else f"is {status}", **more)


REQUEST = Request(Options())


def test_a_waived_premise_passes_and_nothing_else_does() -> None:
    assert code(noted(theorem1="fails"), REQUEST) is ExitCode.REFUTED
    assert code(noted("theorem1", theorem1="fails"), REQUEST, [one()]) is ExitCode.PROVED
    assert (
        code(noted("monitor", theorem1="fails", monitor="fails"), REQUEST, [one(property_="monitor")])
        is ExitCode.REFUTED
    )


@pytest.mark.parametrize(
    "status, expected",
    [("accepted", 0), ("outside", 1), ("stale", 1), ("expired", 1), ("unneeded", 1), ("unknown", 3)],
)
def test_a_waiver_that_does_not_hold_is_no_pass(status: Status, expected: int) -> None:
    assert code(noted("theorem1", theorem1="fails"), REQUEST, [one(), one(status, "monitor")]) == expected
    assert code(result(), REQUEST, [one(status)]) == expected
    assert code(result(), replace(REQUEST, exit_zero=True), [one(status)]) == 0


def test_waivers_are_held_against_this_day(monkeypatch: pytest.MonkeyPatch) -> None:
    days: list[date] = []

    def noting(machine: Machine, found: MachineResult, *given: Any) -> tuple[MachineResult, tuple[Reviewed, ...]]:
        days.append(given[-1])
        return found, ()

    monkeypatch.setattr("pgcheck.checker.verdicts.waiver.review", noting)
    machine, found = machine_of("popf"), result()
    mine = replace(one().waiver, machine=machine.identity.name)
    before = date.today()
    application.reviewed(machine, found, [mine], REQUEST)
    assert len(days) == 1 and before <= days[0] <= date.today()


def test_one_of_two_failing_rows_waived_is_no_pass() -> None:
    given = noted("theorem1", theorem1="fails")
    first = replace(given.main.theorems["theorem1"], failing=("popf", "other"))
    main = replace(given.main, theorems={**given.main.theorems, "theorem1": first})
    assert code(replace(given, deployments=(main,)), REQUEST, [one()]) is ExitCode.REFUTED


def test_what_else_is_undecided_is_no_pass() -> None:
    given = noted("theorem1", theorem1="fails")
    open_ = replace(given, deployments=(replace(given.main, instructions=(HOLE, ODD)),))
    assert code(open_, REQUEST, [one()]) is ExitCode.UNKNOWN
    found = replace(given, findings=(Finding("law", "unknown", "x", "open"),))
    assert code(found, REQUEST, [one()]) is ExitCode.UNKNOWN
    wrong = replace(given, findings=(Finding("law", "error", "x", "wrong"),))
    assert code(wrong, REQUEST, [one()]) is ExitCode.USAGE


# ---- the outputs

ACCEPTED = checked(noted("theorem1", theorem1="fails"))
ACCEPTED = replace(
    ACCEPTED, waived={("default", "popf"): "no guest uses it"}, waivers=(one(), one(property_="monitor"))
)
OUTSIDE = replace(checked(noted(theorem1="fails")), waivers=(one("outside", "monitor", witness=WITNESS),))
TIMELESS = Manner(timing=False)


def test_text_says_fails_and_how_many_are_waived() -> None:
    text = format_of("text").render(story(ACCEPTED), TIMELESS)
    assert "Theorem 1  the premise fails (1 waived): popf is sensitive" in text
    assert "accepted: popf, theorem1 until 2030-01-02: no guest uses it" in text
    outside = format_of("text").render(story(OUTSIDE), TIMELESS)
    assert "waived)" not in outside and "outside: popf, monitor" in outside and "(pgcheck-waivers.yaml:4:5)" in outside
    assert "popf 1  [9d 01]: IF goes from 1 to 0" in outside


def test_json_has_them_and_its_schema_knows_them() -> None:
    schema = json.loads((ROOT / "pgcheck" / "result-schema.json").read_text("utf-8"))
    for given, status in ((ACCEPTED, "accepted"), (OUTSIDE, "outside")):
        document = json.loads(format_of("json").render(story(given), TIMELESS))
        jsonschema.Draft202012Validator(schema).validate(document)
        assert document["theorem1"]["status"] == "fails"
        assert document["theorem1"]["waived"] == (["popf"] if status == "accepted" else [])
        assert {w["status"] for w in document["waivers"]} == {status}
        assert (document["waivers"][0]["witness"] is None) == (status == "accepted")
    bad = {**document, "waivers": [{**document["waivers"][0], "status": "fine"}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(bad)


def sarif(given: Any, manner: Manner = TIMELESS) -> list[tuple[str, bool]]:
    results = json.loads(format_of("sarif").render(story(given), manner))["runs"][0]["results"]
    return [(r["ruleId"], "suppressions" in r) for r in results]


def test_sarif_suppresses_what_is_waived_and_reports_what_does_not_hold() -> None:
    assert sarif(ACCEPTED) == [("PG011", True), ("PG001", True)]
    assert sarif(ACCEPTED, replace(TIMELESS, waived="omit")) == []
    assert sarif(OUTSIDE) == [("PG011", False), ("PG001", False), ("PG201", False)]
    assert sarif(OUTSIDE, replace(TIMELESS, waived="omit")) == sarif(OUTSIDE)


def test_junit_skips_what_is_waived_and_fails_what_does_not_hold() -> None:
    def ends(given: Any) -> dict[str, list[str]]:
        whole = ElementTree.fromstring(format_of("junit").render(story(given), TIMELESS))
        return {c.get("name", ""): [e.tag for e in c] for c in whole.iter("testcase")}

    accepted, outside = ends(ACCEPTED), ends(OUTSIDE)
    assert accepted["theorem1"] == accepted["popf"] == ["skipped"] and accepted["waiver default popf monitor"] == []
    assert outside["theorem1"] == outside["popf"] == outside["waiver default popf monitor"] == ["failure"]
    unknown = replace(OUTSIDE, waivers=(one("unknown", "monitor"),))
    assert ends(unknown)["waiver default popf monitor"] == ["error"]


def test_github_leaves_out_what_is_waived_and_names_the_line_of_what_does_not_hold() -> None:
    assert format_of("github").render(story(ACCEPTED), TIMELESS) == ""
    assert "file=pgcheck-waivers.yaml,line=4,col=5,title=PG201 waiver" in format_of("github").render(
        story(OUTSIDE), TIMELESS
    )


# ---- a whole run


def test_a_run_follows_its_waivers(pgcheck: Pgcheck, project: Path) -> None:
    def run(text: str, *options: str) -> tuple[int, list[str]]:
        (project / WAIVERS_FILE).write_text(text)
        ran = pgcheck("popf.yaml", "--no-second", "--jobs", "1", "--format", "json", *options)
        return ran.code, [w["status"] for w in json.loads(ran.out)["waivers"]]

    assert run("") == (1, [])
    assert run(text_of(FIRST)) == (0, ["accepted"])
    assert run(text_of(FIRST), "--require", "monitor") == (1, ["accepted"])
    assert run(text_of(FIRST, ENTRY), "--require", "monitor") == (0, ["accepted", "accepted"])
    assert run(text_of(FIRST), "--no-waivers") == (1, [])
    assert run(text_of(FIRST, {**ENTRY, "differences": '["virtual:M"]'})) == (1, ["accepted", "outside"])
    assert run(text_of(FIRST, {**ENTRY, "expires": "2020-01-01"})) == (1, ["accepted", "expired"])
    assert run(text_of(FIRST, {**ENTRY, "meaning": "0" * 64})) == (1, ["accepted", "stale"])
    assert run(text_of(FIRST, {**ENTRY, "operands": "{q: 1}"})) == (1, ["accepted", "stale"])
    assert run(text_of(FIRST, {**ENTRY, "operands": "{r: 16}"})) == (1, ["accepted", "stale"])
    assert run(text_of(FIRST, {**ENTRY, "instruction": "add"})) == (1, ["accepted", "unneeded"])
    assert run(text_of(FIRST, {**ENTRY, "machine": "another"})) == (0, ["accepted"])
    assert run(text_of({**FIRST, "instruction": "pop"}))[1] == ["stale"]


def test_a_partial_run_says_nothing_of_other_waivers(pgcheck: Pgcheck, project: Path) -> None:
    (project / WAIVERS_FILE).write_text(text_of(FIRST, ENTRY))
    ran = pgcheck("popf.yaml", "--only", "add", "--no-second", "--jobs", "1", "--format", "json")
    assert (ran.code, json.loads(ran.out)["waivers"]) == (0, [])
    ran = pgcheck("popf.yaml", "--only", "popf", "--no-second", "--jobs", "1", "--format", "json")
    assert (ran.code, len(json.loads(ran.out)["waivers"])) == (0, 2)


def test_a_wrong_file_stops_before_the_check(pgcheck: Pgcheck, project: Path) -> None:
    (project / WAIVERS_FILE).write_text(text_of({**FIRST, "reason": '""'}))
    ran = pgcheck("popf.yaml", "--format", "json")
    assert ran.code == 2 and f"{WAIVERS_FILE}:2:" in ran.err
    assert json.loads(ran.out)["errors"][0]["message"] == "the waiver file has 1 error"
    assert pgcheck("popf.yaml", "--waivers", "nowhere.yaml").code == 2
    assert pgcheck("popf.yaml", "--waivers", WAIVERS_FILE, "--no-waivers").code == 2


def test_a_waived_hole_is_a_hole_in_a_comparison(pgcheck: Pgcheck, project: Path) -> None:
    (project / WAIVERS_FILE).write_text(text_of(FIRST, ENTRY))
    assert pgcheck("diff", "pg74", "popf.yaml", "--no-second", "--jobs", "1").code == 1
    assert pgcheck("diff", "popf.yaml", "popf.yaml", "--no-second", "--jobs", "1").code == 0
