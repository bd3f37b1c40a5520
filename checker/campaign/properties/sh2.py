"""SH2: a guest is the bare machine also on a processor that remembers translations."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.lockstep import lockstep
from pgcheck.checker.campaign.pairs.outcome import Ground, Outcome
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.isa.machine.machine import Machine
from pgcheck.models.engine import Engine, VmExit
from pgcheck.models.reference.cycle import call
from pgcheck.models.state import Exit, State, Surroundings


def sh2(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """A guest is the bare machine also on a processor that remembers translations until the monitor makes it forget."""
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


SH2: Final = Property(
    "SH2",
    sh2,
    title="so does what the processor remembers of them",
    claim="EQ2 on a processor that remembers translations until the monitor makes it forget",
    order=50,
)
