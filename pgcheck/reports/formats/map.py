"""The opcode maps of the machines of a run as one SVG picture, in the colours of their verdicts."""

from __future__ import annotations

from dataclasses import dataclass

from pgcheck.reports.html.opcodes import Sheet, judged, sheets
from pgcheck.reports.html.rendering import rendered
from pgcheck.reports.writing import Format
from pgcheck.running.events import Manner, Story


@dataclass(frozen=True, slots=True)
class Map:
    """The map of one machine."""

    title: str
    sheets: tuple[Sheet, ...]


def render(story: Story, _: Manner) -> str:
    """The picture; of a specification without an answer it says that."""
    return rendered(
        "map.svg",
        maps=[
            Map(f"{c.result.name}: {c.result.title}", sheets(c.machine, judged(c.result.main), ""))
            for c in story.checked
        ],
        without=[
            *(f"{f.specification}: no answer" for f in story.failed),
            *(f"{word}: {story.left(word)}" for word in story.unfinished),
        ],
    )


FORMAT = Format(
    audience="people: an SVG picture of the opcode maps, each cell in the colour of its verdict",
    written="at the end",
    render=render,
)
