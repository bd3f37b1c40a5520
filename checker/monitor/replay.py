"""A counterexample run again: the real monitor on integers, and the bare machine, both on the reference binding.

Nothing here knows terms' truth: the model gives the start, and what the translation's and devices' oracles answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pgcheck.checker.monitor.concrete import End, Processor, Replay, bare, monitored
from pgcheck.checker.monitor.guest import FETCH, STUTTER, Monitored, Over, Row, apart
from pgcheck.checker.monitor.result import Counterexample
from pgcheck.checker.monitor.shadow import stage_facts
from pgcheck.checker.monitor.step import EQ3, RC1, Promise, Step, expected, kept
from pgcheck.checker.monitor.switch import OWN_PAGE, RETURN, Crossed, gate_of, own_of
from pgcheck.checker.questions.answers import Answers, state_under
from pgcheck.checker.solving.model import Model
from pgcheck.checker.witnesses.witness_replay import values_of
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term
from pgcheck.isa.terms.ir import NEXT, TRANSLATE, UNMODELLED, UNPREDICTABLE
from pgcheck.isa.terms.names import HELD, HELD_OTHERWISE, REAL
from pgcheck.models.state import Exit, State, Surroundings, cells, copied
from pgcheck.vmm.binding import REFERENCE
from pgcheck.vmm.gate import Gate, ResourceControlLost
from pgcheck.vmm.translate import Args, Held, walk
from pgcheck.vmm.vmm import page_shift


def replay_counterexample(promise: Promise, step: Step, family: str, model: Model) -> Counterexample:
    """Run both sides from the model's state; `differs` is empty when the family's claim holds there after all."""
    replay = Replay(promise, step.row, model, step.mode)
    before = replay.state(step.monitored.leaves)
    nested = promise.every_exit if family == EQ3 else frozenset()
    theirs = bare(replay, copied(before), deliver_=family != EQ3)
    host, ours = monitored(replay, copied(before), nested, step.monitored.division)
    if theirs.how in (UNMODELLED, UNPREDICTABLE):
        differs: list[str] = []
    elif family == RC1:
        differs = _control(promise, replay, step, host, ours)
    else:
        differs = _ends(replay, before, theirs, ours, host.access, frames=family == EQ3)
    instruction = step.row.subject.instruction.id if step.row.fetched is not None else step.row.subject.row.label
    fetched = replay.fetched
    return Counterexample(
        instruction,
        dict(fetched.operands) if fetched is not None else {},
        step.mode,
        values_of(before),
        _answers(model),
        tuple(differs),
    )


def _ends(
    replay: Replay, before: State, theirs: End, ours: End, access: tuple[int, ...] | None, *, frames: bool
) -> list[str]:
    found: list[str] = []
    if ours.how == STUTTER:
        resumes = TRANSLATE in replay.row.resumes
        left = {*replay.promise.division.shared, *apart(replay.machine)} if resumes else ()
        found = [f"stutter:{n}" for n in _changed(before, ours.state) if n not in left]
        if access is None:
            return ["stutter without a miss", *found]
        refused = replay.answers(REAL).faults(access)
        return ["stutter on a fault of the guest's", *found] if refused else found
    if ours.how != theirs.how:
        return [f"ends:{ours.how} for {theirs.how}"]
    found += [f"state:{n}" for n in _changed(theirs.state, ours.state)]
    if ours.args != theirs.args:
        found.append("payload")
    if ours.how != NEXT and frames:
        if ours.fetching != theirs.fetching:
            found.append("fetching")
        if ours.fetched != theirs.fetched:
            found.append("instruction")
    if ours.how == NEXT and ours.steps != theirs.steps:
        found.append("steps")
    return found


def _control(promise: Promise, replay: Replay, step: Step, host: Processor, ours: End) -> list[str]:
    found = [ours.how] if ours.lost else []
    wanted = expected(promise, step.monitored)
    own = [n for n in wanted if n in promise.division.own]
    for before, after in host.runs:
        values = {n: replay.state({**step.monitored.leaves, n: t})[n] for n, t in wanted.items()}
        found += [f"resumed:{n}" for n, v in values.items() if before[n] != v]
        found += [kept(n) for n in own if before[n] != after[n]]
    return found


class _Noted:
    """Physical memory that notes what is used of it."""

    def __init__(self) -> None:
        self.used: set[int] = set()

    def load(self, address: int, count: int) -> int:
        self.used |= set(range(address, address + count))
        return 0

    def store(self, address: int, count: int, value: int) -> None:
        self.used |= set(range(address, address + count))


@dataclass(frozen=True, slots=True)
class _Heard:
    """An oracle that notes what translation gave."""

    oracle: Answers
    given: set[int]

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None:
        fault, address = self.oracle.translate(args) or (False, 0)
        self.given.add(address)
        return fault, address

    def probe(self, name: str, args: tuple[int, ...]) -> int | None:
        return self.oracle.probe(name, args)

    def table(self, name: str, args: tuple[int, ...]) -> int | None:
        return self.oracle.table(name, args)


def strayed(promise: Promise, row: Row, mode: int, before: Mapping[str, Term], model: Model) -> Counterexample:
    """Run the row on the processor; `differs` names the addresses used on pages that translation did not give."""
    replay = Replay(promise, row, model, mode)
    state = replay.state(before)
    start = values_of(state)
    noted, mine = _Noted(), replay.surroundings(REAL)
    given: set[int] = set()
    mine.memory, mine.oracle = noted, _Heard(replay.answers(REAL), given)
    try:
        if row.part == FETCH:
            replay.fetch(row.machine, state, mine)
        else:
            replay.execute(row.machine, replay.fetched, state, mine)
    except Over:
        pass
    shift = page_shift(row.machine)
    pages = {a >> shift for a in given}
    fetched = replay.fetched
    return Counterexample(
        row.subject.id,
        dict(fetched.operands) if fetched is not None else {},
        mode,
        start,
        _answers(model),
        tuple(f"reaches:{a:#x}" for a in sorted(noted.used) if a >> shift not in pages),
    )


def remembered(promise: Promise, row: Row, mode: int, guest: Monitored, model: Model) -> Counterexample:
    """Enter a guest twice, on a processor that held other values before; `differs` names the leaves that tell."""
    replay = Replay(promise, row, model, mode)
    before = replay.state(guest.leaves)
    entered = [
        monitored(replay, copied(before), frozenset(), guest.division, tag)[0].runs for tag in (HELD, HELD_OTHERWISE)
    ]
    first, second = (runs[0][0] if runs else {} for runs in entered)
    tells = tuple(f"tells:{n}" for n in first if n not in apart(row.machine) and first[n] != second[n])
    return Counterexample("", {}, mode, values_of(before), _answers(model), tells)


def _answers(model: Model) -> tuple[tuple[str, tuple[int, ...], int], ...]:
    return tuple((str(n), a, v) for (n, a), v in sorted(model.functions.items()) if v)


def _changed(a: State, b: State) -> list[str]:
    return [n for n in a if a[n] != b[n]]


# ---- the world switch


def replayed(promise: Promise, one: Crossed, model: Model) -> Counterexample:
    """The way taken by the real gate from a model's state; `differs` names what is not as it was, or is not as it is wanted."""
    machine = promise.machine
    gate = gate_of(promise, REFERENCE)
    differs: list[str] = []
    args = tuple(model.values(one.handed))
    if not one.before:
        wrong = {n: t for by in one.mismatches.values() for n, t in by.items()}
        return Counterexample(one.subject, {}, 0, {}, (), tuple(n for n, t in wrong.items() if model.satisfies([t])))
    state = state_under(machine, one.before, model)
    cells(state, machine.state.memory).update(gate.crossing.laid)
    gate, before = replace(gate, walked=_tabled(promise, state)), copied(state)
    if one.subject.startswith(OWN_PAGE):
        memory = Held(cells(state, machine.state.memory), machine)
        reached = walk(machine, args, state, Surroundings(memory=memory), pretend=True).address
        shown = () if reached is None else (f"reaches {reached:#x}",)
        return Counterexample(one.subject, {}, one.mode, values_of(before), (), shown)
    try:
        if one.subject.startswith(RETURN):
            wanted = {n: v for n, v in before.items() if n not in apart(machine)}
            held = {n: leaf.copied(HELD) for n, leaf in machine.state.leaves.items()}
            state.update({n: v for n, v in state_under(machine, held, model).items() if n in wanted})
            gate.enter(wanted, state, Surroundings())
            differs = _overwritten(gate, state)
        else:
            name = one.subject.partition(", ")[2].partition(")")[0]
            interrupt = machine.code.interrupt is not None and name == machine.code.interrupt.deliver
            arrived = gate.arrive(None if interrupt else Exit(name, args), state, Surroundings())
            hidden = () if arrived.located else (machine.state.pc,)
            differs = [f"state:{n}" for n, v in arrived.guest.items() if v != before[n] and n not in hidden]
            differs += [f"stores:{a:#x}" for a in _beyond(machine, gate.crossing.keep, before, state)]
            differs += _overwritten(gate, state)
    except ResourceControlLost as lost:
        differs = [str(lost)]
    return Counterexample(one.subject, {}, one.mode, values_of(before), (), tuple(differs))


