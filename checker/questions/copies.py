"""Copies of one transition by substitution: the virtual and the real machine, or two runs to be compared."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from pgcheck.isa.idl.state import ArrayLeaf, Leaf
from pgcheck.isa.idl.types import Bitfield, Type
from pgcheck.isa.machine.choices import Fields
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.once import once
from pgcheck.isa.terms import (
    FALSE,
    Name,
    Rewriter,
    Term,
    apply,
    conjunction,
    constant,
    disjunction,
    eq,
    extract,
    ite,
    land,
    lnot,
    lor,
    mk,
    on_leaves,
    renamed,
    rewrite,
    select,
    variable,
)
from pgcheck.isa.terms.ir import EXECUTE, HALT, NEXT, UNMODELLED, UNPREDICTABLE
from pgcheck.isa.terms.names import FREE, INDEX, PROBE, REAL, SECOND, TABLE, TRANSLATION, Tag
from pgcheck.isa.terms.walks import about_leaves, about_names
from pgcheck.models.symbolic import ADDRESS, FAULT, Exit, Transition, exit_kinds

MISS = Name(TRANSLATION, "miss")
HOSTMAP = Name(FREE, "hostmap")
T = TypeVar("T")
Leaves = Mapping[str, Term]
Answer = Callable[[Term, tuple[Term, ...]], Term | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A way a step ends without a trap: completion, another instruction to execute (`payload`), or a halt."""

    name: str
    guard: Term
    post: Leaves
    payload: tuple[Term, ...] = ()


@dataclass(frozen=True)
class Copy:
    """One instance of a transition over the leaves `pre`; `made` has what each node of the transition became."""

    machine: Machine
    pre: Leaves
    completes: Term
    post: Leaves
    exits: tuple[Exit, ...]
    made: Mapping[Term, Term] = field(default_factory=dict, repr=False, compare=False)

    def ends(self, *kinds: str) -> Term:
        """The condition on which the step ends in an exit of one of `kinds`."""
        return disjunction(guard for kind, guard in self._kinds if kind in kinds)

    @cached_property
    def _kinds(self) -> tuple[tuple[str, Term], ...]:
        """The kinds of the exits, each with the condition on which the step ends so."""
        return tuple(
            (kind, land(e.guard, guard))
            for e in self.exits
            for kind, guard in exit_kinds(self.machine, e.function, e.args).items()
        )

    @cached_property
    def unmodelled(self) -> Term:
        return self.ends(UNMODELLED)

    @cached_property
    def unpredictable(self) -> Term:
        return self.ends(UNPREDICTABLE)

    @cached_property
    def halts(self) -> Term:
        return self.ends(HALT)

    @cached_property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Completion first, then one outcome per terminator of kind execute."""
        going_on = sorted(executing(self.machine) & {e.function for e in self.exits})
        return (Outcome(NEXT, self.completes, self.post), *map(self._ended, going_on))

    @cached_property
    def untrapped(self) -> tuple[Outcome, ...]:
        """The outcomes, and that the step halts if it can."""
        return (*self.outcomes, self._ended(HALT)) if any(e.function == HALT for e in self.exits) else self.outcomes

    def _ended(self, function: str) -> Outcome:
        """All exits by a function as one outcome."""
        first, *rest = [e for e in self.exits if e.function == function]
        guard, post, payload = first.guard, dict(first.state), first.args
        for e in rest:
            post = {k: ite(e.guard, v, post[k]) for k, v in e.state.items()}
            payload = tuple(ite(e.guard, new, old) for new, old in zip(e.args, payload, strict=True))
            guard = lor(guard, e.guard)
        return Outcome(function, guard, post, payload)

    @cached_property
    def goes_on(self) -> Term:
        """The step completes, or goes on with another instruction: it does not trap."""
        return disjunction(o.guard for o in self.outcomes)

    @cached_property
    def gets_by(self) -> Term:
        """The step does not trap: it goes on, or halts."""
        return lor(self.goes_on, self.halts)


@once
def executing(machine: Machine) -> frozenset[str]:
    """The terminators after which the machine runs another instruction: no trap."""
    return frozenset(n for n, rule in machine.code.exits.items() if rule.kind == EXECUTE)


def _untrapped(machine: Machine) -> frozenset[str]:
    """The exits whose state the guest goes on from, or stays in."""
    return executing(machine) | {HALT}


def fresh(machine: Machine, tag: Tag) -> dict[str, Term]:
    """The free leaves of a copy of the machine."""
    return dict(_fresh(machine, tag))


@once
def _fresh(machine: Machine, tag: Tag) -> Leaves:
    return {name: leaf.copied(tag) for name, leaf in machine.state.leaves.items()}


@once
def oracles(machine: Machine) -> frozenset[Name]:
    """The names by which a transition asks its oracles: of translation, of probes and of tables."""
    translation = machine.code.translation
    probes = () if translation is None else translation.probes
    return frozenset(
        (FAULT, ADDRESS, *(Name(PROBE, p) for p in probes), *(Name(TABLE, t) for t in machine.code.tables))
    )


def over_leaves(pre: Leaves, answer: Answer, tag: Tag, private: frozenset[Name]) -> Rewriter:
    """What takes terms of the intermediate form to a copy: its leaves, its oracle's answers, the fresh variables that are its own."""

    def replaced(term: Term, args: tuple[Term, ...]) -> Term | None:
        if term.op == "uf":
            return answer(term, args)
        if term.args:
            return None
        if (leaf := term.leaf) is not None:
            return pre[leaf]
        name = term.free
        return renamed(term, name.of(tag)) if name in private else None

    return replaced


