"""NE1: the guest of a monitor that is itself a guest is the bare machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.lockstep import lockstep
from pgcheck.checker.campaign.pairs.outcome import Ground, Outcome
from pgcheck.checker.campaign.pairs.property import Property


def ne1(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """The guest of the second monitor is after every k-th step what the bare machine is."""
    case = cases[0]
    return lockstep("NE1", ground.pair(case, depth=2, lean=stride != 1), case, stride or case.stride)


NE1: Final = Property(
    "NE1",
    ne1,
    title="a guest of a monitor that is a guest is the bare machine",
    claim="EQ2 for the guest of a monitor that is itself a guest",
    subject=(("direct",), ("exit",)),
    order=80,
    depth=2,
    default=False,
)
