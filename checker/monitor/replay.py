"""A counterexample run again: the real monitor on integers, and the bare machine, both on the reference binding.

Nothing here knows terms' truth: the model gives the start, and what the translation's and devices' oracles answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, cast

from pgcheck.checker.monitor.guest import (
    ENTERS,
    FETCH,
    FETCHED,
    LOST,
    MENDS,
    STUTTER,
    Monitored,
    Over,
    Row,
    apart,
)
from pgcheck.checker.monitor.machine import faulting, payload, raises
from pgcheck.checker.monitor.step import EQ3, RC1, Promise, Step, expected
from pgcheck.checker.questions.answers import Answers, state_under
from pgcheck.checker.questions.copies import executing
from pgcheck.checker.result import StateValue
from pgcheck.checker.solving.model import Model
from pgcheck.checker.witnesses.witness_replay import values_of
from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Name, Term, operand
from pgcheck.isa.terms.ir import BUILTIN_EXITS, NEXT, TRANSLATE, UNMODELLED, UNPREDICTABLE
from pgcheck.isa.terms.names import HELD, HELD_OTHERWISE, REAL, STATE, VIRTUAL, Tag
from pgcheck.models.engine import VmExit
from pgcheck.models.reference.cycle import body, call, canonical, deliver
from pgcheck.models.reference.cycle import step as one_step
from pgcheck.models.reference.step import Step as Body
from pgcheck.models.state import Cells, Ended, Exit, Fetched, State, Surroundings, copied
from pgcheck.models.symbolic import FAULT
from pgcheck.vmm import monitor, world
from pgcheck.vmm.binding import REFERENCE, Binding
from pgcheck.vmm.monitor import ResourceControlLost
from pgcheck.vmm.vmm import page_shift


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A virtual state and an instruction whose monitored step differs from the bare machine's.

    Leaves that are 0 are left out; `answers` are the oracles' (function, arguments, value); `differs` is what the replay showed.
    """

    instruction: str
    operands: Mapping[str, int]
    virtual_mode: int
    virtual: Mapping[str, StateValue]
    answers: tuple[tuple[str, tuple[int, ...], int], ...]
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _World:
    """A row under a model: its instruction with operands, and the meaning of its parts on integers."""

    promise: Promise
    row: Row
    model: Model
    virtual_mode: int

    @property
    def machine(self) -> Machine:
        return self.row.machine

    @property
    def fetched(self) -> Fetched | None:
        if self.row.fetched is None:
            return None
        instruction = self.row.fetched.instruction
        fixed = dict(self.row.subject.fixed)
        operands = {n: fixed.get(n, self.model.leaf(operand(b.width, n))) for n, b in instruction.operands.items()}
        return canonical(instruction, operands)

    def answers(self, tag: Tag) -> Answers:
        """What the guest's step or the processor's asks of outside."""
        return Answers(self.machine, self.model, tag, self.virtual_mode, self.promise.policy.responses)

    def surroundings(self, tag: Tag) -> Surroundings:
        return self.answers(tag).surroundings

    def state(self, leaves: Mapping[str, Term]) -> State:
        """The leaves under the model."""
        return state_under(self.machine, leaves, self.model)

    # ---- the row's meaning

    def fetch(self, machine: Machine, state: State, surroundings: Surroundings) -> Fetched | Exit | None:
        if self.row.part != FETCH:
            return self.fetched
        here = state[machine.state.pc]
        assert isinstance(here, int)
        found = call(machine, machine.code.fetch, (here,), state, surroundings)
        if isinstance(found, Exit):
            return replace(found, access=found.args) if found.function == TRANSLATE else found
        raise Over(FETCHED)

    def execute(
        self, machine: Machine, fetched: Fetched | None, state: State, surroundings: Surroundings
    ) -> tuple[Exit | None, Fetched | None]:
        if fetched is None:
            ended = body(Body(machine, state, {}, surroundings), machine.code.undefined, 0)
        else:
            ended = one_step(machine, fetched, state, surroundings)
        while ended is not None and ended.function in self.promise.setting.continued:
            ended = deliver(machine, ended, state, surroundings)
        if ended is not None and ended.function in executing(machine):
            raise Over(ended.function, cast(Any, ended.args))
        if ended is not None and ended.function == TRANSLATE:
            ended = replace(ended, access=ended.args)
        return ended, fetched

    def raised(self, exit_: Exit) -> Exit:
        """A fault of the oracle as the guest's own translation raises it."""
        if exit_.function != TRANSLATE:
            return exit_
        functions = faulting(self.machine)
        chosen = next((f for f in functions[:-1] if self.model.function(raises(f), exit_.args, 0)), functions[-1])
        given = tuple(
            self.model.function(payload(chosen, n), exit_.args, w)
            for n, w in self.machine.code.functions[chosen].parameters
        )
        return Exit(chosen, given)

    def enter(self, machine: Machine, exit_: Exit, state: State, surroundings: Surroundings) -> Exit | None:
        current = self.raised(exit_)
        while current.function not in BUILTIN_EXITS:
            nested = deliver(machine, current, state, surroundings)
            if nested is None:
                return None
            rule = machine.code.exits.get(machine.code.exits[current.function].nested)
            if rule is None or nested.function in BUILTIN_EXITS:
                return self.raised(nested)
            current = Exit(rule.function, ())
        return current

    def binding(self) -> Binding:
        nothing = lambda machine, state, surroundings: False  # noqa: E731
        return replace(
            REFERENCE,
            pending=nothing,
            waiting=nothing,
            fetch=self.fetch,
            execute=self.execute,
            enter=self.enter,
        )


