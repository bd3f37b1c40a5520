"""A run as one HTML page: self-contained, without network, readable without its script."""

from __future__ import annotations

from pgcheck.reports.html.page import section
from pgcheck.reports.html.rendering import rendered
from pgcheck.reports.writing import Format
from pgcheck.running.events import Manner, Story


def render(story: Story, manner: Manner) -> str:
    """The page of a run: each specification with its answer, those without one, and whether the run was broken off."""
    sections = [section(checked, i, story.began.require) for i, checked in enumerate(story.checked)]
    return rendered(
        "page.html",
        sections=sections,
        failed=story.failed,
        unfinished=story.unfinished,
        ended=story.ended,
        manner=manner,
    )


FORMAT = Format(audience="people with a browser: one self-contained page", written="at the end", render=render)
