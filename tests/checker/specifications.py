"""Specifications by name, and parts of their results, for the tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pgcheck.checker.result import DeploymentResult, InstructionResult, MachineResult
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine
from pgcheck.shipped import names, shipped

ROOT = Path(__file__).resolve().parents[2]
SMALL = ROOT / "tests" / "specs"
Checked = Callable[[str], MachineResult]


def path_of(name: str) -> Path:
    """A specification by name: a shipped one, else one of the tests'."""
    found = shipped(name)
    return found if found is not None else SMALL / f"{name}.yaml"


def machine_of(name: str) -> Machine:
    return load(path_of(name), shipped=shipped)


def small_names() -> list[str]:
    return sorted(p.stem for p in SMALL.glob("*.yaml"))


def every_name() -> list[str]:
    """The shipped specifications, then the tests' own."""
    return [*names(), *small_names()]


def deployment(result: MachineResult, name: str = "") -> DeploymentResult:
    """The deployment called `name`, or the first."""
    return next(d for d in result.deployments if name in ("", d.name))


def row(result: MachineResult, identifier: str, where: str = "") -> InstructionResult:
    """One row of the report by id."""
    return next(i for i in deployment(result, where).instructions if i.id == identifier)
