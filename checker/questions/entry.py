"""Which traps enter the monitor, computed from the specification's own trap entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pgcheck.checker.questions.copies import with_fields
from pgcheck.checker.questions.delegation import condition
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.values import Payload
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
    walk,
)
from pgcheck.isa.terms.ir import EXECUTE
from pgcheck.isa.terms.names import TABLE
from pgcheck.models.symbolic import FAULT, Exit, delivered, initial, predicate

NARROW = 8  # bits of an argument whose values are looked at one by one
MOST = 64  # payloads that are told apart


def settled(machine: Machine, deployment: Deployment, evidence: Evidence) -> Setting:
    """The setting with the traps that always enter the monitor, decided payload by payload. Raises Undecided.

    The monitor keeps its own stack and vectors mapped (no fault in delivery) and fills its own tables as `monitor:` says; all
    other real state is what `legal`, `real` and the real mode allow, and the rest of the payload is arbitrary.
    """
    names = [name for name, rule in machine.code.exits.items() if rule.kind != EXECUTE]
    outside = {p for name in names for p in escaping(machine, deployment, name, evidence)}
    whole = {p.function for p in outside if not p.values}
    return Setting(machine, deployment, frozenset(names) - whole, frozenset(p for p in outside if p.values))


def valid(translation: Translation, args: Mapping[str, Term]) -> Iterator[Term]:
    """Enum parameters have one of their values."""
    for name, type_ in translation.parameters:
        if isinstance(type_, Enum):
            yield disjunction(eq(args[name], constant(type_.width, v)) for v in sorted(set(type_.members.values())))


def escaping(machine: Machine, deployment: Deployment, name: str, evidence: Evidence) -> frozenset[Payload]:
    """The traps by a terminator whose delivery on the real machine can end elsewhere than in the monitor. Raises Undecided.

    Told apart by the values of the narrow arguments that it depends on, where that tells anything.
    """
    args = {n: parameter(w, n) for n, w in machine.code.functions[name].parameters}
    obligations = _escapes(machine, deployment, Exit(TRUE, name, tuple(args.values()), "", initial(machine)))
    free = {t for o in obligations.values() for t in walk(o)}
    narrow = {n: a for n, a in args.items() if a.width <= NARROW and a in free}
    found: set[Payload] = set()
    for mode, obligation in obligations.items():
        label = f"{deployment.name}:enters:{name}@{mode}"
        while True:
            known = condition(machine, found, name, tuple(args.values()))
            model = evidence.model([*obligation, lnot(known)], label)
            if model is None:
                break
            found.add(Payload(name, tuple((n, model.leaf(a)) for n, a in narrow.items())))
            if not narrow or len(found) > MOST:
                return frozenset({Payload(name)})
    every = len(found) == 1 << sum(max(a.width, 1) for a in narrow.values())
    return frozenset({Payload(name)} if every else found)


def enters(machine: Machine, deployment: Deployment, taken: Exit, evidence: Evidence) -> bool:
    """Whether the delivery of a trap on the real machine always ends in the monitor."""
    return not any(
        evidence.possible(obligation, f"{deployment.name}:enters:{taken.function}@{mode}")
        for mode, obligation in _escapes(machine, deployment, taken).items()
    )


def _escapes(machine: Machine, deployment: Deployment, taken: Exit) -> dict[int, Sequence[Term]]:
    """For each mode that the real machine may be in: a delivery from it ends elsewhere than in the monitor."""
    setting, modes = Setting(machine, deployment, frozenset()), deployment.modes
    values = (
        (deployment.real_mode,) if deployment.real_mode is not None else (*modes.supervisor.values, *modes.user.values)
    )
    run = delivered(machine, taken.function, taken.args, taken.state)
    entered = land(run.frame.alive, _monitor(setting, run.frame.state))
    mode_term = machine.state.leaves[machine.modes.leaf].term

    def from_mode(mode: int) -> Sequence[Term]:
        def replace(term: Term, new: tuple[Term, ...]) -> Term | None:
            if term is mode_term:
                return setting.mode(mode)
            if term.op == "uf" and term.name == FAULT:
                return FALSE
            if term.op == "uf" and term.name.space == TABLE:
                table = term.name.text
                return with_fields(
                    machine, table, apply(term.width, term.name, *new), machine.code.tables[table].monitor
                )
            return None

        return rewrite([*setting.legal, setting.real, taken.guard, lnot(entered)], replace)

    return {mode: from_mode(mode) for mode in values}


def _monitor(setting: Setting, state: dict[str, Term]) -> Term:
    machine = setting.machine
    monitor = predicate(machine, setting.deployment.monitor)
    return on_leaves([monitor], state)[0]
