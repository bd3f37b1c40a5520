"""The whole check of one machine: lint, every row alone, one configuration, every row under it, theorems."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pgcheck.checker.cache import Cache
from pgcheck.checker.configuration import Demand, common
from pgcheck.checker.entry import entering
from pgcheck.checker.evidence import Contradiction, Evidence, Undecided
from pgcheck.checker.hole import Configuration
from pgcheck.checker.judge import Judgement, Work, judge
from pgcheck.checker.lint import lint
from pgcheck.checker.pool import Pool
from pgcheck.checker.result import (
    DeploymentResult, Effort, Event, Finding, Finished, InstructionResult, Judged, MachineResult, Started,
)  # fmt: skip
from pgcheck.checker.smtlib import Script
from pgcheck.checker.solver import Limits, Solver, versions
from pgcheck.checker.subject import Setting
from pgcheck.checker.theorems import theorems
from pgcheck.checker.verdict import reason, verdict
from pgcheck.isa.machine import Deployment, Machine
from pgcheck.isa.syntax import cache_folder
from pgcheck.isa.terms import disjunction, eq, show
from pgcheck.models.symbolic import predicate


@dataclass(frozen=True, slots=True)
class Options:
    """How to check: worker processes, z3's budget per obligation, the cache, the second solver, which instructions, where to dump."""

    jobs: int = 1
    rlimit: int = Limits().rlimit
    cache: bool = True
    second: bool = True
    only: tuple[str, ...] = ()
    dump: Path | None = None
    trust_taint: bool = True


def solver_for(options: Options) -> Solver:
    """A solver as the options ask for."""
    cache = Cache(cache_folder()) if options.cache else None
    dump = _dumper(options.dump) if options.dump is not None else None
    return Solver(replace(Limits(), rlimit=options.rlimit), cache, options.second, dump=dump)


def _dumper(folder: Path) -> Callable[[str, Script], None]:
    def dump(label: str, script: Script) -> None:
        name = "".join(c if c.isalnum() or c in "._-@" else "_" for c in label)
        (folder / f"{name}.smt2").write_text(f"; {label}\n{script.text}(check-sat)\n", encoding="utf-8")

    return dump


def check(machine: Machine, options: Options, on_event: Callable[[Event], None] = lambda event: None) -> MachineResult:
    """The answer for a machine.

    A row whose step no part of the configuration touches has the same obligations under it, and is not asked again. KeyboardInterrupt passes through after the workers have ended."""
    started = time.perf_counter()
    instructions = [i for i in machine.instructions if not options.only or {i.id, i.name} & set(options.only)]
    work = [Work(i, row) for i in instructions for row in i.rows]
    on_event(Started(machine.name, len(work) * len(machine.deployments)))
    results: list[DeploymentResult] = []
    judged: list[Judgement] = []
    findings: list[Finding] = []
    with Pool(lambda: solver_for(options), options.jobs) as pool:
        for deployment in machine.deployments:
            found = _deployment(machine, deployment, work, options, pool, on_event, judged, findings)
            results.append(found)
        findings += lint(machine, pool, options.second, instructions)
    effort = _effort(judged, results, time.perf_counter() - started)
    result = MachineResult(
        machine.name, machine.title, machine.path, machine.digest, machine.unmodelled, tuple(results),
        tuple(findings), versions(), effort,
    )  # fmt: skip
    on_event(Finished(result))
    return result


def _deployment(
    machine: Machine, deployment: Deployment, work: Sequence[Work], options: Options, pool: Pool,
    on_event: Callable[[Event], None], judged: list[Judgement], findings: list[Finding],
) -> DeploymentResult:  # fmt: skip
    setting = _setting(machine, deployment, pool, options, findings)

    findings += _vacuous(setting, pool, options)

    def run(phase: str, configuration: Configuration | None, rows: Sequence[Work]) -> dict[str, Judgement]:
        def one(item: Work, solver: Solver) -> Judgement:
            return judge(setting, item, solver, options.second, configuration, trust_taint=options.trust_taint)

        answers: dict[str, Judgement] = {}
        for item, answer in pool.each(one, rows):
            answers[item.id] = answer
            judged.append(answer)
            on_event(Judged(phase, item.id, "", answer.seconds))
        return answers

    alone = run("rows", None, work)
    configuration = common(list(_demands(alone.values())))
    under: dict[str, Judgement] = {}
    if not configuration.empty:
        fixed = set(configuration.shown())
        again = [w for w in work if alone[w.id].classical is not None and fixed & touched(alone[w.id])]
        under = {**{i: j for i, j in alone.items() if j.classical is not None}, **run("configuration", configuration, again)}
        spoiled = _spoiled(alone, under)
        if spoiled:
            findings.append(Finding("efficiency", "warning", deployment.name, f"the configuration makes {', '.join(spoiled)} trap"))
    shown = configuration.shown()
    empty = "; ".join(f.message for f in findings if f.law == "hypotheses_are_satisfiable" and f.subject == deployment.name)
    if empty:
        alone = {i: replace(j, trouble=empty) for i, j in alone.items()}
    rows = tuple(_row(w, alone[w.id], under.get(w.id), shown) for w in work)
    return DeploymentResult(deployment.name, theorems(rows, shown), rows, shown, _direct(machine, rows, alone, under))


