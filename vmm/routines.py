"""Interpreter routines made fast: the dispatcher's questions answered by Python generated from the specification."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any, Final

from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import Term, mask
from pgcheck.isa.terms.ir import EXECUTE
from pgcheck.models.generated.lines import TooLong, Unsupported
from pgcheck.models.generated.program import Single, program_of
from pgcheck.models.memory import Storage
from pgcheck.models.reference.cycle import decoded, deliver, enter, execute, executed
from pgcheck.models.reference.step import Step
from pgcheck.models.state import Ended, Exit, Fetched, State, Surroundings
from pgcheck.vmm.binding import REFERENCE, Binding

WARM: Final = 3
MOST_DECODED: Final = 4096
MOST_HELD: Final = 4096
Outcome = tuple[Exit | None, Fetched | None]


class Routines:
    """The answers of REFERENCE, for virtual machines of one kind and with the same ports.

    What is asked seldom, what cannot be generated, and everything while an oracle is in place (as in a guest on which a monitor
    runs), the reference binding answers itself.
    """

    def __init__(self, machine: Machine, ports: frozenset[str]) -> None:
        self.machine, self.program = machine, program_of(machine, ports)
        self.runtime: _Runtime | None = None
        self._singles: dict[str, Single | None] = {}
        self._functions: dict[str, Any] = {}
        self._uses: Counter[str] = Counter()
        self._decoded: dict[int, Fetched | None] = {}
        pc = machine.state.leaves[machine.state.pc]
        self._quiet: object = None
        self._seen = _getter(sorted(self.program.pending)) if self.program.stable and self.program.pending else None
        self._held: dict[tuple[Term, object], bool] = {}
        self._read: dict[Term, Callable[[State], object]] = {}
        self._stride, self._bound = machine.decoding.decode.unit // machine.decoding.decode.pc_unit, mask(pc.width)

    def binding(self) -> Binding:
        """These answers as the dispatcher asks for them."""
        return replace(
            REFERENCE,
            pending=self.pending,
            waiting=self.waiting,
            holds=self.holds,
            fetch=self.fetch,
            execute=self.execute,
            enter=self.enter,
        )

    # ---- the questions

    def pending(self, machine: Machine, state: State, surroundings: Surroundings) -> bool:
        rule = machine.code.interrupt
        if rule is None or (self._seen is not None and self._seen(state) == self._quiet):
            return False
        return self._asked(rule.pending, state, surroundings, REFERENCE.pending)

    def waiting(self, machine: Machine, state: State, surroundings: Surroundings) -> bool:
        """Asked after `pending` has said no; while the leaves that both read stay as they are, both go on saying no."""
        rule, seen = machine.code.interrupt, self._seen
        if rule is None:
            return False
        before = None if seen is None else seen(state)
        if before is not None and before == self._quiet:
            return False
        if rule.waiting and self._asked(rule.waiting, state, surroundings, REFERENCE.waiting):
            return True
        if seen is not None and seen(state) == before:
            self._quiet = before
        return False

    def holds(self, machine: Machine, predicate: Term, state: State, surroundings: Surroundings) -> bool:
        key = self._leaves(predicate)(state)
        known = self._held.get((predicate, key))
        if known is None:
            if len(self._held) >= MOST_HELD:
                self._held.clear()
            known = self._held[predicate, key] = REFERENCE.holds(machine, predicate, state, surroundings)
        return known

    def fetch(self, machine: Machine, state: State, surroundings: Surroundings) -> Fetched | Exit | None:
        runtime, fetch_ = self._at(state, surroundings), self._function(machine.code.fetch)
        if runtime is None or fetch_ is None:
            return REFERENCE.fetch(machine, state, surroundings)
        pc = runtime.step.scalar(machine.state.pc)
        try:
            if machine.decoding.decode.max_length > 1:
                return decoded(machine, lambda k: fetch_(runtime, state, pc + k * self._stride & self._bound))
            word = fetch_(runtime, state, pc)
        except Ended as ended:
            runtime.access = None
            return ended.exit
        if word in self._decoded:
            return self._decoded[word]
        if len(self._decoded) >= MOST_DECODED:
            self._decoded.clear()
        found = self._decoded[word] = decoded(machine, lambda k: word)
        return found

    def execute(self, machine: Machine, fetched: Fetched | None, state: State, surroundings: Surroundings) -> Outcome:
        instruction = self.machine.code.undefined if fetched is None else fetched.instruction
        runtime, single = self._at(state, surroundings), self._single(instruction)
        if runtime is None or single is None:
            return execute(machine, fetched, state, surroundings)
        operands, length = ({}, 0) if fetched is None else (fetched.operands, fetched.length)
        runtime.step.instances.clear()
        try:
            single.run(runtime, state, length, *[operands[name] for name in single.operands])
        except Ended as ended:
            runtime.access = None
            return self._chained(ended.exit, fetched, state, surroundings)
        state[machine.state.pc] = runtime.next
        return None, fetched

    def enter(self, machine: Machine, exit_: Exit, state: State, surroundings: Surroundings) -> Exit | None:
        runtime = self._at(state, surroundings)
        if runtime is None:
            return enter(machine, exit_, state, surroundings)
        return enter(machine, exit_, state, surroundings, partial(self._deliver, runtime))

    # ---- how they are answered

    def _deliver(
        self, runtime: _Runtime, machine: Machine, exit_: Exit, state: State, surroundings: Surroundings | None
    ) -> Exit | None:
        """Trap entry, as `reference.deliver` does it."""
        function = self._function(exit_.function)
        if function is None:
            return deliver(machine, exit_, state, surroundings)
        runtime.next = runtime.step.scalar(machine.state.pc)
        runtime.step.instances.clear()
        try:
            function(runtime, state, *exit_.args)
        except Ended as ended:
            runtime.access = None
            return ended.exit
        state[machine.state.pc] = runtime.next
        return None

    def _chained(self, exit_: Exit, fetched: Fetched | None, state: State, surroundings: Surroundings) -> Outcome:
        """What became of an instruction that ended in an exit, when the exit is to execute a word in its place."""
        rule = self.machine.code.exits.get(exit_.function)
        if rule is None or rule.kind != EXECUTE:
            return exit_, fetched
        found = executed(self.machine, exit_.args[0])
        link = 1 if fetched is None else fetched.link + 1
        return execute(self.machine, found and replace(found, link=link), state, surroundings)

    def _asked(self, name: str, state: State, surroundings: Surroundings, otherwise: Any) -> bool:
        runtime, function = self._at(state, surroundings), self._function(name)
        if runtime is None or function is None:
            return bool(otherwise(self.machine, state, surroundings))
        try:
            return bool(function(runtime, state) == 1)
        except Ended:
            runtime.access = None
            return False

    def _at(self, state: State, surroundings: Surroundings) -> _Runtime | None:
        """The runtime of a virtual machine; None when the reference binding must answer."""
        memory = surroundings.memory
        if surroundings.oracle is not None or memory is None or surroundings.volatile is not None:
            return None
        runtime = self.runtime
        if runtime is None or runtime.step.state is not state or runtime.memory is not memory:
            runtime = self.runtime = _Runtime(self.machine, state, surroundings, memory)
        return runtime

    def _single(self, instruction: Instruction) -> Single | None:
        name = instruction.id
        if name in self._singles:
            return self._singles[name]
        self._uses[name] += 1
        if self._uses[name] <= WARM:
            return None
        try:
            found = None if instruction.partial else self.program.single(instruction)
        except (Unsupported, TooLong, RecursionError):
            found = None
        self._singles[name] = found
        return found

    def _leaves(self, predicate: Term) -> Callable[[State], object]:
        """What gives the values that a predicate depends on."""
        known = self._read.get(predicate)
        if known is None:
            found = self.program.facts.terms([predicate])
            known = self._read[predicate] = _getter(sorted(found.reads))
        return known

    def _function(self, name: str) -> Any:
        if name not in self._functions:
            try:
                self._functions[name] = self.program.function(name)
            except (Unsupported, TooLong, RecursionError):
                self._functions[name] = None
        return self._functions[name]


def _getter(names: Sequence[str]) -> Callable[[State], object]:
    """The values of scalar leaves, as a value."""
    return itemgetter(*names) if names else lambda state: ()


class _Runtime:
    """What generated code calls: physical memory, the leaves behind ports, and where execution goes on."""

    __slots__ = ("access", "check", "load", "memory", "next", "step", "store", "surroundings")

    def __init__(self, machine: Machine, state: State, surroundings: Surroundings, memory: Storage) -> None:
        self.memory, self.load, self.store, self.surroundings = memory, memory.load, memory.store, surroundings
        self.step = Step(machine, state, {}, surroundings)
        self.access: tuple[int, ...] | None = None
        self.next, self.check = 0, False
