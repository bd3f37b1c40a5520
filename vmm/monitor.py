"""Trap-and-emulate: the dispatcher, as an engine that runs a guest directly on its host's processor.

A guest is a computer whose engine this is. Whatever traps comes here; the interpreter routine of every instruction is its own meaning
from the specification, run on the virtual state, and what traps there is reflected by the specification's own trap entry.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from typing import Final

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import TRUE
from pgcheck.isa.terms.ir import BUILTIN_EXITS
from pgcheck.models.computer.computer import Computer
from pgcheck.models.engine import VmExit
from pgcheck.models.native.engine import Native
from pgcheck.models.native.host import ticks
from pgcheck.models.native.monitored.way import Guided
from pgcheck.models.reference.cycle import call
from pgcheck.models.state import Ended, Exit, Fetched, State, Surroundings, copied, holding, scalar
from pgcheck.vmm.allocator import OutOfMemory
from pgcheck.vmm.binding import REFERENCE, Binding
from pgcheck.vmm.gate import Gate, ResourceControlLost
from pgcheck.vmm.mmu import Mmu, asked
from pgcheck.vmm.native.path import Path
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.statistics import Reason, Statistics
from pgcheck.vmm.translate import with_argument
from pgcheck.vmm.world import World, load_guest, lost, save_guest

MAX_STUTTERS = 64
MOST_STEPS = 1 << 62
MONITOR: Final = "monitor"
"""Who owns the memory that the monitor keeps for itself."""


class TrapAndEmulate:
    """Runs the virtual machine that `state` describes in the real user mode of `host`.

    The policy says which virtual states may run so; in all others every instruction is interpreted (Popek and Goldberg, hybrid virtual
    machine monitors).

    A stutter is an entry of the processor in which the guest made no step and after which it is entered again; of these there are
    at most MAX_STUTTERS in a row, then an instruction is interpreted, so that the guest goes on whatever its tables look like.
    `own` are the values of the leaves that are the monitor's while the guest runs.

    With a `gate` a guest is entered and left on the machine itself: by its return instruction and its trap entry. Without one leaves are
    exchanged, which comes to the same where the policy has a crossing (docs/theorem.md, hypotheses 9 and 12).

    `serves` is what the monitor does when a device of the host's has interrupted a guest; without it the host's devices stand still.
    """

    def __init__(
        self,
        host: Computer,
        division: World,
        policy: Policy,
        mmu: Mmu,
        binding: Binding = REFERENCE,
        gate: Gate | None = None,
    ) -> None:
        self.host, self.division, self.policy, self.mmu, self.binding = host, division, policy, mmu, binding
        self.gate = gate
        self.machine: Machine = host.machine
        self.statistics = Statistics()
        self.serves: Callable[[], None] | None = None
        self._path: Path | None = None
        self.lines = tuple(n for n in self.machine.platform.lines if n in division.own)
        self.own: State = holding(self.machine, division.own)
        self.real: State = {}
        """The processor's state while the guest ran, as it was at its exit."""
        self._asked = bool(self.machine.code.tables) or asked(self.machine)
        self._cuts = None if asked(self.machine) else frozenset(self.machine.code.tables)

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        binding, machine, start, stutters = self.binding, self.machine, surroundings.clock, 0
        surroundings.deadline = start + budget
        while surroundings.clock < surroundings.deadline:
            if binding.pending(machine, state, surroundings) or binding.waiting(machine, state, surroundings):
                return VmExit(surroundings.clock - start, interrupted=True)
            frame = self._run_directly(state, surroundings, intercept) if stutters < MAX_STUTTERS else None
            if frame is not None and (frame.stop.exit is None or self.missed(frame.stop.exit, state, surroundings)):
                stutters = 0 if frame.moved else stutters + 1
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

    def _run_directly(self, state: State, surroundings: Surroundings, intercept: Set[str]) -> Frame | None:
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
        outside, steps = host.surroundings, surroundings.deadline - surroundings.clock
        if self.serves is not None:
            steps = min(steps, self._awaited(real))
        if self.gate is not None:
            real = self.gate.enter(real, host.state, outside)
            self.statistics.crossings += 1
        else:
            host.state.update(real)
        # What the processor may change is not what it is compared with.
        host.state.update(copied({name: real[name] for name in self.division.arrays}))
        outside.undefined = surroundings.undefined
        if self._asked:
            outside.oracle, outside.cuts = _Outside(self, state, surroundings), self._cuts
        try:
            stop, handled, moved = self._taken(state, surroundings, real, steps, intercept)
            changed = lost(self.division, host.state, real)
            if changed:
                raise ResourceControlLost(f"{', '.join(changed)} changed while a guest ran")
            frame = replace(self._left(stop, state, real, outside), moved=moved)
        finally:
            outside.oracle = None
        if self.serves is not None and stop.interrupted and self._pending(real):
            self.statistics.interrupts += 1
            self.serves()
        surroundings.clock += stop.steps + handled
        self.statistics.went(stop.steps, state)
        return frame

    def _taken(
        self, state: State, surroundings: Surroundings, real: State, steps: int, intercept: Set[str]
    ) -> tuple[VmExit, int, bool]:
        """Run on the processor; with the steps that the guest has taken on its virtual state meanwhile, where native code is the dispatcher, and whether it
        has made one since it was entered."""
        host = self.host
        outside = host.surroundings
        if not self._alone():
            stop = host.engine.run(host.state, outside, steps, self.policy.intercept)
            return stop, 0, bool(stop.steps)
        path = self._path
        if path is None or path.mmu is not self.mmu:
            path = self._path = Path(self.division, self.policy, self.mmu, self.statistics)
        path.statistics = self.statistics
        stop = path.run(host, state, surroundings, real, steps, reflects=not intercept)
        return stop, path.handled, path.moved

    def ready(self, state: State, surroundings: Surroundings) -> Guided | None:
        """What native code runs the guest by, if it runs on the processor now and has run there; it is told how the guest stands."""
        binding, machine, direct = self.binding, self.machine, self.policy.direct
        path = self._path
        if path is None or path.mmu is not self.mmu or not self._alone():
            return None
        path.statistics = self.statistics
        if binding.pending(machine, state, surroundings) or binding.waiting(machine, state, surroundings):
            return None
        if direct is not TRUE and not binding.holds(machine, direct, state, surroundings):
            return None
        ahead = surroundings.clock - self.host.clock if ticks(machine, surroundings) else None
        return path.ready(state, dict(self.own), ahead)

    def took(self, state: State, steps: int, own: int) -> None:
        """The guest has taken steps by what it was ready for, some of them on its own state."""
        if self._path is not None:
            self._path.took(state, {}, steps, own)

    def placed(self, state: State) -> State:
        """The processor's state with a guest on it that has taken steps so."""
        assert self._path is not None
        return {**load_guest(self.division, state, self.own), **self._path.placed()}

    def _alone(self) -> bool:
        """Whether native code can be the dispatcher: nothing else of the monitor's has a part in every entry, and nobody wants to hear of each."""
        native = isinstance(self.host.engine, Native) and type(self.statistics) is Statistics
        return native and self.gate is None and self.serves is None and not self._asked

    def _awaited(self, real: State) -> int:
        """Let the host's devices do what is due, and show on their lines; the steps until one has something to do again."""
        clock = self.host.clock
        for device in self.host.devices.values():
            due = device.due()
            if due is not None and due <= clock:
                device.tick(clock)
        real.update({name: self.host.state[name] for name in self.lines})
        next_ = min((due for d in self.host.devices.values() if (due := d.due()) is not None), default=None)
        return MOST_STEPS if next_ is None else max(next_ - clock, 1)

    def _left(self, stop: VmExit, state: State, real: State, outside: Surroundings) -> Frame:
        """Take over what the guest shares with the processor: after the trap entry, or as it is where no trap has come."""
        gate = self.gate
        trapped = stop.exit if stop.exit is not None and stop.exit.function in self.policy.intercept else None
        if (
            gate is None
            or not gate.delivers(trapped)
            or (trapped is None and not (gate.interrupted and stop.interrupted and self._pending(self.host.state)))
        ):
            state.update(save_guest(self.division, self.host.state))
            self.real = self.host.state
            return Frame(stop, read=gate is None)
        arrived = gate.arrive(trapped, self.host.state, outside)
        state.update(arrived.guest)
        self.real = {**real, **arrived.guest}
        return Frame(stop, located=arrived.located)

    def _pending(self, real: State) -> bool:
        """Whether an interrupt of the host's comes to a guest that runs in a state of the processor."""
        return REFERENCE.pending(self.machine, real, self.host.surroundings)

    def missed(self, exit_: Exit, state: State, surroundings: Surroundings) -> bool:
        """Whether the trap was the monitor's own translation, now mended."""
        if exit_.access is None or not self.mmu.miss(exit_.access, state, surroundings, self.real):
            return False
        self.statistics.misses += 1
        return True

    # ---- interpreter routines

    def routine(self, frame: Frame | None, state: State, surroundings: Surroundings) -> VmExit:
        """Run the instruction of a frame, or the one at PC, on the virtual state; a trap that is the guest's as it stands is handed on.

        The word is read once, before anything else: from the guest's memory, or as the processor has read it where it is the same.
        """
        stop = None if frame is None else frame.stop
        if frame is not None and not frame.located:
            self.statistics.note(None, "reflected")
            return VmExit(0, frame.stop.exit)
        fetched: Fetched | Exit | None
        if frame is None or frame.stop.fetching or not _reads(frame):
            fetched = self.binding.fetch(self.machine, state, surroundings)
            if isinstance(fetched, Exit):
                self.statistics.note(None, _reason(stop, fetched))
                return VmExit(0, fetched, None, fetching=True)
        else:
            fetched = frame.stop.fetched
        own = self._handed_on(stop, fetched, state, surroundings)
        if own is not None:
            self.statistics.note(fetched, "reflected")
            return VmExit(0, own, fetched)
        ended, last = self.binding.execute(self.machine, fetched, state, surroundings)
        self.statistics.note(last, _reason(stop, ended))
        return VmExit(0, ended, last)

    def _handed_on(
        self, stop: VmExit | None, fetched: Fetched | None, state: State, surroundings: Surroundings
    ) -> Exit | None:
        """The trap of an instruction that has changed state before it, where it is the guest's own and running it again would be wrong."""
        if stop is None or stop.exit is None or fetched is None or not fetched.instruction.partial:
            return None
        exit_, crossing = stop.exit, self.policy.crossing
        if exit_.access is not None:
            return self.binding.refused(self.machine, self._virtually(exit_.access, state), state, surroundings)
        if crossing is None or exit_.function not in crossing.handed.get(fetched.instruction.id, {}):
            return None
        names = [n for n, _ in self.machine.code.functions[exit_.function].parameters]
        handed = dict(zip(names, exit_.args, strict=True))
        said = crossing.handed[fetched.instruction.id][exit_.function]
        return exit_ if self.binding.values(self.machine, [said], state, surroundings, handed)[0] else None

    def _virtually(self, access: tuple[int, ...], state: State) -> tuple[int, ...]:
        """The arguments of a translation on the processor, with the guest's mode in place of the one that it really runs in."""
        translation, mode = self.machine.code.translation, self.machine.modes.leaf
        assert translation is not None
        mine = access[translation.mode] == self.real[mode]
        return with_argument(access, translation.mode, scalar(state, mode)) if mine else access


@dataclass(frozen=True, slots=True)
class Frame:
    """What the monitor learns when a guest has stopped.

    `read`: the word that the processor has fetched is the one in the guest's memory. `located` unless PC is not to be had. `moved` unless it made
    no step since it was entered.
    """

    stop: VmExit
    read: bool = False
    located: bool = True
    moved: bool = True


def _reads(frame: Frame) -> bool:
    """Whether what the processor has fetched is what the guest's memory still holds: nothing has been stored since."""
    return frame.read and (frame.stop.fetched is None or not frame.stop.fetched.instruction.partial)


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
