"""A run as one HTML page: self-contained, without network, readable without its script."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Final

from pgcheck.reports.facts import WrongReport
from pgcheck.reports.html.page import section
from pgcheck.reports.html.rendering import clean, rendered
from pgcheck.reports.writing import Format
from pgcheck.running.events import Manner, Story

CHUNK: Final = 1 << 17


def render(story: Story, manner: Manner) -> str:
    """The page of a run: each specification with its answer, those without one, and whether the run was broken off; or slides of it."""
    sections = [section(checked, i, story.began.require) for i, checked in enumerate(story.checked)]
    return rendered(
        "present.html" if manner.present else "page.html",
        sections=sections,
        failed=story.failed,
        unfinished=story.unfinished,
        ended=story.ended,
        manner=manner,
    )


class _Reader(HTMLParser):
    """Keeps the text that a page shows."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.shown: list[str] = []

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


def reread(text: str, story: Story, manner: Manner) -> None:
    """What specifications say of themselves, and what is wrong with them, is text of the page. Raises WrongReport."""
    reader = _Reader()
    said = [c.result.title or c.result.name for c in story.checked]
    said += [message for f in story.failed for message in (f.message, *(p.message for p in f.problems))]
    for start in range(0, len(text), CHUNK):  # what is looked for stands far above the rows
        reader.feed(text[start : start + CHUNK])
        shown = " ".join("".join(reader.shown).split())
        said = [words for words in said if " ".join(str(clean(words)).split()) not in shown]
        if not said:
            return
    for words in said:
        raise WrongReport(f"the page does not show {words!r}")


FORMAT = Format(
    audience="people with a browser: one self-contained page", written="at the end", render=render, reread=reread
)
