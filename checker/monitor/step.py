"""One step of the monitored guest against one step of the bare machine: EQ1, EQ3 and RC1 for a row in one virtual mode.

The bare machine's step is its transition with the specification's trap entry; the monitored guest's is what the dispatcher's Python
does, path by path. An obligation is that no path ends in another state, with another frame, or with the monitor's state touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

from pgcheck.checker.monitor.guest import FETCH, FETCHED, LOST, STUTTER, Ended, Monitored, Row, apart
from pgcheck.checker.monitor.machine import Bare, Leaves, Way, bare, faults
from pgcheck.checker.monitor.values import Path, bits, paths
from pgcheck.checker.questions.copies import differ, executing, over
from pgcheck.checker.questions.hole import related
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.values import Configuration
from pgcheck.isa.machine.choices import MIRROR
from pgcheck.isa.machine.machine import Machine, ModeClass
from pgcheck.isa.machine.schemes import Bounds, External
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    conjunction,
    disjunction,
    eq,
    land,
    lnot,
    lor,
    substitute,
)
from pgcheck.isa.terms.facts import settled
from pgcheck.isa.terms.ir import BUILTIN_EXITS, NEXT, TRANSLATE
from pgcheck.models.state import Fetched, holding, reset
from pgcheck.vmm.paging.entries import form
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.world import World, world

EQ1, EQ3, RC1 = "EQ1", "EQ3", "RC1"
Mismatch = tuple[str, Term]
Facts = Mapping[Term, Term]


def relocated(machine: Machine, own: Mapping[str, int]) -> tuple[str, ...]:
    """The leaves by which a monitor makes the processor reach the guest's frames. Raises NoTables."""
    match machine.code.scheme:
        case None | External():
            return ()
        case Bounds(base=base, limit=limit):
            return (base, limit)
    state = {**reset(machine), **holding(machine, own)}
    return (form(machine, state).root,)


@dataclass(frozen=True)
class Promise:
    """What is to be proved of: a machine under a policy, with the division of state that the monitor derives from it."""

    setting: Setting
    policy: Policy

    @property
    def machine(self) -> Machine:
        return self.setting.machine

    @cached_property
    def division(self) -> World:
        return world(self.machine, self.policy)

    @cached_property
    def sets(self) -> tuple[str, ...]:
        return relocated(self.machine, self.division.own)

    @cached_property
    def configuration(self) -> Configuration:
        return Configuration(
            {**self.policy.fixed, **dict.fromkeys(self.policy.mirrored, MIRROR)}, dict(self.policy.responses)
        )

    @cached_property
    def every_exit(self) -> frozenset[str]:
        """All terminators: a monitor under this one intercepts them."""
        return frozenset(self.machine.code.exits) | {TRANSLATE}


@dataclass(frozen=True, slots=True)
class Step:
    """The obligations of a row in one virtual mode: under `hypotheses` no mismatch of a family is possible.

    `alone` and `nested` are the dispatcher's ways under no monitor and under another, `orderly` what holds of every step's ways.
    """

    row: Row
    mode: int
    promise: Promise
    monitored: Monitored
    bare: Bare
    hypotheses: tuple[Term, ...]
    alone: tuple[Path[Ended], ...]
    nested: tuple[Path[Ended], ...]
    facts: dict[int, Facts | None] = field(default_factory=dict, compare=False)

    def exact(self, family: str) -> Mapping[str, Term]:
        """The mismatches as they are shown."""
        return _collected(m for p in self.ways(family) for m in self._mismatches(family, p, _decided(p)))

    def settled(
        self, family: str, ways: Sequence[Path[Ended]], lemma: Sequence[Term] = ()
    ) -> tuple[Mapping[str, Term], list[Path[Ended]]]:
        """The mismatches of some ways without what each settles, where a lemma holds; and the ways that have some."""
        found: list[Mismatch] = []
        left: list[Path[Ended]] = []
        for path in ways:
            facts = settled((*path.conditions, *lemma)) if lemma else self._settled(path)
            some = [] if facts is None else [m for m in self._mismatches(family, path, facts) if m[1] is not FALSE]
            if some:
                found += some
                left.append(path)
        return _collected(found), left

    def _settled(self, path: Path[Ended]) -> Facts | None:
        if id(path) not in self.facts:
            self.facts[id(path)] = settled(path.conditions)
        return self.facts[id(path)]

    def orderly(self) -> tuple[Term, ...]:
        """What is to be so of a step: it ends in one way, and on the processor in another than on the bare machine for a miss only."""
        virtual = self.bare.ways
        ours = {w.function: w.guard for w in virtual}
        real = next((p.outcome.ways for p in self.alone if p.outcome.ways), ())

        return (
            *(disjunction(w.guard for w in ways) for ways in (virtual, real)),
            *(lnot(land(a.guard, b.guard)) for a, b in combinations(virtual, 2)),
            *(lor(lnot(land(w.guard, self._its_own(w))), ours.get(w.function, FALSE)) for w in real),
        )

    def _its_own(self, way: Way) -> Term:
        """When a way of the processor's is none that a miss of the monitor's tables has."""
        if way.function != TRANSLATE:
            return TRUE
        return faults(self.row.machine, way.args, self.monitored.virtual_mode)

    def ways(self, family: str) -> tuple[Path[Ended], ...]:
        """The ways that a family is about."""
        return self.nested if family == EQ3 else self.alone

    def _mismatches(self, family: str, path: Path[Ended], facts: Facts) -> Iterator[Mismatch]:
        known = _Known(facts)
        match family:
            case "EQ1":
                return _ends(self.row.machine, self.monitored, self.bare.ends, path, known)
            case "EQ3":
                return _frames(self.row.machine, self.monitored, self.bare.ways, path, known)
            case _:
                return _control(self.promise, self.monitored, path, known)


