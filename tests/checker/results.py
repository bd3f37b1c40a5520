"""Parts of results, for the tests."""

from __future__ import annotations

from collections.abc import Callable

from pgcheck.checker.result import DeploymentResult, InstructionResult, MachineResult

Checked = Callable[[str], MachineResult]


def deployment(result: MachineResult, name: str = "") -> DeploymentResult:
    """The deployment called `name`, or the first."""
    return next(d for d in result.deployments if name in ("", d.name))


def row(result: MachineResult, identifier: str, where: str = "") -> InstructionResult:
    """One row of the report by id."""
    return next(i for i in deployment(result, where).instructions if i.id == identifier)
