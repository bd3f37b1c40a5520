"""What is judged: one row of one instruction, its transition, and what the machine assumes of every state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from pgcheck.checker.questions.copies import Copies, executing
from pgcheck.checker.questions.delegation import run_on
from pgcheck.checker.values import Payload
from pgcheck.isa.machine.machine import Deployment, Instruction, Machine, ModeClass, Row
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Name,
    Term,
    conjunction,
    constant,
    eq,
    land,
    lnot,
    operand,
    substitute,
    walk,
)
from pgcheck.isa.terms.ir import UNMODELLED
from pgcheck.isa.terms.knownbits import conjuncts
from pgcheck.isa.terms.names import CHOICE, READ, Space
from pgcheck.isa.terms.reads import free_leaves
from pgcheck.models.symbolic import Transition, predicate, transition


@dataclass(frozen=True)
class Setting:
    """A machine under one deployment, with its predicates expanded to terms over state.

    `entering` are the terminators whose delivery provably enters the monitor, but for the payloads in `delegated`; all other traps are
    compared like completion.
    """

    machine: Machine
    deployment: Deployment
    entering: frozenset[str]
    delegated: frozenset[Payload] = frozenset()

    @cached_property
    def continued(self) -> tuple[Payload, ...]:
        """The traps that do not enter the monitor: their delivery is part of the step."""
        outside = frozenset(self.machine.code.exits) - self.entering - executing(self.machine)
        return tuple(sorted({*map(Payload, outside), *self.delegated}, key=str))

    @cached_property
    def legal(self) -> tuple[Term, ...]:
        return tuple(predicate(self.machine, t) for t in self.machine.legal)

    @cached_property
    def tied(self) -> tuple[frozenset[str], ...]:
        """The control leaves that conjuncts of legality tie together, directly or by others."""
        return _tied(self.machine, self.legal)

    @cached_property
    def coupled(self) -> tuple[frozenset[str], ...]:
        """The control leaves of the real machine, in its mode, that legality and `real` tie together."""
        mode, real_mode = self.machine.modes.leaf, self.deployment.real_mode
        known = [*self.legal, self.real]
        if real_mode is not None:
            known = substitute(known, {self.machine.state.leaves[mode].term: self.mode(real_mode)})
        return _tied(self.machine, known, besides=mode)

    @cached_property
    def guest(self) -> Term:
        return predicate(self.machine, self.deployment.guest)

    @cached_property
    def real(self) -> Term:
        return predicate(self.machine, self.deployment.real)

    def virtual(self, mode_class: ModeClass) -> Term:
        """The virtual states that count as a mode class."""
        return predicate(self.machine, mode_class.when)

    def mode(self, value: int) -> Term:
        """A value of the mode leaf."""
        return constant(self.machine.state.leaves[self.machine.modes.leaf].width, value)


def _tied(machine: Machine, predicates: Iterable[Term], *, besides: str = "") -> tuple[frozenset[str], ...]:
    control = {leaf.name for leaf in machine.state.control} - {besides}
    found: list[frozenset[str]] = []
    for part in (p for predicate_ in predicates for p in conjuncts(predicate_)):
        leaves = free_leaves([part]) & control
        apart = [f for f in found if not f & leaves]
        found = [*apart, leaves.union(*(f for f in found if f & leaves))] if leaves else found
    return tuple(f for f in found if len(f) > 1)


@dataclass(frozen=True)
class Subject:
    """A row of an instruction: its transition with `continued` exits run on, and P_enc with the row's own constraint."""

    instruction: Instruction
    row: Row
    transition: Transition
    canonical: Term
    fixed: tuple[tuple[str, int], ...]
    control: frozenset[str]

    @property
    def id(self) -> str:
        return self.instruction.id + self.row.label

    @cached_property
    def fresh(self) -> frozenset[Name]:
        """All fresh variables of the step."""
        return frozenset(_fresh(self.transition.roots, CHOICE, READ))

    @cached_property
    def copies(self) -> Copies:
        """The copies of the step that have been made."""
        return Copies(self.transition)

    @cached_property
    def private(self) -> frozenset[Name]:
        """Fresh variables that each machine has for itself: volatile reads, and choices that reach control state or an exit."""
        return _private(self.transition, self.control)


def judgeable(machine: Machine) -> tuple[Instruction, ...]:
    """What is judged: the instructions, and what units that no encoding accepts do, unless the specification leaves that out."""
    step = transition(machine, machine.code.undefined)
    left_out = step.completes is FALSE and all(e.function == UNMODELLED for e in step.exits)
    return machine.instructions if left_out else (*machine.instructions, machine.code.undefined)


def subject(setting: Setting, instruction: Instruction, row: Row) -> Subject:
    """The subject for one row under a setting."""
    machine = setting.machine
    fixed = {row.operand: row.value} if row.value is not None else {}
    found = run_on(machine, setting.continued, transition(machine, instruction, fixed))
    chosen = operand(instruction.operands[row.operand].width, row.operand) if row.operand else TRUE
    canonical = instruction.canonical
    if row.value is not None:
        canonical = substitute([canonical], {chosen: constant(chosen.width, row.value)})[0]
    others = conjunction(lnot(eq(chosen, constant(chosen.width, v))) for v in row.others)
    return Subject(
        instruction,
        row,
        found,
        land(canonical, others),
        tuple(fixed.items()),
        frozenset(leaf.name for leaf in machine.state.control),
    )


def _private(step: Transition, control: frozenset[str]) -> frozenset[Name]:
    decides = [step.completes, *(e.guard for e in step.exits), *(a for e in step.exits for a in e.args)]
    changed = [v for leaf, v in step.post.items() if leaf in control]
    return frozenset(_fresh([*decides, *changed], CHOICE, READ) | _fresh(step.roots, READ))


def _fresh(terms: Iterable[Term], *spaces: Space) -> set[Name]:
    """The fresh variables of some spaces among the free terms."""
    return {name for t in walk(terms) if (name := t.free) is not None and name.space in spaces}
