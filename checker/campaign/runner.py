"""Campaigns: shards of cases, one property after the other, in an order that depends on nothing but seed and version."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from pgcheck.checker.campaign.cases.case import TAPE, Author
from pgcheck.checker.campaign.cases.tape import counted
from pgcheck.checker.campaign.finding import Finding, finding_text
from pgcheck.checker.campaign.pairs import coverage
from pgcheck.checker.campaign.pairs.account import Subject, unmet
from pgcheck.checker.campaign.pairs.coverage import Coverage
from pgcheck.checker.campaign.pairs.outcome import Failure, Ground, Outcome
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.checker.campaign.shrink import shrink
from pgcheck.checker.campaign.store import Shard, Store
from pgcheck.vmm.policy import Policy

GENERATOR: Final = "5"
SHARD: Final = 32
TRIES: Final = 160


@dataclass(frozen=True, slots=True)
class Plan:
    """What a campaign does: its properties in order, its seed, and when it ends (None: not by this). Raises ValueError for one without end."""

    properties: tuple[Property, ...]
    seed: str
    cases: int | None = None
    seconds: float | None = None
    shrink: bool = True

    def __post_init__(self) -> None:
        if self.cases is None and not (self.seconds is not None and 0 < self.seconds < float("inf")):
            raise ValueError("a campaign needs a number of cases or of seconds")


@dataclass(frozen=True, slots=True)
class Found:
    """A failure that the campaign had not seen before, once it is stored."""

    number: int
    failure: Failure
    file: str


@dataclass(frozen=True, slots=True)
class Done:
    """A shard, `skipped` if an earlier run had done it."""

    shard: Shard
    skipped: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A case has been run."""

    property: str
    number: int


Event = Found | Done | Tick


@dataclass(slots=True)
class Campaign:
    """A campaign under a key: whatever could change its results is part of the key."""

    author: Author
    policy: Policy
    plan: Plan
    store: Store
    version: str
    resume: bool = False
    clock: Callable[[], float] = time.monotonic
    coverage: Coverage = field(init=False)
    events: dict[str, Counter[str]] = field(init=False)
    findings: dict[str, str] = field(init=False)
    ground: Ground = field(init=False)

    def __post_init__(self) -> None:
        self.coverage = Coverage(self.author.machine)
        self.ground = Ground(self.author)
        self.findings = {}
        self.events = {p.id: Counter() for p in self.plan.properties}

    def unmet(self) -> dict[str, Subject]:
        """What the properties are about and never met, by property."""
        found = {p.id: unmet(p.subject, self.events[p.id]) for p in self.plan.properties}
        return {name: subject for name, subject in found.items() if subject}

    @property
    def key(self) -> str:
        machine = self.author.machine
        monitor = f"{self.policy.deployment} under {self.policy.kind.name}"
        return (
            f"{machine.identity.name} {machine.identity.digest} {monitor} {self.version}.{GENERATOR} {self.plan.seed}"
        )

    def run(self) -> Iterator[Event]:
        """Run, telling what happens; a finding is on disk before it is told. Raises BadStore."""
        if not self.resume:
            self.store.forget(self.key)
        done = self.store.shards(self.key)
        started = self.clock()
        kept = self.store.findings(self.key)
        number = 0
        while self.plan.cases is None or number * SHARD < self.plan.cases:
            size = SHARD if self.plan.cases is None else min(SHARD, self.plan.cases - number * SHARD)
            for chosen in self.plan.properties:
                known = done.get((chosen.id, number))
                if known is not None and known.cases == size:
                    yield from self._recalled(known, kept)
                    continue
                for event in self._shard(chosen, number, size):
                    yield event
                    if self.plan.seconds is not None and self.clock() - started >= self.plan.seconds:
                        return
            number += 1

    def _recalled(self, shard: Shard, kept: dict[str, str]) -> Iterator[Event]:
        self.coverage.merge(coverage.load(shard.coverage))
        self.events[shard.property].update(shard.events)
        for identity in shard.found:
            if identity in kept:
                self.findings.setdefault(identity, kept[identity])
        yield Done(shard, skipped=True)

    def _shard(self, chosen: Property, number: int, size: int) -> Iterator[Event]:
        modes = self.author.deployment.modes
        steps = excluded = 0
        found: dict[str, None] = {}
        events: Counter[str] = Counter()
        local = Coverage(self.author.machine)
        for place in range(number * SHARD, number * SHARD + size):
            tape = counted(f"{self.plan.seed} {chosen.id}", place, TAPE * chosen.cases)
            outcome = self.tried(chosen, tape)
            steps += outcome.steps
            excluded += outcome.excluded
            local.add(outcome.log, modes)
            events.update(outcome.events)
            if outcome.failure is not None:
                event = self._kept(chosen, tape, place, outcome.failure)
                found[event.failure.identity] = None
                if event.failure.identity not in self.findings:
                    self.findings[event.failure.identity] = event.file
                    yield event
            yield Tick(chosen.id, place)
        self.coverage.merge(local.cells)
        self.events[chosen.id].update(events)
        shard = Shard(chosen.id, number, size, steps, excluded, tuple(found), coverage.dump(local.cells), dict(events))
        self.store.finish(self.key, shard)
        yield Done(shard, skipped=False)

    def tried(self, chosen: Property, tape: bytes, stride: int | None = None) -> Outcome:
        """The outcome of a tape."""
        return chosen.tried(self.ground, chosen.drawn(self.author, tape), stride)

    def _kept(self, chosen: Property, tape: bytes, place: int, failure: Failure) -> Found:
        """Look closer at a failure and store it, unless it is known."""
        close = self.tried(chosen, tape, 1).failure
        exact = close or failure
        stride = 1 if close is not None else None
        if exact.identity in self.findings:
            return Found(place, exact, self.findings[exact.identity])

        def same(candidate: bytes) -> bool:
            other = self.tried(chosen, candidate, stride).failure
            return other is not None and other.identity == exact.identity

        if self.plan.shrink:
            tape = shrink(tape, same, TRIES)
            exact = self.tried(chosen, tape, stride).failure or exact
        machine = self.author.machine
        found = Finding(exact, chosen.drawn(self.author, tape), tape, self.plan.seed, place)
        file = finding_text(machine, self.policy, found, self.version)
        self.store.add(self.key, exact.identity, place, file)
        return Found(place, exact, file)
