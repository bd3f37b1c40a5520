"""Which traps enter the monitor, computed from the specification's own trap entry."""

from __future__ import annotations

from collections.abc import Iterator

from pgcheck.checker.questions.copies import with_fields
from pgcheck.checker.questions.realise import valid
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.result import Finding
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.machine.machine import Deployment, Machine
from pgcheck.isa.terms import FALSE, Term, disjunction, land, lnot, mk, rewrite, variable
from pgcheck.isa.terms.ir import EXECUTE, UNMODELLED
from pgcheck.models.symbolic import FAULT, Execution, delivered, initial, predicate

FAULTS_ENTER = "translation_faults_enter"


def entering(machine: Machine, deployment: Deployment, evidence: Evidence) -> frozenset[str]:
    """The terminators whose delivery on the real machine always ends in the monitor.

    The monitor keeps its own stack and vectors mapped (no fault in delivery) and fills its own tables as `monitor:` says; all
    other real state is what `legal`, `real` and the real mode allow, and the payload is arbitrary.
    """
    return frozenset(
        name
        for name, rule in machine.code.exits.items()
        if rule.kind != EXECUTE and _enters(machine, deployment, name, evidence)
    )


def translation_faults_enter(machine: Machine, evidence: Evidence) -> Iterator[Finding]:
    """Every exit of the translation's body enters the monitor, as the oracle that stands for it assumes of its faults."""
    if machine.code.translation is None:
        return
    name = machine.code.translation.function
    parameters = {n: variable(w, f"p.{n}") for n, w in machine.code.functions[name].parameters}
    body = Execution(machine, initial(machine), {}, cuts=False)
    body.call(name, tuple(parameters.values()))
    known = [*(predicate(machine, t) for t in machine.legal), *valid(machine.code.translation, parameters)]
    for function in sorted({e.function for e in body.exits if e.function != UNMODELLED}):
        raised = disjunction(e.guard for e in body.exits if e.function == function)
        if not evidence.possible([*known, raised], f"{name}:raises:{function}"):
            continue
        if function not in machine.code.exits:
            message = f"{name} may end {function}, where the checks know an address or a fault only: raise an exit of kind memory"
            yield Finding(FAULTS_ENTER, "error", name, message)
            continue
        for deployment in machine.deployments:
            if not _enters(machine, deployment, function, evidence):
                message = (
                    f"{name} may raise {function}, whose delivery need not enter the monitor under {deployment.name}, as the checks"
                    " assume of translation faults: correct the delivery, or the deployment's `real` and `monitor`"
                )
                yield Finding(FAULTS_ENTER, "error", name, message)


def _enters(machine: Machine, deployment: Deployment, name: str, evidence: Evidence) -> bool:
    setting, modes = Setting(machine, deployment, frozenset()), deployment.modes
    values = (
        (deployment.real_mode,) if deployment.real_mode is not None else (*modes.supervisor.values, *modes.user.values)
    )
    return not any(_escapes(setting, name, value, evidence) for value in values)


def _escapes(setting: Setting, name: str, mode: int, evidence: Evidence) -> bool:
    """Whether a delivery from `mode` can end elsewhere than in the monitor."""
    machine = setting.machine
    args = tuple(variable(w, f"p.{n}") for n, w in machine.code.functions[name].parameters)
    run = delivered(machine, name, args, initial(machine))
    entered = land(run.frame.alive, _monitor(setting, run.frame.state))
    mode_term = machine.state.leaves[machine.modes.leaf].term

    def replace(term: Term, new: tuple[Term, ...]) -> Term | None:
        if term is mode_term:
            return setting.mode(mode)
        if term.op == "uf" and term.name == FAULT:
            return FALSE
        if term.op == "uf" and term.name.startswith("table."):
            table = term.name[6:]
            entry = mk("uf", term.width, *new, data=term.name)
            return with_fields(machine, table, entry, machine.code.tables[table].monitor)
        return None

    obligation = rewrite([*setting.legal, setting.real, lnot(entered)], replace)
    return evidence.possible(obligation, f"{setting.deployment.name}:enters:{name}@{mode}")


def _monitor(setting: Setting, state: dict[str, Term]) -> Term:
    machine = setting.machine
    mapping = {leaf.term: state[n] for n, leaf in machine.state.leaves.items()}
    monitor = predicate(machine, setting.deployment.monitor)
    return rewrite([monitor], lambda t, _: mapping.get(t))[0]
