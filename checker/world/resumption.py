"""Whether an instruction that has changed state before its trap can be gone on with from the state at the trap.

One step of the real machine ends in a trap. The virtual machine takes what is equal in both as the trap has left it and runs the instruction
from there, or takes the trap itself where its own translation faults too: it ends where one step from the state before would have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pgcheck.checker.questions.copies import (
    Leaves,
    as_it_is,
    differ,
    in_mode,
    over,
    over_leaves,
    payloads_differ,
    real_oracle,
)
from pgcheck.checker.questions.hole import Related, related, virtual_modes
from pgcheck.checker.questions.relation import CONST, OWN
from pgcheck.checker.questions.subject import Setting, Subject
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.model import Model
from pgcheck.checker.values import Configuration
from pgcheck.checker.world.absorption import Absorption, Origins
from pgcheck.isa.idl.state import Leaf
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Name,
    Rewriter,
    Term,
    apply,
    conjunction,
    disjunction,
    eq,
    ite,
    land,
    lnot,
    lor,
    rewrite,
    select,
    substitute,
    variable,
)
from pgcheck.isa.terms.facts import settled
from pgcheck.isa.terms.ir import NEXT, TRANSLATE, UNMODELLED, UNPREDICTABLE
from pgcheck.isa.terms.names import CHOICE, FREE, REAL, VIRTUAL
from pgcheck.models.symbolic import FAULT, Exit, Transition, exit_kinds

NONE: Final[frozenset[Name]] = frozenset()


@dataclass(frozen=True, slots=True)
class Lost:
    """A trap from which an instruction does not go on rightly: the terminator, the virtual mode, and what is wrong then."""

    terminator: str
    virtual_mode: int
    wrong: str


@dataclass(frozen=True, slots=True)
class _End:
    """All ways in which a step ends in one terminator, or completes."""

    guard: Term
    payload: tuple[Term, ...]
    state: Leaves


Handed = frozenset[tuple[str, str]]


def lost_at_trap(setting: Setting, one: Subject, configuration: Configuration, evidence: Evidence) -> Lost | Handed:
    """The first trap after which the instruction cannot be gone on with; or the traps, by terminator and kind, that the guest gets as they stand.

    Raises Undecided.
    """
    leaves = setting.machine.state.leaves
    if not any(_changed(e, {n: leaf.term for n, leaf in leaves.items()}) for e in _trapping(setting, one.transition)):
        return frozenset()
    modes = setting.deployment.modes
    known = ((c, mode) for c in (modes.supervisor, modes.user) for mode in virtual_modes(setting, c))
    every = [(related(setting, c, mode, configuration), mode) for c, mode in known]
    found = [_lost(setting, one, where, configuration, evidence) for where in every]
    handed = frozenset[tuple[str, str]]().union(*(each for each in found if not isinstance(each, Lost)))
    if handed:  # in whatever mode the guest is
        found += [_lost(setting, one, where, configuration, evidence, handed) for where in every]
    lost = next((each for each in found if isinstance(each, Lost)), None)
    if lost is not None and any(name.space == CHOICE for name in one.private):
        raise Undecided(
            one.id, "whether going on from its trap ends alike depends on what the specification leaves open"
        )
    return handed if lost is None else lost


def own_faults_stand(setting: Setting, one: Subject, configuration: Configuration, evidence: Evidence) -> bool:
    """Whether each fault of translation that is the guest's own ends the virtual step with these arguments, in the state that the real one has left.

    Raises Undecided.
    """
    modes = setting.deployment.modes
    for mode_class, mode in ((c, m) for c in (modes.supervisor, modes.user) for m in virtual_modes(setting, c)):
        states = related(setting, mode_class, mode, configuration)
        known, real, _, whole = _posed(setting, one, (states, mode), configuration)
        wrong: list[Term] = []
        for trap in (e for e in real.exits if e.function == TRANSLATE):
            here = [trap.guard, _own(setting, trap, mode)]
            otherwise = disjunction(_reflected(setting, states, whole, trap, mode).values())
            wrong.append(conjunction([*here, _where(here, otherwise)]))
        if _model([*known, disjunction(wrong)], f"{one.id}:stands@{mode}", evidence) is not None:
            return False
    return True


def _where(others: Sequence[Term], term: Term) -> Term:
    """A term with what is settled where others are true put into it."""
    facts = settled(others)
    return FALSE if facts is None else substitute([term], facts)[0]


def _posed(
    setting: Setting, one: Subject, where: tuple[Related, int], configuration: Configuration
) -> tuple[tuple[Term, ...], Transition, Transition, dict[str, _End]]:
    """What is known of related states in a virtual mode, the real and the virtual step from them, and the ends of the virtual one."""
    states, mode = where
    oracle = real_oracle(setting.machine, setting.mode(mode), configuration.tables)
    real = _copied(one.transition, over_leaves(states.real, oracle, REAL, one.private))
    virtual = _copied(one.transition, over_leaves(states.virtual, as_it_is, VIRTUAL, NONE))
    whole = _ends(virtual)
    left_out = disjunction(whole[f].guard for f in (UNMODELLED, UNPREDICTABLE) if f in whole)
    return (states.of_virtual, states.of_real, one.canonical, lnot(left_out)), real, virtual, whole


def _trapping(setting: Setting, step: Transition) -> list[Exit]:
    """The exits that enter the monitor."""
    return [e for e in step.exits if e.function == TRANSLATE or e.function in setting.entering]


def _changed(trap: Exit, before: Leaves) -> bool:
    return any(t is not before[n] for n, t in trap.state.items())


def _lost(
    setting: Setting,
    one: Subject,
    where: tuple[Related, int],
    configuration: Configuration,
    evidence: Evidence,
    must: Handed = frozenset(),
) -> Lost | Handed:
    """The first trap that is lost, or those that cannot but be handed on; those that `must` be are not gone on with."""
    states, mode = where
    known, real, virtual, whole = _posed(setting, one, where, configuration)
    label = f"{one.id}:resumes@{mode}"
    if not evidence.possible([*known, _seen_apart(setting, states, virtual, real)], f"{label}:writes again"):
        return frozenset()

    def first(traps: Sequence[Exit], wrong: Callable[[Exit], Mapping[str, Term]]) -> Lost | None:
        for trap in traps:
            ways = wrong(trap)
            model = _model([*known, trap.guard, disjunction(ways.values())], f"{label}:{trap.function}", evidence)
            if model is not None:
                return Lost(trap.function, mode, next(w for w, term in ways.items() if model.satisfies([term])))
        return None

    handed: set[tuple[str, str]] = set()
    for key, traps in _told_apart(setting, real).items():
        changed = [trap for trap in traps if _changed(trap, states.real)]
        broken = first(changed, lambda trap: _broken(setting, states, trap))
        if broken is not None:
            return broken
        lost = None if key in must else first(changed, lambda trap: _gone_on(setting, one, states, whole, trap, mode))
        if lost is None and key not in must:
            continue
        reflected = first(traps, lambda trap: _reflected(setting, states, whole, trap, mode))
        if reflected is not None:
            return lost or reflected
        handed.add(key)
    return frozenset(handed)


def _seen_apart(setting: Setting, states: Related, virtual: Transition, real: Transition) -> Term:
    """When a trap is followed by an end of the whole step that the terms do not show to be the same again from the trap."""
    apart: list[Term] = []
    ends = [(virtual.completes, (), virtual.post), *((e.guard, e.args, e.state) for e in virtual.exits)]
    decides = [t for guard, args, _ in ends for t in (guard, *args)]
    origins = Origins(states.virtual)
    for own, trap in zip(virtual.exits, real.exits, strict=True):
        if trap not in _trapping(setting, real) or not _changed(trap, states.real):
            continue
        changed = {n: t for n, t in trap.state.items() if t is not states.real[n]}
        if any(n in _apart(states) or own.state[n] is not t for n, t in changed.items()):
            return TRUE
        written = Absorption(origins, changed)
        if not written.unread(decides):
            return TRUE
        apart += [land(trap.guard, guard) for guard, _, state in ends if not written.absorbed(state)]
    return disjunction(apart)


def _told_apart(setting: Setting, step: Transition) -> dict[tuple[str, str], list[Exit]]:
    """The traps into the monitor, those together that it cannot tell apart by their terminator and kind."""
    groups: dict[tuple[str, str], list[Exit]] = {}
    for e in _trapping(setting, step):
        for kind, guard in exit_kinds(setting.machine, e.function, e.args).items():
            groups.setdefault((e.function, kind), []).append(replace(e, guard=land(e.guard, guard)))
    return groups


def _model(query: list[Term], label: str, evidence: Evidence) -> Model | None:
    """A model of the query, which most often has none for whatever the cuts answer: that is asked first, and is the easier question.

    What all but the last term settle is put into that one before.
    """
    last = _where(query[:-1], query[-1])
    unknowns: dict[Term, Term] = {}

    def replaced(term: Term, _: tuple[Term, ...]) -> Term | None:
        if term.op != "uf":
            return None
        return unknowns.setdefault(term, variable(term.width, Name(FREE, "answer", len(unknowns))))

    easier = expanded(rewrite([*query[:-1], last], replaced))
    if unknowns or last is FALSE:
        try:
            if not evidence.possible(easier, f"{label}:whatever the cuts answer"):
                return None
        except Undecided:
            pass
    return evidence.model(query, label)


def _apart(states: Related) -> frozenset[str]:
    """The leaves that are the monitor's."""
    return frozenset(n for n, how in states.how.items() if how in (OWN, CONST))


