"""Which traps enter the monitor, computed from the specification's own trap entry."""

from __future__ import annotations

from pgcheck.checker.copies import with_fields
from pgcheck.checker.evidence import Evidence
from pgcheck.checker.subject import Setting
from pgcheck.isa.machine import Deployment, Machine
from pgcheck.isa.terms import FALSE, Term, land, lnot, mk, rewrite, variable
from pgcheck.models.symbolic import FAULT, delivered, initial, predicate


def entering(machine: Machine, deployment: Deployment, evidence: Evidence) -> frozenset[str]:
    """The terminators whose delivery on the real machine always ends in the monitor.

    The monitor keeps its own stack and vectors mapped (no fault in delivery) and fills its own tables as `monitor:` says; all
    other real state is what `legal`, `real` and the real mode allow, and the payload is arbitrary.
    """
    setting = Setting(machine, deployment, frozenset())
    modes = deployment.modes
    values = (deployment.real_mode,) if deployment.real_mode is not None else (*modes.supervisor.values, *modes.user.values)
    return frozenset(
        name
        for name, rule in machine.exits.items()
        if rule.kind != "execute" and not any(_escapes(setting, name, value, evidence) for value in values)
    )


def _escapes(setting: Setting, name: str, mode: int, evidence: Evidence) -> bool:
    """Whether a delivery from `mode` can end elsewhere than in the monitor."""
    machine = setting.machine
    args = tuple(variable(w, f"p.{n}") for n, w in machine.functions[name].parameters)
    run = delivered(machine, name, args, initial(machine))
    entered = land(run.frame.alive, _monitor(setting, run.frame.state))
    mode_term = machine.leaves[machine.modes.leaf].term

    def replace(term: Term, new: tuple[Term, ...]) -> Term | None:
        if term is mode_term:
            return setting.mode(mode)
        if term.op == "uf" and term.name == FAULT:
            return FALSE
        if term.op == "uf" and term.name.startswith("table."):
            table = term.name[6:]
            entry = mk("uf", term.width, *new, data=term.name)
            return with_fields(machine, table, entry, machine.tables[table].monitor)
        return None

    obligation = rewrite([*setting.legal, setting.real, lnot(entered)], replace)
    return evidence.possible(obligation, f"{setting.deployment.name}:enters:{name}@{mode}")


def _monitor(setting: Setting, state: dict[str, Term]) -> Term:
    machine = setting.machine
    mapping = {leaf.term: state[n] for n, leaf in machine.leaves.items()}
    monitor = predicate(machine, setting.deployment.monitor)
    return rewrite([monitor], lambda t, _: mapping.get(t))[0]
