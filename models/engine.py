"""What runs instructions: until an exit that somebody intercepts, or until the budget is spent."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Protocol

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms.ir import BUILTIN_EXITS
from pgcheck.models.reference.cycle import call, enter, execute, fetch
from pgcheck.models.state import Exit, Fetched, State, Surroundings


@dataclass(frozen=True, slots=True)
class VmExit:
    """Why a processor stopped.

    `steps` were taken: instructions completed, traps delivered. Without an `exit`, the budget is spent or an external interrupt is
    pending (`interrupted`); otherwise it is the exit of the instruction at PC before its delivery, or one that cannot be delivered.
    `fetched` is the instruction that took it, captured once; None when the fetch itself ended in the exit (`fetching`) or no
    encoding accepts the bits.
    """

    steps: int
    exit: Exit | None = None
    fetched: Fetched | None = None
    fetching: bool = False
    interrupted: bool = False


class Engine(Protocol):
    """Runs a machine from `state`, in place, and advances the clock of `surroundings` by each step.

    Exits of terminators in `intercept`, and built-in ones, stop it before delivery; all others it delivers, each a step. It stops
    before a step when the specification says that an external interrupt is pending or that the processor waits for one.

    Its deadline, `surroundings.deadline`, is the clock at which the budget is spent. A device that is given an earlier event by
    an access outside RAM lowers it, changes leaves that are its interrupt lines, or raises Ended.
    """

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit: ...


class Interpreter:
    """The reference binding as an engine: one instruction after the other."""

    __slots__ = ("machine",)

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        machine = self.machine
        start = surroundings.clock
        surroundings.deadline = start + budget
        while surroundings.clock < surroundings.deadline:
            steps = surroundings.clock - start
            if pending(machine, state, surroundings) or waiting(machine, state, surroundings):
                return VmExit(steps, interrupted=True)
            found = fetch(machine, state, surroundings)
            if isinstance(found, Exit):
                stop = VmExit(steps, found, None, fetching=True)
            else:
                stop = VmExit(steps, *execute(machine, found, state, surroundings))
            if stop.exit is not None:
                if stop.exit.function in intercept or stop.exit.function in BUILTIN_EXITS:
                    return stop
                undeliverable = enter(machine, stop.exit, state, surroundings)
                if undeliverable is not None:
                    return VmExit(steps, undeliverable, stop.fetched, stop.fetching)
            surroundings.clock += 1
        return VmExit(surroundings.clock - start)


def pending(machine: Machine, state: State, surroundings: Surroundings) -> bool:
    """Whether an external interrupt is to be taken before the next instruction."""
    return machine.code.interrupt is not None and call(
        machine, machine.code.interrupt.pending, (), state, surroundings
    ) == (1,)


def waiting(machine: Machine, state: State, surroundings: Surroundings) -> bool:
    """Whether the processor waits for an interrupt; the specification's function may end the wait."""
    if machine.code.interrupt is None or not machine.code.interrupt.waiting:
        return False
    return call(machine, machine.code.interrupt.waiting, (), state, surroundings) == (1,)
