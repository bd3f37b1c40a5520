"""The glossary: in order, in the docs, on the page, and by command."""

from __future__ import annotations

from pgcheck.glossary import WORDS
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
