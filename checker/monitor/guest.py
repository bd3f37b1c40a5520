"""The monitor's surroundings on terms: processor, memory management and binding, under the dispatcher's own code.

`TrapAndEmulate` of the monitor runs here as it is. What it asks of the processor is one step of the row under proof in the real state
that it made; what it asks of a binding is the row's own meaning on the virtual state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any, cast

from pgcheck.checker.monitor.machine import Leaves, Way, entered, faulting, faults, instance, payload_widths
from pgcheck.checker.monitor.values import Symbolic, bits, decide, term_of, value
from pgcheck.checker.questions.copies import Answer, as_it_is, executing, in_mode, real_oracle
from pgcheck.checker.questions.subject import Setting, Subject
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import TRUE, Name, Term, apply, land, lnot, on_leaves, rewrite, substitute
from pgcheck.isa.terms.ir import BUILTIN_EXITS, NEXT, TRANSLATE
from pgcheck.isa.terms.names import HELD, MMU, PARAMETER, REAL, VIRTUAL, Tag
from pgcheck.models.engine import VmExit
from pgcheck.models.state import Exit, Fetched, State
from pgcheck.models.symbolic import FAULT, predicate
from pgcheck.vmm import monitor, world
from pgcheck.vmm.binding import REFERENCE, Binding
from pgcheck.vmm.gate import ResourceControlLost
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.world import World

MENDS, ENTERS = Name(MMU, "mends"), Name(MMU, "enters")
FETCH, UNDEFINED = "fetch", "undefined"
STUTTER, LOST, FETCHED = "stutter", "resource control lost", "fetched"


class Over(Exception):
    """The step is over in a way that no return value of the dispatcher says; `direct`: on the processor, before any capture.

    `escaped`: the real machine ended in an exit that no monitor gets.
    """

    def __init__(
        self, how: str, payload: tuple[Term, ...] = (), *, direct: bool = False, escaped: bool = False
    ) -> None:
        self.how, self.payload, self.direct, self.escaped = how, payload, direct, escaped
        super().__init__(how)

    @staticmethod
    def out_of_control(function: str) -> Over:
        """The real machine ended in an exit that no monitor gets."""
        return Over(f"real {function}", escaped=True)


@dataclass(slots=True)
class Surroundings:
    """The guest's: its clock, and the leaves that are no part of the processor's state (memory, devices)."""

    outside: dict[str, Term]
    clock: int = 0
    deadline: int = 0
    oracle: object = None
    cuts: object = None
    undefined: object = None


@dataclass(frozen=True, slots=True)
class Run:
    """What the processor did for a guest: the state it was given, and the one it left."""

    before: Leaves
    after: Leaves


@dataclass(frozen=True, slots=True)
class Ended:
    """How one step of the monitored guest ended: `how` is `NEXT`, a terminator, or one of the words above.

    `state` are all leaves of the virtual machine; an exit that stopped the guest has its payload and instruction. `lost`: the monitor has
    lost control of the processor. `ways` are those that the processor had.
    """

    how: str
    state: Leaves
    steps: int
    args: tuple[Term, ...]
    fetched: Fetched | None
    fetching: bool
    runs: tuple[Run, ...]
    access: tuple[Term, ...] | None
    lost: bool
    ways: tuple[Way, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A row under proof: the transition, what is fetched, and which part of a step it is (an instruction, or `FETCH`).

    `resumes` are the terminators after which the row, though it has changed state before, ends from the state at the trap as it would
    have from the one before; after `TRANSLATE` where the fault is not the guest's own. That is asked of each such row (rule
    partial_instructions_resume). `stands`: where it is, the bare step ends in that fault, in the state that is left.
    """

    setting: Setting
    subject: Subject
    fetched: Fetched | None
    part: str = ""
    resumes: frozenset[str] = frozenset()
    stands: bool = False
    memo: dict[tuple[object, ...], tuple[Way, ...]] = field(default_factory=dict, compare=False)
    predicates: dict[Term, Term] = field(default_factory=dict, compare=False)

    @property
    def machine(self) -> Machine:
        return self.setting.machine

    def ways(self, pre: Leaves, answer: Answer, tag: Tag, about: object = None) -> tuple[Way, ...]:
        """The row's step from the leaves `pre`; `about` tells answers of one tag apart. Paths share what they have in common."""
        key = (tag, about, *(pre[n] for n in self.machine.state.leaves))
        if key not in self.memo:
            self.memo[key] = instance(self.machine, self.subject.transition, pre, answer, tag, self.subject.private)
        return self.memo[key]

    def entered(self, way: Way) -> tuple[Way, ...]:
        """Trap entry of an exit."""
        key = (way.function, way.guard, *way.args, *(way.state.get(n) for n in self.machine.state.leaves))
        if key not in self.memo:
            self.memo[key] = entered(self.machine, way)
        return self.memo[key]


