"""Which traps enter the monitor, computed from the specification's own trap entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pgcheck.checker.questions.copies import with_fields
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.idl.types import Enum
from pgcheck.isa.machine.machine import Deployment, Machine, Translation
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    apply,
    constant,
    disjunction,
    eq,
    land,
    lnot,
    on_leaves,
    parameter,
    rewrite,
)
from pgcheck.isa.terms.ir import EXECUTE
from pgcheck.isa.terms.names import TABLE
from pgcheck.models.symbolic import FAULT, Exit, delivered, initial, predicate


def entering(machine: Machine, deployment: Deployment, evidence: Evidence) -> frozenset[str]:
    """The terminators whose delivery on the real machine always ends in the monitor.

    The monitor keeps its own stack and vectors mapped (no fault in delivery) and fills its own tables as `monitor:` says; all
    other real state is what `legal`, `real` and the real mode allow, and the payload is arbitrary.
    """
    return frozenset(
        name
        for name, rule in machine.code.exits.items()
        if rule.kind != EXECUTE and enters(machine, deployment, name, evidence)
    )


def valid(translation: Translation, args: Mapping[str, Term]) -> Iterator[Term]:
    """Enum parameters have one of their values."""
    for name, type_ in translation.parameters:
        if isinstance(type_, Enum):
            yield disjunction(eq(args[name], constant(type_.width, v)) for v in sorted(set(type_.members.values())))


def enters(
    machine: Machine, deployment: Deployment, name: str, evidence: Evidence, *, taken: Exit | None = None
) -> bool:
    """Whether the delivery of a terminator on the real machine always ends in the monitor; `taken` is where and with what it is taken.

    Without `taken` its payload is arbitrary, and so is the state.
    """
    if taken is None:
        args = tuple(parameter(w, n) for n, w in machine.code.functions[name].parameters)
        taken = Exit(TRUE, name, args, "", initial(machine))
    setting, modes = Setting(machine, deployment, frozenset()), deployment.modes
    values = (
        (deployment.real_mode,) if deployment.real_mode is not None else (*modes.supervisor.values, *modes.user.values)
    )
    return not any(_escapes(setting, taken, value, evidence) for value in values)


def _escapes(setting: Setting, taken: Exit, mode: int, evidence: Evidence) -> bool:
    """Whether a delivery from `mode` can end elsewhere than in the monitor."""
    machine = setting.machine
    run = delivered(machine, taken.function, taken.args, taken.state)
    entered = land(run.frame.alive, _monitor(setting, run.frame.state))
    mode_term = machine.state.leaves[machine.modes.leaf].term

    def replace(term: Term, new: tuple[Term, ...]) -> Term | None:
        if term is mode_term:
            return setting.mode(mode)
        if term.op == "uf" and term.name == FAULT:
            return FALSE
        if term.op == "uf" and term.name.space == TABLE:
            table = term.name.text
            return with_fields(machine, table, apply(term.width, term.name, *new), machine.code.tables[table].monitor)
        return None

    obligation = rewrite([*setting.legal, setting.real, taken.guard, lnot(entered)], replace)
    return evidence.possible(obligation, f"{setting.deployment.name}:enters:{taken.function}@{mode}")


def _monitor(setting: Setting, state: dict[str, Term]) -> Term:
    machine = setting.machine
    monitor = predicate(machine, setting.deployment.monitor)
    return on_leaves([monitor], state)[0]
