"""Who ran when under a monitor, as a picture: the guests' modes and the monitor by time, and its interventions by cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pgcheck import console
from pgcheck.isa.machine.machine import Machine
from pgcheck.models.state import Fetched, State
from pgcheck.reports.html.rendering import rendered
from pgcheck.vmm.statistics import NONE, REASONS, Reason, Statistics
from pgcheck.vmm.vmm import Guest

MONITOR: Final = "monitor"
USER, SUPERVISOR = "user mode", "supervisor mode"
MOST_BUCKETS: Final = 500
MOST_BARS: Final = 16
ENDINGS: Final = (".svg", ".html")


class Timeline:
    """How many steps each lane took in each stretch of time; stretches double where there would be more than `MOST_BUCKETS`.

    Time is counted in steps: those that guests take on the processor, and one for each time that the monitor steps in.
    """

    def __init__(self) -> None:
        self.width, self.now = 1, 0
        self.buckets: list[Counter[str]] = [Counter()]

    def add(self, lane: str, steps: int) -> None:
        while steps:
            at = self.now // self.width
            if at >= MOST_BUCKETS:
                self._halve()
                continue
            if at == len(self.buckets):
                self.buckets.append(Counter())
            here = min(steps, (at + 1) * self.width - self.now)
            self.buckets[at][lane] += here
            self.now, steps = self.now + here, steps - here

    def _halve(self) -> None:
        pairs = zip(self.buckets[::2], [*self.buckets[1::2], Counter[str]()], strict=False)
        self.buckets, self.width = [one + other for one, other in pairs], self.width * 2


class Recorded(Statistics):
    """A monitor's statistics that are told to a timeline too."""

    __slots__ = ("_lanes", "_machine", "_timeline")

    def __init__(self, timeline: Timeline, machine: Machine, guest: str) -> None:
        super().__init__()
        self._timeline, self._machine = timeline, machine
        self._lanes = f"{guest}, {SUPERVISOR}", f"{guest}, {USER}"

    def went(self, steps: int, state: State) -> None:
        super().went(steps, state)
        modes = self._machine.modes
        self._timeline.add(self._lanes[state[modes.leaf] in modes.user.values], steps)

    def note(self, fetched: Fetched | None, reason: Reason) -> None:
        super().note(fetched, reason)
        self._timeline.add(MONITOR, 1)


# ---- the picture

LEFT, WIDTH, LANE, BAR, TOP = 190, 800, 34, 20, 40


@dataclass(frozen=True, slots=True)
class Mark:
    """A rectangle: `share` of its stretch, from 0 to 1, belongs to its lane."""

    x: float
    width: float
    share: float


@dataclass(frozen=True, slots=True)
class Lane:
    """One who ran: its name, its place from above in pixels, what it had of each stretch, and of all."""

    name: str
    kind: str
    y: int
    marks: tuple[Mark, ...]
    steps: int


@dataclass(frozen=True, slots=True)
class Bar:
    """How often an instruction made the monitor step in for a reason, and the bar's length in pixels."""

    name: str
    reason: str
    count: int
    y: int
    length: float


@dataclass(frozen=True, slots=True)
class Picture:
    """All that is drawn."""

    title: str
    lanes: tuple[Lane, ...]
    bars: tuple[Bar, ...]
    steps: int
    width: int
    height: int
    bars_at: int
    rest: int
    reasons: tuple[tuple[str, str], ...]


def checked(file: Path | None) -> None:
    """Refuse a file whose ending says neither picture nor page. Raises Failure."""
    if file is not None and file.suffix not in ENDINGS:
        raise console.Failure(f"--timeline {file}: its name ends in .svg (a picture) or .html (a page)")


def write(file: Path, title: str, timeline: Timeline, guests: Sequence[Guest]) -> None:
    """Write the picture, alone or on a page. Raises Failure."""
    picture = drawn(title, timeline, guests)
    console.write(file, rendered(f"timeline{file.suffix}", p=picture) + "\n")


def drawn(title: str, timeline: Timeline, guests: Sequence[Guest]) -> Picture:
    """The picture of a run."""
    names = [*(f"{g.name}, {mode}" for g in guests for mode in (USER, SUPERVISOR)), MONITOR]
    lanes = tuple(_lane(timeline, name, TOP + i * LANE) for i, name in enumerate(names))
    counts: Counter[tuple[str, Reason]] = Counter()
    for guest in guests:
        counts.update(guest.monitor.statistics.interventions)
    bars_at = TOP + len(lanes) * LANE + 60
    shown = counts.most_common(MOST_BARS)
    most = max(counts.values(), default=1)
    bars = tuple(
        Bar(name if name != NONE else "(no instruction)", why, n, bars_at + i * BAR, (WIDTH - 180) * n / most)
        for i, ((name, why), n) in enumerate(shown)
    )
    reasons = tuple((why, REASONS[why]) for why in REASONS if any(bar.reason == why for bar in bars))
    height = bars_at + BAR * (len(bars) + 1) + 10
    return Picture(
        title, lanes, bars, timeline.now, LEFT + WIDTH + 20, height, bars_at, len(counts) - len(shown), reasons
    )


def _lane(timeline: Timeline, name: str, y: int) -> Lane:
    kind = MONITOR if name == MONITOR else "user" if name.endswith(USER) else "supervisor"
    return Lane(name, kind, y, tuple(_marks(timeline, name)), sum(bucket[name] for bucket in timeline.buckets))


def _marks(timeline: Timeline, lane: str) -> Iterator[Mark]:
    """The stretches in which a lane ran; neighbours of which the same is said are one."""
    scale = WIDTH / max(timeline.now, 1)
    start, share = 0, 0.0
    for i, bucket in enumerate([*timeline.buckets, Counter[str]()]):
        total = sum(bucket.values())
        here = round(bucket[lane] / total, 2) if total else 0.0
        if bucket[lane] and not here:
            here = 0.01
        if here != share or i == len(timeline.buckets):
            end = min(i * timeline.width, timeline.now)
            if share:
                yield Mark(LEFT + start * scale, max((end - start) * scale, 0.5), share)
            start, share = end, here
