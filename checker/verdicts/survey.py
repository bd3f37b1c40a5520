"""One deployment surveyed: every row alone, one configuration for all, every row that it touches again under it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from pgcheck.checker.questions.classical import Classical
from pgcheck.checker.questions.configuration import Demand, common, exhaustive
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import DeploymentResult, Event, Finding, InstructionResult, Judged
from pgcheck.checker.rule import Rule
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.formula import idl
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.solver import Solver
from pgcheck.checker.traps.reading import named_mode
from pgcheck.checker.values import NOTHING, Configuration
from pgcheck.checker.verdicts import efficiency, general_or_mirror, hypotheses_are_satisfiable, unfolded
from pgcheck.checker.verdicts.efficiency import runs_directly, spoiled
from pgcheck.checker.verdicts.general_or_mirror import user_visible
from pgcheck.checker.verdicts.hypotheses_are_satisfiable import excludes, vacuous
from pgcheck.checker.verdicts.judge import InstructionRow, Judgement, judge
from pgcheck.checker.verdicts.leaves_specification import leaving_rows
from pgcheck.checker.verdicts.row_cache import RowCache
from pgcheck.checker.verdicts.theorems import theorems
from pgcheck.checker.verdicts.traps_enter_monitor import with_entering
from pgcheck.checker.verdicts.verdict import reason, verdict
from pgcheck.isa.machine.machine import Deployment
from pgcheck.models.symbolic import predicate

MAX_VETOES = 32


@dataclass(slots=True)
class Survey:
    """What is known of a machine under one deployment; filled phase by phase."""

    setting: Setting
    work: Sequence[InstructionRow]
    findings: list[Finding] = field(default_factory=list)
    granted: list[Finding] = field(default_factory=list)
    judged: list[Judgement] = field(default_factory=list)
    alone: dict[str, Judgement] = field(default_factory=dict)
    under: dict[str, Judgement] = field(default_factory=dict)
    configuration: Configuration = NOTHING

    def result(self) -> DeploymentResult:
        """The report of the deployment."""
        name = partial(named_mode, self.setting.machine)
        rows = tuple(_row(w, self.alone[w.id], self.under.get(w.id), self.configuration, name) for w in self.work)
        answers = theorems(rows, self.configuration, self.granted)
        holed = any(r.verdict == "unknown" or (r.verdict == "hole" and r.holed_user) for r in rows)
        open_ = answers["theorem3"].premises or holed
        direct = "" if open_ else self.direct
        return DeploymentResult(self.setting.deployment.name, answers, rows, self.configuration, direct)

    @property
    def direct(self) -> str:
        """The virtual states that a hybrid monitor runs directly when no row is a hole there: those of virtual user mode."""
        return idl(predicate(self.setting.machine, self.setting.deployment.modes.user.when))


def survey(
    deployment: Deployment,
    work: Sequence[InstructionRow],
    pool: Pool,
    kept: RowCache,
    on_event: Callable[[Event], None],
    granted: Premises,
) -> Survey:
    """Judge all rows of a deployment of the machine that `kept` is about, with its options; `granted` answers for the premises.

    A row whose step no part of the configuration touches has the same obligations under it, and is not asked again. Raises Contradiction.
    """
    machine, options = kept.machine, kept.options
    evidence = Evidence(pool.solver, options.second)
    found = Survey(Setting(machine, deployment, frozenset()), work)
    found.setting = with_entering(machine, deployment, evidence, found.findings)
    setting = found.setting

    def run(phase: str, configuration: Configuration | None, rows: Sequence[InstructionRow]) -> dict[str, Judgement]:
        def one(item: InstructionRow, solver: Solver) -> Judgement:
            return judge(setting, item, solver, options.second, configuration, trust_taint=options.trust_taint)

        answers: dict[str, Judgement] = {}
        for item, answer in kept.judged(pool, one, rows, setting, configuration):
            answers[item.id] = answer
            found.judged.append(answer)
            on_event(Judged(phase, item.id, verdict(answer, None), answer.seconds))
        return answers

    empty = _guarded(hypotheses_are_satisfiable.RULE, deployment, lambda: vacuous(setting, evidence))
    found.findings += empty
    found.alone = run("rows", None, work)
    found.judged += unfolded.held(setting, work, found.alone, pool.solver, options.second)
    if empty:
        said = "; ".join(f.message for f in empty)
        found.alone = {i: replace(j, trouble=said, privileged=False) for i, j in found.alone.items()}
    found.findings += list(leaving_rows(deployment, found.alone.values()))
    asked = _Asked(setting, evidence, granted)
    if not empty:
        _configured(found, run, asked)
    pairs = [(w, found.under.get(w.id, found.alone[w.id])) for w in work]
    found.findings += _guarded(
        general_or_mirror.RULE,
        deployment,
        lambda: user_visible(setting, pairs, evidence, found.configuration),
    )
    found.granted = asked.findings(found.configuration)
    return found


Premises = Callable[[Setting, Configuration, Evidence], list[Finding]]
Run = Callable[[str, Configuration | None, Sequence[InstructionRow]], dict[str, Judgement]]


@dataclass(slots=True)
class _Asked:
    """The premises of a deployment, asked once of each configuration."""

    setting: Setting
    evidence: Evidence
    granted: Premises
    known: dict[str, list[Finding]] = field(default_factory=dict)

    def findings(self, configuration: Configuration) -> list[Finding]:
        key = str(configuration)
        if key not in self.known:
            self.known[key] = self.granted(self.setting, configuration, self.evidence)
        return self.known[key]

    def lost(self, configuration: Configuration) -> bool:
        """Whether what is mirrored refutes a premise that the machine offers with all of that the monitor's own."""
        return bool(
            configuration.mirrored
            and self.refuted(configuration)
            and self.refuted(configuration) - self.refuted(NOTHING)
        )

    def refuted(self, configuration: Configuration) -> frozenset[str]:
        """The premises that fail under a configuration."""
        return frozenset(f.law for f in self.findings(configuration) if f.status == "fails")


