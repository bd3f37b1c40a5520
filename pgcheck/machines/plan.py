"""`pgcheck plan`: what a monitor of a specification must do, or what would make one possible, as a table or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from pgcheck import console
from pgcheck.checker.check import solver_for
from pgcheck.checker.result import DeploymentResult, ExitCode, MachineResult
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.verdicts.plan import Duty, Plan, Task, plan
from pgcheck.isa.machine.machine import Machine
from pgcheck.request import Request
from pgcheck.running.run import judged, under
from pgcheck.words import wrapped

SCHEMA_VERSION: Final = "1.0"
TITLES: Final[dict[Duty, str]] = {
    "fix": "Fix on the processor",
    "mirror": "Let the guest have its own value on the processor",
    "hold": "Hold in the books; the processor has the monitor's value",
    "table": "Own the tables",
    "map": "Map",
    "interpret": "Interpret",
    "take": "Take the traps",
    "emulate": "Emulate",
    "reflect": "Reflect to the guest",
    "deny": "Deny to guests",
    "visible": "What remains visible",
    "close": "Holes, and what would close them",
    "lack": "What the machine lacks",
}


def planned(machine: Machine, request: Request, *, as_json: bool) -> ExitCode:
    """Check, plan for every deployment, print, and say what it means: 1 where a deployment has no monitor. Raises Failure."""
    machine = under(machine, request.deployment)
    result = judged(machine, request)
    solver = solver_for(request.options)
    try:
        evidence = Evidence(solver, request.options.second)
        found = [plan(machine.under(d.name), result, d, evidence) for d in result.deployments]
    except Undecided as undecided:
        print(f"{machine.identity.name}: not decided: {undecided}", file=sys.stderr)
        return ExitCode.UNKNOWN
    finally:
        solver.close()
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
        under_ = "" if one.deployment == "default" else f", deployment {one.deployment}"
        what = f"the plan of a {one.kind} monitor" if one.kind else f"no monitor: {one.refused}"
        yield from wrapped(f"{result.name}{under_}: {what}", "  ", "")
        for duty, title in TITLES.items():
            if tasks := [task for task in one.tasks if task.duty == duty]:
                yield from ("", title)
                yield from _table(tasks)


def _table(tasks: Sequence[Task]) -> Iterator[str]:
    """The tasks that are done alike together."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for task in tasks:
        alike.setdefault((task.how, task.exits, task.why), []).append(task.subject)
    for (how, exits, why), subjects in alike.items():
        yield from wrapped(", ".join(subjects), "      ", "  ")
        parts = [how, f"exits: {exits}" if exits else "", why]
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
