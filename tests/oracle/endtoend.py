"""End to end: what the check says of a machine against what a guest of the real monitor sees, run by run.

A run begins in any state that the specification allows, with memory that nobody has looked at; it takes a step, or a few with devices
asking in between, on the bare machine and as a guest, and both must be alike after each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from random import Random

from pgcheck.isa.encoding.codec import encode
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms.ir import HALT, UNPREDICTABLE
from pgcheck.isa.words import split
from pgcheck.models.engine import VmExit
from pgcheck.models.state import State
from pgcheck.vmm.gate import ResourceControlLost
from tests.oracle.starts import Starts
from tests.oracle.tape import Tape
from tests.oracle.twin import LEFT_OPEN, WAITING, Twin

MAX_ALTERNATIVES = 256
SAMPLES = 6
NARROW = 4


@dataclass(frozen=True, slots=True)
class Difference:
    """A guest that is not the bare machine: what differs, from which state on, and the units of memory that were looked at."""

    what: str
    state: Mapping[str, object]
    memory: Mapping[int, int]
    asked: tuple[tuple[str, ...], ...]


@dataclass(slots=True)
class Report:
    """What the runs of a machine came to; `complete` if no other run of one step is left, `unbuilt` why there were none."""

    runs: int = 0
    left_open: int = 0
    direct: int = 0
    complete: bool = False
    unbuilt: str = ""
    differences: list[Difference] = field(default_factory=list)


@dataclass(slots=True)
class Draws:
    """What nobody has decided before a run, and the run itself decides when it is met.

    `memory` has the first values of units, alike for both machines. A nondeterministic site or volatile leaf gives each machine what it likes,
    each time: `seen` has what the guest met in this turn, `met` for each turn what the bare machine did, which chooses as the guest
    where it can, and as `forced` in this turn if that is given.
    """

    tape: Tape
    unit_width: int
    words: Mapping[tuple[int, ...], tuple[int, ...]]
    memory: dict[int, int] = field(default_factory=dict)
    begun: dict[int, tuple[int, ...]] = field(default_factory=dict)
    seen: dict[str, list[int]] = field(default_factory=dict)
    met: list[list[tuple[str, int, int]]] = field(default_factory=list)
    forced: Sequence[int] | None = None

    def unit(self, address: int) -> int:
        """The first value of a unit of memory, which mostly begins an instruction or goes on with the one before."""
        if address not in self.memory:
            before = self.begun.get(address, ())
            value = self.memory[address] = self.tape.choose(1 << self.unit_width, self.words.get(before, ()))
            self.begun[address + 1] = (*before, value) if (*before, value) in self.words else ()
        return self.memory[address]

    def guests(self, site: str, instance: int, width: int) -> int:
        """What a site gives the guest."""
        value = self.tape.choose(1 << (width or 1))
        self.seen.setdefault(site, []).append(value)
        return value

    def bares(self, site: str, instance: int, width: int) -> int:
        """What a site gives the bare machine."""
        met = self.met[-1]
        if self.forced is not None:
            value = self.forced[len(met)] if len(met) < len(self.forced) else 0
        else:
            before = len([name for name, _, _ in met if name == site])
            seen = self.seen.get(site, [])
            value = seen[before] if before < len(seen) else 0
        met.append((site, width or 1, value))
        return value


def words(machine: Machine) -> Mapping[tuple[int, ...], tuple[int, ...]]:
    """After which units of memory an instruction goes on, or begins, with which; nothing where all units of a memory can be tried."""
    random, unit, decode = Random(0), machine.state.memory_unit, machine.decoding.decode
    if unit <= NARROW:
        return {}
    found: dict[tuple[int, ...], set[int]] = {}
    for instruction in machine.instructions:
        encoding = instruction.encoding
        if encoding is None:
            continue
        for _ in range(SAMPLES):
            operands = {name: random.getrandbits(bits.width) for name, bits in instruction.operands.items()}
            try:
                units = encode(encoding, operands)
            except ValueError:
                continue
            pieces = [p for u in units for p in split(u, decode.unit // unit, unit, decode.order)]
            for k, piece in enumerate(pieces):
                found.setdefault(tuple(pieces[:k]), set()).add(piece)
    return {before: tuple(sorted(after)) for before, after in found.items()}


@dataclass(frozen=True, slots=True)
class Plan:
    """A run's steps: how many each of its turns takes, and the devices' lines that go up before it."""

    turns: tuple[int, ...]
    lines: tuple[str, ...]


def compare(made: Twin, guests: Starts, plans: Sequence[Plan], runs: int, seed: int = 0) -> Report:
    """At most so many runs, from any of the states, by any of the plans, until the first difference."""
    tape, report, favoured = Tape(seed), Report(), words(made.machine)
    unit = made.machine.state.memory_unit
    while guests.states and report.runs < runs and not tape.exhausted and not report.differences:
        state = guests.states[tape.choose(len(guests.states))]
        plan = plans[tape.choose(len(plans)) if len(plans) > 1 else 0]
        found = Run(made, state, plan, Draws(tape, unit, favoured)).taken(report)
        report.direct += made.guest.monitor.statistics.direct
        if found is not None:
            report.differences.append(found)
        report.runs += 1
        tape.finish()
    report.complete = tape.exhausted and guests.complete
    return report


@dataclass(slots=True)
class Run:
    """One run of a twin; `asked` are the lines that went up before each turn."""

    made: Twin
    state: State
    plan: Plan
    draws: Draws
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def taken(self, report: Report) -> Difference | None:
        """Take the turns until the machines differ, or the specification says no more."""
        made, draws = self.made, self.draws
        made.begin(self.state, draws.unit, draws.bares, draws.guests)
        for steps in self.plan.turns:
            self.asked.append(tuple(line for line in self.plan.lines if draws.tape.choose(2)))
            for line in self.asked[-1]:
                made.bare.state[line] = made.guest.computer.state[line] = 1
            draws.seen.clear()
            draws.met.append([])
            what, guest = _guest(made, steps)
            bare = made.bare.run(steps)
            open_, overwritten = left_open(bare), made.overwritten
            if guest is not None:
                what = _ended(made, bare, guest)
            if guest is not None and (what or open_) and draws.met[-1]:
                what, open_ = self._otherwise(guest, what)
            if open_ or (what and overwritten):
                report.left_open += 1
                return None
            if what:
                return Difference(what, self.state, dict(draws.memory), tuple(self.asked))
            if bare.exit is not None:
                return None
        return None

    def _otherwise(self, guest: VmExit, what: str) -> tuple[str, bool]:
        """What differs however the bare machine chooses in its last turn, and whether the specification says nothing of any choice."""
        made, draws = self.made, self.draws
        met, every = draws.met, True
        widths = [min(width, 8) for _, width, _ in met[-1]]
        for values in islice(product(*(range(1 << width) for width in widths)), MAX_ALTERNATIVES):
            made.bare_again(self.state)
            draws.met = []
            bare = VmExit(0)
            for number, lines_ in enumerate(self.asked):
                draws.met.append([])
                last = number + 1 == len(self.asked)
                draws.forced = values if last else [value for _, _, value in met[number]]
                for line in lines_:
                    made.bare.state[line] = 1
                bare = made.bare.run(self.plan.turns[number])
            draws.met, draws.forced = met, None
            every = every and left_open(bare)
            found = _ended(made, bare, guest)
            if not found:
                return "", left_open(bare)
            if not left_open(bare):
                what = what or found
        return what, every


def left_open(stop: VmExit) -> bool:
    """Whether the specification says no more about how a machine goes on."""
    return stop.exit is not None and stop.exit.function in LEFT_OPEN


def _guest(made: Twin, steps: int) -> tuple[str, VmExit | None]:
    """Let the guest take steps: how it lost the monitor its machine, or how it stopped. A monitor that fails otherwise shows nothing of the guest."""
    try:
        stop = made.guest.computer.run(steps)
    except ResourceControlLost as error:
        return str(error), None
    if made.engine.ended in (HALT, UNPREDICTABLE, WAITING):
        return f"the processor ended in {made.engine.ended} while the guest ran", None
    return "", stop


def _ended(made: Twin, bare: VmExit, guest: VmExit) -> str:
    """How two runs differ; "" if they do not."""
    if (bare.steps, bare.exit) != (guest.steps, guest.exit):
        return f"{bare.steps} steps to {bare.exit}, as a guest {guest.steps} to {guest.exit}"
    return made.difference()


def lines(machine: Machine) -> tuple[str, ...]:
    """The leaves in which devices ask for the processor."""
    return tuple(line for line in machine.platform.lines if line in machine.state.scalars)


def plans(machine: Machine) -> tuple[tuple[Plan, ...], tuple[Plan, ...]]:
    """One instruction with a device that asks before or after it; then a few instructions, alone and in one turn."""
    asking = lines(machine)
    one = Plan((1, 1), asking) if asking else Plan((1,), ())
    return (one,), (Plan((1, 1), asking), Plan((2,), asking), Plan((1, 3), asking))