def _setting(machine: Machine, deployment: Deployment, pool: Pool, options: Options, findings: list[Finding]) -> Setting:
    """The setting, with the traps that provably enter the monitor; undecided ones count as not entering."""
    evidence = Evidence(pool.solver, options.second)
    try:
        inside = entering(machine, deployment, evidence)
    except (Undecided, Contradiction) as trouble:
        findings.append(Finding("traps_enter_monitor", "unknown", deployment.name, str(trouble)))
        inside = frozenset()
    outside = sorted(n for n, rule in machine.exits.items() if n not in inside and rule.kind != "execute")
    if outside:
        findings.append(
            Finding("traps_enter_monitor", "ok", deployment.name, f"not into the monitor: {', '.join(outside)}; compared like completion")
        )
    return Setting(machine, deployment, inside)


def _vacuous(setting: Setting, pool: Pool, options: Options) -> Iterator[Finding]:
    """An error for each mode class of which no legal state exists: everything said of it would be said of nothing."""
    machine, deployment = setting.machine, setting.deployment
    evidence = Evidence(pool.solver, options.second)
    for name, mode_class in (("supervisor", deployment.modes.supervisor), ("user", deployment.modes.user)):
        starts = [eq(machine.leaves[machine.modes.leaf].term, setting.mode(v)) for v in mode_class.values]
        if not evidence.possible([*setting.legal, disjunction(starts)], f"{deployment.name}:{name} states"):
            yield Finding("hypotheses_are_satisfiable", "error", deployment.name, f"vacuous: no legal state in {name} mode")
    if not evidence.possible([*setting.legal, setting.real], f"{deployment.name}:real states"):
        yield Finding("hypotheses_are_satisfiable", "error", deployment.name, "vacuous: no legal state satisfies `real`")


def _demands(judgements: Iterable[Judgement]) -> Iterator[Demand]:
    for j in judgements:
        if j.holed and j.good:
            yield Demand(j.id, j.good, True)
        if j.classical_good:
            yield Demand(j.id, j.classical_good, False)


def _spoiled(alone: Mapping[str, Judgement], under: Mapping[str, Judgement]) -> list[str]:
    """Innocuous rows that only trap because of the configuration."""
    found = []
    for identifier, after in under.items():
        before = alone[identifier]
        if before.classical is None or after.classical is None or before.holed or before.classical.sensitive:
            continue
        if before.classical.completes_user and not after.classical.completes_user:
            found.append(identifier)
    return found


def _row(work: Work, alone: Judgement, under: Judgement | None, configuration: Mapping[str, object]) -> InstructionResult:
    """The report's row from both judgements."""
    exact = verdict(alone, under)
    classical = alone.classical
    after = under.classical if under is not None else classical
    mine = {n: v for n, v in configuration.items() if n in touched(alone)}
    return InstructionResult(
        id=work.id, name=work.instruction.name, variant=work.instruction.variant, row=work.row.label,
        position=work.instruction.position, sensitive=classical.sensitive if classical is not None else False,
        sensitivities=tuple(map(str, classical.sensitivities)) if classical is not None else (),
        user_sensitive=classical.user_sensitive if classical is not None else False,
        timing=classical.timing if classical is not None else False,
        privileged=classical.privileged if classical is not None else False,
        privileged_under_configuration=after.privileged if after is not None else False,
        sensitive_under_configuration=after.sensitive if after is not None else False,
        user_sensitive_under_configuration=after.user_sensitive if after is not None else False,
        holed_user=_holed_user(alone, under),
        verdict=exact, configuration=mine if exact == "conditional" else None,
        evidence=_evidence(alone, under), reason=reason(exact, alone, under, mine),
        witness=(under.witness if under is not None and under.witness is not None else alone.witness) if exact == "hole" else None,
    )  # fmt: skip


def touched(judgement: Judgement) -> frozenset[str]:
    """What of a configuration a row's step depends on: its obligations mention no other leaf and no other table."""
    found = judgement.footprint
    return found.reads | found.writes | {f"@{t}" for t in found.tables}


def _holed_user(alone: Judgement, under: Judgement | None) -> bool:
    return "user" in (under if under is not None else alone).holed


def _evidence(alone: Judgement, under: Judgement | None) -> str:
    levels = {alone.evidence} | ({under.evidence} if under is not None else set())
    return next(level for level in ("solver", "two-solvers", "taint") if level in levels)


def _direct(
    machine: Machine, rows: Sequence[InstructionResult], alone: Mapping[str, Judgement], under: Mapping[str, Judgement]
) -> str:
    """The virtual states that a hybrid monitor runs directly: those of virtual user mode, when no row is a hole there."""
    if any(r.holed_user or r.verdict == "unknown" for r in rows):
        return ""
    return show(predicate(machine, machine.modes.user.when))


def _effort(judged: Sequence[Judgement], results: Sequence[DeploymentResult], seconds: float) -> Effort:
    witnesses = sum(r.witness is not None for d in results for r in d.instructions)
    return Effort(
        sum(j.queries for j in judged), sum(j.folded for j in judged), sum(j.unsat for j in judged),
        sum(j.confirmed for j in judged), witnesses, witnesses, seconds,
        max((j.slowest for j in judged), key=lambda s: s[1], default=("", 0.0)),
    )  # fmt: skip


def default_jobs() -> int:
    """As many workers as there are processors to use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
