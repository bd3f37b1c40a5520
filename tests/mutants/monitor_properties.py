"""The monitor's properties: those of campaigns on the shipped machines, and isolation on cases of the same authors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from functools import cache, partial
from typing import Any, cast

from pgcheck.checker.campaign.cases.case import TAPE, Author
from pgcheck.checker.campaign.cases.case import Case as CampaignCase
from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.pairs.outcome import Ground, excluded
from pgcheck.checker.campaign.pairs.pair import Pair, difference
from pgcheck.checker.campaign.table import PROPERTIES
from pgcheck.isa.machine.machine import Machine
from pgcheck.models.engine import Engine, VmExit
from pgcheck.models.state import State, Surroundings
from pgcheck.vmm.allocator import OutOfMemory
from pgcheck.vmm.audit import audit
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.mmu import Mmu
from pgcheck.vmm.translate import Args
from pgcheck.vmm.vmm import Guest, Vmm
from tests.mutants.mmu_properties import extents, maps, tight
from tests.mutants.proof_properties import one_step
from tests.mutants.subjects import SUBJECTS, Case, author, fully_judged, ground, judged_anew, setting
from tests.specifications import machine_of
from tests.vmm import lockstep, programs

Entry = tuple[str, Case, int, int, Callable[[], object]]


def law(identifier: str, name: str, on: Callable[[str], Ground] = ground) -> Case:
    """A campaign's property on a subject."""
    one = PROPERTIES[identifier]

    def case(data: bytes) -> str | None:
        here = on(name)
        failure = one.tried(here, one.drawn(here.author, data), None).failure
        return None if failure is None else f"{failure.identity} at step {failure.step}: {failure.seen}"

    return case


@cache
def _judged(name: str) -> Ground:
    return Ground(fully_judged(name))


def on_the_processor(name: str) -> Case:
    """EF1: where page tables realise every virtual state, a monitor of type 1 interprets none, and its account adds up to the steps taken.

    Whatever translation faults on the processor is taken for the monitor's own first, and mended if it is.
    """

    def case(data: bytes) -> str | None:
        machines, one = ground(name).pair(), author(name).case(Tape(data))
        machines.load(one)
        end = machines.bare.run(one.steps)
        if excluded(end.exit):
            return None
        monitor, host = machines.guests[0].monitor, machines.host
        engine, mmu = host.engine, monitor.mmu
        faults, asked = _Faults(engine), _Asked(mmu)
        host.engine, monitor.mmu = faults, cast("Mmu", asked)
        try:
            machines.guest.run(one.steps)
        finally:
            host.engine, monitor.mmu = engine, mmu
        statistics = monitor.statistics
        if statistics.count("interpreted"):
            return f"{statistics.count('interpreted')} instructions are interpreted"
        taken = len(machines.oracle.log)
        account = statistics.direct + sum(statistics.interventions.values())
        if account != taken:
            return f"{account} steps in the account, and {taken} were taken"
        if faults.count != asked.count or statistics.misses != asked.mended:
            return f"{faults.count} faults of translation, {asked.count} asked about, {statistics.misses} of {asked.mended} counted"
        return None

    return case


