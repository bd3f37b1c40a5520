"""DV1: devices give a guest what they give the bare machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.lockstep import lockstep
from pgcheck.checker.campaign.pairs.outcome import Ground, Outcome, failed
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.models.devices.device import held


def dv1(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """With devices a guest is what the bare machine is, its devices what the bare machine's are, and its consoles print the same."""
    case = cases[0]
    machines = ground.furnished()
    outcome = lockstep("DV1", machines, case, stride or case.stride)
    bare, guest = machines.printed
    if outcome.failure is None and not outcome.excluded and bare != guest:
        return failed("DV1", outcome.log, 0, "output", f"{bytes(bare)!r} bare, {bytes(guest)!r} monitored")
    ours, theirs = (disk.data for disk in machines.disks)
    if outcome.failure is None and not outcome.excluded and ours != theirs:
        at = next(k for k, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b)
        return failed("DV1", outcome.log, 0, "disk", f"{ours[at]:#x} bare, {theirs[at]:#x} monitored, at byte {at}")
    served = (held(device).get("queue.used_index") for device in machines.guest.devices.values())
    return replace(outcome, events={"request": sum(n for n in served if isinstance(n, int))})


DV1: Final = Property(
    "DV1",
    dv1,
    title="devices give a guest what they give the bare machine",
    claim="EQ2 with the platform's devices, which hold the same in every register and queue, and on disk, and whose consoles print the same; "
    "requests lie in rings anywhere in memory",
    subject=(("device",),),
    order=70,
    devices=True,
)
