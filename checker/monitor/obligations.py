"""The obligations of a monitor's proof asked one by one: of a row in a virtual mode, of what changes unnoticed, of the world switch, of shadow tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from pgcheck.checker.laws.canaries import made_up
from pgcheck.checker.monitor.guest import LOST, Row
from pgcheck.checker.monitor.isolation import ISO2, ISO3, reach, residue
from pgcheck.checker.monitor.replay import remembered, replay_counterexample, replayed, strayed
from pgcheck.checker.monitor.result import Counterexample, Obligation, Verdict
from pgcheck.checker.monitor.rows import instruction_row, made_up_row, other_rows, usable
from pgcheck.checker.monitor.shadow import SH1, Scenario, kinds_of_entry, scenarios, violated
from pgcheck.checker.monitor.step import (
    EQ1,
    EQ3,
    RC1,
    Promise,
    Step,
    kept,
    step,
    unnoticed,
)
from pgcheck.checker.monitor.switch import crossed, told
from pgcheck.checker.monitor.values import TooManyPaths
from pgcheck.checker.questions.hole import virtual_modes
from pgcheck.checker.solving.evidence import Contradiction, Evidence, Undecided
from pgcheck.checker.solving.feasible import Feasible
from pgcheck.checker.solving.model import Model
from pgcheck.checker.verdicts.judge import InstructionRow
from pgcheck.checker.world.resumption import Lost, lost_at_trap, own_faults_stand
from pgcheck.isa.machine.machine import ModeClass
from pgcheck.isa.terms import FALSE, Name, Term, conjunction, digest, disjunction, ite, lnot, rewrite, variable
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.isa.terms.names import FREE
from pgcheck.vmm.paging.entries import Permissions
from pgcheck.vmm.world import World

FAMILIES_OF_A_STEP = (EQ1, EQ3, RC1)
FAMILIES_OF_A_ROW = (*FAMILIES_OF_A_STEP, ISO2)
LEFT_OUT = "the specification leaves it out"
NOTICED = "(a change of the monitor's state)"
SWITCHED = "(world switch)"
CROSSED = "(trap entry and return)"
MAX_SEEN = 8
MAX_CHOICES = 256


@dataclass(frozen=True, slots=True)
class Case:
    """A row in a virtual mode, and what its obligations are called by."""

    row: Row
    mode_class: ModeClass
    mode: int
    name: str

    @property
    def subject(self) -> str:
        return f"{self.name}@{self.mode}"


def modes(promise: Promise) -> Iterator[tuple[ModeClass, int]]:
    """The virtual modes of a guest, each with its class."""
    classes = promise.setting.deployment.modes
    for mode_class in (classes.supervisor, classes.user):
        for mode in virtual_modes(promise.setting, mode_class):
            yield mode_class, mode


def cases(promise: Promise, row: Row, name: str) -> Iterator[Case]:
    """A row in every virtual mode."""
    return (Case(row, mode_class, mode, name) for mode_class, mode in modes(promise))


@dataclass(frozen=True, slots=True)
class Prover:
    """Asks the obligations of a promise; `seen` are the last models of hypotheses, which may do for the next row's too."""

    promise: Promise
    seen: list[Model] = field(default_factory=list)

    def row(self, item: InstructionRow | str, evidence: Callable[[], Evidence]) -> tuple[str, tuple[Obligation, ...]]:
        """A row's name and obligations; `evidence` begins a record for each."""
        if not isinstance(item, InstructionRow):
            return item, self._in_modes(other_rows(self.promise)[item], item, evidence)
        row = instruction_row(self.promise, item.instruction, item.row)
        try:
            row = going_on(self.promise, row, evidence())
        except (Undecided, Contradiction) as found:
            verdict: Verdict = "unknown" if isinstance(found, Undecided) else "error"
            reason = f"whether it goes on rightly after a trap: {found}"
            asked = [c.subject for c in cases(self.promise, row, item.id)]
            return item.id, tuple(Obligation(f, s, verdict, reason=reason) for s in asked for f in FAMILIES_OF_A_ROW)
        return item.id, self._in_modes(row, item.id, evidence)

    def _in_modes(self, row: Row, name: str, evidence: Callable[[], Evidence]) -> tuple[Obligation, ...]:
        return tuple(o for case in cases(self.promise, row, name) for o in self._in_mode(case, evidence))

    def _in_mode(self, case: Case, evidence: Callable[[], Evidence]) -> Iterator[Obligation]:
        started = time.perf_counter()
        try:
            asked = step(self.promise, case.row, case.mode_class, case.mode)
        except TooManyPaths as many:
            yield from (Obligation(f, case.subject, "unknown", reason=str(many)) for f in FAMILIES_OF_A_ROW)
            return
        except (TypeError, KeyError, AssertionError, ValueError) as error:
            reason = f"the monitor's code cannot be followed: {type(error).__name__}: {error}"
            yield from (Obligation(f, case.subject, "error", reason=reason) for f in FAMILIES_OF_A_ROW)
            return
        empty = self._vacuous(asked, evidence(), case.subject)
        if empty is not None:
            yield from (Obligation(f, case.subject, *empty) for f in FAMILIES_OF_A_ROW)
            return
        yield isolated(self.promise, case, evidence())
        for family in FAMILIES_OF_A_STEP:
            shown = partial(replay_counterexample, self.promise, asked, family)
            record = evidence()
            found = of_step(asked, family, case.subject, record).answered(record, shown)
            yield replace(found, seconds=time.perf_counter() - started)
            started = time.perf_counter()

    def _vacuous(self, asked: Step, evidence: Evidence, label: str) -> tuple[Verdict, str, str] | None:
        """(verdict, evidence, reason) when there is nothing to prove; a model that an earlier row had may show that there is."""
        if any(model.satisfies(asked.hypotheses) for model in self.seen):
            return None
        try:
            model = evidence.model(asked.hypotheses, f"{label}:hypotheses")
            if model is not None:
                self.seen.append(model)
                del self.seen[:-MAX_SEEN]
                return None
            inside = evidence.possible(asked.hypotheses[:2], f"{label}:states")
        except Undecided as undecided:
            return "unknown", "solver", f"whether there is anything to prove: {undecided}"
        except Contradiction as contradiction:
            return "error", "solver", str(contradiction)
        return "vacuous", "solver", LEFT_OUT if inside else "no state satisfies the hypotheses"