def step(promise: Promise, row: Row, mode_class: ModeClass, mode: int, *, division: World | None = None) -> Step:
    """Both machines from every virtual state of a mode. Raises TooManyPaths, and whatever the dispatcher raises."""
    setting, machine = promise.setting, promise.machine
    states = related(setting, mode_class, mode, promise.configuration)
    of_bare = bare(machine, row.subject, states.virtual)
    guest = Monitored(
        row, promise.policy, division or promise.division, promise.sets, states.virtual, setting.mode(mode)
    )
    alone = tuple(paths(lambda: guest.step(frozenset())))
    hypotheses = (states.of_virtual, row.subject.canonical, lnot(of_bare.left_out))
    nested = tuple(paths(lambda: guest.step(promise.every_exit)))
    return Step(row, mode, promise, guest, of_bare, hypotheses, alone, nested)


def unnoticed(promise: Promise, row: Row, mode_class: ModeClass, mode: int) -> tuple[tuple[Term, ...], list[Term]]:
    """The hypotheses, and the conditions on which the row's step changes the monitor's state and the dispatcher goes on."""
    setting = promise.setting
    states = related(setting, mode_class, mode, promise.configuration)
    guest = Monitored(row, promise.policy, promise.division, promise.sets, states.virtual, setting.mode(mode))
    escapes: list[Term] = []
    for path in paths(lambda: guest.step(frozenset())):
        if path.outcome.how == LOST:
            continue
        known = _Known(_decided(path))
        for one in path.outcome.runs:
            kept = {**one.after, **{n: one.before[n] for n in _own(promise)}}
            changed = disjunction(t for _, t in known.changes(promise.machine, one.after, kept))
            escapes.append(land(conjunction(path.conditions), changed))
    return (states.of_virtual,), escapes


def _collected(found: Iterable[tuple[str, Term]]) -> dict[str, Term]:
    """The mismatches by name, each where some path has it."""
    terms: dict[str, list[Term]] = {}
    for name, term in found:
        if term is not FALSE:
            terms.setdefault(name, []).append(term)
    return {name: disjunction(some) for name, some in terms.items()}


def _ends(
    machine: Machine, guest: Monitored, ends: tuple[Way, ...], path: Path[Ended], known: _Known
) -> Iterator[Mismatch]:
    """EQ1: the whole virtual state after the step, trap entry included."""
    ended, when = path.outcome, conjunction(path.conditions)
    match ended.how:
        case "stutter":
            if ended.access is None:
                yield "stutter without a miss", when
            else:
                yield (
                    "stutter on a fault of the guest's",
                    land(when, known(faults(machine, ended.access, guest.virtual_mode))),
                )
            before = guest.left(ended.runs[-1]) if TRANSLATE in guest.row.resumes else guest.leaves
            for name, term in known.changes(machine, ended.state, before):
                yield f"stutter:{name}", land(when, term)
            return
        case "resource control lost" | "another instruction":
            yield ended.how, when
            return
    matching = NEXT if ended.how == FETCHED else ended.how
    if ended.how == NEXT and ended.steps != 1:
        yield "steps", when
    for end in ends:
        guard = known(end.guard)
        if guard is FALSE:
            continue
        here = land(when, guard)
        if end.function != matching:
            yield f"ends:{ended.how}", here
            continue
        for name, term in known.changes(machine, ended.state, end.state):
            yield f"state:{name}", land(here, term)
        if end.function in executing(machine) or end.function in BUILTIN_EXITS:
            yield "payload", land(here, known.unequal(ended.args, end.args))


