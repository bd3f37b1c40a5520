"""Programs run to their end, of which one is a trap whose handler traps in the same way, for ever."""

from __future__ import annotations

from typing import Final

from pgcheck.models.computer.computer import Computer
from pgcheck.models.engine import VmExit
from pgcheck.models.reference.cycle import enter
from pgcheck.models.state import Cells, Exit, State

TRAP_LOOP: Final = "a trap loop"
_LONGEST: Final = 64


def run(computer: Computer, budget: int) -> VmExit:
    """As the computer runs, and an exit TRAP_LOOP where only traps follow: the whole state comes again and no device has anything due."""
    machine, start = computer.machine, computer.clock
    chain: list[tuple[str, int, State]] = []
    while (left := start + budget - computer.clock) > 0:
        stop = computer.run(left, frozenset(machine.code.exits))
        if stop.exit is None or stop.exit.function not in machine.code.exits:
            return VmExit(computer.clock - start, stop.exit, stop.fetched, stop.fetching)
        if stop.steps or len(chain) >= _LONGEST:
            chain.clear()
        here = {
            name: Cells(value.fill, value) if isinstance(value, Cells) else value
            for name, value in computer.state.items()
        }
        if any(state == here for _, _, state in chain) and all(d.due() is None for d in computer.devices.values()):
            (name, at, _), handler = chain[0], chain[-1][1]
            note = f"{name} at {at:#x}, and its handler at {handler:#x} traps again"
            return VmExit(computer.clock - start, Exit(TRAP_LOOP, (), note), stop.fetched, stop.fetching)
        chain.append((stop.exit.function, here[machine.state.pc], here))  # type: ignore[arg-type]
        failed = enter(machine, stop.exit, computer.state, computer.surroundings)
        if failed is not None:
            return VmExit(computer.clock - start, failed, stop.fetched, stop.fetching)
        computer.surroundings.clock += 1
    return VmExit(computer.clock - start)
