"""GitHub's workflow commands, read back as the runner reads them."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pgcheck.checker.result import Finding
from pgcheck.reports.formats.github import MOST, render
from tests.pgcheck.factory import HOLE, PLAIN, instruction, result
from tests.pgcheck.stories import BROKEN, HOSTILE, LONG, RICH, TIMELESS, WRONG, checked, hostile, story

Command = tuple[str, dict[str, str], str]


def commands(text: str) -> list[Command]:
    """What the runner makes of each line: `::name key=value,key=value::data`, unescaped."""
    return [command(line) for line in text.split("\n")] if text else []


def command(line: str) -> Command:
    found = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line)
    assert found is not None, line
    pairs = (part.split("=", 1) for part in found[2].split(","))
    properties = {key: unescaped(value, {"%2C": ",", "%3A": ":"}) for key, value in pairs}
    return found[1], properties, unescaped(found[3], {})


def unescaped(text: str, more: dict[str, str]) -> str:
    table = {"%0D": "\r", "%0A": "\n", **more, "%25": "%"}
    return re.sub("|".join(table), lambda m: table[m[0]], text)


def read(*events: Any, **more: Any) -> list[Command]:
    return commands(render(story(*events, **more), TIMELESS))


def test_a_hole_is_an_error_at_its_place() -> None:
    ((name, properties, data),) = read(checked(result(HOLE)))
    assert (name, properties) == ("error", {"file": "toy.yaml", "line": "3", "col": "5", "title": "PG001 hole: popf"})
    assert data.splitlines()[0] == "popf is a hole: changes the virtual machine's IF without a trap"
    assert "Witness: popf 1 [9d 01]" in data


def test_errors_come_before_warnings_and_notices() -> None:
    names = [name for name, _, _ in read(checked(RICH), WRONG)]
    assert names == sorted(names, key=["error", "warning", "notice"].index)
    assert (names.count("error"), names.count("warning"), names.count("notice")) == (5, 4, 2)


def test_a_clean_run_says_nothing() -> None:
    assert render(story(checked(result(*PLAIN))), TIMELESS) == ""
    informational = result(*PLAIN, findings=(Finding("leaves_specification", "ok", "default", "1 of 3 rows"),))
    assert render(story(checked(informational)), TIMELESS) == ""
    alarming = result(*PLAIN, findings=(Finding("leaves_specification", "error", "default", "1 of 3 rows"),))
    assert "1 of 3 rows" in render(story(checked(alarming)), TIMELESS)


def test_a_waived_hole_is_not_said() -> None:
    assert read(checked(result(HOLE), waived={("default", "popf"): "accepted"})) == []
    assert len(read(checked(result(HOLE), waived={("default", "other"): "accepted"}))) == 1


def test_what_has_no_answer_is_an_error_without_a_place() -> None:
    said = read(BROKEN, words=("late",), complete=False)
    assert said == [
        ("error", {"title": "pgcheck"}, "broken.yaml: ZeroDivisionError: by zero"),
        ("error", {"title": "pgcheck"}, "late: not checked, for the run was broken off"),
    ]


@pytest.mark.parametrize("count", [MOST, MOST + 1, 3 * MOST])
def test_no_more_than_github_shows(count: int) -> None:
    holes = [replace(HOLE, id=f"popf{n}") for n in range(count)]
    said = read(checked(result(*holes)))
    assert len(said) == MOST
    last = said[-1][2]
    if count == MOST:
        assert last.startswith("popf9 is a hole")
    else:
        assert last.startswith(f"{count - MOST + 1} more: PG001 hole: popf9, PG001 hole: popf10")


@pytest.mark.parametrize(
    "text",
    [HOSTILE, LONG, "", "\n::error::", "%0A::error::", "a,b=c::d"],
    ids=["hostile", "long", "empty", "line", "escaped", "comma"],
)
def test_whatever_a_specification_says_a_command_is_a_line(text: str) -> None:
    made = render(hostile(text=text), TIMELESS)
    said = commands(made)
    assert {name for name, _, _ in said} <= {"error", "warning", "notice"}
    assert all(set(properties) <= {"file", "line", "col", "title"} for _, properties, _ in said)
    assert "\x1b" not in made and "\r" not in made and "\x00" not in made
    assert all(len(data) <= 4100 and len(properties["title"]) <= 255 for _, properties, data in said)


def test_escapes_are_escaped_and_come_back() -> None:
    row = replace(instruction("100%,a:b"), verdict="unknown", reason="50%0A::error::x\ny")
    ((_, properties, data),) = read(checked(result(row)))
    assert properties["title"] == "PG002 undecided: 100%,a:b"
    assert data == "100%,a:b is not decided: 50%0A::error::x\ny"


def test_paths_begin_at_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    ((_, properties, _),) = read(checked(result(HOLE)))
    assert properties["file"] == "inner/toy.yaml"
