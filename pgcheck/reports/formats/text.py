"""The text of a run: what `text.report` says of each specification."""

from __future__ import annotations

from pgcheck.reports.text import report
from pgcheck.reports.writing import Format
from pgcheck.running.events import Checked, Manner, Story


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
    parts += [f"{word}: not checked, for the run was broken off" for word in story.unfinished]
    return click.unstyle("\n\n".join(parts))


FORMAT = Format(
    audience="people", written="as soon as a specification has its answer", render=render, at_once=report_of
)
