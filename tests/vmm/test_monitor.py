"""The dispatcher: a guest and a bare machine go the same way, step by step, and what would tell them apart is noticed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace

import pytest

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms.ir import HALT
from pgcheck.models import engine
from pgcheck.models.engine import VmExit
from pgcheck.models.generated.compiled import Compiled
from pgcheck.models.memory import Registers
from pgcheck.models.reference.cycle import execute, serve
from pgcheck.models.state import Cells, Exit, Fetched, State, Surroundings
from pgcheck.vmm import monitor as dispatcher
from pgcheck.vmm.allocator import OutOfMemory
from pgcheck.vmm.binding import REFERENCE
from pgcheck.vmm.gate import ResourceControlLost
from pgcheck.vmm.monitor import MAX_STUTTERS, TrapAndEmulate
from pgcheck.vmm.statistics import row
from pgcheck.vmm.world import save_guest
from tests.specifications import GUESTS, machine_of
from tests.vmm import programs
from tests.vmm.lockstep import Pair, pair, policy_of, seen

Outcome = tuple[Exit | None, Fetched | None]


@dataclass(frozen=True, slots=True)
class Case:
    """A program for a machine, what it prints, and the sensitive instructions that it uses."""

    machine: str
    deployment: str
    kind: str
    setup: Callable[..., programs.Setup]
    size: int
    prints: bytes
    sensitive: frozenset[str] = frozenset()
    prefix: str = "-"
    writes_tables: str = ""
    stride: int = 1

    def is_sensitive(self, row_: str) -> bool:
        return row_ in self.sensitive or row_.startswith(self.prefix)

    def pair(self, *, crosses: bool = False) -> Pair:
        machine = machine_of(self.machine)
        rules = policy_of(self.machine, self.deployment, self.kind)
        # The store of the third generation machine has 1024 words in all.
        room = 1024 if self.machine == "pg74" else 0
        return pair(machine, rules, self.size, self.setup(machine), room=room, crosses=crosses)


SUPERVISORS = frozenset({"sret", "sfence.vma", "wfi"})
CASES: Mapping[str, Case] = {
    "pg74": Case(
        "pg74",
        "default",
        "type1",
        programs.pg74,
        programs.PG74_SIZE,
        b"@GTGFKVGD",
        frozenset({"lpsw", "lrr", "srr", "lra", "sio", "tio", "stm", "rtm", "halt"}),
    ),
    "pg74 with its timer": Case(
        "pg74",
        "default",
        "type1",
        programs.pg74_timer,
        programs.PG74_SIZE,
        b"12345\n",
        frozenset({"lpsw", "sio", "stm", "rtm", "halt"}),
    ),
    "m68010": Case(
        "m68010",
        "default",
        "type1",
        programs.m68,
        programs.M68_SIZE,
        b"Hello\n5 ticks\nUSPS\n",
        frozenset({"rte", "stop", "move.to_usp", "move.to_sr"}),
    ),
    "riscv64 in U": Case(
        "riscv64", "s_in_u", "type1", programs.riscv, programs.RISCV_SIZE, b"48a", SUPERVISORS, "csrr", "sd"
    ),
    "riscv64 from M": Case(
        "riscv64",
        "vmm_in_m",
        "type1",
        programs.riscv,
        programs.RISCV_SIZE,
        b"48a",
        SUPERVISORS | {"csrrw:satp", "csrrs:time"},
        writes_tables="sd",
    ),
    "pdp10": Case(
        "pdp10-ka10", "default", "hybrid", programs.pdp10, programs.PDP10_SIZE, b"Hello\n5 ticks\nSPP*i\4\n", stride=15
    ),
}
TYPE1 = [name for name, case in CASES.items() if case.kind == "type1"]
LONG = 20_000


def lockstep(both: Pair, seed: int, longest: int = 20) -> None:
    """To the end of the program, in strides of random lengths."""
    chance, before = random.Random(seed), -1
    while before < both.bare.clock < LONG:
        before = both.bare.clock
        both.step(chance.randrange(1, longest))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", CASES)
def test_a_guest_and_a_bare_machine_go_the_same_way(name: str, seed: int) -> None:
    both = CASES[name].pair()
    lockstep(both, seed, longest=CASES[name].stride * (2 + 7 * seed * seed))
    assert bytes(both.printed[0]) == CASES[name].prints
    ended = both.bare.run(1).exit
    assert ended is not None and ended.function == HALT


@pytest.mark.parametrize("name", CASES)
def test_a_fast_processor_makes_no_difference(name: str) -> None:
    both = CASES[name].pair()
    both.vmm.host.engine = Compiled(both.bare.machine)
    lockstep(both, seed=5, longest=40)
    assert bytes(both.printed[0]) == CASES[name].prints


@pytest.mark.parametrize("name", CASES)
def test_fast_routines_make_no_difference(name: str) -> None:
    """The generated answers and the reference binding's lead to the same account."""
    fast, slow = CASES[name].pair().guest, CASES[name].pair().guest
    slow.monitor.binding = REFERENCE
    for guest in (fast, slow):
        guest.computer.run(LONG)
    assert seen(fast.computer) == seen(slow.computer) and fast.computer.clock > 100
    assert fast.monitor.statistics == slow.monitor.statistics


