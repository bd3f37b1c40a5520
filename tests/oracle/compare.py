"""One machine: what the check says of it, and what enumeration says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from pgcheck.checker.options import Options
from pgcheck.checker.result import DeploymentResult, MachineResult
from pgcheck.isa.machine.machine import Deployment, Machine
from tests.oracle import cutting, laws
from tests.oracle.classical import Judge, Trees
from tests.oracle.entering import Entries
from tests.oracle.holes import holed
from tests.oracle.laws import asked
from tests.oracle.mapping import monitor_can_map
from tests.oracle.premises import PREMISES
from tests.oracle.runs import Tree
from tests.oracle.space import Fixed, Relation, Space, every, responses
from tests.oracle.steps import Word, words

QUIET = Options(jobs=1, cache=False, second=False)
BROKEN = ("error", "fails")
LAWS = {**laws.LAWS, **cutting.LAWS}


@dataclass(frozen=True, slots=True)
class Compared:
    """What was found: contradictions, questions that the check left open, and its answer."""

    contradictions: tuple[str, ...]
    unknown: tuple[str, ...]
    answer: str
    result: MachineResult


def against(machine: Machine, result: MachineResult) -> Compared:
    """A check's result, against enumeration."""
    said: list[str] = []
    shared = _Shared(machine)
    broken = False
    for deployment, found in zip(machine.deployments, result.deployments, strict=True):
        one = _Comparison(shared, deployment, found, result)
        said += [f"{deployment.name}: {text}" for text in one.all()]
        broken |= one.broken
    errors = {f.law for f in result.findings if f.status == "error"}
    if errors and not broken and errors <= LAWS.keys() | {"canaries"}:
        said.append(f"{', '.join(sorted(errors))}: and by enumeration no law is broken")
    void = {d.name for d in result.deployments if d.void}
    left = [f for f in result.findings if f.status == "unknown" and f.subject.partition(":")[0] not in void]
    open_ = [f"{f.law}: {f.message}" for f in left]
    open_ += [f"{r.id}" for d in result.deployments if not d.void for r in d.instructions if r.verdict == "unknown"]
    return Compared(tuple(said), tuple(open_), result.main.theorems["monitor"].status, result)


class _Shared:
    """What all deployments of a machine share."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.words = tuple(words(machine))
        self.trees, self.deliveries = Trees(machine), Entries(machine)
        self.served = Entries(machine, served=True) if machine.platform.firmware else self.deliveries


class _Comparison:
    """One deployment."""

    def __init__(self, shared: _Shared, deployment: Deployment, found: DeploymentResult, result: MachineResult) -> None:
        self.machine, self.words, self.trees = shared.machine, shared.words, shared.trees
        self.found, self.result, self.broken = found, result, False
        self.space = Space(self.machine, deployment)
        self.steps = asked(self.space, self.words, shared.deliveries, shared.served, self.trees)
        self.continued = self.steps.continued
        configuration = found.configuration
        self.fixed = Fixed(dict(configuration.leaves), responses(self.machine, configuration.tables))

    def all(self) -> Iterator[str]:
        broken = {f.law for f in self.result.findings if f.status in BROKEN and self.about(f.subject)}
        open_ = {f.law for f in self.result.findings if f.status == "unknown"}
        void = self.found.void
        for name, law in LAWS.items():
            held = law(self.steps)
            self.broken |= not held
            if held == (name in broken) and name not in open_:
                yield f"{name} {'holds' if held else 'is broken'} by enumeration"
        if void:
            return
        relation = Relation(self.space, self.fixed)
        for name, premise in PREMISES.items():
            held = premise(self.steps, relation)
            if held == (name in broken) and name not in open_:
                yield f"{name} {'holds' if held else 'fails'} by enumeration"
        said, mapped = self.mapping(), monitor_can_map(self.steps, relation)[0]
        if mapped != said != "unknown":
            yield f"monitor_can_map: {said}, and by enumeration {mapped}"
        yield from self.rows(relation)
        failing = {r.id for r in self.found.instructions if r.verdict == "hole"}
        if failing and self.found.theorems["monitor"].status == "fails":
            yield from (f"no monitor, and by enumeration one with {c}" for c in self.helping())

    def mapping(self) -> str:
        """What the check says of how a guest's addresses can be mapped."""
        found = [f.status for f in self.result.findings if f.law == monitor_can_map.__name__ and self.about(f.subject)]
        return found[0] if found else "ok"

    def helping(self) -> Iterator[Fixed]:
        """The configurations under which no word is a hole, and that no premise forbids."""
        trees = [self.joint(w) for w in self.words]
        for fixed in every(self.machine):
            relation = Relation(self.space, fixed)
            admitted = all(relation.related(s) for s in self.space.guests) and not self.leading() & fixed.leaves.keys()
            if admitted and not any(holed(t, relation, self.space.guests) for t in trees):
                if all(premise(self.steps, relation) for premise in PREMISES.values()):
                    yield fixed

    def leading(self) -> set[str]:
        """What a monitor translates with."""
        return {n for n, leaf in self.machine.state.scalars.items() if leaf.role == "relocation"}

    def about(self, subject: str) -> bool:
        """Whether a finding is about this deployment, or about the machine."""
        others = {d.name for d in self.machine.deployments} - {self.space.deployment.name}
        return subject.partition(":")[0] not in others

    def rows(self, relation: Relation) -> Iterator[str]:
        judge = Judge(self.space, self.trees, self.continued)
        given = {(r.id.partition(":")[0], r.row): r for r in self.found.instructions}
        for subject, group in groupby(self.words, lambda w: w.subject):
            row, same = given[subject], list(group)
            name = f"{subject[0]}{subject[1]}"
            classical = judge.row(same)
            ways = {(s.kind, s.role, s.start) for s in row.sensitivities if s.kind != "tks"}
            if classical.privileged != row.privileged:
                yield f"{name}: privileged is {classical.privileged} by enumeration"
            for kind, role, start in sorted(classical.ways ^ ways):
                yield f"{name}: {kind}[{role}@{start}] is {(kind, role, start) in classical.ways} by enumeration"
            trees = [self.joint(w) for w in same]
            bare = Relation(self.space, Fixed())
            under = any(holed(t, relation, self.space.guests) for t in trees)
            user = any(holed(t, relation, self.space.user) for t in trees)
            left = (
                under and self.machine.code.tables.keys() - self.fixed.tables.keys()
            )  # no response: an entry is anything
            wrong = user != row.holed_user and row.verdict != "timing" and not left
            if under != (row.verdict == "hole") or wrong:
                yield f"{name}: {row.verdict}, and by enumeration {'a hole' if under else 'none'} (user {user})"
            if row.verdict not in ("hole", "conditional") and any(holed(t, bare, self.space.guests) for t in trees):
                yield f"{name}: {row.verdict}, and by enumeration a hole without the configuration"

    def joint(self, word: Word) -> Tree:
        return self.trees.joint(word, self.space.deployment.real_mode, self.continued)
