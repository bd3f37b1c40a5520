"""A machine judged: lint, every row alone, one configuration, every row under it, theorems."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from pgcheck.checker.laws import canaries
from pgcheck.checker.lint import granted, lint
from pgcheck.checker.options import Options
from pgcheck.checker.questions.subject import judgeable
from pgcheck.checker.result import DeploymentResult, Effort, Event, Finding, MachineResult, Started
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.solving.versions import versions
from pgcheck.checker.verdicts.judge import InstructionRow, Judgement
from pgcheck.checker.verdicts.result_cache import keep_result
from pgcheck.checker.verdicts.row_cache import RowCache
from pgcheck.checker.verdicts.survey import survey
from pgcheck.checker.verdicts.theorems import untested, void
from pgcheck.isa.files.cache import Cache
from pgcheck.isa.machine.machine import Machine

WORTH: Final = 40
"""Rows or instructions for which another process pays: it starts a solver of its own, which costs what so many rows of a plain machine do."""


def judged(
    machine: Machine,
    options: Options,
    on_event: Callable[[Event], None],
    kept: Cache | None,
    make_solver: Callable[[], Solver],
) -> MachineResult:
    """The answer for a machine, nothing of which is known but rows that are `kept`. KeyboardInterrupt passes through after the workers have ended."""
    started = time.perf_counter()
    instructions = [i for i in judgeable(machine) if not options.only or {i.id, i.name} & set(options.only)]
    work = [InstructionRow(i, row) for i in instructions for row in i.rows]
    on_event(Started(machine.identity.name, len(work) * len(machine.deployments)))
    with Pool(make_solver, options.jobs, least=WORTH) as pool:
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
