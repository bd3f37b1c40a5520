"""Reads a specification with the virtual machines that its deployments name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pgcheck.isa.files.devices import Models
from pgcheck.isa.files.errors import Problems
from pgcheck.isa.joint.joint import joint
from pgcheck.isa.machine import build
from pgcheck.isa.machine.machine import Machine, Virtual


def load(
    path: Path, *, shipped: Callable[[str], Path | None] = lambda name: None, models: Models | None = None
) -> Machine:
    """The machine at `path`, and with it each guest that is another machine. Raises SpecificationError with every problem found."""
    machine = build.load(path, shipped=shipped, models=models)

    def read(declared: Virtual) -> Virtual:
        name = declared.specification
        by_name = "/" not in name and not name.endswith(".yaml")
        target = shipped(str(name)) if by_name else path.parent / name
        if target is None or not target.is_file():
            problems = Problems()
            hint = "a shipped specification by its name, or a file beside this one as NAME.yaml"
            problems.report(name.position, f"no specification '{name}'", hint=hint)
            problems.raise_if_any()
        assert target is not None
        guest = build.load(target, shipped=shipped, models=models)
        return replace(declared, machine=joint(machine, declared, guest))

    return replace(machine, virtual=tuple(map(read, machine.virtual)))
