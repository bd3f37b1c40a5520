"""The exact question. Is there a virtual state in which the real machine, in user mode, goes on, and the guest could tell?

One step of the virtual machine v is compared with one step of the real machine r under the relation that a monitor keeps (docs/definitions.md):
general state equal, each control leaf the monitor's own, fixed by the configuration, or mirrored; translation under the contract.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cached_property

from pgcheck.checker.questions import relation
from pgcheck.checker.questions.copies import (
    Copy,
    Leaves,
    Outcome,
    differ,
    fresh,
    over,
    payloads_differ,
)
from pgcheck.checker.questions.relation import CONST, OWN, TIMING, How, relations
from pgcheck.checker.questions.subject import Setting, Subject
from pgcheck.checker.values import NOTHING, REAL_LEFT, Configuration, Mismatch, Way
from pgcheck.isa.idl.state import Leaf
from pgcheck.isa.machine.machine import Machine, ModeClass
from pgcheck.isa.machine.once import once
from pgcheck.isa.terms import (
    FALSE,
    Name,
    Term,
    conjunction,
    constant,
    disjunction,
    land,
    lnot,
    lor,
    renamed,
    substitute,
    walk,
)
from pgcheck.isa.terms.ir import NEXT
from pgcheck.isa.terms.names import CHOICE, READ, REAL, VIRTUAL


@dataclass(frozen=True)
class Question:
    """The query of one subject in one virtual mode; either machine has choices of its own.

    A hole is a model of `assumptions` and one of `mismatches`, whatever the virtual machine chooses (`choices.py`).
    """

    assumptions: tuple[Term, ...]
    mismatches: Mapping[Mismatch, Term]
    virtual: Copy
    real: Copy
    virtual_mode: int
    configuration: Configuration

    @property
    def apart(self) -> list[Term]:
        """A difference for some choices of either machine."""
        return [*self.assumptions, disjunction(self.mismatches.values())]

    @cached_property
    def choices(self) -> tuple[Term, ...]:
        """The variables that the virtual machine chooses."""
        return tuple(t for t in walk(self.apart) if t.op == "var" and (t.name.space, t.name.copy) == (CHOICE, VIRTUAL))

    @cached_property
    def hole(self) -> list[Term]:
        """A difference though the virtual machine chooses as the real one did; without choices, all that the question asks."""
        alike = {t: renamed(t, t.name.of(REAL)) for t in self.choices}
        return substitute(self.apart, alike) if alike else self.apart

    @property
    def left_out(self) -> Term:
        """The virtual step ends where the specification says nothing."""
        return lor(self.virtual.unmodelled, self.virtual.unpredictable)


@dataclass(frozen=True, slots=True)
class Related:
    """The leaves of a virtual and a real state under the relation, how each is related, and what is assumed of either state."""

    virtual: dict[str, Term]
    real: dict[str, Term]
    how: Mapping[str, How]
    of_virtual: Term
    of_real: Term


def virtual_modes(setting: Setting, mode_class: ModeClass) -> tuple[int, ...]:
    """The values of the mode leaf that virtual states of a class may have."""
    return _possible(setting.machine, conjunction([setting.virtual(mode_class), setting.guest, *setting.legal]))


@once
def _possible(machine: Machine, when: Term) -> tuple[int, ...]:
    """The values of the mode leaf with which a predicate does not fold to false."""
    leaf = machine.state.leaves[machine.modes.leaf]
    values = range(1 << max(leaf.width, 1))
    return tuple(m for m in values if substitute([when], {leaf.term: constant(leaf.width, m)})[0] is not FALSE)


def related(
    setting: Setting,
    mode_class: ModeClass,
    virtual_mode: int,
    configuration: Configuration = NOTHING,
    *,
    logical_time: bool = False,
) -> Related:
    """The two states before a step, in one virtual mode."""
    machine, deployment = setting.machine, setting.deployment
    v = fresh(machine, VIRTUAL)
    v[machine.modes.leaf] = setting.mode(virtual_mode)
    how = relations(machine, deployment, configuration, logical_time=logical_time)
    r = {n: _real_leaf(machine.state.leaves[n], v[n], h, configuration) for n, h in how.items()}
    if deployment.real_mode is not None:
        r[machine.modes.leaf] = setting.mode(deployment.real_mode)
    of_virtual = over((*setting.legal, setting.guest, setting.virtual(mode_class)), v, machine)
    return Related(v, r, how, of_virtual, over((*setting.legal, setting.real), r, machine))


def question(
    setting: Setting,
    subject: Subject,
    mode_class: ModeClass,
    virtual_mode: int,
    configuration: Configuration = NOTHING,
    *,
    logical_time: bool = False,
) -> Question:
    """The hole query. With `logical_time` the two machines share their clocks: what is left is no matter of timing."""
    machine, deployment, mode = setting.machine, setting.deployment, setting.mode(virtual_mode)
    states = related(setting, mode_class, virtual_mode, configuration, logical_time=logical_time)
    private = frozenset(n for n in subject.fresh if not (logical_time and _is_timing(setting, n)))
    beside = subject.copies.of(machine, states.virtual, VIRTUAL, private)
    virtual, real = beside.copy, subject.copies.real(beside, states.real, mode, configuration.tables)
    outside = (lnot(virtual.unmodelled), lnot(virtual.unpredictable))
    assumptions = (states.of_virtual, states.of_real, subject.canonical, *outside)
    lent = relations(machine, deployment, configuration)
    mismatches = _mismatches(setting, virtual, real, states.how, {n for n in lent if lent[n] in (OWN, CONST)})
    return Question(assumptions, mismatches, virtual, real, virtual_mode, configuration)


def _real_leaf(leaf: Leaf, virtual: Term, how: How, configuration: Configuration) -> Term:
    match how:
        case relation.OWN:
            return leaf.copied(REAL)
        case relation.CONST:
            return leaf.holding(configuration.constants[leaf.name])
        case _:
            return virtual


def _is_timing(setting: Setting, name: Name) -> bool:
    return name.space == READ and setting.machine.state.leaves[name.text].role == TIMING


def _mismatches(
    setting: Setting, v: Copy, r: Copy, how: Mapping[str, How], kept: Container[str]
) -> dict[Mismatch, Term]:
    """What the guest, or the monitor, could notice; in the order in which a reader wants to know.

    The leaves `kept` are nobody's to change, clocks among them though both machines may read one.
    """
    leaves = setting.machine.state.leaves
    found: dict[Mismatch, Term] = {}

    def add(way: Way, place: str, term: Term) -> None:
        noticed = Mismatch(way, place)
        found[noticed] = disjunction([found.get(noticed, FALSE), term])

    for a, b in zip(v.outcomes, r.outcomes, strict=True):
        both = land(a.guard, b.guard)
        add("trap", a.name, land(b.guard, lnot(a.guard)))
        apart = [leaf for name, leaf in leaves.items() if name in kept]
        for leaf in apart:
            add("virtual", leaf.name, land(both, differ(leaf, a.post[leaf.name], v.pre[leaf.name])))
        for leaf in apart:
            add("real", leaf.name, land(b.guard, differ(leaf, b.post[leaf.name], r.pre[leaf.name])))
        for way in ("mirror", "general"):
            for leaf in (leaf for name, leaf in leaves.items() if how[name] == way):
                add(way, leaf.name, land(both, differ(leaf, a.post[leaf.name], b.post[leaf.name])))
        add(REAL_LEFT.way, REAL_LEFT.place, land(both, _leaves_real(setting, b, r.pre, how)))
        if a.name != NEXT:
            add("payload", a.name, land(both, payloads_differ(a.payload, b.payload)))
    add("unmodelled", "", r.unmodelled)
    add("unpredictable", "", r.unpredictable)
    add("halt", "", r.halts)
    return {noticed: term for noticed, term in found.items() if term is not FALSE}


def _leaves_real(setting: Setting, ended: Outcome, pre: Leaves, how: Mapping[str, How]) -> Term:
    """The real machine is no longer in a state that `real` allows, the monitor's own leaves as before: a change of those is told apart."""
    after = {n: pre[n] if how[n] in (relation.OWN, relation.CONST) else t for n, t in ended.post.items()}
    before, left = over((setting.real,), pre, setting.machine), over((setting.real,), after, setting.machine)
    return FALSE if left is before else lnot(left)