def going_on(promise: Promise, row: Row, evidence: Evidence) -> Row:
    """A row with what is proved of how it goes on after a trap, where it may have changed state before. Raises Undecided, Contradiction."""
    if not row.subject.instruction.partial:
        return row
    asked = promise.setting, row.subject, promise.configuration, evidence
    found = lost_at_trap(*asked)
    if isinstance(found, Lost):
        return row
    resumes = frozenset({TRANSLATE, *promise.setting.entering}) - {terminator for terminator, _ in found}
    return replace(row, resumes=resumes, stands=own_faults_stand(*asked))


@dataclass(frozen=True, slots=True)
class Claim:
    """That under `hypotheses` none of the terms `mismatches` can be true.

    Where they can, those that `exact` gives may be; of these there is a model to be shown.
    """

    family: str
    subject: str
    hypotheses: tuple[Term, ...]
    mismatches: Mapping[str, Term]
    exact: Callable[[], Mapping[str, Term]] | None = None

    def answered(self, evidence: Evidence, shown: Callable[[Model], Counterexample]) -> Obligation:
        """What comes of it; a term that can be true is `shown` in the real monitor, or it is an error of ours."""
        if all(t is FALSE for t in self.mismatches.values()):
            return Obligation(self.family, self.subject, "proved", evidence.level if evidence.queries else "folded")
        try:
            model, terms = self.model(evidence)
            if model is None:
                return Obligation(self.family, self.subject, "proved", evidence.level)
            example = shown(model)
        except Undecided as undecided:
            return Obligation(self.family, self.subject, "unknown", evidence.level, str(undecided))
        except Contradiction as contradiction:
            return Obligation(self.family, self.subject, "error", evidence.level, str(contradiction))
        named = ", ".join(n for n, t in terms.items() if model.values([t])[0])
        verdict: Verdict = "refuted" if example.differs else "error"
        reason = named if example.differs else f"checker bug: no reproduction of {named}"
        return Obligation(self.family, self.subject, verdict, evidence.level, reason, counterexample=example)

    def model(self, evidence: Evidence) -> tuple[Model | None, Mapping[str, Term]]:
        """A model that breaks it, and the terms that one can be of. Raises Undecided and Contradiction."""
        label, terms = f"{self.subject}:{self.family}", self.mismatches
        if self.exact is not None:
            if _never(conjunction([*self.hypotheses, disjunction(terms.values())]), evidence, f"{label}:settled"):
                return None, {}
            terms = self.exact()
        return evidence.model([*self.hypotheses, disjunction(terms.values())], label), terms