def _beyond(machine: Machine, keep: int, before: State, after: State) -> list[int]:
    """The addresses beyond what is kept at which memory has changed."""
    base, memory = machine.platform.ram_base, machine.state.memory
    was, now = cells(before, memory), cells(after, memory)
    return sorted(a for a in now if now[a] != was[a] and not base <= a < base + keep)


def _tabled(promise: Promise, state: State) -> bool:
    """Whether memory has tables in which the monitor's modes find the entries of its own pages."""
    machine, pages = promise.machine, own_of(promise).pages
    if not pages:
        return False
    memory = Held(cells(state, machine.state.memory), machine)
    tables = stage_facts(promise)
    return all(
        entry is not None and memory.load(*entry) == page.entry
        for page in pages
        for entry in [_last(machine, tables.asking(page.number), state, memory, tables.form.levels)]
    )


def _last(machine: Machine, args: Args, state: State, memory: Held, levels: int) -> tuple[int, int] | None:
    """Where a walk finds its last entry; None where it is not led so far."""
    loads = walk(machine, args, state, Surroundings(memory=memory), pretend=True).loads
    return loads[-1] if len(loads) == levels else None


def _overwritten(gate: Gate, after: State) -> list[str]:
    """The monitor's entries that are no longer in memory."""
    memory = cells(after, gate.machine.state.memory)
    return [f"entry:{a:#x}" for a, unit in sorted(gate.crossing.laid.items()) if memory[a] != unit]