# ---- efficiency: EF1


@dataclass(slots=True)
class Tally:
    """What a bare machine executes: (row, whether it completes), and the rows that reach a device."""

    executed: Counter[tuple[str, bool]]
    devices: Counter[str]


def tally(case: Case, monkeypatch: pytest.MonkeyPatch) -> Tally:
    """The program on the bare machine alone."""
    found, computer, touched = Tally(Counter(), Counter()), case.pair().bare, [0]
    computer.bus.windows = tuple(replace(w, device=Noticed(w.device, touched)) for w in computer.bus.windows)

    def noting(machine: Machine, fetched: Fetched | None, state: State, surroundings: Surroundings) -> Outcome:
        touched[0] = 0
        ended, last = execute(machine, fetched, state, surroundings)
        name = row(last) if last is not None else ""
        found.executed[name, ended is None] += 1
        found.devices[name] += ended is None and touched[0] > 0
        return ended, last

    with monkeypatch.context() as patched:
        patched.setattr(engine, "execute", noting)
        assert computer.run(LONG).exit is not None
    return found


class Noticed:
    """A device that counts accesses."""

    def __init__(self, device: Registers, count: list[int]) -> None:
        self.device, self.touched = device, count

    def read(self, offset: int, count: int) -> int:
        self.touched[0] += 1
        return self.device.read(offset, count)

    def write(self, offset: int, count: int, value: int) -> None:
        self.touched[0] += 1
        self.device.write(offset, count, value)


