"""DV2: devices do what their manuals say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.manuals.bus import bus
from pgcheck.checker.campaign.manuals.manual import manuals_of
from pgcheck.checker.campaign.pairs.outcome import Failure, Ground, Outcome
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.isa.machine.machine import Machine

Held = Callable[[bytes], str | None]


def dv2(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """Each of the machine's devices answers any driver as its manual says, and never fails; so does the bus in front of them."""
    case, seen = cases[0], _asked(ground.author.machine)
    for name, held in seen.items():
        wrong = held(case.script)
        if wrong is not None:
            return Outcome((), failure=Failure("DV2", 0, "", (), name, wrong), taken=len(seen))
    return Outcome((), taken=len(seen), events={"manual": len(seen)})


def _asked(machine: Machine) -> dict[str, Held]:
    """What is held against its manual, by name: the devices that have one, and the bus of a memory of bytes."""
    found: dict[str, Held] = {manual.model: manual.held for manual in manuals_of(machine)}
    if machine.state.memory_unit == 8 and machine.platform.devices:
        found["bus"] = partial(bus, big=machine.state.big_endian)
    return found


DV2: Final = Property(
    "DV2",
    dv2,
    title="devices do what their manuals say",
    claim="each device of the platform, alone, answers any driver as the state machine of its manual does, and never fails; "
    "and accesses reach RAM and devices unit by unit where they leave either",
    subject=(("manual",),),
    order=70,
    devices=True,
)
