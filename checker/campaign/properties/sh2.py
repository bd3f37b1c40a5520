"""SH2: a guest is the bare machine also on a processor that remembers translations."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import replace
from functools import partial
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.lockstep import lockstep
from pgcheck.checker.campaign.pairs.outcome import Ground, Outcome
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.models.engine import Engine, VmExit
from pgcheck.models.reference.cycle import call
from pgcheck.models.state import Exit, Oracle, State, Surroundings

Translate = Callable[[tuple[int, ...], State, Surroundings], tuple[int, ...] | Exit]


def sh2(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """A guest is the bare machine also on a processor that remembers translations until the monitor makes it forget."""
    case = cases[0]
    machines = ground.pair(case)
    translation = machines.machine.code.translation
    if translation is None:
        return lockstep("SH2", machines, case, stride or case.stride)
    tlb = machines.vmm.tlb
    translate = partial(call, machines.machine, translation.function)
    retaining = Retaining(translate, machines.host.engine, case.site * 257 + case.steps)
    before, tlb.forget = tlb.forget, retaining.forget
    try:
        with machines.hosted_by(retaining):
            outcome = lockstep("SH2", machines, case, stride or case.stride)
        return replace(outcome, events={"recall": retaining.recalled, "forget": retaining.forgotten})
    finally:
        tlb.forget = before


class Retaining:
    """An engine whose processor remembers every translation that it made until it is told to forget, or forgets one by chance.

    What the monitor answers in place of the processor is not the processor's to remember.
    """

    def __init__(self, translate: Translate, engine: Engine, seed: int) -> None:
        self.walk, self.engine = translate, engine
        self.known: dict[tuple[int, ...], int] = {}
        self.random = seed | 1
        self.recalled = self.forgotten = 0
        self.state: State = {}
        self.surroundings = Surroundings()
        self.monitor: Oracle | None = None

    def forget(self) -> None:
        """Remember nothing."""
        self.forgotten += bool(self.known)
        self.known.clear()

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        self.state, self.surroundings = state, surroundings
        self.monitor, cuts = surroundings.oracle, surroundings.cuts
        surroundings.oracle, surroundings.cuts = self, None
        try:
            return self.engine.run(state, surroundings, budget, intercept)
        finally:
            surroundings.oracle, surroundings.cuts = self.monitor, cuts

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None:
        answered = None if self.monitor is None else self.monitor.translate(args)
        if answered is not None:
            return answered
        self.random = self.random * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        if self.known and self.random >> 60 == 0:
            self.known.pop(next(iter(self.known)))
        found = self.known.get(args)
        if found is None:
            result = self.walk(args, self.state, Surroundings(memory=self.surroundings.memory, oracle=self.monitor))
            if isinstance(result, Exit):
                return None
            found = self.known[args] = result[0]
        else:
            self.recalled += 1
        return False, found

    def probe(self, name: str, args: tuple[int, ...]) -> int | None:
        return None if self.monitor is None else self.monitor.probe(name, args)

    def table(self, name: str, args: tuple[int, ...]) -> int | None:
        return None if self.monitor is None else self.monitor.table(name, args)


SH2: Final = Property(
    "SH2",
    sh2,
    title="so does what the processor remembers of them",
    claim="EQ2 on a processor that remembers translations until the monitor makes it forget",
    subject=(("recall",), ("forget",)),
    paged=True,
    order=50,
)
