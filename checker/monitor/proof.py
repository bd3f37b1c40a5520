"""The proofs of the monitor that a specification's check promises: every row, every virtual mode, every family; and of the code that it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pgcheck.checker.check import check, solver_for
from pgcheck.checker.monitor.canaries import canaries
from pgcheck.checker.monitor.native.tier0 import native_code
from pgcheck.checker.monitor.obligations import (
    CROSSED,
    LEFT_OUT,
    NOTICED,
    SWITCHED,
    Prover,
    crossings,
    noticed,
    operation,
    operations,
    switched,
)
from pgcheck.checker.monitor.result import Canary, CodeProof, DeploymentProof, MonitorProof, Obligation
from pgcheck.checker.monitor.routines import routines
from pgcheck.checker.monitor.rows import other_rows
from pgcheck.checker.monitor.step import Promise
from pgcheck.checker.options import Options
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import DeploymentResult
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.solving.versions import versions
from pgcheck.checker.verdicts.judge import InstructionRow
from pgcheck.checker.verdicts.policy import NoMonitor, policy
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.vmm.kind import Kind, kinds
from pgcheck.vmm.vmm import hidden


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