@dataclass(frozen=True, slots=True)
class _Trial:
    """A configuration, the rows to be asked again under it, the innocuous ones among them judged.

    `vacuous` says why it proves nothing, `lost` that the guest could take the machine by what is mirrored.
    """

    configuration: Configuration
    again: Sequence[InstructionRow]
    vacuous: str
    lost: bool
    plain: Mapping[str, Judgement]


def _configured(found: Survey, run: Run, asked: _Asked) -> None:
    """One configuration that excludes no state, loses no premise and makes no innocuous row trap; the rows that it touches, under exactly it."""
    demands = list(_demands(found.alone.values()))
    if not demands:
        return
    vetoed: list[Configuration] = []
    trial = _tried(found, common(demands), run, asked)
    while (trial.vacuous or trial.lost or spoiled(trial.plain)) and len(vetoed) < MAX_VETOES:
        vetoed += [trial.configuration] if trial.vacuous else []
        vetoed += [trial.configuration.within(trial.configuration.mirrored, ())] if trial.lost else []
        vetoed += [Configuration(touched(trial.configuration, found.alone[i]).constants) for i in spoiled(trial.plain)]
        trial = _tried(found, common(demands, vetoed), run, asked)
    found.configuration = trial.configuration
    found.under = {i: j for i, j in found.alone.items() if j.classical is not None}
    if trial.vacuous:
        found.under |= {w.id: replace(found.alone[w.id], trouble=trial.vacuous) for w in trial.again}
        found.findings.append(
            hypotheses_are_satisfiable.RULE.finding("error", found.setting.deployment.name, trial.vacuous)
        )
        return
    found.under |= trial.plain
    found.under |= run("configuration", trial.configuration, [w for w in trial.again if w.id not in trial.plain])
    if spoiled(trial.plain):
        message = f"the configuration makes {', '.join(spoiled(trial.plain))} trap"
        found.findings.append(efficiency.RULE.finding("error", found.setting.deployment.name, message))
    if not exhaustive(demands):
        missed = [i for i, j in found.under.items() if j.holed and found.alone[i].good]
        found.under |= {
            i: replace(found.under[i], trouble="open: not every common configuration was tried") for i in missed
        }


def _tried(found: Survey, configuration: Configuration, run: Run, asked: _Asked) -> _Trial:
    again = [w for w in found.work if _asked_again(found.alone[w.id], configuration)]
    vacuous = excludes(found.setting, configuration, asked.evidence)
    lost = not vacuous and asked.lost(configuration)
    plain = [] if vacuous or lost else [w for w in again if runs_directly(found.alone[w.id])]
    return _Trial(configuration, again, vacuous, lost, run("configuration", configuration, plain))


def _asked_again(alone: Judgement, configuration: Configuration) -> bool:
    """Whether the configuration touches a row, or left it the hole that another would have closed and that has no witness yet."""
    forgone = bool(alone.holed) and alone.witness is None and not alone.timing
    return alone.classical is not None and (forgone or bool(touched(configuration, alone)))


def _guarded(rule: Rule, deployment: Deployment, findings: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(findings())
    except Undecided as undecided:
        return [rule.finding("unknown", deployment.name, str(undecided))]


def _demands(judgements: Iterable[Judgement]) -> Iterator[Demand]:
    for j in judgements:
        if j.holed and j.good:
            yield Demand(j.id, j.good, exact=True)
        if j.classical_good:
            yield Demand(j.id, j.classical_good, exact=False)


def _row(
    work: InstructionRow,
    alone: Judgement,
    under: Judgement | None,
    configuration: Configuration,
    name: Callable[[int], str],
) -> InstructionResult:
    """The report's row from both judgements; of one that is unknown it states nothing but that it was proved privileged."""
    exact = verdict(alone, under)
    judged = [None if exact == "unknown" else j.classical for j in (alone, under or alone)]
    classical, after = (Classical(False, (), False, False) if c is None else c for c in judged)
    mine = touched(configuration, alone)
    return InstructionResult(
        id=work.id,
        name=work.instruction.name,
        variant=work.instruction.variant,
        row=work.row.label,
        position=work.instruction.position,
        sensitive=classical.sensitive,
        sensitivities=classical.sensitivities,
        user_sensitive=classical.user_sensitive,
        timing=classical.timing,
        privileged=alone.privileged,
        privileged_under_configuration=(under or alone).privileged,
        sensitive_under_configuration=after.sensitive,
        user_sensitive_under_configuration=after.user_sensitive,
        holed_user=exact != "unknown" and "user" in (under or alone).holed,
        verdict=exact,
        configuration=mine if exact == "conditional" else None,
        evidence=_evidence(alone, under),
        reason=reason(exact, alone, under, mine, name),
        witness=(under.witness if under is not None and under.witness is not None else alone.witness)
        if exact == "hole"
        else None,
        knobs=alone.footprint.knobs,
    )


def touched(configuration: Configuration, judgement: Judgement) -> Configuration:
    """What of a configuration a row's step depends on: nothing else says anything of the leaves and tables in its obligations."""
    return configuration.within(judgement.footprint.concerns, judgement.footprint.tables)


def _evidence(alone: Judgement, under: Judgement | None) -> str:
    """The weakest evidence of the judgements that the solver had something to prove for."""
    judged = [j for j in (alone, under) if j is not None and j.unsat] or [alone]
    levels = {j.evidence for j in judged}
    return next(level for level in ("solver", "two-solvers", "taint") if level in levels)
