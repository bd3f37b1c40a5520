"""The proofs of the monitor that a specification's check promises: every row, every virtual mode, every family."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pgcheck.checker.check import check, solver_for
from pgcheck.checker.laws.canaries import made_up
from pgcheck.checker.monitor.guest import LOST, Monitored, Row
from pgcheck.checker.monitor.isolation import ISO2, ISO3, reach, residue, stray
from pgcheck.checker.monitor.replay import Counterexample, remembered, replay_counterexample, strayed
from pgcheck.checker.monitor.result import Canary, DeploymentProof, MonitorProof, Obligation, Verdict
from pgcheck.checker.monitor.shadow import SH1, Feasible, Scenario, kinds_of_entry, scenarios, untold, violated
from pgcheck.checker.monitor.step import (
    EQ1,
    EQ3,
    RC1,
    Promise,
    Step,
    instruction_row,
    other_rows,
    step,
    unnoticed,
)
from pgcheck.checker.monitor.values import TooManyPaths
from pgcheck.checker.options import Options
from pgcheck.checker.questions.hole import virtual_modes
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import DeploymentResult
from pgcheck.checker.solving.evidence import Contradiction, Evidence, Undecided
from pgcheck.checker.solving.model import Model
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.solver import Solver, versions
from pgcheck.checker.verdicts.judge import InstructionRow
from pgcheck.checker.verdicts.policy import NoMonitor, policy
from pgcheck.isa.files.errors import Position
from pgcheck.isa.idl.state import ArrayLeaf, Leaf
from pgcheck.isa.machine.machine import Instruction, Machine, ModeClass
from pgcheck.isa.machine.machine import Row as Label
from pgcheck.isa.machine.schemes import Entries
from pgcheck.isa.terms import FALSE, TRUE, Term, constant, disjunction
from pgcheck.isa.terms.ir import TRANSLATE, Block
from pgcheck.models.state import Fetched
from pgcheck.vmm.kind import Kind, kinds
from pgcheck.vmm.paging.entries import Permissions
from pgcheck.vmm.world import World

FAMILIES_OF_A_STEP = (EQ1, EQ3, RC1)
FAMILIES_OF_A_ROW = (*FAMILIES_OF_A_STEP, ISO2)
MAX_CANARY_LEAVES = 8


@dataclass(frozen=True, slots=True)
class Proved:
    """A subject is done, for whoever watches: how many there are in all, and its obligations."""

    total: int
    subject: str
    obligations: tuple[Obligation, ...]


def prove_monitor(
    machine: Machine,
    options: Options,
    on_event: Callable[[Proved], None] = lambda event: None,
    *,
    kind: Kind | None = None,
    force: bool = False,
) -> MonitorProof:
    """The proofs for every deployment that the check promises a monitor for; `kind` asks for one kind, else the first that it promises.

    Raises Undecided and Contradiction where the check itself does; KeyboardInterrupt passes after the workers have ended.
    """
    started = time.perf_counter()
    result = check(machine, replace(options, only=()))
    with Pool(lambda: solver_for(options), options.jobs) as pool:
        found = tuple(_deployment(machine, d, options, pool, on_event, kind, force) for d in result.deployments)
    return MonitorProof(
        machine.identity.name,
        machine.identity.path,
        machine.identity.digest,
        found,
        versions(),
        time.perf_counter() - started,
    )


def _deployment(
    machine: Machine,
    result: DeploymentResult,
    options: Options,
    pool: Pool,
    on_event: Callable[[Proved], None],
    kind: Kind | None,
    force: bool,
) -> DeploymentProof:
    evidence = Evidence(pool.solver, options.second)
    refused = ""
    wanted = (kind,) if kind is not None else tuple(kinds().values())
    for tried in wanted:
        try:
            promised = policy(machine, result, evidence, tried, force=force)
        except NoMonitor as no:
            refused = refused or str(no)
            continue
        deployment = next(d for d in machine.deployments if d.name == result.name)
        promise = Promise(Setting(machine, deployment, promised.intercept - {TRANSLATE}), promised)
        return proofs(promise, options, pool, on_event)
    return DeploymentProof(result.name, wanted[0].name, refused=refused)


def proofs(
    promise: Promise, options: Options, pool: Pool, on_event: Callable[[Proved], None] = lambda event: None
) -> DeploymentProof:
    """Every obligation about one policy."""
    machine = promise.machine
    canaries = tuple(_canaries(promise, Evidence(pool.solver, options.second)))
    chosen = [i for i in machine.instructions if not options.only or {i.id, i.name} & set(options.only)]
    operations = _operations(promise)
    work: list[InstructionRow | str] = [InstructionRow(i, row) for i in chosen for row in i.rows]
    if not options.only:
        work = [*operations, *work, *other_rows(promise), NOTICED, SWITCHED]  # the longest first

    def one(item: InstructionRow | str, solver: Solver) -> tuple[str, tuple[Obligation, ...]]:
        if item == NOTICED:
            return NOTICED, tuple(_noticed(promise, solver, options.second))
        if isinstance(item, str) and item in operations:
            return item, (_operation(promise, item, solver),)
        if item == SWITCHED:
            return SWITCHED, tuple(_switched(promise, solver, options.second))
        return _row(promise, item, solver, options.second)

    obligations: list[Obligation] = []
    for _, (subject, found) in pool.each(one, work):
        shown = tuple(_doubted(o, canaries) for o in found)
        obligations += shown
        on_event(Proved(len(work), subject, shown))
    left_out = sum(o.verdict == "vacuous" and o.reason == LEFT_OUT for o in obligations)
    kept = tuple(o for o in obligations if o.reason != LEFT_OUT)
    return DeploymentProof(promise.policy.deployment, promise.policy.kind.name, kept, canaries, left_out=left_out)


def _doubted(obligation: Obligation, canaries: Sequence[Canary]) -> Obligation:
    """An obligation of a family whose canary failed is not proved."""
    silent = [c for c in canaries if c.family == obligation.family and not c.fired]
    if obligation.verdict != "proved" or not silent:
        return obligation
    return replace(obligation, verdict="unknown", reason=f"canary '{silent[0].name}': {silent[0].reason}")


LEFT_OUT = "the specification leaves it out"


NOTICED = "(a change of the monitor's state)"
SWITCHED = "(world switch)"


def _row(
    promise: Promise, item: InstructionRow | str, solver: Solver, second: bool
) -> tuple[str, tuple[Obligation, ...]]:
    if isinstance(item, InstructionRow):
        name, row = item.id, instruction_row(promise, item.instruction, item.row)
    else:
        name, row = item, other_rows(promise)[item]
    return name, tuple(o for c, m in _modes(promise) for o in _in_mode(promise, row, name, c, m, solver, second))


def _modes(promise: Promise) -> Iterator[tuple[ModeClass, int]]:
    modes = promise.setting.deployment.modes
    for mode_class in (modes.supervisor, modes.user):
        for mode in virtual_modes(promise.setting, mode_class):
            yield mode_class, mode


def _in_mode(
    promise: Promise, row: Row, name: str, mode_class: ModeClass, mode: int, solver: Solver, second: bool
) -> Iterator[Obligation]:
    """The obligations of a row in a mode."""
    started = time.perf_counter()
    subject = f"{name}@{mode}"
    try:
        asked = step(promise, row, mode_class, mode)
    except TooManyPaths as many:
        yield from (Obligation(f, subject, "unknown", reason=str(many)) for f in FAMILIES_OF_A_ROW)
        return
    except (TypeError, KeyError, AssertionError, ValueError) as error:
        reason = f"the monitor's code cannot be followed: {type(error).__name__}: {error}"
        yield from (Obligation(f, subject, "error", reason=reason) for f in FAMILIES_OF_A_ROW)
        return
    empty = _vacuous(asked, Evidence(solver, second), subject)
    if empty is not None:
        yield from (Obligation(f, subject, *empty) for f in FAMILIES_OF_A_ROW)
        return
    yield _isolated(promise, row, subject, mode_class, mode, solver, second)
    for family, mismatches in asked.mismatches.items():
        spent = time.perf_counter() - started
        yield replace(_answer(promise, asked, family, mismatches, solver, second, subject), seconds=spent)
        started = time.perf_counter()


_seen: list[Model] = []


def _vacuous(asked: Step, evidence: Evidence, label: str) -> tuple[Verdict, str, str] | None:
    """(verdict, evidence, reason) when there is nothing to prove; a model that an earlier row had may show that there is."""
    if any(model.satisfies(asked.hypotheses) for model in _seen):
        return None
    try:
        model = evidence.model(asked.hypotheses, f"{label}:hypotheses")
        if model is not None:
            _seen.append(model)
            del _seen[:-8]
            return None
        inside = evidence.possible(asked.hypotheses[:2], f"{label}:states")
    except Undecided as undecided:
        return "unknown", "solver", f"whether there is anything to prove: {undecided}"
    except Contradiction as contradiction:
        return "error", "solver", str(contradiction)
    return "vacuous", "solver", LEFT_OUT if inside else "no state satisfies the hypotheses"


def _answer(
    promise: Promise, asked: Step, family: str, claims: Mapping[str, Term], solver: Solver, second: bool, subject: str
) -> Obligation:
    def shown(model: Model) -> Counterexample:
        return replay_counterexample(promise, asked, family, model)

    return _claim(family, subject, asked.hypotheses, claims, shown, Evidence(solver, second))


def _claim(
    family: str,
    subject: str,
    hypotheses: Sequence[Term],
    claims: Mapping[str, Term],
    shown: Callable[[Model], Counterexample],
    evidence: Evidence,
) -> Obligation:
    """None of the claims' terms can be true; one that can is shown in the real monitor, or it is an error of ours."""
    possible = {n: t for n, t in claims.items() if t is not FALSE}
    if not possible:
        return Obligation(family, subject, "proved", "folded")
    try:
        model = evidence.model([*hypotheses, disjunction(possible.values())], f"{subject}:{family}")
        if model is None:
            return Obligation(family, subject, "proved", evidence.level)
        example = shown(model)
    except Undecided as undecided:
        return Obligation(family, subject, "unknown", evidence.level, str(undecided))
    except Contradiction as contradiction:
        return Obligation(family, subject, "error", evidence.level, str(contradiction))
    named = ", ".join(n for n, t in possible.items() if model.values([t])[0])
    if example.differs:
        return Obligation(family, subject, "refuted", evidence.level, named, counterexample=example)
    reason = f"checker bug: no reproduction of {named}"
    return Obligation(family, subject, "error", evidence.level, reason, counterexample=example)


