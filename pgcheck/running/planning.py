"""What a monitor has to do under each deployment of a machine that was checked."""

from __future__ import annotations

from pgcheck.checker.check import solver_for
from pgcheck.checker.result import MachineResult
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.verdicts.plan import Plan, plan
from pgcheck.isa.machine.machine import Machine
from pgcheck.request import Request


def plans(machine: Machine, result: MachineResult, request: Request) -> tuple[Plan, ...]:
    """The plan of every deployment in the result. Raises Undecided."""
    solver = solver_for(request.options)
    try:
        evidence = Evidence(solver, request.options.second)
        return tuple(plan(machine.under(d.name), result, d, evidence) for d in result.deployments)
    finally:
        solver.close()
