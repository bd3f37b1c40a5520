"""Reads a specification with the virtual machines that its deployments name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pgcheck.isa.files.devices import Models
from pgcheck.isa.files.errors import Problems
from pgcheck.isa.files.sources import Shipped
from pgcheck.isa.files.sources import target as target_of
from pgcheck.isa.joint.joint import joint
from pgcheck.isa.machine import build
from pgcheck.isa.machine.machine import Machine, Virtual


def load(path: Path, *, shipped: Shipped = lambda name: None, models: Models | None = None) -> Machine:
    """The machine at `path`, and with it each guest that is another machine. Raises SpecificationError with every problem found."""
    machine = build.load(path, shipped=shipped, models=models)
    return with_guests(machine, path, shipped, lambda target: build.load(target, shipped=shipped, models=models))


def with_guests(machine: Machine, path: Path, shipped: Shipped, read: Callable[[Path], Machine]) -> Machine:
    """The machine at `path` with each guest that is another machine, which is `read` from its file. Raises SpecificationError."""

    def found(declared: Virtual) -> Virtual:
        name = declared.specification
        target = target_of(str(name), path, shipped)
        if target is None or not target.is_file():
            problems = Problems()
            hint = "a shipped specification by its name, or a file beside this one as NAME.yaml"
            problems.report(name.position, f"no specification '{name}'", hint=hint)
            problems.raise_if_any()
        assert target is not None
        return replace(declared, machine=joint(machine, declared, read(target)))

    return replace(machine, virtual=tuple(map(found, machine.virtual)))