def instantiate(
    machine: Machine, transition: Transition, pre: Leaves, answer: Answer, tag: Tag, private: frozenset[Name]
) -> Copy:
    """The transition over the leaves `pre`.

    `answer(application, new arguments)` replaces oracle applications (None: as they are); the fresh variables in `private`
    are this copy's own. The state at an exit is kept only where the guest goes on from it, or halts in it.
    """

    made: dict[Term, Term] = {}
    roots = rewrite(_roots(machine, transition), over_leaves(pre, answer, tag, private), made)
    return _copy(machine, transition, pre, roots, made)


@dataclass(frozen=True, slots=True)
class Beside:
    """A copy of a transition, by which others are made: what comes out the same is not made again.

    The fresh variables in `private` are the copies' own.
    """

    transition: Transition
    copy: Copy
    tag: Tag
    private: frozenset[Name]

    def again(self, pre: Leaves, answer: Answer, tag: Tag, own: Iterable[Name]) -> Copy:
        """The transition over the leaves `pre`; of the oracles only `own` answer otherwise where they are asked the same."""
        machine, copy = self.copy.machine, self.copy
        about = about_names(own) | (about_names(self.private) if tag != self.tag else 0)
        about |= about_leaves(n for n, term in pre.items() if term is not copy.pre[n])
        made: dict[Term, Term] = {}
        replaced = over_leaves(pre, answer, tag, self.private)
        roots = rewrite(_roots(machine, self.transition), replaced, made, about=about, beside=copy.made)
        return _copy(machine, self.transition, pre, roots, made)

    def further(self, pre: Leaves, answer: Answer, tag: Tag, own: Iterable[Name]) -> Beside:
        """The same, for others to be made by it in turn."""
        copy = self.again(pre, answer, tag, own)
        return Beside(self.transition, replace(copy, made={**self.copy.made, **copy.made}), tag, self.private)


@dataclass(frozen=True, slots=True)
class Copies:
    """The copies of one transition, each made once, and beside another where there is one that is asked for alike."""

    transition: Transition
    made: dict[tuple[object, ...], dict[tuple[Term, ...], Beside]] = field(default_factory=dict)

    def of(self, machine: Machine, pre: Leaves, tag: Tag, private: frozenset[Name]) -> Beside:
        """The copy over the leaves `pre` whose oracles answer as they are."""
        alike, key = self.made.setdefault((tag, private), {}), tuple(pre.values())
        if key not in alike:
            other = next(iter(alike.values()), None)
            alike[key] = (
                Beside(
                    self.transition, instantiate(machine, self.transition, pre, as_it_is, tag, private), tag, private
                )
                if other is None
                else other.further(pre, as_it_is, tag, ())
            )
        return alike[key]

    def real(self, virtual: Beside, pre: Leaves, mode: Term, responses: Mapping[str, Fields | None]) -> Copy:
        """The real machine's copy beside a virtual one, in a virtual mode, with these answers of tables."""
        machine = virtual.copy.machine
        told = tuple((t, None if f is None else tuple(sorted(f.items()))) for t, f in sorted(responses.items()))
        alike, key = self.made.setdefault((REAL, virtual.private, mode, told), {}), tuple(pre.values())
        if key not in alike:
            answer, other = real_oracle(machine, mode, responses), next(iter(alike.values()), None)
            alike[key] = (
                virtual.further(pre, answer, REAL, oracles(machine))
                if other is None
                else other.further(pre, answer, REAL, ())
            )
        return alike[key].copy


def _roots(machine: Machine, transition: Transition) -> tuple[Term, ...]:
    untrapped = _untrapped(machine)
    roots = [transition.completes, *transition.post.values()]
    for e in transition.exits:
        roots += [e.guard, *e.args, *(e.state.values() if e.function in untrapped else ())]
    return tuple(roots)


def _copy(
    machine: Machine, transition: Transition, pre: Leaves, roots: Iterable[Term], made: Mapping[Term, Term]
) -> Copy:
    it, untrapped = iter(roots), _untrapped(machine)
    completes = next(it)
    post = {name: next(it) for name in transition.post}
    exits = []
    for e in transition.exits:
        guard = next(it)
        args = tuple(next(it) for _ in e.args)
        state = {name: next(it) for name in e.state} if e.function in untrapped else {}
        exits.append(Exit(guard, e.function, args, e.note, state))
    return Copy(machine, pre, completes, post, tuple(exits), made)


