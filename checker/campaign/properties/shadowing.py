"""Shadow page tables: what the processor walks, and what it may remember of it, is what the guest's tables say (SH1, SH2)."""

from __future__ import annotations

from collections.abc import Sequence, Set

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.outcome import Failure, Ground, Outcome, excluded
from pgcheck.checker.campaign.pairs.recording import Taken
from pgcheck.checker.campaign.properties.equivalence import lockstep
from pgcheck.isa.machine.machine import Machine
from pgcheck.models.engine import Engine, VmExit
from pgcheck.models.reference.cycle import call
from pgcheck.models.state import Exit, State, Surroundings
from pgcheck.vmm.audit import Auditor, Finding, audit


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
    """SH1: after every exit what changed in the shadow tables is coherent with the guest's, and at the end everything is."""
    case = cases[0]
    machines = ground.pair()
    machines.load(case)
    auditor = Auditor(machines.vmm)
    engine = machines.host.engine
    machines.host.engine = Audited(engine, auditor)
    log = machines.oracle.log
    try:
        end = machines.bare.run(case.steps)
        machines.guest.run(len(log) if excluded(end.exit) else case.steps)
        for found in (*auditor(), *audit(machines.vmm)):
            raise Incoherent(found)
    except Incoherent as error:
        failure = Failure(
            "SH1", machines.guest.clock, _at(machines.guest.clock, log), (), error.finding.law, error.finding.message
        )
        return Outcome(tuple(log), failure=failure)
    finally:
        machines.host.engine = engine
    return Outcome(tuple(log), excluded(end.exit))


def _at(clock: int, log: Sequence[Taken]) -> str:
    """The instruction that was being run at a clock."""
    return next((t.instruction for t in log if t.clock == clock), "")


class Retaining:
    """An engine whose processor remembers every translation that it made until it is told to forget, or forgets one by chance."""

    def __init__(self, machine: Machine, engine: Engine, seed: int) -> None:
        self.machine, self.engine = machine, engine
        self.known: dict[tuple[int, ...], int] = {}
        self.random = seed | 1
        self.state: State = {}
        self.surroundings = Surroundings()

    def forget(self) -> None:
        """Remember nothing."""
        self.known.clear()

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        if surroundings.oracle is not None:
            return self.engine.run(state, surroundings, budget, intercept)
        self.state, self.surroundings = state, surroundings
        surroundings.oracle = self
        try:
            return self.engine.run(state, surroundings, budget, intercept)
        finally:
            surroundings.oracle = None

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None:
        self.random = self.random * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        if self.known and self.random >> 60 == 0:
            self.known.pop(next(iter(self.known)))
        found = self.known.get(args)
        if found is None:
            translation = self.machine.code.translation
            assert translation is not None
            plain = Surroundings(memory=self.surroundings.memory)
            result = call(self.machine, translation.function, args, self.state, plain)
            if isinstance(result, Exit):
                return None
            found = self.known[args] = result[0]
        return False, found

    def probe(self, name: str, args: tuple[int, ...]) -> int | None:
        return None

    def table(self, name: str, args: tuple[int, ...]) -> int | None:
        return None


def sh2(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """SH2: a guest is the bare machine also on a processor that remembers translations until the monitor makes it forget."""
    case = cases[0]
    machines = ground.pair()
    engine, tlb = machines.host.engine, machines.vmm.tlb
    retaining = Retaining(machines.machine, engine, case.site * 257 + case.steps)
    machines.host.engine, before = retaining, tlb.forget
    tlb.forget = retaining.forget
    try:
        return lockstep("SH2", machines, case, stride or case.stride)
    finally:
        machines.host.engine, tlb.forget = engine, before
