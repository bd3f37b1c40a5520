"""One step of the monitored guest against one step of the bare machine: EQ1, EQ3 and RC1 for a row in one virtual mode.

The bare machine's step is its transition with the specification's trap entry; the monitored guest's is what the dispatcher's Python
does, path by path. An obligation is that no path ends in another state, with another frame, or with the monitor's state touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from pgcheck.checker.monitor.guest import FETCH, FETCHED, LOST, STUTTER, Ended, Monitored, Row, apart
from pgcheck.checker.monitor.machine import Bare, Leaves, Way, bare, faults, fetching
from pgcheck.checker.monitor.values import Path, Symbolic, bits, paths
from pgcheck.checker.questions.copies import differ, executing, over
from pgcheck.checker.questions.delegation import run_on
from pgcheck.checker.questions.hole import related
from pgcheck.checker.questions.subject import Setting, Subject, subject
from pgcheck.checker.values import Configuration
from pgcheck.isa.encoding.fields import UNDEFINED
from pgcheck.isa.files.errors import Position
from pgcheck.isa.idl.state import ArrayLeaf, Leaf
from pgcheck.isa.machine.choices import MIRROR
from pgcheck.isa.machine.machine import Instruction, Machine, ModeClass
from pgcheck.isa.machine.machine import Row as Label
from pgcheck.isa.machine.schemes import Bounds, External
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    conjunction,
    constant,
    disjunction,
    eq,
    land,
    lnot,
    operand,
    substitute,
)
from pgcheck.isa.terms.ir import BUILTIN_EXITS, NEXT, TRANSLATE, Block
from pgcheck.models.state import Fetched, holding, reset
from pgcheck.models.symbolic import Exit, Transition, transition
from pgcheck.vmm.paging.entries import form
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.world import World, world

EQ1, EQ3, RC1 = "EQ1", "EQ3", "RC1"


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
    """The obligations of a row in one virtual mode: under `hypotheses` no mismatch of a family is possible."""

    row: Row
    mode: int
    monitored: Monitored
    bare: Bare
    hypotheses: tuple[Term, ...]
    mismatches: Mapping[str, Mapping[str, Term]]


def step(promise: Promise, row: Row, mode_class: ModeClass, mode: int, *, division: World | None = None) -> Step:
    """Both machines from every virtual state of a mode. Raises TooManyPaths, and whatever the dispatcher raises."""
    setting, machine = promise.setting, promise.machine
    states = related(setting, mode_class, mode, promise.configuration)
    of_bare = bare(machine, row.subject, states.virtual)
    guest = Monitored(
        row, promise.policy, division or promise.division, promise.sets, states.virtual, setting.mode(mode)
    )
    alone = list(paths(lambda: guest.step(frozenset())))
    hypotheses = (states.of_virtual, row.subject.canonical, lnot(of_bare.left_out))
    nested = list(paths(lambda: guest.step(promise.every_exit)))
    mismatches = {
        EQ1: _collected(m for p in alone for m in _ends(machine, guest, of_bare.ends, p)),
        EQ3: _collected(m for p in nested for m in _frames(machine, guest, of_bare.ways, p)),
        RC1: _collected(m for p in alone for m in _control(promise, guest, p)),
    }
    return Step(row, mode, guest, of_bare, hypotheses, mismatches)


def unnoticed(promise: Promise, row: Row, mode_class: ModeClass, mode: int) -> tuple[tuple[Term, ...], list[Term]]:
    """The hypotheses, and the conditions on which the row's step changes the monitor's state and the dispatcher goes on."""
    setting = promise.setting
    states = related(setting, mode_class, mode, promise.configuration)
    guest = Monitored(row, promise.policy, promise.division, promise.sets, states.virtual, setting.mode(mode))
    escapes: list[Term] = []
    for path in paths(lambda: guest.step(frozenset())):
        if path.outcome.how == LOST:
            continue
        known = _Known(path)
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


Mismatch = tuple[str, Term]


def _ends(machine: Machine, guest: Monitored, ends: tuple[Way, ...], path: Path[Ended]) -> Iterator[Mismatch]:
    """EQ1: the whole virtual state after the step, trap entry included."""
    known = _Known(path)
    ended, when = path.outcome, conjunction(path.conditions)
    match ended.how:
        case "stutter":
            if ended.access is None:
                yield "stutter without a miss", when
            else:
                yield "stutter on a fault of the guest's", land(when, faults(machine, ended.access, guest.virtual_mode))
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


def _frames(machine: Machine, guest: Monitored, ways: tuple[Way, ...], path: Path[Ended]) -> Iterator[Mismatch]:
    """EQ3: the exit before its delivery, as a monitor below this guest would see it."""
    known = _Known(path)
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


def _control(promise: Promise, guest: Monitored, path: Path[Ended]) -> Iterator[Mismatch]:
    """RC1: the processor is entered in the monitor's own state and user mode, and leaves that state as it was."""
    machine, setting = promise.machine, promise.setting
    known, when = _Known(path), conjunction(path.conditions)
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