def _frames(
    machine: Machine, guest: Monitored, ways: tuple[Way, ...], path: Path[Ended], known: _Known
) -> Iterator[Mismatch]:
    """EQ3: the exit before its delivery, as a monitor below this guest would see it."""
    ended, when = path.outcome, conjunction(path.conditions)
    if ended.how in (STUTTER, LOST, FETCHED):
        return
    for way in ways:
        guard = known(way.guard)
        if guard is FALSE:
            continue
        here = land(when, guard)
        if way.function != ended.how:
            yield f"frame:{ended.how}", here
            continue
        for name, term in known.changes(machine, ended.state, way.state):
            yield f"frame:{name}", land(here, term)
        if way.function == NEXT:
            continue
        yield "frame:payload", land(here, known.unequal(ended.args, way.args))
        if way.function in executing(machine):
            continue
        if ended.steps:
            yield "frame:steps", here
        if ended.fetching != (guest.row.part == FETCH):
            yield "frame:fetching", here
        yield from ((n, land(here, t)) for n, t in _instruction(guest.row.fetched, ended.fetched, known))


def _instruction(ours: Fetched | None, theirs: Fetched | None, known: _Known) -> Iterator[Mismatch]:
    """The instruction that a frame names is the one that was fetched."""
    if ours is None or theirs is None:
        if ours is not theirs:
            yield "frame:instruction", TRUE
        return
    if ours.instruction is not theirs.instruction:
        yield "frame:instruction", TRUE
        return
    widths = ours.instruction.operands
    for name, own in ours.operands.items():
        a, b = bits(own, widths[name].width), bits(theirs.operands[name], widths[name].width)
        yield f"frame:operand {name}", known.unequal((a,), (b,))
    width = ours.instruction.length.width
    yield "frame:length", known.unequal((bits(ours.length, width),), (bits(theirs.length, width),))


def _control(promise: Promise, guest: Monitored, path: Path[Ended], known: _Known) -> Iterator[Mismatch]:
    """RC1: the processor is entered in the monitor's own state and user mode, and leaves that state as it was."""
    machine, setting = promise.machine, promise.setting
    when = conjunction(path.conditions)
    ended = path.outcome
    if ended.lost:
        yield ended.how, when
    wanted = expected(promise, guest)
    for one in ended.runs:
        for name, term in known.changes(machine, one.before, {**one.before, **wanted}):
            yield f"resumed:{name}", land(when, term)
        for name, term in known.changes(machine, one.after, {**one.after, **{n: one.before[n] for n in _own(promise)}}):
            yield kept(name), land(when, term)
        fits = over((*setting.legal, setting.real), one.before, machine)
        promised = over((*setting.legal, setting.real), {**one.before, **wanted}, machine)
        yield "resumed:legal", land(when, land(promised, lnot(known(fits))))


def kept(leaf: str) -> str:
    """What RC1 calls it that a leaf of the monitor's own is not kept."""
    return f"kept:{leaf}"


def _own(promise: Promise) -> tuple[str, ...]:
    """The control leaves that are the monitor's while a guest runs, from the policy alone."""
    machine, outside = promise.machine, apart(promise.machine)
    mirrored = set(promise.policy.mirrored) | (
        {machine.modes.leaf} if promise.setting.deployment.real_mode is None else set()
    )
    return tuple(leaf.name for leaf in machine.state.control if leaf.name not in outside and leaf.name not in mirrored)


def expected(promise: Promise, guest: Monitored) -> dict[str, Term]:
    """The processor's state in which a guest must be resumed; what the memory management unit sets is its own affair."""
    machine, policy, deployment = promise.machine, promise.policy, promise.setting.deployment
    found: dict[str, Term] = {}
    own = set(_own(promise))
    for name, leaf in machine.state.leaves.items():
        if name in apart(machine) or name in promise.sets:
            continue
        if name not in own:
            found[name] = guest.leaves[name]
        elif name == machine.modes.leaf and deployment.real_mode is not None:
            found[name] = leaf.holding(deployment.real_mode)
        else:
            found[name] = leaf.holding(policy.fixed.get(name, policy.real.get(name, leaf.reset)))
    return found


def _decided(path: Path[Ended]) -> Facts:
    """What a path has decided, as it was asked."""
    return {t: TRUE if v else FALSE for t, v in path.known.items()}


class _Known:
    """Simplifies terms by the facts of a path."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.memo: dict[Term, Term] = {}

    def __call__(self, term: Term) -> Term:
        if term.is_constant or not self.facts:
            return term
        return substitute([term], self.facts, self.memo)[0]

    def changes(self, machine: Machine, a: Leaves, b: Leaves) -> Iterator[Mismatch]:
        """The leaves that differ, each with the condition."""
        for name, leaf in machine.state.leaves.items():
            x, y = a[name], b[name]
            if x is y:
                continue
            condition = differ(leaf, self(x), self(y))
            if condition is not FALSE:
                yield name, condition

    def unequal(self, a: tuple[Term, ...], b: tuple[Term, ...]) -> Term:
        """Some argument differs."""
        if len(a) != len(b):
            return TRUE
        return disjunction(lnot(eq(self(x), self(y))) for x, y in zip(a, b, strict=True) if x is not y)