def of_step(asked: Step, family: str, subject: str, evidence: Evidence) -> Claim:
    """What a family claims of a step, by as much of the lemma that the step is orderly as holds, where that is needed."""
    mismatches, left = asked.settled(family, asked.ways(family))
    lemma, label = asked.orderly() if left else (), f"{subject}:orderly"
    if not always(lemma, evidence, label):  # what traps on the processor alone goes another way
        lemma = tuple(t for t in lemma if always((t,), evidence, label))
    if lemma:
        mismatches, _ = asked.settled(family, left, lemma)
    return Claim(family, subject, asked.hypotheses, mismatches, partial(asked.exact, family))


def always(lemma: Sequence[Term], evidence: Evidence, label: str) -> bool:
    """Whether terms are true whatever the cuts answer, the same for the same arguments."""
    unknowns: dict[tuple[Name, tuple[Term, ...]], Term] = {}

    def answer(term: Term, args: tuple[Term, ...], choices: int = MAX_CHOICES) -> Term:
        key = term.name, args
        if key not in unknowns:
            choice = next((a.args[0] for a in args if a.op == "ite"), None) if choices else None
            sides = [tuple(a.args[k] if a.op == "ite" and a.args[0] is choice else a for a in args) for k in (1, 2)]
            unknowns[key] = (
                variable(term.width, Name(FREE, "answer", len(unknowns)))
                if choice is None
                else ite(choice, *(answer(term, some, choices - 1) for some in sides))
            )
        return unknowns[key]

    if not lemma:
        return True
    general = rewrite(lemma, lambda term, args: answer(term, args) if term.op == "uf" else None)
    return _never(lnot(conjunction(general)), evidence, label)


def _never(term: Term, evidence: Evidence, label: str) -> bool:
    """Whether a term is known to be true nowhere."""
    try:
        return not evidence.possible([term], label)
    except Undecided:
        return False


def isolated(promise: Promise, case: Case, evidence: Evidence) -> Obligation:
    """ISO2 of a row in a mode."""
    started = time.perf_counter()
    asked = reach(promise, case.row, case.mode_class, case.mode)
    label = f"{case.subject}:{ISO2} widely"
    if asked.widely and all(_never(t, evidence, label) for t in sorted(asked.widely, key=lambda t: digest([t]))):
        found = Obligation(ISO2, case.subject, "proved", evidence.level)
    else:
        claim = Claim(ISO2, case.subject, asked.hypotheses, {"an address of its own": asked.escapes})
        found = claim.answered(evidence, partial(strayed, promise, case.row, case.mode, asked.before))
    return replace(found, seconds=time.perf_counter() - started)


def noticed(promise: Promise, evidence: Evidence) -> Iterator[Obligation]:
    """RC1 for instructions that no machine should have: whatever of the monitor's state one changes, the dispatcher stops."""
    machine = promise.machine
    general = next(leaf for leaf in machine.state.general if usable(leaf, machine))
    for name in promise.division.own:
        if not usable(machine.state.leaves[name], machine):
            continue
        changes = made_up(machine.state.leaves[name], 0, general)[1]
        row = made_up_row(promise, changes.name, changes.body)
        yield from (_noticed(promise, c, evidence) for c in cases(promise, row, f"{NOTICED[:-1]}, {name})"))


