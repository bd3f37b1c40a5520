"""The exact question. Is there a virtual state in which the real machine, in user mode, goes on, and the guest could tell?

One step of the virtual machine v is compared with one step of the real machine r under the relation that a monitor keeps (docs/definitions.md):
general state equal, each control leaf the monitor's own, fixed by the configuration, or mirrored; translation under the contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgcheck.checker.questions.copies import (
    Copy,
    Leaves,
    Outcome,
    as_it_is,
    differ,
    fresh,
    instantiate,
    over,
    payloads_differ,
    real_oracle,
    with_fields,
)
from pgcheck.checker.questions.subject import Setting, Subject
from pgcheck.checker.values import NOTHING, Configuration
from pgcheck.isa.idl.state import Leaf
from pgcheck.isa.machine.machine import MIRROR, ModeClass
from pgcheck.isa.terms import (
    FALSE,
    Name,
    Term,
    apply,
    conjunction,
    disjunction,
    land,
    lnot,
    substitute,
    walk,
)
from pgcheck.isa.terms.ir import NEXT
from pgcheck.isa.terms.names import CHOICE, READ, REAL, TABLE, VIRTUAL

TIMING = "timing"
REAL_LEFT = "assumed:real"


@dataclass(frozen=True, slots=True)
class Question:
    """The query of one subject in one virtual mode: a hole is a model of `assumptions` and one of `mismatches`."""

    assumptions: tuple[Term, ...]
    mismatches: Mapping[str, Term]
    virtual: Copy
    real: Copy
    virtual_mode: int
    configuration: Configuration

    @property
    def hole(self) -> list[Term]:
        return [*self.assumptions, disjunction(self.mismatches.values())]


@dataclass(frozen=True, slots=True)
class Related:
    """The leaves of a virtual and a real state under the relation, how each is related, and what is assumed of either state."""

    virtual: dict[str, Term]
    real: dict[str, Term]
    how: Mapping[str, str]
    of_virtual: Term
    of_real: Term


def virtual_modes(setting: Setting, mode_class: ModeClass) -> tuple[int, ...]:
    """The values of the mode leaf that virtual states of a class may have."""
    machine = setting.machine
    leaf = machine.state.leaves[machine.modes.leaf]
    when = conjunction([setting.virtual(mode_class), setting.guest, *setting.legal])
    return tuple(
        m for m in range(1 << max(leaf.width, 1)) if substitute([when], {leaf.term: setting.mode(m)})[0] is not FALSE
    )


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
    how = {leaf.name: _relation(setting, leaf, configuration, logical_time) for leaf in machine.state.leaves.values()}
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
    machine, mode = setting.machine, setting.mode(virtual_mode)
    states = related(setting, mode_class, virtual_mode, configuration, logical_time=logical_time)
    private = subject.private
    if logical_time:
        private = frozenset(n for n in private if not _is_timing(setting, n))
    virtual = instantiate(machine, subject.transition, states.virtual, as_it_is, VIRTUAL, private)

    def respond(table: str, args: tuple[Term, ...], width: int) -> Term:
        if table not in configuration.tables:
            return apply(width, Name(TABLE, table, copy=REAL), *args)
        guests = apply(width, Name(TABLE, table), *args)
        fields = configuration.tables[table]
        return guests if fields is None else with_fields(machine, table, guests, fields)

    real = instantiate(machine, subject.transition, states.real, real_oracle(machine, mode, respond), REAL, private)
    outside = (lnot(virtual.unmodelled), lnot(virtual.unpredictable))
    assumptions = (states.of_virtual, states.of_real, subject.canonical, *outside)
    return Question(
        assumptions, _mismatches(setting, virtual, real, states.how), virtual, real, virtual_mode, configuration
    )


def _relation(setting: Setting, leaf: Leaf, configuration: Configuration, logical_time: bool) -> str:
    """How a leaf of v and of r are related: `general`, `mirror`, `const` or `own`."""
    if not leaf.control:
        return "general"
    if leaf.name == setting.machine.modes.leaf:
        return "own" if setting.deployment.real_mode is not None else MIRROR
    if leaf.name in setting.deployment.mirror or (logical_time and leaf.role == TIMING):
        return MIRROR
    chosen = configuration.leaves.get(leaf.name)
    return "own" if chosen is None else MIRROR if chosen == MIRROR else "const"


def _real_leaf(leaf: Leaf, virtual: Term, how: str, configuration: Configuration) -> Term:
    if how in ("general", MIRROR):
        return virtual
    if how == "own":
        return leaf.copied(REAL)
    value = configuration.leaves[leaf.name]
    assert isinstance(value, int)
    return leaf.holding(value)


def _is_timing(setting: Setting, name: Name) -> bool:
    return name.space == READ and setting.machine.state.leaves[name.text].role == TIMING


def _mismatches(setting: Setting, v: Copy, r: Copy, relation: Mapping[str, str]) -> dict[str, Term]:
    """What the guest, or the monitor, could notice; in the order in which a reader wants to know."""
    leaves = setting.machine.state.leaves
    found: dict[str, Term] = {}
    for a, b in zip(v.outcomes, r.outcomes, strict=True):
        both = land(a.guard, b.guard)
        found[f"trap:{a.name}"] = land(b.guard, lnot(a.guard))
        for prefix in ("virtual", "real", "mirror", "general"):
            for name, how in relation.items():
                leaf = leaves[name]
                if prefix == "virtual" and how in ("own", "const"):
                    found[f"virtual:{name}"] = _or(
                        found, f"virtual:{name}", land(both, differ(leaf, a.post[name], v.pre[name]))
                    )
                elif prefix == "real" and how in ("own", "const"):
                    found[f"real:{name}"] = _or(
                        found, f"real:{name}", land(b.guard, differ(leaf, b.post[name], r.pre[name]))
                    )
                elif prefix == how:
                    found[f"{how}:{name}"] = _or(
                        found, f"{how}:{name}", land(both, differ(leaf, a.post[name], b.post[name]))
                    )
        found[REAL_LEFT] = _or(found, REAL_LEFT, land(both, _leaves_real(setting, b, r.pre, relation)))
        if a.name != NEXT:
            found[f"payload:{a.name}"] = land(both, payloads_differ(a.payload, b.payload))
    found["unmodelled"] = r.unmodelled
    found["unpredictable"] = r.unpredictable
    found["halt"] = r.halts
    return {name: term for name, term in found.items() if term is not FALSE}


def _leaves_real(setting: Setting, ended: Outcome, pre: Leaves, relation: Mapping[str, str]) -> Term:
    """The real machine is no longer in a state that `real` allows, the monitor's own leaves as before: a change of those is told apart."""
    after = {n: t if relation[n] in ("general", MIRROR) else pre[n] for n, t in ended.post.items()}
    before, left = over((setting.real,), pre, setting.machine), over((setting.real,), after, setting.machine)
    return FALSE if left is before else lnot(left)


def _or(found: Mapping[str, Term], name: str, term: Term) -> Term:
    return disjunction([found.get(name, FALSE), term])


def private_choices(question_: Question) -> list[Term]:
    """The virtual machine's own nondeterministic choices among the free variables of a hole query."""
    return [t for t in walk(question_.hole) if t.op == "var" and (t.name.space, t.name.copy) == (CHOICE, VIRTUAL)]
