"""The hybrid monitor (Popek and Goldberg, theorem 3): virtual user mode runs on the processor, virtual supervisor mode is interpreted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgcheck.vmm.kind import Kind

if TYPE_CHECKING:
    from pgcheck.isa.machine.machine import Deployment
    from pgcheck.isa.terms import Term


def direct(deployment: Deployment) -> tuple[Term, ...]:
    return deployment.guest, deployment.modes.user.when


HYBRID = Kind(
    name="hybrid",
    title="hybrid",
    theorem="theorem3",
    premise="theorem 3",
    runs="virtual user mode; all else is interpreted",
    rank=2,
    direct=direct,
)
