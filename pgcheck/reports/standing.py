"""How each hypothesis of the induction (docs/theorem.md) stands after a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pgcheck.checker.hypotheses import HYPOTHESES, ROWS, Hypothesis
from pgcheck.checker.result import DeploymentResult, Finding, MachineResult
from pgcheck.reports.book import book

Status = Literal["holds", "fails", "unknown", "assumed"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A hypothesis by its number in the proof, the names of the rules that ask it, and what they found; `assumed` by nature, or because a rule says so."""

    number: int
    hypothesis: Hypothesis
    status: Status
    rules: tuple[str, ...]


def standings(result: MachineResult, deployment: DeploymentResult) -> tuple[Standing, ...]:
    """Every hypothesis for a deployment, in the order of the proof."""
    return tuple(_standing(n, h, _about(result, deployment), deployment) for n, h in enumerate(HYPOTHESES, 1))


def assumptions(result: MachineResult, deployment: DeploymentResult) -> tuple[str, ...]:
    """What is assumed, in sentences: of every machine, and of this one."""
    found = (f.message for f in _about(result, deployment) if f.status == "assumed")
    return *(h.claim for h in HYPOTHESES if h.assumed), *(f"{m[0].upper()}{m[1:].rstrip('.')}." for m in found)


def cautions(result: MachineResult, deployment: DeploymentResult) -> tuple[Finding, ...]:
    """What the premises warn of in a deployment: what a monitor there cannot give, though it exists."""
    premises = {rule.name for rule in book().values() if rule.premise}
    return tuple(
        f for f in result.findings if f.status == "warning" and f.subject == deployment.name and f.law in premises
    )


def _about(result: MachineResult, deployment: DeploymentResult) -> list[Finding]:
    """The findings without those that name another deployment."""
    others = {d.name for d in result.deployments} - {deployment.name}
    return [f for f in result.findings if f.subject.partition(":")[0] not in others]


def _standing(number: int, hypothesis: Hypothesis, findings: list[Finding], deployment: DeploymentResult) -> Standing:
    rules = tuple(r.name for r in book().values() if r.hypothesis == hypothesis.name)
    found = {f.status for f in findings if f.law in rules}
    if hypothesis is ROWS:
        verdicts = {row.verdict for row in deployment.instructions}
        found |= {"fails"} if "hole" in verdicts else {"unknown"} if "unknown" in verdicts else set()
    status: Status = "assumed" if hypothesis.assumed or "assumed" in found else "holds"
    if found & {"error", "fails"}:
        status = "fails"
    elif "unknown" in found or not (rules or hypothesis.assumed):
        status = "unknown"
    return Standing(number, hypothesis, status, rules)