@pytest.mark.parametrize("name", TYPE1)
def test_the_monitor_steps_in_exactly_where_it_must(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sensitive instructions as often as the bare machine completes them, traps as often as it takes them, and nothing else."""
    case = CASES[name]
    bare, guest = tally(case, monkeypatch), case.pair().guest
    assert guest.computer.run(LONG).exit is not None
    found = guest.monitor.statistics
    completed = {i: n for (i, done), n in bare.executed.items() if done and case.is_sensitive(i)}
    assert {i: n for (i, why), n in found.interventions.items() if why == "emulated"} == completed
    traps = {i: n for (i, done), n in bare.executed.items() if not done}
    assert {i: n for (i, why), n in found.interventions.items() if why in ("reflected", "ended")} == traps
    assert found.count("interpreted") == 0
    memory = {i: n for (i, why), n in found.interventions.items() if why == "memory"}
    devices = {i: n for i, n in bare.devices.items() if n}
    assert {i: n for i, n in memory.items() if i not in case.writes_tables} == devices
    if name == "pg74":  # where no interrupt is a step, and no step is waiting
        assert found.direct + sum(found.interventions.values()) == guest.computer.clock + found.count("ended")


# ---- what must be noticed


class Peer:
    """A processor next to which somebody overwrites the word at PC as soon as the monitor has been entered."""

    def __init__(self, both: Pair, word: int) -> None:
        self.inner, self.both, self.word, self.done = both.vmm.host.engine, both, word, False

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        stop = self.inner.run(state, surroundings, budget, intercept)
        if stop.exit is not None and not self.done:
            self.done = True
            pc = state[self.both.bare.machine.state.pc]
            assert isinstance(pc, int)
            self.both.guest.computer.bus.store(pc, 1, self.word)
        return stop


@pytest.mark.parametrize("again", [False, True])
def test_a_word_is_fetched_once(again: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guest sets its timer; by the time the monitor looks, another instruction stands there."""
    machine = machine_of("pg74")
    both = pair(machine, policy_of("pg74"), 512, programs.program(machine, ".org 2\nli a1, 7\nstm a1\n"), room=1024)
    both.vmm.host.engine = Peer(both, 0x41 << 24 | 1 << 20)  # lrr a1
    if again:
        monkeypatch.setattr(
            TrapAndEmulate, "routine", lambda self, frame, *a: ROUTINE(self, replace(frame, read=False), *a)
        )
    both.guest.computer.run(2)
    relocated = both.guest.computer.state["R.b"] == 7
    assert relocated is again
    assert both.guest.monitor.statistics.interventions == {("lrr" if again else "stm", "emulated"): 1}


ROUTINE = TrapAndEmulate.routine


def pc_stays(both: Pair, patch: pytest.MonkeyPatch) -> None:
    def execute_(machine: Machine, fetched: Fetched | None, state: State, surroundings: Surroundings) -> Outcome:
        before = state[machine.state.pc]
        ended, last = REFERENCE.execute(machine, fetched, state, surroundings)
        if ended is None:
            state[machine.state.pc] = before
        return ended, last

    both.guest.monitor.binding = replace(REFERENCE, execute=execute_)


def mode_is_the_processors(both: Pair, patch: pytest.MonkeyPatch) -> None:
    mode = both.bare.machine.modes.leaf
    patch.setattr(dispatcher, "save_guest", lambda division, real: {**save_guest(division, real), mode: real[mode]})


def reflected_elsewhere(both: Pair, patch: pytest.MonkeyPatch) -> None:
    def enter(machine: Machine, exit_: Exit, state: State, surroundings: Surroundings) -> Exit | None:
        pc = state[machine.state.pc]
        assert isinstance(pc, int)
        state[machine.state.pc] = pc + machine.decoding.decode.unit // machine.decoding.decode.pc_unit
        return REFERENCE.enter(machine, exit_, state, surroundings)

    both.guest.monitor.binding = replace(REFERENCE, enter=enter)


def reflected_from_user_mode(both: Pair, patch: pytest.MonkeyPatch) -> None:
    def enter(machine: Machine, exit_: Exit, state: State, surroundings: Surroundings) -> Exit | None:
        state[machine.modes.leaf] = machine.modes.user.values[0]
        return REFERENCE.enter(machine, exit_, state, surroundings)

    both.guest.monitor.binding = replace(REFERENCE, enter=enter)


def traps_are_free(both: Pair, patch: pytest.MonkeyPatch) -> None:
    def enter(machine: Machine, exit_: Exit, state: State, surroundings: Surroundings) -> Exit | None:
        undeliverable = REFERENCE.enter(machine, exit_, state, surroundings)
        surroundings.clock -= undeliverable is None
        return undeliverable

    both.guest.monitor.binding = replace(REFERENCE, enter=enter)


def interrupts_never_come(both: Pair, patch: pytest.MonkeyPatch) -> None:
    both.guest.monitor.binding = replace(REFERENCE, pending=lambda machine, state, surroundings: False)


class Eager:
    """A monitor that delivers what the timer requests, masked or not."""

    def __init__(self, both: Pair) -> None:
        self.inner, self.machine = both.guest.monitor, both.bare.machine

    def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
        interrupt = self.machine.code.interrupt
        assert interrupt is not None
        if state["mip.STIP"] and state["mie.STIE"] and not state["mstatus.SIE"]:
            serve(self.machine, interrupt.deliver, state, surroundings)
        return self.inner.run(state, surroundings, budget, intercept)


def interrupts_come_masked(both: Pair, patch: pytest.MonkeyPatch) -> None:
    both.guest.computer.engine = Eager(both)


MUTANTS: list[tuple[str, Callable[[Pair, pytest.MonkeyPatch], None]]] = [
    ("pg74", pc_stays),
    ("riscv64 in U", pc_stays),
    ("riscv64 in U", mode_is_the_processors),
    ("pg74", mode_is_the_processors),
    ("pg74", reflected_elsewhere),
    ("riscv64 in U", reflected_from_user_mode),
    ("m68010", traps_are_free),
    ("riscv64 in U", interrupts_never_come),
    ("riscv64 in U", interrupts_come_masked),
    ("pdp10", reflected_elsewhere),
]


@pytest.mark.parametrize(("name", "mutate"), MUTANTS, ids=lambda p: getattr(p, "__name__", p))
def test_a_monitor_that_does_wrong_is_noticed(
    name: str, mutate: Callable[[Pair, pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = CASES[name].pair()
    mutate(both, monkeypatch)
    with pytest.raises(AssertionError):
        lockstep(both, seed=1)


# ---- instructions that may be left halfway

HALFWAY = """
        .org 0x400
        move #0x2300,sr
        move.l #0x440,(0x14).l
        movea.l #0x1000,a1
        move.l #2,(a1)
        divu.w (a1)+,d0
        .org 0x440
        stop #0x2700
"""


@pytest.mark.parametrize(("again", "crosses"), [(False, False), (True, False), (False, True)])
def test_a_trap_that_is_the_guests_as_it_stands_is_handed_on(again: bool, crosses: bool) -> None:
    """Where the divisor is zero, DIVU has moved its address register on when the monitor is entered: it must not do so again."""
    machine, rules = machine_of("m68010"), policy_of("m68010")
    assert rules.crossing is not None
    if again:
        rules = replace(rules, crossing=replace(rules.crossing, handed={}))
    both = pair(machine, rules, programs.M68_SIZE, programs.program(machine, HALFWAY), crosses=crosses)
    if again:
        with pytest.raises(AssertionError):
            lockstep(both, seed=0, longest=2)
    else:
        lockstep(both, seed=0, longest=2)
        assert both.guest.monitor.statistics.count("reflected") == 1


# ---- bounded work, and control


@pytest.mark.parametrize("links", [3, 40, 70, 200])
def test_chains_of_executed_words_go_as_far_on_both(links: int) -> None:
    """A user program executes a word that executes a word, and so on, to one that is refused."""
    text = (GUESTS / "pdp10-ka10" / "hello.s").read_text().partition("        .org 0x810")[0]
    words = "".join(f"        xct 0, 0x{0x11 + k:x}\n" for k in range(links))
    machine = machine_of("pdp10-ka10")
    setup = programs.program(machine, f"{text}        .org 0x810\n{words}        datao 0x14, 1\n        muuo 1, 0, 0\n")
    both = pair(machine, policy_of("pdp10-ka10", kind="hybrid"), programs.PDP10_SIZE, setup)
    lockstep(both, seed=2, longest=2000)
    assert bytes(both.printed[0]).endswith(b"P\n") is (links < 64)
    assert both.guest.monitor.statistics.direct + sum(both.guest.monitor.statistics.interventions.values()) > 0


def test_a_monitor_that_never_gets_further_interprets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own tables pretend to be mended each time: after so many stutters the instruction is interpreted."""
    monkeypatch.setattr(dispatcher, "MAX_STUTTERS", 5)
    both = CASES["riscv64 in U"].pair()
    monkeypatch.setattr(both.guest.monitor.mmu, "miss", lambda *a: True, raising=False)
    both.step(60)
    found = both.guest.monitor.statistics
    assert found.misses == 5 * found.count("interpreted") > 0
    assert MAX_STUTTERS >= 5


def test_tables_that_do_not_fit_are_no_hindrance(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> bool:
        raise OutOfMemory("no frame left")

    both = CASES["riscv64 in U"].pair()
    monkeypatch.setattr(both.guest.monitor.mmu, "enter", full, raising=False)
    both.step(60)
    done = both.guest.monitor.statistics
    assert done.direct == 0 and done.interventions.total() > 50


def test_a_processor_that_says_stop_without_a_reason_is_left_behind() -> None:
    class Silent:
        def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
            return VmExit(0, interrupted=True)

    both = CASES["pg74"].pair()
    both.vmm.host.engine = Silent()
    both.step(30)
    done = both.guest.monitor.statistics
    assert done.direct == 0 and done.interventions.total() == 30


@pytest.mark.parametrize("bound", [511, 512])
def test_a_guest_that_changes_the_monitors_own_state_is_noticed(bound: int) -> None:
    """LIM sets the processor's bound in user mode without a trap; only a forced policy lets it."""
    machine = machine_of("shrink")
    both = pair(
        machine, policy_of("shrink"), 512, programs.program(machine, f".org 2\nli a1, {bound}\nlim a1\n"), room=1024
    )
    both.guest.computer.state["R.b"] = both.bare.state["R.b"] = 512
    both.step(1)
    if bound == 512:
        both.step(1)  # what it was: nothing is lost
        return
    with pytest.raises(ResourceControlLost, match="R.b"):
        both.guest.computer.run(1)


def test_the_monitors_own_arrays_are_compared_with_what_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change in place of an array does not change what it is compared with."""
    both = CASES["pg74"].pair()
    guest = both.guest.monitor
    guest.division = replace(guest.division, own={**guest.division.own, "ARRAY": 0}, arrays=("ARRAY",))
    guest.own["ARRAY"] = Cells(0)

    class Writing:
        inner = both.vmm.host.engine
        place, value = 3, 0

        def run(self, state: State, surroundings: Surroundings, budget: int, intercept: Set[str]) -> VmExit:
            array = state["ARRAY"]
            assert isinstance(array, Cells)
            array[self.place] = self.value
            return self.inner.run(state, surroundings, budget, intercept)

    both.vmm.host.engine = writing = Writing()
    both.guest.computer.run(1)
    writing.value = 1
    with pytest.raises(ResourceControlLost, match="ARRAY"):
        both.guest.computer.run(1)
