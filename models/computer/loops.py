"""Programs run to their end, of which one is a trap whose handler traps in the same way, for ever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pgcheck.isa.idl.types import Enum
from pgcheck.isa.machine.machine import Machine
from pgcheck.models.computer.computer import Computer
from pgcheck.models.engine import VmExit
from pgcheck.models.reference.cycle import enter
from pgcheck.models.state import Exit, State, copied

TRAP_LOOP: Final = "a trap loop"
MOST: Final = 1 << 12
ENOUGH: Final = 2
FAR: Final = 1 << 20


def run(computer: Computer, budget: int) -> VmExit:
    """As the computer runs, and an exit TRAP_LOOP where only traps follow, and no device can end that before FAR steps from now.

    So it is when the whole state comes a third time, for an entry may have changed what it reads in memory the first time; or after MOST
    traps in a row, as where each entry moves a stack.
    """
    machine, start = computer.machine, computer.clock
    exits = frozenset(machine.code.exits)
    row = _Row()
    while (left := start + budget - computer.clock) > 0:
        stop = computer.run(left, exits)
        if stop.exit is None or stop.exit.function not in exits:
            return VmExit(computer.clock - start, stop.exit, stop.fetched, stop.fetching)
        if stop.steps:
            row = _Row()
        ended = Exit(TRAP_LOOP, (), row.note) if row.endless(computer, stop.exit) else None
        ended = ended or enter(machine, stop.exit, computer.state, computer.surroundings)
        if ended is not None:
            return VmExit(computer.clock - start, ended, stop.fetched, stop.fetching)
        computer.surroundings.clock += 1
    return VmExit(computer.clock - start)


@dataclass(slots=True)
class _Row:
    """Traps with no instruction between them: a state that one of them met, and when devices had something due then."""

    count: int = 0
    note: str = ""
    state: State | None = None
    again: int = 0
    dues: tuple[int | None, ...] = ()

    def endless(self, computer: Computer, exit_: Exit) -> bool:
        """Whether this trap is one more of a row that does not end; `note` then says why."""
        at = computer.state[computer.machine.state.pc]
        dues = tuple(device.due() for device in computer.devices.values())
        self.count += 1
        if self.count == 1:
            self.note = f"{_named(computer.machine, exit_)} at {at:#x}"
        self.again += computer.state == self.state
        if self._quiet(dues, computer.clock) and (self.again >= ENOUGH or self.count > MOST):
            times = "" if self.again >= ENOUGH else f", {MOST} times in a row"
            self.note += f", and its handler at {at:#x} traps again{times}"
            return True
        if self.count > 1 and not self.count & self.count - 1:
            self.state, self.again, self.dues = copied(computer.state), 0, dues
        return False

    def _quiet(self, dues: tuple[int | None, ...], clock: int) -> bool:
        """Whether whatever devices had due has come since and changed nothing, or is far off."""
        then = self.dues or (None,) * len(dues)
        return all(
            now is None or now - clock > FAR or (was is not None and was < now)
            for was, now in zip(then, dues, strict=True)
        )


def _named(machine: Machine, exit_: Exit) -> str:
    """A trap, with those of its arguments that have names."""
    parameters = machine.code.exits[exit_.function].parameters
    said = [
        next((name for name, value in type_.members.items() if value == given), str(given))
        for (_, type_), given in zip(parameters, exit_.args, strict=True)
        if isinstance(type_, Enum)
    ]
    return f"{exit_.function}({', '.join(said)})" if said else exit_.function
