"""Trap-and-emulate: the dispatcher, as an engine that runs a guest directly on its host's processor.

A guest is a computer whose engine this is. Whatever traps comes here; the interpreter routine of every instruction is its own meaning
from the specification, run on the virtual state, and what traps there is reflected by the specification's own trap entry.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import TRUE
from pgcheck.isa.terms.ir import BUILTIN_EXITS
from pgcheck.models.computer.computer import Computer
from pgcheck.models.engine import VmExit
from pgcheck.models.reference.cycle import call
from pgcheck.models.state import Ended, Exit, Fetched, State, Surroundings, copied, holding
from pgcheck.vmm.allocator import OutOfMemory
from pgcheck.vmm.binding import REFERENCE, Binding
from pgcheck.vmm.mmu import Mmu, asked
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.statistics import Reason, Statistics
from pgcheck.vmm.world import World, load_guest, lost, save_guest

MAX_STUTTERS = 64


class ResourceControlLost(Exception):
    """Real control state changed while a guest ran: the policy does not fit the machine."""


class TrapAndEmulate:
    """Runs the virtual machine that `state` describes in the real user mode of `host`.

    The policy says which virtual states may run so; in all others every instruction is interpreted (Popek and Goldberg, hybrid virtual
    machine monitors).

    A stutter is an entry of the processor in which the guest made no step and after which it is entered again; of these there are
    at most MAX_STUTTERS in a row, then an instruction is interpreted, so that the guest goes on whatever its tables look like.
    `own` are the values of the leaves that are the monitor's while the guest runs.
    """

    def __init__(self, host: Computer, division: World, policy: Policy, mmu: Mmu, binding: Binding = REFERENCE) -> None:
        self.host, self.division, self.policy, self.mmu, self.binding = host, division, policy, mmu, binding
        self.machine: Machine = host.machine
        self.statistics = Statistics()
        self.own: State = holding(self.machine, division.own)
        self._asked = bool(self.machine.code.tables) or asked(self.machine)

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        binding, machine, start, stutters = self.binding, self.machine, surroundings.clock, 0
        surroundings.deadline = start + budget
        while surroundings.clock < surroundings.deadline:
            if binding.pending(machine, state, surroundings) or binding.waiting(machine, state, surroundings):
                return VmExit(surroundings.clock - start, interrupted=True)
            frame = self._run_directly(state, surroundings) if stutters < MAX_STUTTERS else None
            if frame is not None and (frame.exit is None or self.missed(frame.exit, state, surroundings)):
                stutters = 0 if frame.steps else stutters + 1
                continue
            stutters = 0
            stop = self.routine(frame, state, surroundings)
            if stop.exit is not None:
                undeliverable: Exit | None = stop.exit
                if stop.exit.function not in intercept and stop.exit.function not in BUILTIN_EXITS:
                    undeliverable = binding.enter(machine, stop.exit, state, surroundings)
                if undeliverable is not None:
                    return VmExit(surroundings.clock - start, undeliverable, stop.fetched, stop.fetching)
            surroundings.clock += 1
        return VmExit(surroundings.clock - start)

    # ---- direct execution

    def _run_directly(self, state: State, surroundings: Surroundings) -> VmExit | None:
        """Run on the processor until it traps into the monitor; None when this virtual state must be interpreted."""
        direct, host = self.policy.direct, self.host
        if direct is not TRUE and not self.binding.holds(self.machine, direct, state, surroundings):
            return None
        real: State = load_guest(self.division, state, self.own)
        try:
            if not self.mmu.enter(state, surroundings, real):
                return None
        except OutOfMemory:
            return None
        host.state.update(real)
        # What the processor may change is not what it is compared with.
        host.state.update(copied({name: real[name] for name in self.division.arrays}))
        outside = host.surroundings
        outside.undefined = surroundings.undefined
        if self._asked:
            outside.oracle = _Outside(self, state, surroundings)
        try:
            stop = host.engine.run(
                host.state, outside, surroundings.deadline - surroundings.clock, self.policy.intercept
            )
        finally:
            outside.oracle = None
        if stop.exit is not None and stop.exit.undo is not None:
            stop.exit.undo()
        changed = lost(self.division, host.state, real)
        if changed:
            raise ResourceControlLost(f"{', '.join(changed)} changed while a guest ran")
        state.update(save_guest(self.division, host.state))
        surroundings.clock += stop.steps
        self.statistics.direct += stop.steps
        return stop

    def missed(self, exit_: Exit, state: State, surroundings: Surroundings) -> bool:
        """Whether the trap was the monitor's own translation, now mended."""
        if exit_.access is None or not self.mmu.miss(exit_.access, state, surroundings, self.host.state):
            return False
        self.statistics.misses += 1
        return True

    # ---- interpreter routines

    def routine(self, frame: VmExit | None, state: State, surroundings: Surroundings) -> VmExit:
        """Run the instruction of a frame, or the one at PC, on the virtual state.

        A word that the processor has fetched is never fetched again. A fetch that failed is repeated through the virtual translation.
        """
        fetched: Fetched | Exit | None
        if frame is None or frame.fetching:
            fetched = self.binding.fetch(self.machine, state, surroundings)
            if isinstance(fetched, Exit):
                self.statistics.note(None, _reason(frame, fetched))
                return VmExit(0, fetched, None, fetching=True)
        else:
            fetched = frame.fetched
        ended, last = self.binding.execute(self.machine, fetched, state, surroundings)
        self.statistics.note(last, _reason(frame, ended))
        return VmExit(0, ended, last)


def _reason(frame: VmExit | None, ended: Exit | None) -> Reason:
    if ended is not None and ended.function in BUILTIN_EXITS:
        return "ended"
    if frame is None:
        return "interpreted"
    if ended is not None:
        return "reflected"
    return "emulated" if frame.exit is not None and frame.exit.access is None else "memory"


@dataclass(frozen=True, slots=True)
class _Outside:
    """What the monitor answers in place of structures that it owns: tables, and a memory management unit outside the processor."""

    monitor: TrapAndEmulate
    state: State
    surroundings: Surroundings

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None:
        return self.monitor.mmu.answer(args, self.state, self.surroundings, self.monitor.host.state)

    def probe(self, name: str, args: tuple[int, ...]) -> int | None:
        return None

    def table(self, name: str, args: tuple[int, ...]) -> int | None:
        """The guest's entry as the policy responds; an exit of the guest's own lookup ends the instruction."""
        machine = self.monitor.machine
        own = call(machine, name, args, self.state, self.surroundings)
        if isinstance(own, Exit):
            raise Ended(own)
        return machine.code.tables[name].responded(own[0], self.monitor.policy.responses.get(name))