def apart(machine: Machine) -> tuple[str, ...]:
    """The leaves that belong to the computer around the processor."""
    return (machine.state.memory, *(n for n, leaf in machine.state.leaves.items() if leaf.volatile))


class Processor:
    """The host: it takes one step of the row in whatever state the monitor has put it."""

    def __init__(self, row: Row, virtual_mode: Term, guest: Surroundings, policy: Policy) -> None:
        self.row, self.guest, self.machine, self.policy = row, guest, row.machine, policy
        self.state: State = {}
        self.surroundings = Surroundings({})
        self.engine = self
        self.runs: list[Run] = []
        self.virtual_mode = virtual_mode
        self.access: tuple[Term, ...] | None = None
        self.ways: tuple[Way, ...] = ()
        self.trapped = ""
        apart_ = apart(self.machine)
        self.state.update(
            {n: value(leaf, leaf.copied(HELD)) for n, leaf in self.machine.state.leaves.items() if n not in apart_}
        )

    def oracle(self) -> Answer:
        """The processor's cuts: the guest's translation, or a miss; the monitor's tables, with what the policy puts there."""
        return real_oracle(self.machine, self.virtual_mode, self.policy.responses)

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        """One step in `state`; a second one in the same exploration is the retry after a mended miss."""
        if self.runs:
            raise Over(STUTTER)
        assert state is self.state
        machine = self.machine
        before = {n: term_of(machine.state.leaves[n], v) for n, v in self.state.items()} | self.guest.outside
        self.ways = self.row.ways(before, self.oracle(), REAL, self.virtual_mode)
        way = chosen(self.ways)
        self.runs.append(Run(before, way.state))
        for name in self.guest.outside:
            self.guest.outside[name] = way.state[name]
        self.state.update({n: value(machine.state.leaves[n], way.state[n]) for n in self.state})
        if way.function == NEXT:
            if self.row.part == FETCH:
                raise Over(FETCHED, direct=True)
            return VmExit(1)
        exit_ = exit_of(machine, way)
        if way.function in executing(machine):
            raise Over(way.function, way.args, direct=True)
        if way.function in BUILTIN_EXITS:
            raise Over.out_of_control(way.function)
        if way.function in intercept:
            self.access = way.args if way.function == TRANSLATE else None
            self.trapped = way.function
            fetching = self.row.part == FETCH
            return VmExit(0, exit_, None if fetching else self.row.fetched, fetching)
        end = chosen(self.row.entered(way))
        if end.function != NEXT:
            raise Over.out_of_control(end.function)
        for name in self.guest.outside:
            self.guest.outside[name] = end.state[name]
        self.state.update({n: value(machine.state.leaves[n], end.state[n]) for n in self.state})
        return VmExit(1)


def chosen(ways: tuple[Way, ...]) -> Way:
    """The way that a step takes: decided exit by exit."""
    for way in ways[:-1]:
        if decide(way.guard):
            return way
    return ways[-1]


def exit_of(machine: Machine, way: Way) -> Exit:
    """An exit as the reference binding gives it, with the access that a fault of translation was."""
    args = tuple(Symbolic.of(a) for a in way.args)
    return Exit(way.function, args, access=args if way.function == TRANSLATE else None)


class Memory:
    """The memory management unit as the dispatcher sees it: its promise, which the proofs about shadow tables keep.

    It sets the leaves of relocation, may refuse a virtual state, and mends a fault of its own only where the guest's own translation
    makes none.
    """

    def __init__(self, machine: Machine, sets: tuple[str, ...]) -> None:
        self.machine, self.sets = machine, sets

    def enter(self, virtual: State, surroundings: object, real: State) -> bool:
        if not decide(apply(0, ENTERS)):
            return False
        for name in self.sets:
            leaf = self.machine.state.leaves[name]
            real[name] = value(leaf, leaf.copied(REAL))
        return True

    def miss(self, args: tuple[int, ...], virtual: State, surroundings: object, real: State) -> bool:
        given = tuple(bits(a, w) for a, w in zip(args, payload_widths(self.machine, TRANSLATE), strict=True))
        mode = term_of(self.machine.state.leaves[self.machine.modes.leaf], virtual[self.machine.modes.leaf])
        return decide(land(apply(0, MENDS, *given), lnot(faults(self.machine, given, mode))))

    def answer(self, args: tuple[int, ...], virtual: State, surroundings: object, real: State) -> None:
        return


