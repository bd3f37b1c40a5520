"""The row that each module here carries: a model of devices, and a driver that finds where it is not what its manual says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.rows import rows


@dataclass(frozen=True, slots=True)
class Manual:
    """What a device of a `model` does; `held` drives one by a tape and says where it differs from its manual, None if nowhere."""

    model: str
    held: Callable[[bytes], str | None]


@cache
def manuals() -> Mapping[str, Manual]:
    """Every manual by the model that it is of."""
    return {manual.model: manual for manual in rows("pgcheck.checker.campaign.manuals", Manual)}


def manuals_of(machine: Machine) -> tuple[Manual, ...]:
    """Those of a machine's devices, each once."""
    models = dict.fromkeys(d.model for d in machine.platform.devices)
    return tuple(manuals()[model] for model in models if model in manuals())
