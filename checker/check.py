"""The whole check of one machine: lint, every row alone, one configuration, every row under it, theorems."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pgcheck.checker.laws import canaries
from pgcheck.checker.lint import granted, lint
from pgcheck.checker.options import Limits, Options
from pgcheck.checker.questions.subject import judgeable
from pgcheck.checker.result import DeploymentResult, Effort, Event, Finding, Finished, MachineResult, Started
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.smtlib import Script
from pgcheck.checker.solving.solver import Solver, versions
from pgcheck.checker.verdicts.judge import InstructionRow, Judgement
from pgcheck.checker.verdicts.result_cache import keep_result, load_result
from pgcheck.checker.verdicts.row_cache import RowCache
from pgcheck.checker.verdicts.survey import survey
from pgcheck.checker.verdicts.theorems import untested, void
from pgcheck.isa.files import door
from pgcheck.isa.files.cache import Cache
from pgcheck.isa.machine.machine import Machine

__all__ = ["Options", "check", "solver_for"]


def solver_for(options: Options) -> Solver:
    """A solver as the options ask for."""
    cache = Cache() if options.cache else None
    dump = _dumper(options.dump) if options.dump is not None else None
    return Solver(replace(Limits(), rlimit=options.rlimit), cache, options.second, dump=dump)


def _dumper(folder: Path) -> Callable[[str, Script], None]:
    def dump(label: str, script: Script) -> None:
        name = "".join(c if c.isalnum() or c in "._-@" else "_" for c in label)
        door.write(folder / f"{name}.smt2", f"; {label}\n{script.text}".encode(), over="written")

    return dump


def check(machine: Machine, options: Options, on_event: Callable[[Event], None] = lambda event: None) -> MachineResult:
    """The answer for a machine, from the cache if nothing that it depends on has changed; with those for guests that are another machine.

    KeyboardInterrupt passes through after the workers have ended.
    """
    result = _check(machine, options, on_event)
    for virtual in machine.virtual:
        if virtual.machine is not None:
            result = _with_guest(result, _check(virtual.machine, options, on_event))
    on_event(Finished(result))
    return result


def _with_guest(host: MachineResult, guest: MachineResult) -> MachineResult:
    """A machine's answer with that of a deployment in which another machine is the guest, whose findings are told apart by its name."""
    (deployment,) = guest.deployments
    told = tuple(
        f if f.subject.partition(":")[0] == deployment.name else replace(f, message=f"{deployment.name}: {f.message}")
        for f in guest.findings
        if f not in host.findings
    )
    return replace(
        host,
        deployments=(*host.deployments, deployment),
        findings=(*host.findings, *told),
        unmodelled=tuple(dict.fromkeys((*host.unmodelled, *guest.unmodelled))),
        effort=host.effort + guest.effort,
    )


def _check(machine: Machine, options: Options, on_event: Callable[[Event], None]) -> MachineResult:
    started = time.perf_counter()
    instructions = [i for i in judgeable(machine) if not options.only or {i.id, i.name} & set(options.only)]
    work = [InstructionRow(i, row) for i in instructions for row in i.rows]
    on_event(Started(machine.identity.name, len(work) * len(machine.deployments)))
    kept = Cache() if options.cache and options.dump is None else None
    known = load_result(kept, machine, options) if kept is not None else None
    if known is not None:
        known = replace(known, effort=replace(known.effort, seconds=time.perf_counter() - started, cached=True))
        return known
    with Pool(lambda: solver_for(options), options.jobs) as pool:
        rows = RowCache(kept, machine, options)
        surveys = [survey(d, work, pool, rows, on_event, granted) for d in machine.deployments]
        findings = [f for s in surveys for f in (*s.findings, *s.granted)]
        findings += lint(machine, pool, options.second, instructions, rows)
    silent = _silent(machine, findings)
    results = tuple(_doubted(s.result()) if s.setting.deployment.name in silent else s.result() for s in surveys)
    if any(f.status == "error" for f in findings):
        results = tuple(replace(r, theorems=void(r.theorems), direct="") for r in results)
    spent = effort([j for s in surveys for j in s.judged], results, time.perf_counter() - started)
    result = MachineResult(
        name=machine.identity.name,
        title=machine.identity.title,
        path=machine.identity.path,
        digest=machine.identity.digest,
        unmodelled=machine.identity.unmodelled,
        deployments=results,
        findings=tuple(findings),
        versions=versions(),
        effort=spent,
    )
    if kept is not None:
        keep_result(kept, machine, options, result)
    return result


def _silent(machine: Machine, findings: Sequence[Finding]) -> frozenset[str]:
    """The deployments whose canaries failed, or could not be made or asked: a finding about the machine is about all of them."""
    named = {f.subject.partition(":")[0] for f in findings if f.law == canaries.LAW.name and f.status != "ok"}
    every = {d.name for d in machine.deployments}
    return frozenset(every & named if named <= every else every)


def _doubted(result: DeploymentResult) -> DeploymentResult:
    return replace(result, theorems=untested(result.theorems), direct="")


def effort(judged: Sequence[Judgement], results: Sequence[DeploymentResult], seconds: float) -> Effort:
    """What a run took, all deployments together."""
    holes = [r for d in results for r in d.instructions if r.verdict == "hole"]
    return Effort(
        queries=sum(j.queries for j in judged),
        folded=sum(j.folded for j in judged),
        unsat=sum(j.unsat for j in judged),
        confirmed=sum(j.confirmed for j in judged),
        witnesses=len(holes),
        replayed=sum(r.witness is not None for r in holes),
        seconds=seconds,
        slowest=max((j.slowest for j in judged), key=lambda s: s[1], default=("", 0.0)),
        doubts=dict(sorted(Counter(d for j in judged for d in j.doubts).items())),
    )