_ASKED = ("pending", "waiting", "holds", "fetch", "execute", "enter", "refused", "values")


class Routine:
    """The binding of interpreter routines on terms: the row's meaning, and the specification's trap entry."""

    def __init__(self, guest: Monitored, host: Processor) -> None:
        self.guest, self.host, self.row, self.machine = guest, host, guest.row, guest.row.machine
        self.predicates = guest.row.predicates

    def binding(self) -> Binding:
        """The answers, and that nothing is pending."""
        return replace(REFERENCE, **{n: getattr(self, n) for n in _ASKED})

    def pending(self, machine: Machine, state: State, surroundings: Surroundings) -> bool:
        """Interrupts come between steps, and are no part of one."""
        return False

    waiting = pending

    def holds(self, machine: Machine, term: Term, state: State, surroundings: Surroundings) -> bool:
        leaves = whole(self.machine, state, surroundings)
        if term not in self.predicates:
            self.predicates[term] = predicate(machine, term)
        return decide(on_leaves([self.predicates[term]], leaves)[0])

    def fetch(self, machine: Machine, state: State, surroundings: Surroundings) -> Fetched | Exit | None:
        if self.row.part == FETCH:
            way = self._ways(self.row.subject, state, surroundings)
            if way.function == NEXT:
                raise Over(FETCHED)
            return exit_of(machine, way)
        return self.row.fetched

    def execute(
        self, machine: Machine, fetched: Fetched | None, state: State, surroundings: Surroundings
    ) -> tuple[Exit | None, Fetched | None]:
        subject = self.row.subject
        way = self._ways(subject, state, surroundings, self._operands(fetched))
        self._become(way, state, surroundings)
        if way.function in executing(machine):
            raise Over(way.function, way.args)
        return (None if way.function == NEXT else exit_of(machine, way)), fetched

    def enter(self, machine: Machine, exit_: Exit, state: State, surroundings: Surroundings) -> Exit | None:
        before = whole(self.machine, state, surroundings)
        parameters = payload_widths(self.machine, exit_.function)
        args = tuple(bits(a, w) for a, w in zip(exit_.args, parameters, strict=True))
        end = chosen(self.row.entered(Way(exit_.function, TRUE, before, args)))
        self._become(end, state, surroundings)
        return None if end.function == NEXT else exit_of(machine, end)

    def refused(self, machine: Machine, args: tuple[int, ...], state: State, surroundings: Surroundings) -> Exit | None:
        given = tuple(bits(a, w) for a, w in zip(args, payload_widths(machine, TRANSLATE), strict=True))
        if not faulting(machine) or not decide(apply(0, FAULT, *given)):
            return None
        way = self.guest.standing(whole(machine, state, surroundings), given, self.host)
        self._become(way, state, surroundings)
        return exit_of(machine, way)

    def values(
        self,
        machine: Machine,
        terms: Sequence[Term],
        state: State,
        surroundings: Surroundings,
        handed: Mapping[str, int],
    ) -> list[int]:
        return values_on(machine, terms, whole(machine, state, surroundings), handed)

    def _operands(self, fetched: Fetched | None) -> Mapping[Term, Term]:
        """The operands that the routine was given, for those of the transition."""
        ours = self.row.fetched
        if fetched is None or ours is None:
            return {}
        if fetched.instruction is not ours.instruction or _length(fetched) is not _length(ours):
            raise Over("another instruction")
        mapping: dict[Term, Term] = {}
        for name, width in ours.instruction.operands.items():
            given, own = bits(fetched.operands[name], width.width), bits(ours.operands[name], width.width)
            if given is not own:
                mapping[own] = given
        return mapping

    def _ways(
        self, subject: Subject, state: State, surroundings: Surroundings, operands: Mapping[Term, Term] | None = None
    ) -> Way:
        leaves = self.guest.origin(whole(self.machine, state, surroundings), self.host)
        ways = self.row.ways(leaves, as_it_is, VIRTUAL)
        if operands:
            ways = tuple(_with(way, operands) for way in ways)
        return chosen(ways)

    def _become(self, way: Way, state: State, surroundings: Surroundings) -> None:
        for name, term in way.state.items():
            if name in surroundings.outside:
                surroundings.outside[name] = term
            else:
                state[name] = value(self.machine.state.leaves[name], term)