class _Known:
    """Simplifies terms by what a path has decided."""

    def __init__(self, path: Path[Ended]) -> None:
        self.facts = {t: TRUE if v else FALSE for t, v in path.known.items()}
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


# ---- the rows under proof: instructions, the parts of a step that are none, and instructions that no machine has


def instruction_row(promise: Promise, instruction: Instruction, label: Label) -> Row:
    """An instruction's row; where an operand is none of the values of other rows, what they do is left out."""
    one = _narrowed(subject(promise.setting, instruction, label))
    fixed = dict(one.fixed)
    operands: Mapping[str, int] = {
        n: Symbolic.of(constant(b.width, fixed[n]) if n in fixed else operand(b.width, n))
        for n, b in instruction.operands.items()
    }
    widths = {operand(b.width, n): bits(operands[n], b.width) for n, b in instruction.operands.items()}
    length = Symbolic.of(substitute([instruction.length], widths)[0])
    return Row(promise.setting, one, Fetched(instruction, operands, length))


def _narrowed(one: Subject) -> Subject:
    if not one.row.others:
        return one
    chosen = operand(one.instruction.operands[one.row.operand].width, one.row.operand)
    elsewhere = dict.fromkeys((eq(chosen, constant(chosen.width, v)) for v in one.row.others), FALSE)
    memo: dict[Term, Term] = {}

    def narrowed(*terms: Term) -> list[Term]:
        return substitute(terms, elsewhere, memo)

    def state(leaves: Leaves) -> Leaves:
        return dict(zip(leaves, narrowed(*leaves.values()), strict=True))

    step = one.transition
    exits = [
        Exit(narrowed(e.guard)[0], e.function, tuple(narrowed(*e.args)), e.note, state(e.state)) for e in step.exits
    ]
    return replace(one, transition=Transition(narrowed(step.completes)[0], state(step.post), tuple(exits)))


def other_rows(promise: Promise) -> dict[str, Row]:
    """The parts of a step that are no instruction: the fetch, and bits that no encoding accepts."""
    machine = promise.machine
    control = frozenset(leaf.name for leaf in machine.state.control)

    def row(name: str, step: Transition, part: str) -> Row:
        found = run_on(machine, promise.setting.continued, step)
        whole = replace(machine.instructions[0], partial=False)
        return Row(promise.setting, Subject(whole, Label(name), found, TRUE, (), control), None, part)

    return {
        "(fetch)": row("(fetch)", fetching(machine), FETCH),
        UNDEFINED: row(UNDEFINED, transition(machine, machine.code.undefined), UNDEFINED),
    }


def made_up_row(promise: Promise, name: str, body: Block) -> Row:
    """The row of an instruction that no machine has."""
    instruction = Instruction(
        id=f"canary {name}",
        name="canary",
        variant="",
        position=Position(promise.machine.identity.path, 1, 1),
        encoding=None,
        operands={},
        length=constant(1, 1),
        canonical=TRUE,
        encoding_term=None,
        body=body,
        line=None,
        access={},
        rows=(Label(""),),
        partial=False,
        description="",
    )
    row = instruction_row(promise, instruction, Label(""))
    return replace(row, fetched=Fetched(instruction, {}, 0))


def usable(leaf: Leaf, machine: Machine) -> bool:
    """Whether a made-up instruction can show or change a leaf."""
    hardwired = isinstance(leaf, ArrayLeaf) and leaf.hardwired
    return not leaf.volatile and leaf.name not in (machine.state.pc, machine.state.memory) and not hardwired