def _noticed(promise: Promise, solver: Solver, second: bool) -> Iterator[Obligation]:
    """RC1 for instructions that no machine should have: whatever of the monitor's state one changes, the dispatcher stops."""
    machine, evidence = promise.machine, Evidence(solver, second)
    general = next(leaf for leaf in machine.state.general if _usable(leaf, machine))
    for name in promise.division.own:
        if not _usable(machine.state.leaves[name], machine):
            continue
        changes = made_up(machine.state.leaves[name], 0, general)[1]
        row = _made_up_row(promise, changes.name, changes.body)
        for mode_class, mode in _modes(promise):
            subject = f"{NOTICED[:-1]}, {name})@{mode}"
            asked, escapes = unnoticed(promise, row, mode_class, mode)
            try:
                model = evidence.model([*asked, disjunction(escapes)], subject)
            except (Undecided, Contradiction) as open_:
                status: Verdict = "unknown" if isinstance(open_, Undecided) else "error"
                yield Obligation(RC1, subject, status, evidence.level, str(open_))
                continue
            if model is None:
                yield Obligation(RC1, subject, "proved", evidence.level)
                continue
            shown = replay_counterexample(promise, step(promise, row, mode_class, mode), RC1, model)
            lost = any(d.startswith("kept:") for d in shown.differs) and LOST not in shown.differs
            verdict: Verdict = "refuted" if lost else "error"
            yield Obligation(RC1, subject, verdict, evidence.level, "the dispatcher goes on", counterexample=shown)


