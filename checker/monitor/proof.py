"""The proofs of the monitor that a specification's check promises: every row, every virtual mode, every family; and of the code that it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from pgcheck.checker.check import check, solver_for
from pgcheck.checker.laws.canaries import made_up
from pgcheck.checker.monitor.guest import Row
from pgcheck.checker.monitor.isolation import ISO2, ISO3, stray
from pgcheck.checker.monitor.native.tier0 import native_code
from pgcheck.checker.monitor.obligations import (
    CROSSED,
    FAMILIES_OF_A_STEP,
    LEFT_OUT,
    NOTICED,
    SWITCHED,
    Prover,
    cases,
    crossings,
    isolated,
    modes,
    noticed,
    of_step,
    operation,
    operations,
    switched,
)
from pgcheck.checker.monitor.replay import replay_counterexample
from pgcheck.checker.monitor.result import Canary, CodeProof, DeploymentProof, MonitorProof, Obligation
from pgcheck.checker.monitor.routines import routines
from pgcheck.checker.monitor.rows import made_up_row, other_rows, usable
from pgcheck.checker.monitor.shadow import SH1, kinds_of_entry, untold, violated
from pgcheck.checker.monitor.step import EQ1, RC1, Promise, step
from pgcheck.checker.monitor.values import TooManyPaths
from pgcheck.checker.options import Options
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import DeploymentResult
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.feasible import Feasible
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.solving.versions import versions
from pgcheck.checker.verdicts.judge import InstructionRow
from pgcheck.checker.verdicts.policy import NoMonitor, policy
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.vmm.kind import Kind, kinds
from pgcheck.vmm.vmm import hidden
from pgcheck.vmm.world import World

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
    native: bool = False,
) -> MonitorProof:
    """The proofs for every deployment that the check promises a monitor for; `kind` asks for one kind, else the first that it promises.

    `native` asks for those of tier 0 of native code too.

    Raises Undecided and Contradiction where the check itself does; KeyboardInterrupt passes after the workers have ended.
    """
    started = time.perf_counter()
    result = check(machine, replace(options, only=()))
    with Pool(lambda: solver_for(options), options.jobs) as pool:
        found: list[DeploymentProof] = []
        for deployment in result.deployments:
            try:
                promise = promised(
                    machine.under(deployment.name), deployment, Evidence(pool.solver, options.second), kind, force=force
                )
            except NoMonitor as no:
                wanted = kind or next(iter(kinds().values()))
                found.append(DeploymentProof(deployment.name, wanted.name, refused=str(no)))
                continue
            found.append(proofs(promise, options, pool, on_event))

        def event(total: int, obligation: Obligation) -> None:
            on_event(Proved(total, obligation.subject, (obligation,)))

        code = routines(machine, options, pool, event)
        lowered = native_code(machine, options, pool, event) if native else CodeProof()
    return MonitorProof(
        machine.identity.name,
        machine.identity.path,
        machine.identity.digest,
        tuple(found),
        versions(),
        time.perf_counter() - started,
        code,
        lowered,
    )


def promised(
    machine: Machine, result: DeploymentResult, evidence: Evidence, kind: Kind | None, *, force: bool
) -> Promise:
    """What a result promises of a kind of monitor, or of the first that it promises. Raises NoMonitor."""
    deployment = next(d for d in machine.deployments if d.name == result.name)
    refusals: list[NoMonitor] = []
    for tried in (kind,) if kind is not None else tuple(kinds().values()):
        try:
            chosen = policy(machine, result, evidence, tried, force=force)
        except NoMonitor as no:
            refusals.append(no)
            continue
        return Promise(Setting(machine, deployment, chosen.intercept - {TRANSLATE}), chosen)
    raise refusals[0]


def proofs(
    promise: Promise, options: Options, pool: Pool, on_event: Callable[[Proved], None] = lambda event: None
) -> DeploymentProof:
    """Every obligation about one policy."""
    machine, prover = promise.machine, Prover(promise)
    asked = tuple(canaries(promise, Evidence(pool.solver, options.second)))
    chosen = [i for i in machine.instructions if not options.only or {i.id, i.name} & set(options.only)]
    known = operations(promise)
    work: list[InstructionRow | str] = [InstructionRow(i, row) for i in chosen for row in i.rows]
    if not options.only:
        work = [*known, *work, *other_rows(promise), NOTICED, SWITCHED, CROSSED]  # the longest first

    def one(item: InstructionRow | str, solver: Solver) -> tuple[str, tuple[Obligation, ...]]:
        def evidence() -> Evidence:
            return Evidence(solver, options.second)

        if item == NOTICED:
            return NOTICED, tuple(noticed(promise, evidence()))
        if item == SWITCHED:
            return SWITCHED, tuple(switched(promise, evidence))
        if item == CROSSED:
            return CROSSED, tuple(crossings(promise, evidence))
        if isinstance(item, str) and item in known:
            return item, (operation(promise, item, Evidence(solver, second=False)),)
        return prover.row(item, evidence)

    obligations: list[Obligation] = []
    for _, (subject, found) in pool.each(one, work):
        shown = tuple(_doubted(o, asked) for o in found)
        obligations += shown
        on_event(Proved(len(work), subject, shown))
    left_out = sum(o.verdict == "vacuous" and o.reason == LEFT_OUT for o in obligations)
    kept = tuple(o for o in obligations if o.reason != LEFT_OUT)
    return DeploymentProof(
        promise.policy.deployment,
        promise.policy.kind.name,
        kept,
        asked,
        left_out=left_out,
        hidden=hidden(machine, promise.policy),
    )


def _doubted(obligation: Obligation, asked: Sequence[Canary]) -> Obligation:
    """An obligation of a family whose canary failed is not proved."""
    silent = [c for c in asked if c.family == obligation.family and not c.fired]
    if obligation.verdict != "proved" or not silent:
        return obligation
    return replace(obligation, verdict="unknown", reason=f"canary '{silent[0].name}': {silent[0].reason}")


# ---- claims about monitors whose truth is known, asked like any other: a family that misjudges one proves nothing


def canaries(promise: Promise, evidence: Evidence) -> Iterator[Canary]:
    """What any sound proof refutes, and proves: an instruction that does nothing, one that shows or changes the monitor's state, and
    a world switch that forgets where the guest was."""
    nothing = made_up_row(promise, "nothing", ())
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

    def again() -> Evidence:
        return Evidence(evidence.solver, evidence.second)

    told = any(o.verdict == "refuted" for o in list(switched(promise, again, forgets)))
    yield Canary(ISO3, "a world switch that forgets PC", told, "" if told else "not refuted")
    if operations(promise):
        kind = kinds_of_entry(promise)[0]
        told = violated(promise, untold, kind, Feasible(evidence, "canary"))[1] is not None
        yield Canary(SH1, "a store that tells nobody", told, "" if told else "not refuted")
    strays = made_up_row(promise, "a store of its own", stray(promise.machine))
    known = (("nothing", nothing, "proved"), ("a store of its own", strays, "refuted"))
    for name, row, right in known:
        found_ = {isolated(promise, case, again()).verdict for case in cases(promise, row, row.subject.id)}
        fired = right in found_ and found_ <= {right, "proved"}
        yield Canary(ISO2, name, fired, "" if fired else f"not {right}")


def _sensitive(promise: Promise, evidence: Evidence) -> set[str]:
    """The families that refute a made-up instruction which shows or changes a control leaf of the monitor's."""
    machine, found = promise.machine, set[str]()
    general = [leaf for leaf in machine.state.general if usable(leaf, machine)]
    own = [machine.state.leaves[n] for n in promise.division.own if usable(machine.state.leaves[n], machine)]
    own = [leaf for leaf in own if leaf.name not in promise.sets][:MAX_CANARY_LEAVES]
    for leaf in own:
        for canary in made_up(leaf, 0, general[0])[1:]:
            row = made_up_row(promise, canary.name, canary.body)
            found |= {f for f in FAMILIES_OF_A_STEP if f not in found and _refuted(promise, row, f, evidence) is True}
        if len(found) == len(FAMILIES_OF_A_STEP):
            break
    return found


def _refuted(promise: Promise, row: Row, family: str, evidence: Evidence, division: World | None = None) -> bool | None:
    """Whether a family refutes a row in some mode, with a replay; None when it cannot be said."""
    try:
        for mode_class, mode in modes(promise):
            asked = step(promise, row, mode_class, mode, division=division)
            model, _ = of_step(asked, family, f"{row.subject.id}@{mode}", evidence).model(evidence)
            if model is not None and replay_counterexample(promise, asked, family, model).differs:
                return True
    except (Undecided, TooManyPaths):
        return None
    return False
