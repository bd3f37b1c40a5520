"""What the page has in words: groups and sizes as the text has them, what a monitor cannot give, its plan, and words that lead to the glossary."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from pgcheck.checker.result import Finding
from pgcheck.checker.verdicts.plan import Plan, Task
from pgcheck.glossary import WORDS
from pgcheck.isa.encoding.fields import UNDEFINED
from pgcheck.reports.formats.html import render
from pgcheck.reports.rulebook import BY_NAME
from pgcheck.running.events import Checked
from tests.pgcheck.conftest import Pgcheck
from tests.pgcheck.factory import CLI, HOLE, PLAIN, instruction, result
from tests.pgcheck.pages import parsed, text_of
from tests.pgcheck.stories import TIMELESS, checked, story


def page_of(*events: Any) -> Element:
    return parsed(render(story(*events), TIMELESS))


def test_the_matrix_names_rows_as_the_text_groups_them() -> None:
    rows = [instruction(f"csrrw:{name}") for name in ("satp", "sie")] + [instruction(f"add.{n}") for n in range(9)]
    tree = page_of(checked(result(HOLE, *rows, theorem1="fails")))
    shown = [text_of(code) for code in tree.findall(".//table[@class='matrix']//code")]
    assert shown == ["popf", "csrrw (satp, sie)", "add (9)"]
    assert "11" in [text_of(c) for c in tree.findall(".//span[@class='count']")]


def test_undefined_words_are_no_instruction() -> None:
    said = text_of(page_of(checked(result(HOLE, instruction(UNDEFINED), *PLAIN))))
    assert "4 instructions, 5 rows" in said


def test_what_a_monitor_cannot_give_is_said_with_the_answers() -> None:
    found = Finding("monitor_can_map", "warning", "default", "never run directly: odd addresses")
    said = text_of(page_of(checked(result(HOLE, findings=(found,)))))
    assert said.index("Never run directly: odd addresses.") < said.index("Sensitive against privileged")


def test_a_rule_that_fails_is_called_by_its_title() -> None:
    found = Finding("monitor_can_map", "fails", "default", "nothing maps")
    assert f"{BY_NAME['monitor_can_map'].title}: nothing maps" in text_of(
        page_of(checked(result(HOLE, findings=(found,))))
    )


def test_words_lead_to_their_meaning() -> None:
    tree = page_of(checked(result(HOLE, CLI, *PLAIN, theorem1="fails")))
    terms = {e.get("id"): text_of(e) for e in tree.iter("dt") if (e.get("id") or "").startswith("term-")}
    assert [*terms.values()] == [*WORDS]
    links = [a for a in tree.iter("a") if a.get("class") == "term"]
    assert {"#term-hole", "#term-privileged", "#term-sensitive", "#term-configuration"} <= {
        a.get("href") for a in links
    }
    assert all(a.get("href", "")[1:] in terms and a.get("title") in WORDS.values() for a in links)


def test_a_plan_stands_on_the_page_where_there_is_one() -> None:
    tasks = (
        Task("emulate", "csrrw:satp", "its step", "every time", "privileged"),
        Task("emulate", "csrrw:sie", "its step", "every time", "privileged"),
        Task("visible", "rdtime", "guests see real time", "never"),
    )
    one = checked(result(HOLE, instruction("csrrw:satp"), instruction("csrrw:sie"), instruction("rdtime")))
    planned = Checked(
        one.specification, one.machine, one.result, one.code, plans=(Plan("default", "type1", "", tasks),)
    )
    (table,) = page_of(planned).findall(".//table[@class='plain plan']")
    rows = [[text_of(cell) for cell in row] for row in table.iter("tr")][1:]
    assert rows == [
        ["Emulate"],
        ["csrrw (satp, sie)", "its step", "every time", "privileged"],
        ["What remains visible"],
        ["rdtime", "guests see real time", "never", "-"],
    ]
    assert not page_of(one).findall(".//table[@class='plain plan']")


@pytest.mark.slow
def test_the_command_puts_the_plan_there_if_it_is_asked_to(pgcheck: Pgcheck, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    assert pgcheck("pg74", "--plan", "--no-timing", "--output", f"html={file}").code == 0
    assert "pg74: the plan of a type1 monitor" in text_of(parsed(file.read_text("utf-8")))
    assert pgcheck("pg74", "--plan", "--only", "lpsw", "--output", f"html={file}").code == 0
    assert "the plan of" not in file.read_text("utf-8"), "a part of a machine has none"
