"""Campaigns: shards of cases, one property after the other, in an order that depends on nothing but seed and version."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from pgcheck.checker.campaign.batches import share
from pgcheck.checker.campaign.batches.share import Met, Share
from pgcheck.checker.campaign.cases.case import TAPE, Author, Case
from pgcheck.checker.campaign.cases.tape import counted
from pgcheck.checker.campaign.finding import Finding, finding_text
from pgcheck.checker.campaign.pairs import coverage
from pgcheck.checker.campaign.pairs.account import Subject, unmet
from pgcheck.checker.campaign.pairs.coverage import Coverage
from pgcheck.checker.campaign.pairs.outcome import Failure, Ground, Outcome
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.checker.campaign.shrink import shrink
from pgcheck.checker.campaign.store import Shard, Store
from pgcheck.checker.campaign.table import PROPERTIES
from pgcheck.vmm.policy import Policy

GENERATOR: Final = "5"
SHARD: Final = 32
TRIES: Final = 160
EVERY: Final = 2
"""Whole shards of each property for one of batches."""
BATCHED: Final = "EQ2"
AUDITED: Final = "SH1"
"""The property of which cases go in batches, and the one that looks at some of them too where there are tables."""
COMPARED: Final = "compared"
ASIDE: Final = "aside"
DIFFERING: Final = "differing"
"""What is told apart of a shard of batches: how many cases went how far."""
Drawn = Callable[[bytes], Sequence[Case]]


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
    """A campaign under a key: whatever could change its results is part of the key. With a `share` some cases of EQ2 go in batches too."""

    author: Author
    policy: Policy
    plan: Plan
    store: Store
    version: str
    resume: bool = False
    clock: Callable[[], float] = time.monotonic
    share: Share | None = None
    batched: Counter[str] = field(init=False)
    coverage: Coverage = field(init=False)
    events: dict[str, Counter[str]] = field(init=False)
    findings: dict[str, str] = field(init=False)
    ground: Ground = field(init=False)

    def __post_init__(self) -> None:
        self.coverage = Coverage(self.author.machine)
        self.ground = Ground(self.author)
        self.findings = {}
        self.batched = Counter(dict.fromkeys((COMPARED, DIFFERING, ASIDE), 0))
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
                    if self._over(started):
                        return
            if self.share is not None and size == SHARD and number % EVERY == 0:
                known = done.get((share.NAME, number // EVERY))
                if known is not None:
                    yield from self._recalled(known, kept)
                else:
                    yield from self._batched(self.share, number // EVERY, share.SHARD)
                if self._over(started):
                    return
            number += 1

    def _over(self, started: float) -> bool:
        return self.plan.seconds is not None and self.clock() - started >= self.plan.seconds

    def _recalled(self, shard: Shard, kept: dict[str, str]) -> Iterator[Event]:
        self.coverage.merge(coverage.load(shard.coverage))
        self._happened(shard)
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
        shard = Shard(chosen.id, number, size, steps, excluded, tuple(found), coverage.dump(local.cells), dict(events))
        self._happened(shard)
        self.store.finish(self.key, shard)
        yield Done(shard, skipped=False)

    def _batched(self, given: Share, number: int, size: int) -> Iterator[Event]:
        """A shard of cases that native code makes, runs and compares; of those like each drawn one, some are looked at as all others are."""
        met, found, eq2 = Met(), dict[str, None](), PROPERTIES[BATCHED]
        local = Coverage(self.author.machine)
        for first in range(0, size, share.LIKE):
            name = f"{self.plan.seed} {share.NAME} {number} {first}"
            for tape in given.run(name, min(share.LIKE, size - first), met):
                for event in self.looked(given, eq2, tape, number * share.SHARD + first, met, local):
                    found[event.failure.identity] = None
                    if event.failure.identity not in self.findings:
                        self.findings[event.failure.identity] = event.file
                        yield event
            yield Tick(share.NAME, number * share.SHARD + first)
        local.merge(given.cells())
        self.coverage.merge(local.cells)
        events = {**met.events, COMPARED: met.compared, ASIDE: met.aside, DIFFERING: met.differing}
        shard = Shard(
            share.NAME, number, met.cases, met.steps, met.excluded, tuple(found), coverage.dump(local.cells), events
        )
        self._happened(shard)
        self.store.finish(self.key, shard)
        yield Done(shard, skipped=False)

    def looked(
        self, given: Share, eq2: Property, tape: bytes, place: int, met: Met, local: Coverage
    ) -> Iterator[Found]:
        """What comes of a case of a batch when it is run as all others are, and audited where there are tables; what only native code sees fails too."""
        cases, ground = given.drawn(tape), self.ground
        outcomes = [eq2.tried(ground, cases, None)]
        if self.author.tables is not None:
            outcomes.append(PROPERTIES[AUDITED].tried(ground, cases, None))
        for outcome in outcomes:
            met.events.update(outcome.events)
            local.add(outcome.log, self.author.deployment.modes)
        failed = next((o.failure for o in outcomes if o.failure is not None), None)
        differs = given.differs(tape)
        if failed is not None:
            yield self._kept(PROPERTIES[failed.law], tape, place, failed, given.drawn)
        elif differs:
            seen = "native code runs the two machines apart, and generated code does not: a fault of the native engine"
            failure = Failure(eq2.id, outcomes[0].steps, "", (), f"native {differs}", seen)
            yield self._stored(failure, cases, tape, place)

    def _happened(self, shard: Shard) -> None:
        """Count what happened in a shard; in one of batches it happened to EQ2, and it is told apart how many cases were compared."""
        events = Counter(shard.events)
        self.batched.update({name: events.pop(name, 0) for name in (COMPARED, ASIDE, DIFFERING)})
        self.events[BATCHED if shard.property == share.NAME else shard.property].update(events)

    def tried(self, chosen: Property, tape: bytes, stride: int | None = None, drawn: Drawn | None = None) -> Outcome:
        """The outcome of a tape; `drawn` are its cases, if they are not the property's."""
        return chosen.tried(self.ground, self._cases(chosen, tape, drawn), stride)

    def _cases(self, chosen: Property, tape: bytes, drawn: Drawn | None) -> Sequence[Case]:
        return chosen.drawn(self.author, tape) if drawn is None else drawn(tape)

    def _kept(self, chosen: Property, tape: bytes, place: int, failure: Failure, drawn: Drawn | None = None) -> Found:
        """Look closer at a failure and store it, unless it is known."""
        close = self.tried(chosen, tape, 1, drawn).failure
        exact = close or failure
        stride = 1 if close is not None else None
        if exact.identity in self.findings:
            return Found(place, exact, self.findings[exact.identity])

        def same(candidate: bytes) -> bool:
            other = self.tried(chosen, candidate, stride, drawn).failure
            return other is not None and other.identity == exact.identity

        if self.plan.shrink:
            tape = shrink(tape, same, TRIES)
            exact = self.tried(chosen, tape, stride, drawn).failure or exact
        return self._stored(exact, self._cases(chosen, tape, drawn), tape, place)

    def _stored(self, failure: Failure, cases: Sequence[Case], tape: bytes, place: int) -> Found:
        """Store a finding; it is on disk then."""
        found = Finding(failure, cases, tape, self.plan.seed, place)
        file = finding_text(self.author.machine, self.policy, found, self.version)
        self.store.add(self.key, failure.identity, place, file)
        return Found(place, failure, file)
