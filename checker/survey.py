"""One deployment surveyed: every row alone, one configuration for all, every row that it touches again under it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pgcheck.checker.configuration import Demand, common
from pgcheck.checker.entry import entering
from pgcheck.checker.evidence import Contradiction, Evidence, Undecided
from pgcheck.checker.formula import idl
from pgcheck.checker.hole import NOTHING, Configuration
from pgcheck.checker.judge import Judgement, Work, judge
from pgcheck.checker.options import Options
from pgcheck.checker.pool import Pool
from pgcheck.checker.result import DeploymentResult, Event, Finding, InstructionResult, Judged
from pgcheck.checker.solver import Solver
from pgcheck.checker.subject import Setting
from pgcheck.checker.theorems import theorems
from pgcheck.checker.verdict import reason, verdict
from pgcheck.checker.visible import user_visible
from pgcheck.isa.machine import Deployment, Machine
from pgcheck.isa.terms import disjunction, eq
from pgcheck.models.symbolic import predicate


@dataclass(slots=True)
class Survey:
    """What is known of a machine under one deployment; filled phase by phase."""

    setting: Setting
    work: Sequence[Work]
    findings: list[Finding] = field(default_factory=list)
    judged: list[Judgement] = field(default_factory=list)
    alone: dict[str, Judgement] = field(default_factory=dict)
    under: dict[str, Judgement] = field(default_factory=dict)
    configuration: Configuration = NOTHING

    def result(self) -> DeploymentResult:
        """The report of the deployment."""
        shown = self.configuration.shown()
        rows = tuple(_row(w, self.alone[w.id], self.under.get(w.id), shown) for w in self.work)
        direct = "" if any(r.holed_user or r.verdict == "unknown" for r in rows) else self.direct
        return DeploymentResult(self.setting.deployment.name, theorems(rows, shown), rows, shown, direct)

    @property
    def direct(self) -> str:
        """The virtual states that a hybrid monitor runs directly when no row is a hole there: those of virtual user mode."""
        return idl(predicate(self.setting.machine, self.setting.deployment.modes.user.when))


def survey(
    machine: Machine, deployment: Deployment, work: Sequence[Work], pool: Pool, options: Options,
    on_event: Callable[[Event], None],
) -> Survey:  # fmt: skip
    """Judge all rows of a deployment.

    A row whose step no part of the configuration touches has the same obligations under it, and is not asked again.
    """
    evidence = Evidence(pool.solver, options.second)
    found = Survey(Setting(machine, deployment, frozenset()), work)
    found.setting = _setting(machine, deployment, evidence, found.findings)
    setting = found.setting

    def run(phase: str, configuration: Configuration | None, rows: Sequence[Work]) -> dict[str, Judgement]:
        def one(item: Work, solver: Solver) -> Judgement:
            return judge(setting, item, solver, options.second, configuration, trust_taint=options.trust_taint)

        answers: dict[str, Judgement] = {}
        for item, answer in pool.each(one, rows):
            answers[item.id] = answer
            found.judged.append(answer)
            on_event(Judged(phase, item.id, verdict(answer, None), answer.seconds))
        return answers

    empty = _guarded("hypotheses_are_satisfiable", deployment, lambda: _vacuous(setting, evidence))
    found.findings += empty
    found.alone = run("rows", None, work)
    if empty:
        said = "; ".join(f.message for f in empty)
        found.alone = {i: replace(j, trouble=said) for i, j in found.alone.items()}
    pairs = [(w, found.alone[w.id]) for w in work]
    found.findings += _guarded("general_or_mirror", deployment, lambda: user_visible(setting, pairs, evidence))
    found.configuration = common(list(_demands(found.alone.values())))
    if not found.configuration.empty:
        _under_configuration(found, run)
    return found


Run = Callable[[str, Configuration | None, Sequence[Work]], dict[str, Judgement]]


def _under_configuration(found: Survey, run: Run) -> None:
    """All rows once more under exactly the configuration; it must not make innocuous ones trap."""
    fixed = set(found.configuration.shown())
    again = [w for w in found.work if _asked_again(found.alone[w.id], fixed)]
    found.under = {i: j for i, j in found.alone.items() if j.classical is not None}
    found.under |= run("configuration", found.configuration, again)
    spoiled = _spoiled(found.alone, found.under)
    if spoiled:
        message = f"the configuration makes {', '.join(spoiled)} trap"
        found.findings.append(Finding("efficiency", "warning", found.setting.deployment.name, message))


def _asked_again(alone: Judgement, fixed: set[str]) -> bool:
    """Whether the configuration touches a row, or left it the hole that another would have closed and that has no witness yet."""
    forgone = bool(alone.holed) and alone.witness is None and not alone.timing
    return alone.classical is not None and (forgone or bool(fixed & touched(alone)))


def _guarded(law: str, deployment: Deployment, findings: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(findings())
    except Undecided as undecided:
        return [Finding(law, "unknown", deployment.name, str(undecided))]
    except Contradiction as contradiction:
        return [Finding(law, "error", deployment.name, str(contradiction))]


def _setting(machine: Machine, deployment: Deployment, evidence: Evidence, findings: list[Finding]) -> Setting:
    """The setting, with the traps that provably enter the monitor; undecided ones count as not entering."""
    inside: frozenset[str] = frozenset()
    try:
        inside = entering(machine, deployment, evidence)
    except (Undecided, Contradiction) as trouble:
        findings.append(Finding("traps_enter_monitor", "unknown", deployment.name, str(trouble)))
    outside = sorted(n for n, rule in machine.exits.items() if n not in inside and rule.kind != "execute")
    if outside:
        message = f"not into the monitor: {', '.join(outside)}; compared like completion"
        findings.append(Finding("traps_enter_monitor", "ok", deployment.name, message))
    return Setting(machine, deployment, inside)


def _vacuous(setting: Setting, evidence: Evidence) -> Iterator[Finding]:
    """An error for each mode class of which no legal state exists: everything said of it would be said of nothing."""
    machine, deployment = setting.machine, setting.deployment
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