def _isolated(
    promise: Promise, row: Row, subject: str, mode_class: ModeClass, mode: int, solver: Solver, second: bool
) -> Obligation:
    """ISO2 of a row in a mode."""
    started = time.perf_counter()
    asked = reach(promise, row, mode_class, mode)

    def shown(model: Model) -> Counterexample:
        return strayed(promise, row, mode, asked.before, model)

    found = _claim(
        ISO2, subject, asked.hypotheses, {"an address of its own": asked.escapes}, shown, Evidence(solver, second)
    )
    return replace(found, seconds=time.perf_counter() - started)


def _switched(promise: Promise, solver: Solver, second: bool, division: World | None = None) -> Iterator[Obligation]:
    """ISO3 of the world switch, in every virtual mode."""
    row = _made_up_row(promise, "nothing", ())
    for mode_class, mode in _modes(promise):
        asked = residue(promise, row, mode_class, mode, division)

        def shown(model: Model, mode: int = mode, guest: Monitored = asked.guest) -> Counterexample:
            return remembered(promise, row, mode, guest, model)

        evidence = Evidence(solver, second)
        yield _claim(ISO3, f"{SWITCHED}@{mode}", asked.hypotheses, asked.tells, shown, evidence)


def _operations(promise: Promise) -> dict[str, tuple[Scenario, Permissions]]:
    """What the monitor does with shadow tables, by name, each beside an entry of every kind; nothing where it has none."""
    if not isinstance(promise.machine.code.scheme, Entries):
        return {}
    kinds = kinds_of_entry(promise)
    return {
        f"({name}, {'writable' if k == 0 else 'read-only'})": (scenario, kind)
        for name, scenario in scenarios(promise).items()
        for k, kind in enumerate(kinds)
        if k or not name.startswith("fill")
    }


