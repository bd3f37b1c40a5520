"""Running the two machines side by side, and comparing them as they go."""

from __future__ import annotations

from collections.abc import Sequence

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.outcome import Outcome, excluded, failed
from pgcheck.checker.campaign.pairs.pair import Pair, difference
from pgcheck.checker.campaign.pairs.recording import Taken
from pgcheck.models.devices.device import held
from pgcheck.models.engine import VmExit
from pgcheck.models.state import Cells


def lockstep(name: str, machines: Pair, case: Case, stride: int) -> Outcome:
    """Run both machines and compare them after every `stride` steps."""
    machines.load(case)
    bare, guest, log = machines.bare, machines.guest, machines.oracle.log
    done = 0
    while done < case.steps:
        count = min(stride, case.steps - done)
        expected = machines.run(bare, count)
        if excluded(expected.exit):
            return Outcome(tuple(log), excluded=True)
        try:
            found = machines.run(guest, count)
        except Exception as error:  # a monitor must not fail, whatever a guest does
            return failed(name, log, done, type(error).__name__, str(error))
        field_ = stopped(expected, found) or difference(machines, bare, guest)
        if field_:
            return failed(name, log, done, field_, shown(machines, field_, expected, found))
        done += count
        if expected.exit is not None or _caught(log):
            break
    return Outcome(tuple(log), taken=0 if log else bare.clock)


def _caught(log: Sequence[Taken]) -> bool:
    """Whether the machine does nothing any more but trap at one place: its trap handler cannot run."""
    return len(log) > 3 and bool(log[-1].function) and log[-1][1:] == log[-2][1:] == log[-3][1:]


def stopped(expected: VmExit, found: VmExit) -> str:
    """The first difference between two stops."""
    if expected.steps != found.steps:
        return "steps"
    return "exit" if expected.exit != found.exit else ""


def shown(machines: Pair, field_: str, expected: VmExit, found: VmExit) -> str:
    """The two values of a field that differs."""
    if field_ in ("steps", "exit"):
        return f"{_end(expected)} bare, {_end(found)} monitored"
    if field_ == "interrupts":
        return f"{machines.bare.interrupts} bare, {machines.guest.interrupts} monitored"
    if field_ == "clock":
        return f"{machines.bare.clock} bare, {machines.guest.clock} monitored"
    if field_ == machines.machine.state.memory:
        ram, others = machines.bare.bus.ram, machines.guest.bus.ram
        for address in range(ram.base, ram.base + ram.size):
            if (a := ram.load(address, 1)) != (b := others.load(address, 1)):
                return f"{a:#x} bare, {b:#x} monitored at {address:#x}"
    name, _, register = field_.partition(".")
    if field_ not in machines.bare.state:
        ours, theirs = (held(computer.devices[name])[register] for computer in (machines.bare, machines.guest))
        return f"{ours} bare, {theirs} monitored"
    return _values(machines.bare.state[field_], machines.guest.state[field_])


def _values(a: int | Cells, b: int | Cells) -> str:
    """Two values of a leaf, or the first elements that differ."""
    if isinstance(a, Cells) and isinstance(b, Cells):
        place = a.difference(b)
        return f"{a[place]:#x} bare, {b[place]:#x} monitored in element {place}"
    return f"{a:#x} bare, {b:#x} monitored"


def _end(stop: VmExit) -> str:
    return f"{stop.steps} steps" + (f" to {stop.exit.function}{stop.exit.args}" if stop.exit is not None else "")
