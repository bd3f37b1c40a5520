"""A report is read back before it is written: what is right passes, whatever a specification says, and what is not is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from pgcheck.checker.result import ExitCode
from pgcheck.checker.verdicts.verdict import HOLE as HOLE_RULE
from pgcheck.isa.files.errors import Position
from pgcheck.reports.facts import WrongReport
from pgcheck.reports.writing import Format, Writer, format_of
from pgcheck.running.events import Began, Ended, Manner, Story
from tests.pgcheck.factory import HOLE, ODD, PLAIN, result
from tests.pgcheck.stories import BROKEN, LONG, RICH, TIMELESS, WRONG, checked, hostile, story

READ = ["github", "html", "junit", "sarif"]
ODD_FILE = "a b,c:100%25/ü#?.yaml"
VOID = replace(result(HOLE, theorem1="void", theorem3="void", monitor="void"), title="a & <b>")
PLACED = tuple(replace(row, position=Position(ODD_FILE, 3, 1)) for row in (HOLE, ODD))
STORIES: dict[str, Story] = {
    "rich": story(checked(RICH), WRONG, BROKEN, words=("late",), complete=False),
    "waived": story(checked(RICH, waived={("default", HOLE.id): "known"})),
    "void": story(checked(VOID)),
    "odd file": story(checked(result(*PLACED, *PLAIN, theorem1="fails"))),
    "hostile": hostile(),
    "long": hostile(text=LONG),
    "many": story(checked(result(*[HOLE] * 40, theorem1="fails"))),
    "nothing": story(),
}


def reread(name: str, text: str, told: Story, manner: Manner = TIMELESS) -> None:
    read = format_of(name).reread
    assert read is not None
    read(text, told, manner)


@pytest.mark.parametrize("manner", [TIMELESS, Manner(waived="omit")], ids=["kept", "omitted"])
@pytest.mark.parametrize("told", STORIES)
@pytest.mark.parametrize("name", READ)
def test_what_is_written_is_read(name: str, told: str, manner: Manner) -> None:
    reread(name, format_of(name).render(STORIES[told], manner), STORIES[told], manner)


def _in_line(old: str, new: str) -> Callable[[str], str]:
    return lambda text: re.sub(old, new, text, count=1, flags=re.DOTALL)


ROW = rf'("ruleId": "{HOLE_RULE.id}".*?)'
SPOILED: list[tuple[str, str, Callable[[str], str], str]] = [
    ("sarif", "odd file", _in_line(ROW + '"startLine": 3', r'\1"startLine": 2'), ":2, which the run did not find"),
    ("sarif", "odd file", _in_line(ROW + "a%20b", r"\1a b"), "no URI reference"),
    ("sarif", "odd file", _in_line(ROW + "%2525", r"\1%25"), "which the run did not find"),
    ("sarif", "many", _in_line(r'("meaning/v1": "\w+):2"', r'\1:1"'), "2 results have the fingerprint"),
    ("sarif", "waived", _in_line(f'"ruleId": "{HOLE_RULE.id}"', '"ruleId": "PG999"'), "leaves out"),
    ("junit", "rich", _in_line("</testcase>", ""), "no XML"),
    ("junit", "rich", _in_line(' errors="', ' errors="1'), "testsuites says"),
    ("junit", "rich", _in_line('(<testsuite [^>]*) failures="', r'\1 failures="1'), "testsuite says"),
    ("junit", "rich", _in_line(f'type="{HOLE_RULE.id} hole"', 'type="pgcheck"'), "leaves out"),
    ("github", "rich", _in_line(f"line=(\\d+,col=\\d+,title={HOLE_RULE.id})", r"line=9\1"), "did not find"),
    ("github", "odd file", _in_line("(file=[^,:]*)%2C", r"\1,"), "no workflow command"),
    ("github", "odd file", _in_line(f"%3A([^,:]*,line=\\d+,col=\\d+,title={HOLE_RULE.id})", r"%2C\1"), "did not find"),
    ("github", "many", _in_line(r"::error title=pgcheck::\d+ more:", "::error title=pgcheck::1 more:"), "shows or counts"),
    ("html", "void", _in_line("&lt;b&gt;", "<b>"), "does not show"),
]  # fmt: skip


@pytest.mark.parametrize("name, told, spoil, said", SPOILED)
def test_what_is_not_what_the_run_found_is_refused(
    name: str, told: str, spoil: Callable[[str], str], said: str
) -> None:
    text = format_of(name).render(STORIES[told], TIMELESS)
    assert spoil(text) != text
    with pytest.raises(WrongReport, match=said):
        reread(name, spoil(text), STORIES[told])


@pytest.mark.parametrize("name", ["sarif", "junit"])
def test_rows_of_a_void_answer_are_not_shown(name: str) -> None:
    answered = story(checked(result(HOLE, theorem1="fails")))
    with pytest.raises(WrongReport, match="which the run did not find"):
        reread(name, format_of(name).render(answered, TIMELESS), STORIES["void"])


def test_a_wrong_report_is_not_written() -> None:
    written: list[str] = []
    format_ = replace(format_of("sarif"), render=lambda told, manner: '{"runs": [{"results": []}]}')
    assert isinstance(format_, Format)
    writer = Writer(format_, TIMELESS, written.append)
    writer(Began(("toy",), "theorem1"))
    writer(checked(RICH))
    with pytest.raises(WrongReport, match="leaves out"):
        writer(Ended(ExitCode.REFUTED, {}, True))
    assert not written