def _operation(promise: Promise, name: str, solver: Solver) -> Obligation:
    """SH1 of one operation."""
    started = time.perf_counter()
    scenario, kind = _operations(promise)[name]
    evidence = Evidence(solver, second=False)

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


# ---- canaries


def _made_up_row(promise: Promise, name: str, body: Block) -> Row:
    machine = promise.machine
    instruction = Instruction(
        f"canary {name}",
        "canary",
        "",
        Position(machine.identity.path, 1, 1),
        None,
        {},
        constant(1, 1),
        TRUE,
        None,
        body,
        None,
        {},
        (Label(""),),
        False,
        "",
    )
    row = instruction_row(promise, instruction, Label(""))
    return replace(row, fetched=Fetched(instruction, {}, 0))


def _canaries(promise: Promise, evidence: Evidence) -> Iterator[Canary]:
    """What any sound proof refutes, and proves: an instruction that does nothing, one that shows or changes the monitor's state, and
    a world switch that forgets where the guest was."""
    nothing = _made_up_row(promise, "nothing", ())
    for family in FAMILIES_OF_A_STEP:
        refuted = _refuted(promise, nothing, family, evidence)
        reason = {True: "refuted", False: "", None: "undecided"}[refuted]
        yield Canary(family, "nothing", refuted is False, reason)
    found = _sensitive(promise, evidence)
    for family in FAMILIES_OF_A_STEP:
        yield Canary(family, "touches the monitor's state", family in found, "" if family in found else "not refuted")
    division = promise.division
    forgets = replace(division, shared=tuple(n for n in division.shared if n != promise.machine.state.pc))
    for family in (EQ1, RC1):
        refuted = _refuted(promise, nothing, family, evidence, forgets) is True
        yield Canary(family, "a world switch that forgets PC", refuted, "" if refuted else "not refuted")
    switched = list(_switched(promise, evidence.solver, evidence.second, forgets))
    told = any(o.verdict == "refuted" for o in switched)
    yield Canary(ISO3, "a world switch that forgets PC", told, "" if told else "not refuted")
    if _operations(promise):
        kind = kinds_of_entry(promise)[0]
        told = violated(promise, untold, kind, Feasible(evidence, "canary"))[1] is not None
        yield Canary(SH1, "a store that tells nobody", told, "" if told else "not refuted")
    strays = _made_up_row(promise, "a store of its own", stray(promise.machine))
    for row, right in ((nothing, "proved"), (strays, "refuted")):
        found_ = {
            _isolated(promise, row, row.subject.id, c, m, evidence.solver, evidence.second).verdict
            for c, m in _modes(promise)
        }
        fired = right in found_ and found_ <= {right, "proved"}
        yield Canary(ISO2, row.subject.id.removeprefix("canary "), fired, "" if fired else f"not {right}")


def _sensitive(promise: Promise, evidence: Evidence) -> set[str]:
    """The families that refute a made-up instruction which shows or changes a control leaf of the monitor's."""
    machine, found = promise.machine, set[str]()
    general = [leaf for leaf in machine.state.general if _usable(leaf, machine)]
    own = [machine.state.leaves[n] for n in promise.division.own if _usable(machine.state.leaves[n], machine)]
    own = [leaf for leaf in own if leaf.name not in promise.sets][:MAX_CANARY_LEAVES]
    for leaf in own:
        for canary in made_up(leaf, 0, general[0])[1:]:
            row = _made_up_row(promise, canary.name, canary.body)
            found |= {f for f in FAMILIES_OF_A_STEP if f not in found and _refuted(promise, row, f, evidence) is True}
        if len(found) == len(FAMILIES_OF_A_STEP):
            break
    return found


def _usable(leaf: Leaf, machine: Machine) -> bool:
    hardwired = isinstance(leaf, ArrayLeaf) and leaf.hardwired
    return not leaf.volatile and leaf.name not in (machine.state.pc, machine.state.memory) and not hardwired


def _refuted(promise: Promise, row: Row, family: str, evidence: Evidence, division: World | None = None) -> bool | None:
    """Whether a family refutes a row in some mode, with a replay; None when it cannot be said."""
    try:
        for mode_class, mode in _modes(promise):
            asked = step(promise, row, mode_class, mode, division=division)
            claims: Sequence[Term] = list(asked.mismatches[family].values())
            model = evidence.model([*asked.hypotheses, disjunction(claims)], f"{row.subject.id}:{family}@{mode}")
            if model is not None and replay_counterexample(promise, asked, family, model).differs:
                return True
    except (Undecided, TooManyPaths):
        return None
    return False