class _Faults:
    """An engine that counts the faults of translation that it stopped at."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.count = engine, 0

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        stop = self.engine.run(state, surroundings, budget, intercept)
        self.count += stop.exit is not None and stop.exit.access is not None
        return stop


class _Asked:
    """A memory management unit that counts the faults it is asked about, and those that it mended."""

    def __init__(self, mmu: Mmu) -> None:
        self.mmu, self.count, self.mended = mmu, 0, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.mmu, name)

    @property
    def memory(self) -> GuestMemory:
        return self.mmu.memory

    def frames(self) -> Iterable[int]:
        return self.mmu.frames()

    def enter(self, virtual: State, surroundings: Surroundings, real: State) -> bool:
        return self.mmu.enter(virtual, surroundings, real)

    def miss(self, args: Args, virtual: State, surroundings: Surroundings, real: State) -> bool:
        self.count += 1
        mended = self.mmu.miss(args, virtual, surroundings, real)
        self.mended += mended
        return mended

    def answer(self, args: Args, virtual: State, surroundings: Surroundings, real: State) -> tuple[bool, int] | None:
        return self.mmu.answer(args, virtual, surroundings, real)

    def forget(self) -> None:
        self.mmu.forget()


# ---- RC2: turns and quotas


def scheduled(name: str) -> Case:
    """RC2: guests take turns of one quantum, none more than its budget or its quota, and each that stops is given once, with its account."""

    def case(data: bytes) -> str | None:
        one = author(name)
        machines = ground(name).pair(guests=3)
        tape = Tape(data[:16])
        budget, quantum = 1 + tape.below(60), 1 + tape.below(20)
        quotas = [tape.choose((None, tape.below(40))) for _ in range(3)]
        cases = one.cases(data[16:], 3)
        ends = [_end(machines, case, budget) for case in cases]
        if None in ends:
            return None
        machines.clear()
        machines.host.surroundings.clock = 0
        for guest, each, quota in zip(machines.guests, cases, quotas, strict=True):
            machines.start(guest.computer, each)
            guest.quota = quota
        stopped = [g.name for g in machines.vmm.run(budget, quantum)]
        expected, used = _turns([e or (0, False) for e in ends], quotas, budget, quantum)
        names = [machines.guests[k].name for k in expected]
        if stopped != names:
            return f"{stopped} stop, not {names}: budget {budget}, quantum {quantum}, quotas {quotas}, ends {ends}"
        for guest, steps in zip(machines.guests, used, strict=True):
            if (guest.used, guest.computer.clock) != (steps, steps):
                return f"{guest.name} used {guest.used} steps and took {guest.computer.clock}, not {steps}"
            if (guest.stopped is None) != (guest.name not in names) or (guest.stopped and guest.stopped.steps != steps):
                return f"{guest.name} stopped with {guest.stopped}"
        return None

    return case


def _end(machines: Pair, case: CampaignCase, budget: int) -> tuple[int, bool] | None:
    """How many steps of a case the bare machine takes within a budget, and whether it stops then; None when that is left open."""
    machines.load(case)
    stop = machines.bare.run(budget)
    return None if excluded(stop.exit) else (machines.bare.clock, stop.exit is not None)


def _turns(
    ends: list[tuple[int, bool]], quotas: list[int | None], budget: int, quantum: int
) -> tuple[list[int], list[int]]:
    """Which guests stop, in order, and how many steps each takes."""
    used, over, stopped, given = [0, 0, 0], [False] * 3, list[int](), [0, 0, 0]
    while not all(over):
        for k, (last, exits) in enumerate(ends):
            if over[k]:
                continue
            turn = min(quantum, budget - given[k])
            given[k] += turn
            quota = quotas[k]
            limit = budget if quota is None else quota
            room = min(turn, limit - used[k])
            left = last - used[k]
            ended = exits and left < room or used[k] + room == quota
            used[k] += min(room, left) if exits else room
            if ended:
                stopped.append(k)
            over[k] = ended or given[k] == budget
    return stopped, used


# ---- ISO1 to ISO3: several guests


def neighbours(name: str) -> Case:
    """ISO1: a guest that shares the processor with another is what the bare machine is, whatever the other does."""

    def case(data: bytes) -> str | None:
        one = author(name)
        machines = ground(name).pair(guests=2)
        first, second = one.case(Tape(data)), one.case(Tape(data[::-1]))
        machines.load(first)
        machines.start(machines.guests[1].computer, second)
        left = [first.steps, second.steps]
        for turn in range(4 * len(first.turns)):
            guest = turn % 2
            count = min(left[guest], first.turns[turn % len(first.turns)])
            if not count:
                continue
            left[guest] -= count
            stop = machines.guests[guest].computer.run(count)
            if stop.exit is not None:
                left[guest] = 0
            if not guest:
                expected = machines.bare.run(count)
                if excluded(expected.exit):
                    return None
                differing = difference(machines, machines.bare, machines.guest)
                if differing or (expected.steps, expected.exit) != (stop.steps, stop.exit):
                    return f"{differing or 'the stop'} differs in turn {turn} next to another guest"
        found = audit(machines.vmm)
        return f"{found[0].law}: {found[0].message}" if found else None

    return case


def recycled(name: str) -> Case:
    """ISO2 and ISO3: guests come, run and go in any order; frames have one owner, and a new guest finds zeros and runs as on a bare machine."""

    def case(data: bytes) -> str | None:
        tape, one = Tape(data[:64]), author(name)
        machines = ground(name).pair()
        machines.host_ram.restore({})
        vmm = Vmm(machines.host, machines.policy)
        frame = 1 << vmm.page_shift
        living: list[Guest] = []
        for number in range(6):
            if living and tape.chance(110):
                try:
                    vmm.remove(living.pop(tape.below(len(living))))
                except Exception as error:  # a guest that was made can be removed
                    return f"removing a guest in turn {number} raises {type(error).__name__}: {error}"
            else:
                wanted = tape.choose((machines.layout.size, frame, 3 * frame, machines.layout.size + frame))
                free = tuple(vmm.allocator.free)
                try:
                    guest = vmm.guest(f"guest{tape.below(3)}", wanted, tables=tape.choose((8, 20, 4000)))
                except (OutOfMemory, ValueError):
                    if tuple(vmm.allocator.free) != free:
                        return f"a guest that could not be made in turn {number} keeps frames"
                    continue
                living.append(guest)
                memory = guest.computer.bus.ram
                dirty = next(
                    (a for a in range(memory.base, memory.base + memory.size, frame) if memory.load(a, frame)), None
                )
                if dirty is not None:
                    return f"guest {number} finds something at {dirty:#x} of its new memory"
                if wanted >= machines.layout.size:
                    found = _as_bare(machines, guest, one, data[64 * number :])
                    if found:
                        return f"guest {number}: {found}"
            findings = audit(vmm)
            if findings:
                return f"{findings[0].law} in turn {number}: {findings[0].message}"
        return None

    return case


def _as_bare(machines: Pair, guest: Guest, one: Author, data: bytes) -> str | None:
    """Run a case in a guest that need not be as large as the bare machine; its registers, control state and first pages compare."""
    case = one.case(Tape(data))
    bare = machines.bare
    machines.bare_ram.restore({})
    machines.start(bare, case)
    machines.start(guest.computer, case)
    if guest.computer.bus.ram.size != bare.bus.ram.size:
        guest.computer.run(case.steps)
        return None
    expected, found = bare.run(case.steps), guest.computer.run(case.steps)
    if excluded(expected.exit):
        return None
    differing = difference(machines, bare, guest.computer)
    return f"{differing} differs from the bare machine" if differing or expected.steps != found.steps else None


# ---- IR1: interrupts of a whole small system


@cache
def _system() -> tuple[Machine, Callable[[], lockstep.Pair]]:
    machine = machine_of("riscv64")
    setup = programs.riscv(machine)
    rules = lockstep.policy_of("riscv64", "s_in_u")
    return machine, lambda: lockstep.pair(machine, rules, programs.RISCV_SIZE, setup)


def system(data: bytes) -> str | None:
    """A kernel with a timer, paging and system calls, compared with the bare machine at intervals that the tape chooses."""
    tape = Tape(data)
    both = _system()[1]()
    for _ in range(40):
        try:
            both.step(1 + tape.choose((tape.below(16), tape.below(256))))
        except AssertionError as error:
            return f"at {both.bare.clock}: {error}"[:400]
    return None


def every() -> Iterator[Entry]:
    """All of them."""
    for name in SUBJECTS:
        prepare = _preparing(name)
        for identifier in sorted(PROPERTIES.keys() - {"EF1"}):
            yield f"{identifier} {name}", law(identifier, name), TAPE, 300, prepare
        yield f"EQ1 {name}", one_step(partial(setting, name)), 8, 60, prepare
        yield f"EQ2 {name} next to a guest", neighbours(name), TAPE, 150, prepare
        yield f"ISO3 {name} recycled", recycled(name), TAPE, 60, prepare
    for name in ("riscv64", "riscv64 in M"):
        yield f"SH1 {name} maps", maps(name), TAPE, 100, _preparing(name)
        yield f"SH1 {name} maps with few tables", maps(name, tight), TAPE, 100, _preparing(name)
    yield "SH1 i386 maps", maps("i386"), TAPE, 100, _preparing("i386")
    for name in ("pg74", "riscv64"):
        yield f"RC2 {name} scheduled", scheduled(name), TAPE, 100, _preparing(name)
    yield "EF1 pg74 extents", extents, 64, 200, _preparing("pg74")
    yield "EF1 pg74", law("EF1", "pg74", _judged), TAPE, 200, partial(fully_judged, "pg74")
    yield "EF1 riscv64 on the processor", on_the_processor("riscv64"), TAPE, 200, _preparing("riscv64")
    yield "EQ2 pdp10-ka10 judged anew", law("EQ2", "pdp10-ka10", judged_anew), TAPE, 200, _preparing("pdp10-ka10")
    yield "IR1 riscv64 system", system, 128, 6, _system


def _preparing(name: str) -> Callable[[], object]:
    return lambda: author(name)
