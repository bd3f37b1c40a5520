"""The language of specifications as pgcheck reads it: with the specifications that it ships and the devices that it has, and kept between runs."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pgcheck.isa.files import door
from pgcheck.isa.kept.machines import Kept, Machines
from pgcheck.shipped import shipped

if TYPE_CHECKING:
    from pgcheck.isa.files.sources import Shipped
    from pgcheck.isa.machine.machine import Machine

_SHIPPED = shipped


def load(path: Path, *, shipped: Shipped = shipped, kept: bool = True) -> Machine:
    """The machine that the specification at `path` describes, `kept` from an earlier run if nothing has changed. Raises SpecificationError with every problem found."""
    machines = _machines(path) if kept and shipped is _SHIPPED else None
    machine = _read(path, shipped, machines)
    if not machine.virtual:
        return machine
    from pgcheck.isa.joint.load import with_guests

    return with_guests(machine, path, shipped, lambda target: _read(target, shipped, machines))


def known(path: Path) -> Kept | None:
    """What was read of a specification before, if nothing has changed and no guest is another machine; one that is known has no problems."""
    machines = _machines(path)
    found = machines.find(path) if machines is not None else None
    return found if found is not None and not found.guests else None


def _machines(path: Path) -> Machines | None:
    """Where machines are kept; what an editor shows in a file's place is not."""
    return None if isinstance(path, door.Overlaid) else Machines(shipped)


def _read(path: Path, shipped: Shipped, machines: Machines | None) -> Machine:
    """The machine of one file. Raises SpecificationError."""
    found = machines.find(path) if machines is not None else None
    machine = found.machine() if found is not None else None
    if machine is None:
        from pgcheck.isa.machine import build
        from pgcheck.models.devices.standard import models

        machine = build.load(path, shipped=shipped, models=models())
        if machines is not None:
            machines.keep(path, machine)
    if machines is not None and machines.warning:
        _tell(machines.warning)
    return machine


@cache
def _tell(warning: str) -> None:
    """Says once what costs time and is no error."""
    click.echo(f"Note: {warning}", err=True)
