"""The text of a run: what `text.report` says of each specification."""

from __future__ import annotations

from collections import Counter
from typing import Final

from pgcheck.reports.text import report
from pgcheck.reports.writing import Format
from pgcheck.running.events import Checked, Manner, Story
from pgcheck.words import wrapped

TOLD: Final = ("hole", "unknown")


def report_of(checked: Checked, manner: Manner) -> str:
    """The text of one specification."""
    decode = checked.machine.decoding.decode
    return report.report(
        checked.result,
        decode,
        timing=manner.timing,
        every_row=manner.every_row,
        partly=manner.partly,
        waivers=checked.waivers,
    )


def render(story: Story, manner: Manner) -> str:
    """The whole text, without colours."""
    import click

    parts = [report_of(checked, manner) for checked in story.checked]
    parts += [f"{failed.specification}: {failed.message}" for failed in story.failed]
    parts += broken_off(story)
    parts += [f"{word}: {story.left(word)}" for word in story.unfinished if word not in story.so_far]
    return click.unstyle("\n\n".join(parts))


def broken_off(story: Story) -> list[str]:
    """What had been found of specifications without an answer when the run was broken off."""
    parts = []
    for word, rows in story.so_far.items():
        lines = [f"{word}: {story.left(word)}"]
        for verdict, count in Counter(rows.values()).items():
            named = [row for row, found in rows.items() if found == verdict] if verdict in TOLD else []
            lines += wrapped(", ".join(named) or str(count), " " * 4, f"  {verdict}: ")
        parts.append("\n".join(lines))
    return parts


FORMAT = Format(
    audience="people",
    written="as soon as a specification has its answer",
    render=render,
    at_once=report_of,
    broken_off=broken_off,
)