def values_on(machine: Machine, terms: Sequence[Term], leaves: Leaves, handed: Mapping[str, int]) -> list[int]:
    """Terms over leaves and over what a trap hands over, in a state."""

    def replace(term: Term, _: tuple[Term, ...]) -> Term | None:
        name = term.free
        if name is not None and name.space == PARAMETER:
            return bits(handed[name.text], term.width)
        return None if (leaf := term.leaf) is None else leaves[leaf]

    return [Symbolic.of(t) for t in rewrite(terms, replace)]


def _length(fetched: Fetched) -> Term:
    return bits(fetched.length, fetched.instruction.length.width)


def _with(way: Way, mapping: Mapping[Term, Term]) -> Way:
    guard, *rest = substitute([way.guard, *way.args, *way.state.values()], mapping)
    return Way(
        way.function, guard, dict(zip(way.state, rest[len(way.args) :], strict=True)), tuple(rest[: len(way.args)])
    )


def whole(machine: Machine, state: State, surroundings: Surroundings) -> dict[str, Term]:
    """All leaves of the virtual machine as terms."""
    return {n: term_of(machine.state.leaves[n], v) for n, v in state.items()} | surroundings.outside


@dataclass(frozen=True, slots=True)
class Monitored:
    """A guest under the monitor before its step: the leaves of its virtual state, and whom the dispatcher answers to."""

    row: Row
    policy: Policy
    division: World
    sets: tuple[str, ...]
    leaves: Leaves
    virtual_mode: Term

    def left(self, run: Run) -> Leaves:
        """The virtual state at a trap: what the guest shares with the processor as that has left it."""
        shared = (*self.division.shared, *apart(self.row.machine))
        return {**self.leaves, **{name: run.after[name] for name in shared}}

    def origin(self, leaves: Leaves, host: Processor) -> Leaves:
        """A state from which the row ends as from `leaves`: the one before, where it goes on from what its trap has left."""
        if host.trapped not in self.row.resumes or not self._is_left(leaves, host):
            return leaves
        own = host.access is not None and decide(faults(self.row.machine, host.access, self.virtual_mode))
        return leaves if own else self.leaves

    def standing(self, leaves: Leaves, args: tuple[Term, ...], host: Processor) -> Way:
        """A fault of the guest's own in the state `leaves`: as the bare step ends in it, where it is proved to stand."""
        if self.row.stands and host.access is not None and self._is_left(leaves, host):
            accessed = in_mode(self.row.machine, host.access, self.virtual_mode)
            if all(a is b for a, b in zip(args, accessed, strict=True)):
                return next(w for w in self.row.ways(self.leaves, as_it_is, VIRTUAL) if w.function == TRANSLATE)
        return Way(TRANSLATE, TRUE, leaves, args)

    def _is_left(self, leaves: Leaves, host: Processor) -> bool:
        """Whether that is the state that the trap has left."""
        left = self.left(host.runs[-1])
        return all(left[name] is term for name, term in leaves.items())

    def step(self, intercept: Set[str]) -> Ended:
        """Run the dispatcher for one step on the current path."""
        machine, outside = self.row.machine, apart(self.row.machine)
        guest = Surroundings({n: self.leaves[n] for n in outside})
        state: State = {n: value(leaf, self.leaves[n]) for n, leaf in machine.state.leaves.items() if n not in outside}
        host = Processor(self.row, self.virtual_mode, guest, self.policy)
        routine = Routine(self, host)
        memory = Memory(machine, self.sets)
        dispatcher = monitor.TrapAndEmulate(
            cast(Any, host), self.division, self.policy, cast(Any, memory), routine.binding()
        )
        how, args, fetched, is_fetching, steps = NEXT, tuple[Term, ...](), self.row.fetched, False, 0
        lost = False
        try:
            stop = dispatcher.run(state, cast(Any, guest), 1, intercept)
            steps, fetched, is_fetching = stop.steps, stop.fetched, stop.fetching
            if stop.exit is not None:
                how = stop.exit.function
                args = tuple(bits(a, w) for a, w in zip(stop.exit.args, payload_widths(machine, how), strict=True))
        except Over as over:
            how, args, lost = over.how, over.payload, over.escaped
            if over.direct:
                state.update(world.save_guest(self.division, host.state))
        except ResourceControlLost:
            how, lost = LOST, True
        return Ended(
            how=how,
            state=whole(machine, state, guest),
            steps=steps,
            args=args,
            fetched=fetched,
            fetching=is_fetching,
            runs=tuple(host.runs),
            access=host.access,
            lost=lost,
            ways=host.ways,
        )
