"""The language of specifications as pgcheck reads it: with the specifications that it ships and the devices that it has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pgcheck.isa.joint import load as joint
from pgcheck.isa.machine.machine import Machine
from pgcheck.models.devices.standard import models
from pgcheck.shipped import shipped


def load(path: Path, *, shipped: Callable[[str], Path | None] = shipped) -> Machine:
    """The machine that the specification at `path` describes. Raises SpecificationError with every problem found."""
    return joint.load(path, shipped=shipped, models=models())
