"""EQ3: a guest takes the traps that the bare machine takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.outcome import EXCLUDED, Failure, Ground, Outcome, excluded
from pgcheck.checker.campaign.pairs.pair import Pair
from pgcheck.checker.campaign.pairs.property import Property
from pgcheck.checker.campaign.pairs.recording import Taken
from pgcheck.isa.terms.ir import BUILTIN_EXITS
from pgcheck.models.engine import VmExit
from pgcheck.models.reference.cycle import enter
from pgcheck.models.state import scalar
from pgcheck.vmm.statistics import NONE, row


def eq3(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """The guest takes the traps that the bare machine takes: when, where, in which mode, which instruction, with which payload."""
    case = cases[0]
    machines = ground.pair(case, plain=True)
    machines.load(case)
    bare, guest, log = machines.bare, machines.guest, machines.oracle.log
    every = frozenset(machines.machine.code.exits)
    pc, mode = machines.machine.state.pc, machines.machine.modes.leaf
    end = machines.run(bare, case.steps)
    open_end = excluded(end.exit)
    expected = [t for t in log if t.function and not (open_end and t.function in EXCLUDED)]
    for wanted in [*expected, None]:
        left = (wanted.clock if wanted is not None else bare.clock) - guest.clock
        budget = left + (wanted is not None)
        stop = machines.run(guest, budget, every) if budget > 0 else VmExit(0)
        here, was = scalar(guest.state, pc), scalar(guest.state, mode)
        if wanted is None:
            if stop.exit is not None and not open_end:
                return _mismatch(log, guest.clock, stop, "none")
            break
        found = stop.exit
        name = row(stop.fetched) if stop.fetched is not None else NONE
        if found is not None and _unlocated(machines, stop):
            here, name = wanted.pc, wanted.instruction
        if found is None or Taken(guest.clock, here, was, name, found.function, found.args) != wanted:
            return _mismatch(
                log, wanted.clock, stop, f"{wanted.function}{wanted.args} at {wanted.pc:#x}, step {wanted.clock}"
            )
        if (
            found.function in BUILTIN_EXITS
            or enter(machines.machine, found, guest.state, guest.surroundings) is not None
        ):
            break
        guest.surroundings.clock += 1
    return Outcome(tuple(log), open_end)


def _unlocated(machines: Pair, stop: VmExit) -> bool:
    """Whether the processor has not told where it took a trap, which is handed on as it came: PC is then among what the trap hands over, or lost."""
    return machines.guests[0].monitor.gate is not None and stop.fetched is None and not stop.fetching


def _mismatch(log: list[Taken], clock: int, stop: VmExit, wanted: str) -> Outcome:
    found = "none" if stop.exit is None else f"{stop.exit.function}{stop.exit.args}"
    near = next((t for t in log if t.clock == clock), None)
    exits = tuple(
        dict.fromkeys(x for x in (near.function if near else "", stop.exit.function if stop.exit else "") if x)
    )
    instruction = near.instruction if near else ""
    return Outcome(
        tuple(log), failure=Failure("EQ3", clock, instruction, exits, "trap", f"{wanted} bare, {found} monitored")
    )


EQ3: Final = Property(
    "EQ3",
    eq3,
    title="a guest takes exactly the traps of the bare machine",
    claim="both take the same traps: when, where, in which mode, by which instruction, with which payload",
    subject=(("trap",), ("direct",)),
    order=10,
)