def over(terms: tuple[Term, ...], pre: Leaves, machine: Machine) -> Term:
    """The conjunction of predicates over state on the leaves `pre`."""
    return conjunction(on_leaves(terms, pre))


def differ(leaf: Leaf, a: Term, b: Term) -> Term:
    """The two values of a leaf differ; arrays at one index of the leaf's own, so that models stay finite."""
    if a is b:
        return FALSE
    if isinstance(leaf, ArrayLeaf):
        index = variable(leaf.index_width, Name(INDEX, leaf.name))
        return lnot(eq(select(a, index), select(b, index)))
    return lnot(eq(a, b))


def payloads_differ(a: tuple[Term, ...], b: tuple[Term, ...]) -> Term:
    """Some argument differs."""
    return disjunction(lnot(eq(x, y)) for x, y in zip(a, b, strict=True))


def as_it_is(term: Term, args: tuple[Term, ...]) -> Term | None:
    """The oracle of the machine itself."""
    return None


def in_mode(machine: Machine, args: tuple[T, ...], mode: T) -> tuple[T, ...]:
    """The arguments of a translation with another mode."""
    at = mode_position(machine)
    return (*args[:at], mode, *args[at + 1 :])


def mode_position(machine: Machine) -> int:
    """Which argument of a translation is the mode; 0 where nothing translates."""
    return 0 if machine.code.translation is None else machine.code.translation.mode


def real_oracle(machine: Machine, virtual_mode: Term, responses: Mapping[str, Fields | None]) -> Answer:
    """The real machine's cuts under the contract (docs/definitions.md, The relation).

    Its translation gives what the guest's gives in the current virtual mode, or faults besides (a miss in the shadow) unless its bounds
    fit; a probe gives the host's address; a table answers as the monitor has filled it: with one of `responses`
    to the guest's entry (None: that entry), or otherwise unknown.
    """
    position = mode_position(machine)

    def answer(term: Term, args: tuple[Term, ...]) -> Term | None:
        name = term.name
        if name in (FAULT, ADDRESS) or name.space == PROBE:
            rest = (*args[:position], *args[position + 1 :])
            same = apply(term.width, name, *in_mode(machine, args, virtual_mode))
            if name == FAULT and not machine.bounds_fit:
                return lor(same, apply(0, MISS, *rest))
            return same if name in (FAULT, ADDRESS) else apply(term.width, HOSTMAP, same)
        if name.space != TABLE:
            return None
        guests = apply(term.width, name, *args)
        fields = responses.get(name.text)
        if name.text not in responses:
            return apply(term.width, name.of(REAL), *args)
        return guests if fields is None else with_fields(machine, name.text, guests, fields)

    return answer


def own_mode_oracle(machine: Machine, mode: Term) -> Answer:
    """The cuts of a machine that translates for the current mode whatever mode it is asked for."""

    def answer(term: Term, args: tuple[Term, ...]) -> Term | None:
        asked = term.name in (FAULT, ADDRESS) or term.name.space == PROBE
        return apply(term.width, term.name, *in_mode(machine, args, mode)) if asked else None

    return answer


def second_oracle(machine: Machine, first_mode: Term, pre: Leaves, roles: Container[str]) -> Answer:
    """The cuts of the second of two runs: the first's translation; own tables and probes if their role is among those compared."""
    position, leaves = mode_position(machine), {**pre, machine.modes.leaf: first_mode}
    own = second_own(machine, roles)

    def answer(term: Term, args: tuple[Term, ...]) -> Term | None:
        name = term.name
        if name in (FAULT, ADDRESS):
            mode = on_leaves([term.args[position]], leaves)[0]
            return apply(term.width, name, *in_mode(machine, args, mode))
        return apply(term.width, name.of(SECOND), *args) if name in own else None

    return answer


def second_own(machine: Machine, roles: Container[str]) -> frozenset[Name]:
    """The oracles that the second of two runs has for itself: those whose role is among those compared."""
    return frozenset(
        name
        for name in oracles(machine)
        if (name.space == PROBE and "relocation" in roles)
        or (name.space == TABLE and machine.code.tables[name.text].role in roles)
    )


def with_fields(machine: Machine, table: str, entry: Term, fields: Fields) -> Term:
    """A table's entry with some fields replaced by constants; a type without fields has none to replace."""
    for name, value in fields.items():
        high, low = _range(machine.code.tables[table].type, name)
        keep = constant(entry.width, ~(((1 << (high - low + 1)) - 1) << low))
        entry = mk("or", entry.width, mk("and", entry.width, entry, keep), constant(entry.width, value << low))
    return entry


def has_fields(type_: Type, entry: Term, fields: Fields) -> Term:
    """An entry's fields have these values."""
    ranges = {name: _range(type_, name) for name in fields}
    return conjunction(
        eq(extract(entry, *ranges[name]), constant(ranges[name][0] - ranges[name][1] + 1, value))
        for name, value in fields.items()
    )


def _range(type_: Type, field: str) -> tuple[int, int]:
    """The high and low bit of a field."""
    match type_:
        case Bitfield(ranges=ranges):
            return ranges[field]
    raise TypeError(f"{type_} has no fields")
