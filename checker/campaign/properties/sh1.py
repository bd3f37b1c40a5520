"""SH1: shadow tables say what the guest's tables say."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.outcome import Failure, Ground, Outcome, excluded
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.checker.campaign.pairs.recording import Taken
from pgcheck.models.engine import Engine, VmExit
from pgcheck.models.state import State, Surroundings
from pgcheck.vmm.audit import Auditor, audit
from pgcheck.vmm.mmu import Finding


class Incoherent(Exception):
    """An auditor found a law of the host's state broken."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


class Audited:
    """An engine that has the host looked at whenever the monitor enters it: after every exit."""

    def __init__(self, engine: Engine, auditor: Auditor) -> None:
        self.engine, self.auditor = engine, auditor

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        for found in self.auditor():
            raise Incoherent(found)
        return self.engine.run(state, surroundings, budget, intercept)


def sh1(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """After every exit what changed in the shadow tables is coherent with the guest's, and at the end everything is."""
    case = cases[0]
    machines = ground.pair(case)
    machines.load(case)
    auditor = Auditor(machines.vmm)
    log = machines.oracle.log
    try:
        with machines.hosted_by(Audited(machines.host.engine, auditor)):
            end = machines.run(machines.bare, case.steps)
            machines.run(machines.guest, machines.bare.clock if excluded(end.exit) else case.steps)
            for found in (*auditor(), *audit(machines.vmm)):
                raise Incoherent(found)
    except Incoherent as error:
        failure = Failure(
            "SH1", machines.guest.clock, _at(machines.guest.clock, log), (), error.finding.law, error.finding.message
        )
        return Outcome(tuple(log), failure=failure)
    return Outcome(tuple(log), excluded(end.exit))


def _at(clock: int, log: Sequence[Taken]) -> str:
    """The instruction that was being run at a clock."""
    return next((t.instruction for t in log if t.clock == clock), "")


SH1: Final = Property(
    "SH1",
    sh1,
    title="shadow tables say what the guest's tables say",
    claim="after every exit the shadow tables say what the guest's tables say (`pgcheck.vmm.audit`)",
    subject=(("fill", "bound"), ("drop", "protect", "switch", "bound")),
    paged=True,
    order=50,
)
