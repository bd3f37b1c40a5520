"""Both machines of a counterexample on integers: the bare one, and the guest under the real monitor, on the reference binding."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, cast

from pgcheck.checker.monitor.guest import ENTERS, FETCH, FETCHED, LOST, MENDS, STUTTER, Over, Row, apart
from pgcheck.checker.monitor.machine import faulting, first_link, payload, raises
from pgcheck.checker.monitor.step import Promise
from pgcheck.checker.questions.answers import Answers, state_under
from pgcheck.checker.questions.copies import executing
from pgcheck.checker.questions.delegation import ran_on
from pgcheck.checker.solving.model import Model
from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Name, Term, operand
from pgcheck.isa.terms.ir import BUILTIN_EXITS, NEXT, TRANSLATE
from pgcheck.isa.terms.names import HELD, REAL, STATE, VIRTUAL, Tag
from pgcheck.models.engine import VmExit
from pgcheck.models.reference.cycle import body, call, canonical, deliver
from pgcheck.models.reference.cycle import step as one_step
from pgcheck.models.reference.step import Step as Body
from pgcheck.models.state import Cells, Ended, Exit, Fetched, State, Surroundings, copied, scalar
from pgcheck.vmm import monitor, world
from pgcheck.vmm.binding import REFERENCE, Binding
from pgcheck.vmm.gate import ResourceControlLost


@dataclass(frozen=True, slots=True)
class Replay:
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
        here = scalar(state, machine.state.pc)
        found = call(machine, machine.code.fetch, (here,), state, surroundings)
        if isinstance(found, Exit):
            return replace(found, access=found.args) if found.function == TRANSLATE else found
        raise Over(FETCHED)

    def execute(
        self, machine: Machine, fetched: Fetched | None, state: State, surroundings: Surroundings
    ) -> tuple[Exit | None, Fetched | None]:
        if fetched is None:
            ended = body(Body(machine, state, {}, surroundings), machine.code.undefined.body, 0)
        else:
            ended = one_step(machine, fetched, state, surroundings)
        ended = ran_on(machine, self.promise.setting.continued, ended, state, surroundings)
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
        current, link = self.raised(exit_), first_link(machine)
        while current.function not in BUILTIN_EXITS:
            nested = deliver(machine, current, state, surroundings, link)
            if nested is None:
                return None
            rule = machine.code.exits.get(machine.code.exits[current.function].nested)
            if rule is None or nested.function in BUILTIN_EXITS:
                return self.raised(nested)
            current, link = Exit(rule.function, ()), link + 1
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


class Processor:
    """The host of a replay: one step of the row, on integers."""

    def __init__(self, replay: Replay, guest: State) -> None:
        self.replay, self.machine, self.engine = replay, replay.machine, self
        self.state: State = {n: v for n, v in guest.items() if n in apart(self.machine)}
        self.surroundings = Surroundings()
        self.runs: list[tuple[State, State]] = []
        self.access: tuple[int, ...] | None = None

    def run(self, state: State, outside: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        if self.runs:
            raise Over(STUTTER)
        before = copied(state)
        self.runs.append((before, state))
        mine = self.replay.surroundings(REAL)
        try:
            return self._step(state, before, mine, intercept)
        except Over as over:
            raise Over(over.how, over.payload, direct=True, escaped=over.escaped) from None

    def _step(self, state: State, before: State, mine: Surroundings, intercept: Set[str]) -> VmExit:
        if self.replay.row.part == FETCH:
            found = self.replay.fetch(self.machine, state, mine)
            exit_ = cast(Exit, found)
            self.access = exit_.access
            return VmExit(0, exit_, fetching=True)
        ended, fetched = self.replay.execute(self.machine, self.replay.fetched, state, mine)
        if ended is None:
            return VmExit(1)
        if ended.function in intercept:
            self.access = ended.access
            return VmExit(0, ended, fetched)
        raise Over.out_of_control(ended.function)


class _Memory:
    """The memory management unit of a replay: what the model promises."""

    def __init__(self, replay: Replay) -> None:
        self.replay = replay

    def enter(self, virtual: State, surroundings: Surroundings, real: State) -> bool:
        if not self.replay.model.function(ENTERS, (), 0):
            return False
        for name in self.replay.promise.sets:
            real[name] = self.replay.model.variables.get(Name(STATE, name, copy=REAL), 0)
        return True

    def miss(self, args: tuple[int, ...], virtual: State, surroundings: Surroundings, real: State) -> bool:
        return bool(self.replay.model.function(MENDS, args, 0)) and not self.replay.answers(REAL).faults(args)

    def answer(self, args: tuple[int, ...], virtual: State, surroundings: Surroundings, real: State) -> None:
        return


@dataclass(frozen=True, slots=True)
class End:
    how: str
    args: tuple[int, ...]
    state: State
    steps: int = 0
    fetching: bool = False
    fetched: Fetched | None = None
    lost: bool = False


def bare(replay: Replay, state: State, *, deliver_: bool) -> End:
    machine, surroundings = replay.machine, replay.surroundings(VIRTUAL)
    fetching = False
    fetched: Fetched | None = None
    try:
        if replay.row.part == FETCH:
            found = replay.fetch(machine, state, surroundings)
            ended, fetching = cast(Exit, found), True
        else:
            exit_, fetched = replay.execute(machine, replay.fetched, state, surroundings)
            if exit_ is None:
                return End(NEXT, (), state, 1)
            ended = exit_
    except Over as over:
        return End(over.how, cast(Any, over.payload), state)
    if deliver_:
        undeliverable = replay.enter(machine, ended, state, surroundings)
        if undeliverable is None:
            return End(NEXT, (), state, 1)
        ended = undeliverable
    return End(ended.function, ended.args, state, 0, fetching, fetched)


def monitored(
    replay: Replay, state: State, intercept: Set[str], division: world.World, tag: Tag = HELD
) -> tuple[Processor, End]:
    machine = replay.machine
    host = Processor(replay, state)
    guest = replay.surroundings(VIRTUAL)
    dispatcher = monitor.TrapAndEmulate(
        cast(Any, host), division, replay.promise.policy, cast(Any, _Memory(replay)), replay.binding()
    )
    # A leaf that the monitor forgets to set is whatever the processor held.
    for name, leaf in machine.state.leaves.items():
        if name not in host.state:
            held = Name(STATE, name, copy=tag)
            cells = replay.model.cells(held)
            host.state[name] = Cells(0, cells) if isinstance(leaf, ArrayLeaf) else replay.model.variables.get(held, 0)
    try:
        stop = dispatcher.run(state, guest, 1, intercept)
    except Over as over:
        if over.direct:
            state.update(world.save_guest(division, host.state))
        return host, End(over.how, cast(Any, over.payload), state, lost=over.escaped)
    except ResourceControlLost:
        return host, End(LOST, (), state, lost=True)
    except Ended as ended:
        return host, End(ended.exit.function, ended.exit.args, state)
    if stop.exit is None:
        return host, End(NEXT, (), state, stop.steps)
    return host, End(stop.exit.function, stop.exit.args, state, stop.steps, stop.fetching, stop.fetched)
