"""The glossary: in order, in the docs, on the page, and by command."""

from __future__ import annotations

from pathlib import Path

from pgcheck.glossary import WORDS, pointer, terms
from pgcheck.reports.formats.html import render
from tests.pgcheck.conftest import Pgcheck
from tests.pgcheck.pages import parsed, real, text_of
from tests.pgcheck.stories import TIMELESS, story


def test_words_stand_in_order_and_each_meaning_is_a_sentence() -> None:
    assert list(WORDS) == sorted(WORDS)
    assert all(meaning[0].isupper() and meaning.endswith(".") for meaning in WORDS.values())


def test_the_command_says_one_or_all(pgcheck: Pgcheck) -> None:
    assert pgcheck("glossary", "Row").out.startswith("row: A line of the report")
    whole = pgcheck("glossary").out
    assert all(f"{word}: " in whole for word in WORDS) and max(map(len, whole.splitlines())) <= 80


def test_an_unknown_word_is_an_error_with_a_hint(pgcheck: Pgcheck) -> None:
    ran = pgcheck("glossary", "mirored")
    assert ran.code == 2 and "did you mean 'mirrored'?" in ran.err


def test_every_page_ends_with_it() -> None:
    said = text_of(parsed(render(story(real("pg74")), TIMELESS)))
    assert all(meaning in said for meaning in WORDS.values())


def test_words_are_found_in_a_text_whole_in_the_plural_and_the_longest_first() -> None:
    assert terms("the leaves of a hybrid monitor, and a role") == ("leaf", "hybrid monitor", "role")
    assert terms("a monitor") == ("monitor",) and terms("exits in a mode: arrow, leafy") == ()
    assert terms("role leaf row unit payload") == ("role", "leaf", "row")
    assert (
        pointer("a leaf and control state")
        == "what words mean: pgcheck glossary leaf, pgcheck glossary 'control state'"
    )
    assert pointer("nothing here, and no `role` or 'leaf'") == ""


def test_an_error_names_the_words_in_it(pgcheck: Pgcheck, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(
        "include: [pg74]\nname: wrong\nstate:\n  F: {type: Bits<8>, role: general}\noverride:\n  modes: {state: C, supervisor: {values: [0]}, user: {values: [1]}}\n",
        "utf-8",
    )
    ran = pgcheck("validate", file)
    assert ran.code == 2 and ran.err.splitlines()[-1].startswith("what words mean: pgcheck glossary ")
    file.write_text("include: [pg74]\nname: wrong\nconfiguration: 1\n", "utf-8")
    assert "what words mean" not in pgcheck("validate", file).err
