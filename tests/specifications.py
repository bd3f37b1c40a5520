"""Specifications by name, for every test."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine
from pgcheck.shipped import names, shipped

ROOT = Path(__file__).resolve().parents[1]
SMALL = ROOT / "tests" / "specs"
GUESTS = ROOT / "tests" / "guests"


def path_of(name: str) -> Path:
    """A specification by name: a shipped one, else one of the tests'."""
    found = shipped(name)
    return found if found is not None else SMALL / f"{name}.yaml"


def machine_of(name: str) -> Machine:
    """A machine of its own, which a test may keep what it likes of."""
    return load(path_of(name), shipped=shipped)


machine = cache(machine_of)
"""The machine that all who only look at it share."""


def small_names() -> list[str]:
    """The tests' own specifications."""
    return sorted(p.stem for p in SMALL.glob("*.yaml"))


def every_name() -> list[str]:
    """The shipped specifications, then the tests' own."""
    return [*names(), *small_names()]