def _broken(setting: Setting, states: Related, trap: Exit) -> dict[str, Term]:
    """What the real step has changed before the trap that it must not change, by what that is."""
    machine, apart = setting.machine, _apart(states)
    wrong = {
        f"the monitor's {n} changes": differ(machine.state.leaves[n], trap.state[n], states.real[n])
        for n in sorted(apart)
    }
    allowed = (*setting.legal, setting.real)
    left = over(allowed, {n: states.real[n] if n in apart else t for n, t in trap.state.items()}, machine)
    if left is not over(allowed, states.real, machine):
        wrong["the state is none that `legal` and `real` allow"] = lnot(left)
    return wrong


def _reflected(setting: Setting, states: Related, whole: Mapping[str, _End], trap: Exit, mode: int) -> dict[str, Term]:
    """How the guest would tell if it got the trap itself, in the state that the real machine has left."""
    args = in_mode(setting.machine, trap.args, setting.mode(mode)) if trap.function == TRANSLATE else trap.args
    return _differences(setting.machine.state.leaves, whole, {trap.function: _End(TRUE, args, _taken(states, trap))})


def _gone_on(
    setting: Setting, one: Subject, states: Related, whole: Mapping[str, _End], trap: Exit, mode: int
) -> dict[str, Term]:
    """How the guest would tell if the instruction were run from the state at the trap; it gets translation faults that are its own."""
    again = _ends(_copied(one.transition, over_leaves(_taken(states, trap), as_it_is, VIRTUAL, NONE)))
    ways = _differences(setting.machine.state.leaves, whole, again)
    if trap.function != TRANSLATE:
        return ways
    reflected = _reflected(setting, states, whole, trap, mode)
    faults = _own(setting, trap, mode)
    return {w: ite(faults, reflected.get(w, FALSE), ways.get(w, FALSE)) for w in {**reflected, **ways}}


