"""Waivers in a run: which of a file's concern it, what became of them, and the exit code that they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pgcheck.checker.check import Options, solver_for
from pgcheck.checker.result import ExitCode, MachineResult, TheoremResult
from pgcheck.isa.files.errors import did_you_mean
from pgcheck.options import WAIVERS_FILE
from pgcheck.repository import root
from pgcheck.request import Request

if TYPE_CHECKING:
    from pgcheck.checker.solving.evidence import Evidence
    from pgcheck.checker.verdicts.waiver import Property, Reviewed, Waiver
    from pgcheck.isa.machine.machine import Machine


def read(specification: Path, wanted: Path | Literal["found", "none"]) -> tuple[Waiver, ...]:
    """The waivers of the file that is wanted for a specification. Raises WaiverFileError."""
    file = wanted if isinstance(wanted, Path) else found(specification) if wanted == "found" else None
    if file is None:
        return ()
    from pgcheck.waivers import waiver_file

    return waiver_file.load(file)


def found(specification: Path) -> Path | None:
    """The waiver file nearest to a specification: in its folder, or upwards to the root of the repository."""
    folder = specification.resolve().parent
    top = root(folder)
    for above in (folder, *folder.parents):
        if (above / WAIVERS_FILE).exists():
            file, here = above / WAIVERS_FILE, Path.cwd()
            return file.relative_to(here) if file.is_relative_to(here) else file
        if above == top:
            break
    return None


def reviewed(
    machine: Machine, result: MachineResult, waivers: Sequence[Waiver], request: Request
) -> tuple[MachineResult, tuple[Reviewed, ...]]:
    """The result with what is waived in its theorems, and what became of the waivers that the request asks about."""
    concerned = [w for w in waivers if w.machine == machine.identity.name and _asked(machine, result, w, request)]
    if not concerned:
        return result, ()
    from pgcheck.checker.verdicts.waiver import review

    evidence = asking(request.options)
    try:
        result, each = review(machine, result, concerned, evidence, date.today())
    finally:
        evidence.solver.close()
    return result, tuple(_hinted(result, one) for one in each)


def asking(options: Options) -> Evidence:
    """A solver for questions about one row; to be closed."""
    from pgcheck.checker.solving.evidence import Evidence

    return Evidence(solver_for(options), options.second)


def _asked(machine: Machine, result: MachineResult, waiver: Waiver, request: Request) -> bool:
    """Whether a run was about a waiver: one about another deployment or instruction of the machine says nothing of it, premises are always asked."""
    laws = {f.law for f in result.findings}
    judged = {d.name: laws | {row.id for row in d.instructions} for d in result.deployments}
    if waiver.deployment not in judged:
        return not (request.deployment and any(d.name == waiver.deployment for d in machine.deployments))
    return not request.only or waiver.instruction in judged[waiver.deployment]


def _hinted(result: MachineResult, one: Reviewed) -> Reviewed:
    """With the name that was meant, where a waiver names what is not there."""
    waiver = one.waiver
    deployment = next((d for d in result.deployments if d.name == waiver.deployment), None)
    if one.status != "stale" or (deployment and any(row.id == waiver.instruction for row in deployment.instructions)):
        return one
    names = [row.id for row in deployment.instructions] if deployment else [d.name for d in result.deployments]
    hint = did_you_mean(waiver.instruction if deployment else waiver.deployment, names)
    return replace(one, message=f"{one.message}; {hint}") if hint else one


def accepted(found: Sequence[Reviewed], property_: Property) -> list[Reviewed]:
    """The waivers of a property that count."""
    return [one for one in found if one.status == "accepted" and one.waiver.property == property_]


def waived(theorem: TheoremResult) -> bool:
    """Whether all that a theorem fails for has been accepted by somebody."""
    against = {*theorem.premises, *theorem.failing}
    return theorem.status == "fails" and bool(against) and against <= set(theorem.waived)


def code(one: Reviewed) -> ExitCode:
    """What a waiver means by itself: one that does not hold any more is no pass."""
    match one.status:
        case "accepted":
            return ExitCode.PROVED
        case "unknown":
            return ExitCode.UNKNOWN
        case _:
            return ExitCode.REFUTED
