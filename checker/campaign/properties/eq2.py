"""EQ2: a guest is after every k-th step what the bare machine is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.lockstep import lockstep
from pgcheck.checker.campaign.pairs.outcome import Ground, Outcome
from pgcheck.checker.campaign.pairs.property import Property


def eq2(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """A guest that runs in steps of k is at each k-th step what the bare machine is: registers, control state, memory, clock, stop."""
    case = cases[0]
    machines = ground.mixed(case) if case.plain else ground.pair(case, lean=stride != 1)
    return lockstep("EQ2", machines, case, stride or case.stride)


EQ2: Final = Property(
    "EQ2",
    eq2,
    title="a guest is at every k-th step what the bare machine is",
    claim="after every k-th step the guest is what the bare machine is: registers, control state, memory, clock, how it stopped; "
    "in every eighth case the bare machine runs on the plain evaluator, in some one side runs on blocks of generated code",
    subject=(("direct",), ("exit",)),
    order=10,
)
