"""SARIF: valid against the schema of OASIS, placed for code scanning, and with fingerprints that survive edits elsewhere."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # published without types
import pytest

from pgcheck.checker.example import MACHINE
from pgcheck.checker.result import THEOREMS, Effort, ExitCode, Finding
from pgcheck.checker.values import Mismatch
from pgcheck.isa.files.errors import Position
from pgcheck.isa.machine.build import load
from pgcheck.reports.formats.sarif import HOME, render
from pgcheck.reports.places import Places, line_hashes
from pgcheck.reports.rulebook import RULES
from pgcheck.repository import root
from pgcheck.running.events import Manner
from tests.pgcheck.conftest import Pgcheck
from tests.pgcheck.factory import HOLE, ODD, PLAIN, result
from tests.pgcheck.stories import BROKEN, HOSTILE, LONG, RICH, TIMELESS, WRONG, checked, hostile, story
from tests.specifications import ROOT

SCHEMA = json.loads((ROOT / "tests" / "data" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
RULE_IDS = [rule.id for rule in RULES]


def validate(instance: Any) -> None:
    jsonschema.Draft4Validator(SCHEMA).validate(instance)


def run_of(*events: Any, manner: Manner = TIMELESS, **more: Any) -> Any:
    whole = json.loads(render(story(*events, **more), manner))
    validate(whole)
    return whole["runs"][0]


def results(*events: Any, manner: Manner = TIMELESS, **more: Any) -> Any:
    return run_of(*events, manner=manner, **more)["results"]


def by_rule(found: Any) -> list[tuple[str, str]]:
    return [(r["ruleId"], r["level"]) for r in found]


# ---- the schema


def test_a_rich_run_is_valid() -> None:
    run_of(checked(RICH), WRONG, BROKEN, words=("late",), complete=False, manner=Manner())


@pytest.mark.parametrize(
    "place, value",
    [
        (("version",), "2.2.0"),
        (("runs", 0, "results", 0, "level"), "bad"),
        (("runs", 0, "results", 0, "message"), {}),
        (("runs", 0, "results", 0, "locations", 0, "physicalLocation", "region", "startLine"), 0),
        (("runs", 0, "tool", "driver", "rules", 0, "id"), 1),
        (("runs", 0, "invocations", 0, "executionSuccessful"), "yes"),
        (("runs", 0, "results", 0, "extra"), 1),
    ],
)
def test_the_schema_refuses_what_is_not_sarif(place: tuple[Any, ...], value: Any) -> None:
    whole = inner = json.loads(render(story(checked(RICH)), TIMELESS))
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        validate(whole)


# ---- results


def test_what_is_reported_and_how_bad_it_is() -> None:
    assert by_rule(results(checked(RICH), WRONG)) == [
        ("PG116", "none"),  # leaves_specification: informational
        ("PG117", "warning"),
        ("PG110", "error"),
        ("PG109", "warning"),  # not decided
        ("PG011", "error"),  # required
        ("PG014", "note"),  # not required
        ("PG001", "error"),
        ("PG002", "warning"),
        ("PG011", "note"),  # of another deployment, of which the exit code does not speak
        ("PG001", "warning"),
        ("PG200", "error"),
        ("PG200", "error"),
    ]


def test_a_specification_that_breaks_a_law_has_that_result_alone() -> None:
    broken = Finding("traps_are_precise", "error", "popf", "state changes before trap", Position("toy.yaml", 7, 3))
    void: Any = dict.fromkeys(THEOREMS, "void")
    assert [r["ruleId"] for r in results(checked(result(HOLE, ODD, findings=(broken,), **void)))] == ["PG110"]


def test_a_clean_run_has_no_result() -> None:
    assert results(checked(result(*PLAIN))) == []
    assert len(results(checked(result(*PLAIN, HOLE)))) == 1


def test_the_theorem_that_is_required_is_the_error() -> None:
    answer = result(HOLE, theorem1="fails", monitor="fails")
    assert by_rule(results(checked(answer), require="monitor"))[:2] == [("PG011", "note"), ("PG014", "error")]


def test_a_result_points_into_the_table_of_rules() -> None:
    run = run_of(checked(RICH), WRONG)
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == RULE_IDS
    assert all(RULE_IDS[r["ruleIndex"]] == r["ruleId"] for r in run["results"])


def test_a_hole_shows_both_machines_step() -> None:
    (hole,) = [r for r in results(checked(result(HOLE)))]
    assert hole["message"]["text"].splitlines()[0] == "popf is a hole: changes the virtual machine's IF without a trap"
    assert "Witness: popf 1 [9d 01]" in hole["message"]["text"]
    assert (
        "- IF goes from 1 to 0 on the virtual machine, and the monitor does not learn of it" in hole["message"]["text"]
    )
    (flow,) = hole["codeFlows"]
    threads = {t["id"]: [step["state"] for step in t["locations"]] for t in flow["threadFlows"]}
    assert [s["IF"]["text"] for s in threads["virtual"]] == ["1", "0"]
    assert [s["IF"]["text"] for s in threads["real"]] == ["1", "1"]
    assert threads["real"][1]["MEM[0x100]"] == {"text": "6"}
    assert "goes on" in flow["threadFlows"][0]["locations"][1]["location"]["message"]["text"]


def test_a_failing_theorem_names_its_rows_places() -> None:
    (theorem,) = results(checked(result(replace(HOLE, verdict="trap-mediated", witness=None), theorem1="fails")))
    assert theorem["relatedLocations"][0]["physicalLocation"]["region"] == {"startLine": 3, "startColumn": 5}
    assert theorem["relatedLocations"][0]["message"] == {"text": "popf"}


def test_problems_stand_where_they_are() -> None:
    first, second = results(WRONG)
    assert first["message"]["text"] == "no 'IF' here\nhint: did you mean 'IE'?"
    assert [r["locations"][0]["physicalLocation"]["region"]["startLine"] for r in (first, second)] == [3, 9]


# ---- how the run went


def test_a_run_that_answers_everything_was_successful() -> None:
    (invocation,) = run_of(checked(RICH), WRONG, code=2)["invocations"]
    assert invocation == {"executionSuccessful": True, "exitCode": 2, "toolExecutionNotifications": []}


@pytest.mark.parametrize(
    "more, said",
    [
        ({"words": ("late",), "complete": False, "code": 130}, "late: not checked, for the run was broken off"),
        ({"code": 4, "broken": True}, "broken.yaml: ZeroDivisionError: by zero"),
    ],
)
def test_a_run_that_does_not_says_so(more: dict[str, Any], said: str) -> None:
    events = [checked(result(HOLE)), *([BROKEN] if more.pop("broken", False) else [])]
    run = run_of(*events, **more)
    assert by_rule(run["results"]) == [("PG001", "error")]
    (invocation,) = run["invocations"]
    assert not invocation["executionSuccessful"] and invocation["exitCode"] == more["code"]
    assert [n["message"]["text"] for n in invocation["toolExecutionNotifications"]] == [said]


def test_without_timing_equal_results_give_equal_bytes() -> None:
    slower = replace(RICH, effort=Effort(99, 1, 2, 3, 4, 5, 60.0, ("lgdt", 9.0)))
    texts = {
        timing: [render(story(checked(r)), Manner(timing=timing)) for r in (RICH, slower)] for timing in (False, True)
    }
    assert texts[False][0] == texts[False][1]
    assert texts[True][0] != texts[True][1]


# ---- waivers


def test_waived_results_are_suppressed_or_left_out() -> None:
    waived = checked(result(HOLE), waived={("default", "popf"): "no guest uses it"})
    (kept,) = results(waived)
    assert kept["suppressions"] == [{"kind": "external", "status": "accepted", "justification": "no guest uses it"}]
    assert results(waived, manner=Manner(timing=False, waived="omit")) == []
    assert "suppressions" not in results(checked(result(HOLE)), manner=Manner(timing=False, waived="omit"))[0]


# ---- places


def test_paths_begin_at_the_repositorys_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "a b" / "c"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert root(inner) != tmp_path
    (tmp_path / ".git").mkdir()
    assert root(inner) == tmp_path
    (found,) = results(checked(result(HOLE)))
    assert found["locations"][0]["physicalLocation"]["artifactLocation"] == {
        "uri": "a%20b/c/toy.yaml",
        "uriBaseId": "SRCROOT",
    }
    outside = replace(HOLE, position=Position(str(tmp_path.parent / "toy.yaml"), 1, 1))
    (found,) = results(checked(result(outside)))
    assert found["locations"][0]["physicalLocation"]["artifactLocation"] == {
        "uri": f"file://{tmp_path.parent}/toy.yaml"
    }


def test_a_worktree_has_a_file_for_its_root(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")
    assert root(tmp_path) == tmp_path


# Inputs and hashes from github/codeql-action, src/fingerprints.test.ts.
LINES = (
    "e9496ae3ebfced30:1",
    "fb7c023a8b9ccb3f:1",
    "ce8ba1a563dcdaca:1",
    "e20e36e16fcb0cc8:1",
    "b3edc88f2938467e:1",
    "c8e28b0b4002a3a0:1",
    "c129715d7a2bc9a3:1",
)
REPEATED = (
    *(f"a7f2ff13bc495cf2:{n}" for n in range(1, 7)),
    "a7f2ff1481e87703:1",
    "a9cf91f7bbf1862b:1",
    "55ec222b86bcae53:1",
    "cc97dc7b1d7d8f7b:1",
    "c129715d7a2bc9a3:1",
)


@pytest.mark.parametrize(
    "text, hashes",
    [
        ("", ("c129715d7a2bc9a3:1",)),
        (" a\nb\n  \t\tc\n d", ("271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1")),
        (" hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n", LINES),
        (" hello; \t\nworld!!!\r\r\r  \t\tGreetings\r End\r", LINES),
        (" hello; \t\r\nworld!!!\r\n\r\n\r\n  \t\tGreetings\r\n End\r\n", LINES),
        (" hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n", LINES),
        ("Lorem ipsum dolor sit amet.\n" * 10, REPEATED),
    ],
)
def test_hashes_of_lines_are_githubs(text: str, hashes: tuple[str, ...]) -> None:
    assert line_hashes(text) == hashes


def test_a_line_that_is_not_there_has_no_hash(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\ntwo\n")
    places = Places(tmp_path)
    assert places.line_hash(str(tmp_path / "a"), 1) == line_hashes("one\ntwo\n")[0]
    assert [places.line_hash(str(tmp_path / "a"), n) for n in (0, 9)] == ["", ""]
    assert (
        places.line_hash(str(tmp_path), 1)
        == places.line_hash("\0", 1)
        == places.line_hash(str(tmp_path / "b"), 1)
        == ""
    )


# ---- fingerprints by meaning


SILENT = MACHINE.replace("      if (M == 1) { trap(Cause::Privileged); }\n", "")
OTHER = '  - name: add\n    encoding: {match: "00000010"}\n    operation(): "A = A + 8\'d1;"\n'
EDITS = {
    "a comment and an empty line before": lambda text: "# a comment\n\n" + text,
    "a comment inside": lambda text: text.replace("IE = 1'b0;", "IE = 1'b0; # off"),
    "another instruction before": lambda text: text.replace("instructions:\n", "instructions:\n" + OTHER),
    "another instruction after": lambda text: text + OTHER,
    "another mnemonic": lambda text: text.replace("name: cli", "name: di"),
    "a table of fields": lambda text: text.replace("max_length: 1", "max_length: 1, tails: {ib: [[imm, 8]]}"),
    "another title": lambda text: text.replace("A processor of one register", "x"),
}
CHANGES = {
    "another body": lambda text: text.replace("IE = 1'b0;", "IE = 1'b1;"),
    "another encoding": lambda text: text.replace("00000001", "00000011"),
}


def fingerprints(text: str, folder: Path) -> list[str]:
    """Those of the holes of a specification, with a witness made by hand for each."""
    file = folder / "spec.yaml"
    file.write_text(text)
    loaded = load(file)
    rows = [replace(HOLE, id=i.id, position=i.position) for i in loaded.instructions if i.id != "add"]
    answer = replace(checked(result(*rows)), machine=loaded)
    return [r["partialFingerprints"]["meaning/v1"] for r in results(answer)]


@pytest.mark.parametrize("edit", EDITS)
def test_what_does_not_change_the_meaning_keeps_the_fingerprint(edit: str, tmp_path: Path) -> None:
    changed = EDITS[edit](SILENT)
    assert changed != SILENT
    assert fingerprints(changed, tmp_path) == fingerprints(SILENT, tmp_path)


@pytest.mark.parametrize("change", CHANGES)
def test_another_meaning_has_another_fingerprint(change: str, tmp_path: Path) -> None:
    assert fingerprints(CHANGES[change](SILENT), tmp_path) != fingerprints(SILENT, tmp_path)


def test_another_difference_has_another_fingerprint() -> None:
    assert HOLE.witness is not None
    other = replace(HOLE, witness=replace(HOLE.witness, differs=(Mismatch("general", "MEM"),)))
    prints = [results(checked(result(row)))[0]["partialFingerprints"] for row in (HOLE, other)]
    assert prints[0] != prints[1]


def test_no_two_results_of_a_run_have_the_same_fingerprint() -> None:
    found = [r["partialFingerprints"]["meaning/v1"] for r in results(checked(RICH), checked(RICH), WRONG)]
    assert len(found) == len(set(found)) and sum(f.endswith(":2") for f in found) == 10


# ---- hostile content


@pytest.mark.parametrize("text", [HOSTILE, LONG, ""], ids=["hostile", "long", "empty"])
def test_whatever_a_specification_says_the_file_is_valid(text: str, tmp_path: Path) -> None:
    made = render(hostile(text=text), TIMELESS)
    whole = json.loads(made.encode("utf-8", "backslashreplace"))
    validate(whole)
    said = [r["message"]["text"] for r in whole["runs"][0]["results"]]
    assert said and all("\x1b" not in s and "\x00" not in s and "](" not in s and "{0}" not in s for s in said)
    assert all(len(s) <= 4000 + 10 for s in said)


# ---- for whoever reads a result elsewhere


def test_the_tool_and_each_rule_say_where_more_is_told() -> None:
    driver = run_of(checked(RICH))["tool"]["driver"]
    page = (ROOT / "docs" / "reference" / "rules.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert driver["informationUri"] == HOME
    for rule in driver["rules"]:
        place, anchor = rule["helpUri"].split("#")
        assert place == f"{HOME}/blob/main/docs/reference/rules.md" and anchor in anchors


def snippets(path: Path, content: bytes, line: int, column: int) -> Any:
    path.write_bytes(content)
    odd = Finding("traps_are_precise", "error", "popf", "state changes before trap", Position(str(path), line, column))
    (found,) = results(checked(result(findings=(odd,))))
    return found["locations"][0]["physicalLocation"]


def test_a_result_shows_what_stands_there(tmp_path: Path) -> None:
    content = "\ufeffone\r\ntwo\x0c\u2028 two\n  three: x\nfour".encode()
    shown = snippets(tmp_path / "a.yaml", content, 3, 3)
    assert shown["region"] == {"startLine": 3, "startColumn": 3, "endColumn": 11, "snippet": {"text": "three: x"}}
    around = {"startLine": 1, "endLine": 4, "snippet": {"text": "one\ntwo\x0c\u2028 two\n  three: x\nfour"}}
    assert shown["contextRegion"] == around
    assert "snippet" not in snippets(tmp_path / "a.yaml", content, 9, 1)["region"]
    assert "snippet" not in snippets(tmp_path / "a.yaml", content, 4, 9)["region"]


def test_of_a_long_line_a_part_is_shown(tmp_path: Path) -> None:
    shown = snippets(tmp_path / "a.yaml", b"x" * 60_000 + b"\nshort", 1, 11)
    assert shown["region"]["endColumn"] == 11 + len(shown["region"]["snippet"]["text"]) < 1000
    assert "contextRegion" not in shown


# ---- from the command line


def test_a_real_check_is_valid_and_repeats(spawn: Pgcheck, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a", "b")]
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "spec.yaml").write_text(SILENT)
    for file, jobs in zip(files, ("1", "2"), strict=True):
        options = ("--output", f"sarif={file}", "--no-timing", "--no-cache", "-j", jobs)
        assert spawn("spec.yaml", *options, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}).code == ExitCode.REFUTED
    assert files[0].read_bytes() == files[1].read_bytes()
    whole = json.loads(files[0].read_text())
    validate(whole)
    hole = next(r for r in whole["runs"][0]["results"] if r["ruleId"] == "PG001")
    assert hole["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "spec.yaml"
    line = hole["locations"][0]["physicalLocation"]["region"]["startLine"]
    assert SILENT.splitlines()[line - 1] == "  - name: cli"
    assert hole["partialFingerprints"]["primaryLocationLineHash"] == line_hashes(SILENT)[line - 1]