def _noticed(promise: Promise, case: Case, evidence: Evidence) -> Obligation:
    asked, escapes = unnoticed(promise, case.row, case.mode_class, case.mode)
    try:
        model = evidence.model([*asked, disjunction(escapes)], case.subject)
    except Undecided as undecided:
        return Obligation(RC1, case.subject, "unknown", evidence.level, str(undecided))
    except Contradiction as contradiction:
        return Obligation(RC1, case.subject, "error", evidence.level, str(contradiction))
    if model is None:
        return Obligation(RC1, case.subject, "proved", evidence.level)
    shown = replay_counterexample(promise, step(promise, case.row, case.mode_class, case.mode), RC1, model)
    changed = {kept(leaf) for leaf in promise.division.own} & set(shown.differs)
    verdict: Verdict = "refuted" if changed and LOST not in shown.differs else "error"
    return Obligation(RC1, case.subject, verdict, evidence.level, "the dispatcher goes on", counterexample=shown)


def switched(promise: Promise, evidence: Callable[[], Evidence], division: World | None = None) -> Iterator[Obligation]:
    """ISO3 of the world switch, in every virtual mode; `evidence` begins a record for each."""
    for case in cases(promise, made_up_row(promise, "nothing", ()), SWITCHED):
        asked = residue(promise, case.row, case.mode_class, case.mode, division)

        shown = partial(remembered, promise, case.row, case.mode, asked.guest)
        yield Claim(ISO3, case.subject, asked.hypotheses, asked.tells).answered(evidence(), shown)


def crossings(promise: Promise, evidence: Callable[[], Evidence]) -> Iterator[Obligation]:
    """The world switch on the machine itself: what each trap entry and each return does, in every virtual mode."""
    ways = (one for mode_class, mode in modes(promise) for one in crossed(promise, mode_class, mode))
    for one in (*ways, *told(promise)):
        for family, mismatches in one.mismatches.items():
            started = time.perf_counter()
            claim = Claim(family, one.subject, one.hypotheses, mismatches)
            found = claim.answered(evidence(), partial(replayed, promise, one))
            yield replace(found, seconds=time.perf_counter() - started)


def operations(promise: Promise) -> dict[str, tuple[Scenario, Permissions]]:
    """What the monitor does with shadow tables, by name, each beside an entry of every kind; nothing where it has none."""
    found = scenarios(promise)
    kinds = kinds_of_entry(promise) if found else ()
    return {
        f"({name}, {'writable' if k == 0 else 'read-only'})": (played.scenario, kind)
        for name, played in found.items()
        for k, kind in enumerate(kinds)
        if k or played.writable
    }


def operation(promise: Promise, name: str, evidence: Evidence) -> Obligation:
    """SH1 of one operation."""
    started = time.perf_counter()
    scenario, kind = operations(promise)[name]

    def ended(verdict: Verdict, reason: str = "", example: Counterexample | None = None) -> Obligation:
        return Obligation(SH1, name, verdict, "solver", reason, time.perf_counter() - started, example)

    try:
        followed, found = violated(promise, scenario, kind, Feasible(evidence, name))
    except (TooManyPaths, Undecided) as open_:
        return ended("unknown", str(open_))
    except (Contradiction, TypeError, KeyError, AssertionError, ValueError) as error:
        return ended("error", f"{type(error).__name__}: {error}")
    if found is None:
        return ended("proved") if followed else ended("vacuous", "no state satisfies the hypotheses")
    example = Counterexample(name, found.numbers, 0, {}, (), found.replayed)
    said = ", ".join(found.violations)
    if not found.replayed:
        return ended("error", f"checker bug: no reproduction of {said}", example)
    return ended("refuted", said, example)
