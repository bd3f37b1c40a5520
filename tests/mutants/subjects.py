"""Machines with a monitor, as subjects of properties; what no case changes is found once, before mutants are applied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from pgcheck.checker.campaign.cases.case import Author
from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.pairs.outcome import Ground
from pgcheck.checker.check import Options, check, solver_for
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.verdicts.policy import policy
from pgcheck.vmm.kind import kinds
from pgcheck.vmm.policy import Policy
from tests.specifications import machine_of
from tests.vmm import lockstep

Case = Callable[[bytes], str | None]
OPTIONS = Options(cache=False, second=False)


@dataclass(frozen=True)
class Subject:
    """A machine with a monitor: specification, deployment and kind of monitor."""

    specification: str
    deployment: str = "default"
    kind: str = "type1"


SUBJECTS = {
    "pg74": Subject("pg74"),
    "riscv64": Subject("riscv64", "s_in_u"),
    "riscv64 in M": Subject("riscv64", "vmm_in_m"),
    "i386": Subject("i386"),
    "m68010": Subject("m68010"),
    "pdp10-ka10": Subject("pdp10-ka10", "default", "hybrid"),
}


@cache
def author(name: str) -> Author:
    """The author of cases for a subject, who has found all that no case changes."""
    one = SUBJECTS[name]
    found = Author(machine_of(one.specification), lockstep.policy_of(one.specification, one.deployment, one.kind))
    found.case(Tape(b"\xff" * 16))
    return found


@cache
def ground(name: str) -> Ground:
    """The machines of a subject: made by the process that runs cases, not by the one that prepares."""
    return Ground(author(name))


def setting(name: str) -> tuple[Setting, Policy]:
    one = author(name)
    return Setting(one.machine, one.deployment, frozenset()), one.policy


@cache
def judged_anew(name: str) -> Ground:
    """The machines of a subject under the policy that the checker derives in this very process."""
    one = SUBJECTS[name]
    anew = lockstep.policy_of.__wrapped__(one.specification, one.deployment, one.kind)
    return Ground(Author(machine_of(one.specification), anew))


@cache
def fully_judged(name: str) -> Author:
    """The author of cases for a subject whose every instruction has been judged, so that its policy says which trap."""
    one = SUBJECTS[name]
    machine = machine_of(one.specification)
    result = next(d for d in check(machine, OPTIONS).deployments if d.name == one.deployment)
    solver = solver_for(OPTIONS)
    try:
        return Author(machine, policy(machine, result, Evidence(solver, False), kinds()[one.kind]))
    finally:
        solver.close()
