"""How a virtual machine's leaves and the real machine's are related while a guest runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from pgcheck.checker.values import Configuration
from pgcheck.isa.idl.state import Leaf
from pgcheck.isa.machine.choices import MIRROR
from pgcheck.isa.machine.machine import Deployment, Machine

How: TypeAlias = Literal["general", "mirror", "const", "own"]
OWN: Final = "own"
CONST: Final = "const"
TIMING = "timing"


def relations(
    machine: Machine, deployment: Deployment, configuration: Configuration, *, logical_time: bool = False
) -> Mapping[str, How]:
    """Each leaf: `general` (equal), `mirror` (equal, and control state), `const` (fixed in the real machine) or `own` (unrelated).

    With `logical_time` the two share their clocks.
    """

    def how(leaf: Leaf) -> How:
        if not leaf.control:
            return "general"
        if leaf.name == machine.modes.leaf:
            return OWN if deployment.real_mode is not None else MIRROR
        if leaf.name in deployment.mirror or (logical_time and leaf.role == TIMING):
            return MIRROR
        chosen = configuration.leaves.get(leaf.name)
        return OWN if chosen is None else MIRROR if chosen == MIRROR else CONST

    return {name: how(leaf) for name, leaf in machine.state.leaves.items()}