def _own(setting: Setting, trap: Exit, mode: int) -> Term:
    """That a fault of translation is the guest's own."""
    return apply(0, FAULT, *in_mode(setting.machine, trap.args, setting.mode(mode)))


def _taken(states: Related, trap: Exit) -> dict[str, Term]:
    """The virtual state, with what is equal in both machines as the real one has left it."""
    apart = _apart(states)
    return {n: states.virtual[n] if n in apart else t for n, t in trap.state.items()}


def _differences(leaves: Mapping[str, Leaf], some: Mapping[str, _End], others: Mapping[str, _End]) -> dict[str, Term]:
    """The ways in which two runs end differently, by what it shows in."""
    found: dict[str, list[Term]] = {}
    for function, a in some.items():
        b = others.get(function)
        ended = FALSE if b is None else b.guard
        found.setdefault("it ends otherwise", []).append(land(a.guard, lnot(ended)))
        if b is None:
            continue
        both = land(a.guard, b.guard)
        found.setdefault("the trap says otherwise", []).append(land(both, payloads_differ(a.payload, b.payload)))
        for name, leaf in leaves.items():
            different = differ(leaf, a.state[name], b.state[name])
            found.setdefault(f"{name} differs", []).append(land(both, different))
    return {what: disjunction(terms) for what, terms in found.items()}


def _copied(step: Transition, replace: Rewriter) -> Transition:
    """A transition with its states at exits, rewritten."""
    it = iter(rewrite(step.roots, replace))
    completes = next(it)
    post = {name: next(it) for name in step.post}
    exits = []
    for e in step.exits:
        guard = next(it)
        args = tuple(next(it) for _ in e.args)
        exits.append(Exit(guard, e.function, args, e.note, {name: next(it) for name in e.state}))
    return Transition(completes, post, tuple(exits))


def _ends(step: Transition) -> dict[str, _End]:
    """The ways in which a step ends, those in one terminator together."""
    ends = {NEXT: _End(step.completes, (), step.post)}
    for e in step.exits:
        old = ends.get(e.function)
        if old is None:
            ends[e.function] = _End(e.guard, e.args, e.state)
            continue
        payload = tuple(ite(e.guard, a, b) for a, b in zip(e.args, old.payload, strict=True))
        state = {n: ite(e.guard, t, old.state[n]) for n, t in e.state.items()}
        ends[e.function] = _End(lor(old.guard, e.guard), payload, state)
    return ends


def expanded(terms: Sequence[Term]) -> list[Term]:
    """The terms with elements of stored and chosen arrays read through."""
    memo: dict[tuple[Term, Term], Term] = {}

    def at(array: Term, index: Term) -> Term:
        stack = [array]
        while stack:
            top = stack[-1]
            if (top, index) in memo:
                stack.pop()
                continue
            parts = top.args[:1] if top.op == "store" else top.args[1:] if top.op == "ite" else ()
            missing = [a for a in parts if (a, index) not in memo]
            if missing:
                stack += missing
                continue
            stack.pop()
            match top.op:
                case "store":
                    value = ite(eq(top.args[1], index), top.args[2], memo[top.args[0], index])
                case "ite":
                    value = ite(top.args[0], memo[top.args[1], index], memo[top.args[2], index])
                case _:
                    value = select(top, index)
            memo[top, index] = value
        return memo[array, index]

    return rewrite(terms, lambda t, args: at(*args) if t.op == "select" else None)
