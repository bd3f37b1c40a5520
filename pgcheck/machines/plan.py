"""`pgcheck plan`: what a monitor of a specification must do, or what would make one possible, as a table or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from pgcheck import console
from pgcheck.checker.result import DeploymentResult, ExitCode, MachineResult
from pgcheck.checker.solving.evidence import Undecided
from pgcheck.checker.verdicts.plan import Plan
from pgcheck.isa.machine.machine import Machine
from pgcheck.reports.jobs import heading, jobs
from pgcheck.request import Request
from pgcheck.running.planning import plans
from pgcheck.running.run import judged, under
from pgcheck.words import wrapped

SCHEMA_VERSION: Final = "1.0"


def planned(machine: Machine, request: Request, *, as_json: bool) -> ExitCode:
    """Check, plan for every deployment, print, and say what it means: 1 where a deployment has no monitor. Raises Failure."""
    machine = under(machine, request.deployment)
    result = judged(machine, request)
    try:
        found = plans(machine, result, request)
    except Undecided as undecided:
        print(f"{machine.identity.name}: not decided: {undecided}", file=sys.stderr)
        return ExitCode.UNKNOWN
    console.say(_document(result, found) if as_json else "\n".join(_lines(result, found)))
    return ExitCode.worst([_code(result, d, p) for d, p in zip(result.deployments, found, strict=True)])


def _code(result: MachineResult, deployment: DeploymentResult, found: Plan) -> ExitCode:
    if any(f.status == "error" for f in result.findings):
        return ExitCode.USAGE
    if found.kind:
        return ExitCode.PROVED
    unknown = deployment.theorems["monitor"].status in ("unknown", "void")
    return ExitCode.UNKNOWN if unknown else ExitCode.REFUTED


def _lines(result: MachineResult, found: Sequence[Plan]) -> Iterator[str]:
    for number, one in enumerate(found):
        if number:
            yield ""
        yield from wrapped(heading(result, one), "  ", "")
        for title, some in jobs(result, one):
            yield from ("", title)
            for job in some:
                yield from wrapped(job.names, "      ", "  ")
                parts = [job.how, f"exits: {job.exits}" if job.exits else "", job.why]
                yield from wrapped("; ".join(filter(None, parts)), "      ", "      ")


def _document(result: MachineResult, found: Sequence[Plan]) -> str:
    """The plans as JSON, docs/json.md."""
    shown: list[dict[str, Any]] = [
        {
            "deployment": p.deployment,
            "kind": p.kind or None,
            "refused": p.refused or None,
            "tasks": list(map(asdict, p.tasks)),
        }
        for p in found
    ]
    whole = {"schema_version": SCHEMA_VERSION, "name": result.name, "digest": result.digest, "plans": shown}
    return json.dumps(whole, indent=2, ensure_ascii=False)
