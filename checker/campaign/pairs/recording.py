"""Engines that note every step that they take: what a bare machine did."""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms.ir import BUILTIN_EXITS
from pgcheck.models.engine import VmExit, pending, waiting
from pgcheck.models.generated.compiled import Compiled, Heat
from pgcheck.models.generated.memory import Runtime
from pgcheck.models.reference.cycle import enter, execute, fetch
from pgcheck.models.state import Exit, State, Surroundings, scalar
from pgcheck.vmm.statistics import NONE, row


class Taken(NamedTuple):
    """A step that a machine took: when and where, in which mode, which instruction with its row (empty: none), and the exit it ended in."""

    clock: int
    pc: int
    mode: int
    instruction: str
    function: str
    args: tuple[int, ...]


class Recording:
    """The reference binding, with a log: the oracle that shares no code with any other engine."""

    __slots__ = ("log", "machine")

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.log: list[Taken] = []

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        machine, start, log = self.machine, surroundings.clock, self.log
        at, mode = machine.state.pc, machine.modes.leaf
        interrupts = machine.code.interrupt is not None
        surroundings.deadline = start + budget
        while surroundings.clock < surroundings.deadline:
            steps = surroundings.clock - start
            if interrupts and (pending(machine, state, surroundings) or waiting(machine, state, surroundings)):
                return VmExit(steps, interrupted=True)
            pc, was = scalar(state, at), scalar(state, mode)
            found = fetch(machine, state, surroundings)
            ended, last = (found, None) if isinstance(found, Exit) else execute(machine, found, state, surroundings)
            name = row(last) if last is not None else NONE
            if ended is None:
                log.append(Taken(surroundings.clock, pc, was, name, "", ()))
            else:
                log.append(Taken(surroundings.clock, pc, was, name, ended.function, ended.args))
                if ended.function in intercept or ended.function in BUILTIN_EXITS:
                    return VmExit(steps, ended, last, isinstance(found, Exit))
                undeliverable = enter(machine, ended, state, surroundings)
                if undeliverable is not None:
                    return VmExit(steps, undeliverable, last, isinstance(found, Exit))
            surroundings.clock += 1
        return VmExit(surroundings.clock - start)


class Swift(Compiled):
    """The compiled engine as it is, blocks and all, which notes nothing."""

    def __init__(self, machine: Machine, heat: Heat) -> None:
        super().__init__(machine, heat)
        self.log: list[Taken] = []


class Quick(Compiled):
    """The compiled engine one instruction at a time, with a log: for bulk runs, where the reference binding would be the slower half."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.log: list[Taken] = []

    def advance(self, runtime: Runtime, state: State, budget: int, intercept: Set[str]) -> VmExit:
        machine, surroundings, log = self.machine, runtime.surroundings, self.log
        at, mode = machine.state.pc, machine.modes.leaf
        rule = machine.code.interrupt if runtime.program.pending else None
        start = surroundings.clock
        surroundings.deadline = start + budget
        while surroundings.clock < surroundings.deadline:
            clock = surroundings.clock
            if rule is not None and self.interrupted(rule, runtime, state):
                return VmExit(clock - start, interrupted=True)
            pc, was = scalar(state, at), scalar(state, mode)
            found = self.fetch(runtime, state, pc)
            ended, last = (found, None) if isinstance(found, Exit) else self.execute(runtime, state, found)
            name = row(last) if last is not None else NONE
            if ended is None:
                log.append(Taken(clock, pc, was, name, "", ()))
            else:
                log.append(Taken(clock, pc, was, name, ended.function, ended.args))
                if ended.function in intercept or ended.function in BUILTIN_EXITS:
                    return VmExit(clock - start, ended, last, isinstance(found, Exit))
                undeliverable = enter(machine, ended, state, surroundings, runtime.deliver)
                if undeliverable is not None:
                    return VmExit(clock - start, undeliverable, last, isinstance(found, Exit))
            surroundings.clock = clock + 1
        return VmExit(surroundings.clock - start)
