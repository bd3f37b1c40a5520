"""Equivalence: a guest is at every point what the bare machine is (EQ2, EQ3, NE1)."""

from __future__ import annotations

from collections.abc import Sequence

from pgcheck.checker.campaign.cases.case import Case
from pgcheck.checker.campaign.pairs.outcome import EXCLUDED, Failure, Ground, Outcome, excluded, failed
from pgcheck.checker.campaign.pairs.pair import Pair, difference
from pgcheck.checker.campaign.pairs.recording import Taken
from pgcheck.isa.terms.ir import BUILTIN_EXITS
from pgcheck.models.engine import VmExit, pending
from pgcheck.models.reference.cycle import enter
from pgcheck.models.state import Cells


def eq2(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """EQ2: a guest that runs in steps of k is at each k-th step what the bare machine is: registers, control state, memory, clock, stop."""
    case = cases[0]
    return lockstep("EQ2", ground.pair(), case, stride or case.stride)


def ne1(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """NE1: so is the guest of a monitor that is itself a guest."""
    case = cases[0]
    return lockstep("NE1", ground.pair(depth=2), case, stride or case.stride)


def lockstep(name: str, machines: Pair, case: Case, stride: int) -> Outcome:
    """Run both machines and compare them after every `stride` steps."""
    machines.load(case)
    bare, guest, log = machines.bare, machines.guest, machines.oracle.log
    done = 0
    while done < case.steps:
        count = min(stride, case.steps - done)
        expected = bare.run(count)
        if excluded(expected.exit):
            return Outcome(tuple(log), True)
        try:
            found = guest.run(count)
        except Exception as error:  # a monitor must not fail, whatever a guest does
            return failed(name, log, done, type(error).__name__, str(error))
        field_ = _stopped(expected, found) or difference(machines, bare, guest)
        if field_:
            return failed(name, log, done, field_, shown(machines, field_, expected, found))
        done += count
        if expected.exit is not None or _caught(log):
            break
    return Outcome(tuple(log))


def _caught(log: Sequence[Taken]) -> bool:
    """Whether the machine does nothing any more but trap at one place: its trap handler cannot run."""
    return len(log) > 3 and bool(log[-1].function) and log[-1][1:] == log[-2][1:] == log[-3][1:]


def _stopped(expected: VmExit, found: VmExit) -> str:
    """The first difference between two stops."""
    if expected.steps != found.steps:
        return "steps"
    return "exit" if expected.exit != found.exit else ""


def shown(machines: Pair, field_: str, expected: VmExit, found: VmExit) -> str:
    """The two values of a field that differs."""
    if field_ in ("steps", "exit"):
        return f"{_end(expected)} bare, {_end(found)} monitored"
    if field_ == "clock":
        return f"{machines.bare.clock} bare, {machines.guest.clock} monitored"
    if field_ == machines.machine.state.memory:
        ours, theirs = machines.bare.bus.ram, machines.guest.bus.ram
        for address in range(ours.base, ours.base + ours.size):
            if (a := ours.load(address, 1)) != (b := theirs.load(address, 1)):
                return f"{a:#x} bare, {b:#x} monitored at {address:#x}"
    expected_value, found_value = machines.bare.state[field_], machines.guest.state[field_]
    return _values(expected_value, found_value)


def _values(a: int | Cells, b: int | Cells) -> str:
    """Two values, or the first elements that differ."""
    if isinstance(a, int) and isinstance(b, int):
        return f"{a:#x} bare, {b:#x} monitored"
    assert not isinstance(a, int) and not isinstance(b, int)
    place = a.difference(b)
    return f"{a[place]:#x} bare, {b[place]:#x} monitored in element {place}"


def _end(stop: VmExit) -> str:
    return f"{stop.steps} steps" + (f" to {stop.exit.function}{stop.exit.args}" if stop.exit is not None else "")


def eq3(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """EQ3: the guest takes the traps that the bare machine takes: when, where, in which mode, which instruction, with which payload."""
    case = cases[0]
    machines = ground.pair(quick=False)
    machines.load(case)
    bare, guest, log = machines.bare, machines.guest, machines.oracle.log
    every = frozenset(machines.machine.code.exits)
    pc, mode = machines.machine.state.pc, machines.machine.modes.leaf
    end = bare.run(case.steps)
    open_end = excluded(end.exit)
    expected = [t for t in log if t.function and not (open_end and t.function in EXCLUDED)]
    for wanted in [*expected, None]:
        left = (wanted.clock if wanted is not None else bare.clock) - guest.clock
        stop = guest.run(left + (wanted is not None), every) if left + (wanted is not None) > 0 else VmExit(0)
        here, was = guest.state[pc], guest.state[mode]
        assert isinstance(here, int) and isinstance(was, int)
        if wanted is None:
            if stop.exit is not None and not open_end:
                return _mismatch(log, guest.clock, stop, "none")
            break
        found = stop.exit
        name = stop.fetched.instruction.id if stop.fetched is not None else ""
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


def ir1(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """IR1: under the same interrupt lines both machines take the same interrupts, at the same steps, from the same places."""
    case = cases[0]
    machines = ground.pair()
    machines.load(case)
    bare, guest, log = machines.bare, machines.guest, machines.oracle.log
    events = dict[int, list[tuple[str, int]]]()
    for clock, leaf, level in case.events:
        events.setdefault(clock, []).append((leaf, level))
    for done in range(case.steps):
        for leaf, level in events.get(done, ()):
            bare.state[leaf] = guest.state[leaf] = level
        due = [pending(c.machine, c.state, c.surroundings) for c in (bare, guest)]
        if due[0] != due[1]:
            return failed("IR1", log, done, "pending", f"{due[0]} bare, {due[1]} monitored")
        expected = bare.run(1)
        if excluded(expected.exit):
            return Outcome(tuple(log), True)
        found = guest.run(1)
        what = _stopped(expected, found) or difference(machines, bare, guest)
        if what:
            return failed("IR1", log, done, what, shown(machines, what, expected, found))
        if expected.exit is not None:
            break
    return Outcome(tuple(log))


def dv1(ground: Ground, cases: Sequence[Case], stride: int | None) -> Outcome:
    """DV1: with devices a guest is what the bare machine is, and its consoles print the same."""
    case = cases[0]
    machines = ground.furnished()
    outcome = lockstep("DV1", machines, case, stride or case.stride)
    bare, guest = machines.printed
    if outcome.failure is None and not outcome.excluded and bare != guest:
        return failed("DV1", outcome.log, 0, "output", f"{bytes(bare)!r} bare, {bytes(guest)!r} monitored")
    return outcome