class _Processor:
    """The host of a replay: one step of the row, on integers."""

    def __init__(self, world_: _World, guest: State) -> None:
        self.world, self.machine, self.engine = world_, world_.machine, self
        self.state: State = {n: v for n, v in guest.items() if n in apart(self.machine)}
        self.surroundings = Surroundings()
        self.runs: list[tuple[State, State]] = []
        self.access: tuple[int, ...] | None = None

    def run(self, state: State, outside: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        if self.runs:
            raise Over(STUTTER)
        before = copied(state)
        self.runs.append((before, state))
        mine = self.world.surroundings(REAL)
        try:
            return self._step(state, before, mine, intercept)
        except Over as over:
            raise Over(over.how, over.payload, direct=True) from None

    def _step(self, state: State, before: State, mine: Surroundings, intercept: Set[str]) -> VmExit:
        if self.world.row.part == FETCH:
            found = self.world.fetch(self.machine, state, mine)
            exit_ = cast(Exit, found)
            self.access = exit_.access
            return VmExit(0, exit_, None, True)
        ended, fetched = self.world.execute(self.machine, self.world.fetched, state, mine)
        if ended is None:
            return VmExit(1)
        if ended.function in intercept:
            self.access = ended.access
            if self.world.row.subject.instruction.partial:
                ended = replace(ended, undo=lambda: _put_back(state, before))
            return VmExit(0, ended, fetched)
        raise Over(f"real {ended.function}")


def _put_back(state: State, before: State) -> None:
    """Make a state what it was, arrays in place."""
    for name, old in before.items():
        held = state[name]
        if isinstance(held, Cells) and isinstance(old, Cells):
            held.clear()
            held.update(old)
            held.fill = old.fill
        else:
            state[name] = old


class _Memory:
    """The memory management unit of a replay: what the model promises."""

    def __init__(self, world_: _World) -> None:
        self.world = world_

    def enter(self, virtual: State, surroundings: Surroundings, real: State) -> bool:
        if not self.world.model.function(ENTERS, (), 0):
            return False
        for name in self.world.promise.sets:
            real[name] = self.world.model.variables.get(Name(STATE, name, copy=REAL), 0)
        return True

    def miss(self, args: tuple[int, ...], virtual: State, surroundings: Surroundings, real: State) -> bool:
        translation = self.world.machine.code.translation
        assert translation is not None
        at = translation.mode
        own = (*args[:at], self.world.virtual_mode, *args[at + 1 :])
        return bool(self.world.model.function(MENDS, args, 0)) and not self.world.model.function(FAULT, own, 0)

    def answer(self, args: tuple[int, ...], virtual: State, surroundings: Surroundings, real: State) -> None:
        return


@dataclass(frozen=True, slots=True)
class _End:
    how: str
    args: tuple[int, ...]
    state: State
    steps: int = 0
    fetching: bool = False
    fetched: Fetched | None = None


def replay_counterexample(promise: Promise, step: Step, family: str, model: Model) -> Counterexample:
    """Run both sides from the model's state; `differs` is empty when the family's claim holds there after all."""
    world_ = _World(promise, step.row, model, step.mode)
    before = world_.state(step.monitored.leaves)
    nested = promise.every_exit if family == EQ3 else frozenset()
    theirs = _bare(world_, copied(before), deliver_=family != EQ3)
    host, ours = _monitored(world_, copied(before), nested, step.monitored.division)
    if theirs.how in (UNMODELLED, UNPREDICTABLE):
        differs: list[str] = []
    elif family == RC1:
        differs = _control(promise, world_, step, host, ours)
    else:
        differs = _ends(world_, before, theirs, ours, host.access, frames=family == EQ3)
    instruction = step.row.subject.instruction.id if step.row.fetched is not None else step.row.subject.row.label
    fetched = world_.fetched
    return Counterexample(
        instruction,
        dict(fetched.operands) if fetched is not None else {},
        step.mode,
        values_of(before),
        _answers(model),
        tuple(differs),
    )


def _bare(world_: _World, state: State, *, deliver_: bool) -> _End:
    machine, surroundings = world_.machine, world_.surroundings(VIRTUAL)
    fetching = False
    fetched: Fetched | None = None
    try:
        if world_.row.part == FETCH:
            found = world_.fetch(machine, state, surroundings)
            ended, fetching = cast(Exit, found), True
        else:
            exit_, fetched = world_.execute(machine, world_.fetched, state, surroundings)
            if exit_ is None:
                return _End(NEXT, (), state, 1)
            ended = exit_
    except Over as over:
        return _End(over.how, cast(Any, over.payload), state)
    if deliver_:
        undeliverable = world_.enter(machine, ended, state, surroundings)
        if undeliverable is None:
            return _End(NEXT, (), state, 1)
        ended = undeliverable
    return _End(ended.function, ended.args, state, 0, fetching, fetched)


def _monitored(
    world_: _World, state: State, intercept: Set[str], division: world.World, tag: Tag = HELD
) -> tuple[_Processor, _End]:
    machine = world_.machine
    host = _Processor(world_, state)
    guest = world_.surroundings(VIRTUAL)
    dispatcher = monitor.TrapAndEmulate(
        cast(Any, host), division, world_.promise.policy, cast(Any, _Memory(world_)), world_.binding()
    )
    # A leaf that the monitor forgets to set is whatever the processor held.
    for name, leaf in machine.state.leaves.items():
        if name not in host.state:
            held = Name(STATE, name, copy=tag)
            cells = world_.model.cells(held)
            host.state[name] = Cells(0, cells) if isinstance(leaf, ArrayLeaf) else world_.model.variables.get(held, 0)
    try:
        stop = dispatcher.run(state, guest, 1, intercept)
    except Over as over:
        if over.direct:
            state.update(world.save_guest(division, host.state))
        return host, _End(over.how, cast(Any, over.payload), state)
    except ResourceControlLost:
        return host, _End(LOST, (), state)
    except Ended as ended:
        return host, _End(ended.exit.function, ended.exit.args, state)
    if stop.exit is None:
        return host, _End(NEXT, (), state, stop.steps)
    return host, _End(stop.exit.function, stop.exit.args, state, stop.steps, stop.fetching, stop.fetched)


def _ends(
    world_: _World, before: State, theirs: _End, ours: _End, access: tuple[int, ...] | None, *, frames: bool
) -> list[str]:
    found: list[str] = []
    if ours.how == STUTTER:
        found = [f"stutter:{n}" for n in _changed(before, ours.state)]
        if access is None:
            return ["stutter without a miss", *found]
        assert world_.machine.code.translation is not None
        at = world_.machine.code.translation.mode
        own = (*access[:at], world_.virtual_mode, *access[at + 1 :])
        return ["stutter on a fault of the guest's", *found] if world_.model.function(FAULT, own, 0) else found
    if ours.how != theirs.how:
        return [f"ends:{ours.how} for {theirs.how}"]
    found += [f"state:{n}" for n in _changed(theirs.state, ours.state)]
    if ours.args != theirs.args:
        found.append("payload")
    if ours.how != NEXT and frames:
        if ours.fetching != theirs.fetching:
            found.append("fetching")
        if ours.fetched != theirs.fetched:
            found.append("instruction")
    if ours.how == NEXT and ours.steps != theirs.steps:
        found.append("steps")
    return found


def _control(promise: Promise, world_: _World, step: Step, host: _Processor, ours: _End) -> list[str]:
    found = [ours.how] if ours.how == LOST or ours.how.startswith("real ") else []
    wanted = expected(promise, step.monitored)
    own = [n for n in wanted if n in promise.division.own]
    for before, after in host.runs:
        values = {n: world_.state({**step.monitored.leaves, n: t})[n] for n, t in wanted.items()}
        found += [f"resumed:{n}" for n, v in values.items() if before[n] != v]
        found += [f"kept:{n}" for n in own if before[n] != after[n]]
    return found


class _Noted:
    """Physical memory that notes what is used of it."""

    def __init__(self) -> None:
        self.used: set[int] = set()

    def load(self, address: int, count: int) -> int:
        self.used |= set(range(address, address + count))
        return 0

    def store(self, address: int, count: int, value: int) -> None:
        self.used |= set(range(address, address + count))


@dataclass(frozen=True, slots=True)
class _Heard:
    """An oracle that notes what translation gave."""

    oracle: Answers
    given: set[int]

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None:
        fault, address = self.oracle.translate(args) or (False, 0)
        self.given.add(address)
        return fault, address

    def probe(self, name: str, args: tuple[int, ...]) -> int | None:
        return self.oracle.probe(name, args)

    def table(self, name: str, args: tuple[int, ...]) -> int | None:
        return self.oracle.table(name, args)


def strayed(promise: Promise, row: Row, mode: int, before: Mapping[str, Term], model: Model) -> Counterexample:
    """Run the row on the processor; `differs` names the addresses used on pages that translation did not give."""
    world_ = _World(promise, row, model, mode)
    state = world_.state(before)
    start = values_of(state)
    noted, mine = _Noted(), world_.surroundings(REAL)
    given: set[int] = set()
    mine.memory, mine.oracle = noted, _Heard(world_.answers(REAL), given)
    try:
        if row.part == FETCH:
            world_.fetch(row.machine, state, mine)
        else:
            world_.execute(row.machine, world_.fetched, state, mine)
    except Over:
        pass
    shift = page_shift(row.machine)
    pages = {a >> shift for a in given}
    fetched = world_.fetched
    return Counterexample(
        row.subject.id,
        dict(fetched.operands) if fetched is not None else {},
        mode,
        start,
        _answers(model),
        tuple(f"reaches:{a:#x}" for a in sorted(noted.used) if a >> shift not in pages),
    )


def remembered(promise: Promise, row: Row, mode: int, guest: Monitored, model: Model) -> Counterexample:
    """Enter a guest twice, on a processor that held other values before; `differs` names the leaves that tell."""
    world_ = _World(promise, row, model, mode)
    before = world_.state(guest.leaves)
    entered = [
        _monitored(world_, copied(before), frozenset(), guest.division, tag)[0].runs for tag in (HELD, HELD_OTHERWISE)
    ]
    first, second = (runs[0][0] if runs else {} for runs in entered)
    tells = tuple(f"tells:{n}" for n in first if n not in apart(row.machine) and first[n] != second[n])
    return Counterexample("", {}, mode, values_of(before), _answers(model), tells)


def _answers(model: Model) -> tuple[tuple[str, tuple[int, ...], int], ...]:
    return tuple((str(n), a, v) for (n, a), v in sorted(model.functions.items()) if v)


def _changed(a: State, b: State) -> list[str]:
    return [n for n in a if a[n] != b[n]]
