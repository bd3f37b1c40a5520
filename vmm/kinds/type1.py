"""Trap and emulate (Popek and Goldberg, theorem 1): every state of the virtual machine runs on the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgcheck.vmm.kind import Kind

if TYPE_CHECKING:
    from pgcheck.isa.machine.machine import Deployment
    from pgcheck.isa.terms import Term


def direct(deployment: Deployment) -> tuple[Term, ...]:
    return (deployment.guest,)


TYPE1 = Kind(
    name="type1",
    title="type 1",
    theorem="monitor",
    premise="monitor",
    runs="every state of the virtual machine",
    rank=1,
    direct=direct,
)
