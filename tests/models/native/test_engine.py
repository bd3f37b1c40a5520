"""The native engine does what the plain interpreter does: state, memory, clock, stops, and what devices see at every access."""

from __future__ import annotations

import os
import random
import signal
from dataclasses import replace
from typing import Any

import pytest

from pgcheck import shipped
from pgcheck.isa.encoding.codec import encode
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import mask
from pgcheck.models.engine import Engine, Interpreter, VmExit
from pgcheck.models.generated.compiled import Compiled
from pgcheck.models.memory import Bus, Ram, Window
from pgcheck.models.native import engine, linking, runtime
from pgcheck.models.native.engine import Native
from pgcheck.models.native.linking import Unavailable
from pgcheck.models.native.lowering import llvm, threaded
from pgcheck.models.native.lowering.code import Code
from pgcheck.models.native.lowering.llvm import Body
from pgcheck.models.native.lowering.plan import Plan, Unsupported
from pgcheck.models.native.lowering.threaded import Writer
from pgcheck.models.native.lowering.values import Values
from pgcheck.models.native.mirror import Mirror
from pgcheck.models.state import Cells, State, Surroundings, cells, holding, reset
from tests.models.generated import test_compiled
from tests.models.generated.test_compiled import BASE, Change, loop, paged, run, word
from tests.models.generated.test_compiled import computer as small
from tests.models.worlds import biased, operands
from tests.specifications import machine

pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")
pytestmark = pytest.mark.slow

QUICK = 0
PROGRAMS = {"pg74": 80, "riscv64": 50, "m68000": 16, "m68010": 6, "pdp10-ka10": 16, "i386": 12, "x86-umip": 4}
CAMPAIGN = 1000
WITH_INTERRUPTS = {"riscv64", "pg74"}


@pytest.fixture(autouse=True)
def few_interrupts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only some machines are made again with interrupts that their leaves decide on: each has to be compiled."""
    asked = getattr(request.node, "callspec", None)
    subjects = set() if asked is None else {v for v in asked.params.values() if isinstance(v, str)}
    if subjects and not subjects & WITH_INTERRUPTS:
        monkeypatch.setattr(test_compiled, "toggles_of", lambda described: [])


def agree(name: str, seeds: range, change: Change | None = None) -> list[Native]:
    """Hold random programs against the plain interpreter; the engines that ran."""
    engines: list[Native] = []

    def native(described: Machine) -> Engine:
        engines.append(Native(described, QUICK))
        return engines[-1]

    for seed in seeds:
        expected, found = run(name, seed, Interpreter, change), run(name, seed, native, change)
        for i, (one, other) in enumerate(zip(expected, found, strict=True)):
            assert one == other, (name, seed, i)
    assert {e.warning for e in engines} == {""}
    return engines


def test_every_shipped_specification_is_tried() -> None:
    assert PROGRAMS.keys() == set(shipped.names())


@pytest.mark.parametrize("name", PROGRAMS)
def test_random_programs_run_alike(name: str) -> None:
    engines = agree(name, range(PROGRAMS[name]))
    executes = any(rule.kind == "execute" for rule in machine(name).code.exits.values())
    assert sum(e.steps for e in engines) > 20 * PROGRAMS[name]
    assert executes or not any(e.outside for e in engines)


def test_programs_under_page_tables_run_alike() -> None:
    agree("riscv64", range(40), paged)


@pytest.mark.campaign
@pytest.mark.parametrize("name", PROGRAMS)
def test_many_random_programs_run_alike(name: str) -> None:
    agree(name, range(1000, 1000 + CAMPAIGN))
    if name == "riscv64":
        agree(name, range(1000, 1000 + CAMPAIGN), paged)


# ---- every instruction


def memory(described: Machine) -> Bus:
    """RAM at the platform's base, or at 0, and nothing else."""
    space = described.state
    ram = Ram(described.platform.ram_base, min(1 << 12, space.memory_size), space.memory_unit, space.big_endian)
    return Bus(ram, (), space.memory_unit, space.big_endian, space.address_width)


def drawn(described: Machine, rng: random.Random) -> State:
    """A state with edge values, in which translation mostly lets through what it is given."""
    state = reset(described)
    for leaf in described.state.leaves.values():
        held = state[leaf.name]
        if isinstance(held, Cells) and leaf.name != described.state.memory:
            size = described.state.arrays[leaf.name].size
            held.update({i: biased(rng, leaf.element_width) for i in range(min(size, 64))})
        elif not isinstance(held, Cells) and rng.random() < (0.1 if leaf.control else 1):
            state[leaf.name] = biased(rng, leaf.width)
    if described.code.translation is not None:
        state |= holding(described, described.code.translation.replay)
    return state


def stepped(described: Machine, run_by: Engine, bus: Bus, identifier: str, seed: int) -> object:
    """What an engine makes of an instruction at edge values and of the one after it."""
    rng, ram = random.Random(seed), bus.ram
    assert isinstance(ram, Ram)
    instruction, state = described.instruction(identifier), drawn(described, rng)
    assert instruction.encoding is not None
    for _ in range(32):
        bus.store(ram.base + rng.randrange(ram.size), 1, biased(rng, bus.unit))
    at = ram.base + ram.size // 2
    state[described.state.pc] = at
    unit = described.decoding.decode.unit // bus.unit
    for word_ in encode(instruction.encoding, operands(instruction, rng)):
        bus.store(at, unit, word_)
        at += unit
    surroundings = Surroundings(lambda site, instance, width: instance & mask(width or 1), memory=bus)
    stop = run_by.run(state, surroundings, 2, frozenset(described.code.exits))
    return stop, surroundings.clock, state, ram.page(0)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_instruction_does_the_same(name: str) -> None:
    described = machine(name)
    plain, native = Interpreter(described), Native(described, QUICK)
    one, other = memory(described), memory(described)
    times = 1 if name in ("m68010", "x86-umip") else 2
    for k, instruction in enumerate(times * described.instructions):
        expected = stepped(described, plain, one, instruction.id, k)
        assert stepped(described, native, other, instruction.id, k) == expected, (name, instruction.id, k)
    assert not native.warning and native.steps > len(described.instructions) // 4


# ---- what is hard to get right


def test_every_budget_is_kept_exactly() -> None:
    native = Native(machine("riscv64"))
    for budget in [*range(20), 1000, 12_345]:
        state, surroundings = small(loop())
        assert native.run(state, surroundings, budget, frozenset()) == VmExit(budget)
        expected, other = small(loop())
        Interpreter(native.machine).run(expected, other, budget, frozenset())
        assert state == expected and surroundings.clock == budget


def rewriting() -> tuple[State, Surroundings]:
    """x6 alternates between two instructions; sw puts one of them right after itself."""
    one, two = word("addi", xd=7, xs1=7, imm=1), word("addi", xd=7, xs1=7, imm=100)
    words = [word("xor", xd=6, xs1=6, xs2=9), word("sw", xs1=8, xs2=6, imm=8), one, word("jal", xd=0, imm=-12)]
    state, surroundings = small(words)
    state["X"] = Cells(0, {6: one, 8: BASE, 9: one ^ two})
    return state, surroundings


def test_a_store_to_the_next_instruction_takes_effect_at_once() -> None:
    state, surroundings = rewriting()
    Native(machine("riscv64")).run(state, surroundings, 400, frozenset())
    assert state["X"] == Cells(0, {**cells(state, "X"), 7: 50 * 101})


def test_a_forgotten_store_to_code_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mirror, "mark", lambda self, first, count: None)
    state, surroundings = rewriting()
    Native(machine("riscv64")).run(state, surroundings, 400, frozenset())
    assert cells(state, "X")[7] != 50 * 101


def test_more_code_than_there_are_records_for_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    native = Native(machine("riscv64"))
    state, surroundings = small([word("addi", xd=5, xs1=5, imm=1)] * 200 + [word("jal", xd=0, imm=-800)])
    native.run(state, surroundings, 1, frozenset())
    assert native.runtime is not None
    native.runtime.records.most = 40
    native.run(state, surroundings, 10 * 201, frozenset())
    assert cells(state, "X")[5] == 10 * 200 + 1


def test_an_interrupt_from_the_keyboard_ends_an_endless_loop() -> None:
    state, surroundings = small(loop())
    native = Native(machine("riscv64"))
    native.run(state, surroundings, 8, frozenset())
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            native.run(state, surroundings, 1 << 60, frozenset())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    before = surroundings.clock
    assert before > 1000 and native.run(state, surroundings, 80, frozenset()) == VmExit(80)


def test_what_a_device_raises_comes_through() -> None:
    state, surroundings = small([word("ld", xd=5, xs1=6, imm=0)])
    bus = surroundings.memory
    assert isinstance(bus, Bus)
    bus.windows = (Window(0x1000, 8, Broken()),)
    state["X"] = Cells(0, {6: 0x1000})
    with pytest.raises(ZeroDivisionError):
        Native(machine("riscv64")).run(state, surroundings, 10, frozenset())


class Broken:
    """Registers that cannot be read."""

    def read(self, offset: int, count: int) -> int:
        return 1 // offset

    def write(self, offset: int, count: int, value: int) -> None:
        raise AssertionError


def test_a_process_that_is_forked_has_memory_of_its_own() -> None:
    state, surroundings = small(loop())
    native = Native(machine("riscv64"))
    native.run(state, surroundings, 8, frozenset())
    assert native.runtime is not None
    child = os.fork()
    if child == 0:
        native.runtime.mirror.set("left", 12_345)
        os._exit(0)
    os.waitpid(child, 0)
    assert native.runtime.mirror.get("left") != 12_345


# ---- where there is no native code


def alike(native: Native) -> None:
    """An engine runs the loop as generated Python does."""
    state, surroundings = small(loop())
    expected, other = small(loop())
    assert native.run(state, surroundings, 500, frozenset()) == VmExit(500)
    Compiled(native.machine).run(expected, other, 500, frozenset())
    assert state == expected


@pytest.mark.parametrize("error", [Unavailable(linking.MISSING), Unsupported()])
def test_without_native_code_generated_python_runs_and_a_line_says_so(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(engine, "interpreter", fails)
    native = Native(machine("riscv64"))
    alike(native)
    assert native.warning.endswith("generated Python is used instead") and "\n" not in native.warning
    assert native.runtime is None


def test_an_instruction_without_code_is_left_to_the_plain_evaluator(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Values, op: str, width: int, a: str, b: str) -> str:
        raise Unsupported

    monkeypatch.setattr(Values, "divide", fails)
    described = replace(machine("riscv64"))
    state, surroundings = small([word("div", xd=5, xs1=6, xs2=7), word("addi", xd=8, xs1=5, imm=1)])
    state["X"] = Cells(0, {6: 100, 7: 7})
    native = Native(described, QUICK)
    native.run(state, surroundings, 2, frozenset())
    assert (cells(state, "X")[8], native.outside, native.steps) == (15, 1, 2)


@pytest.mark.parametrize(("where", "name"), [(llvm, "MOST_LINES"), (threaded, "MOST_TEXT")])
def test_what_explodes_has_no_code(where: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    described = replace(machine("pg74"))
    assert not Writer(Plan(described, frozenset())).written().left_out
    monkeypatch.setattr(where, name, 50)
    with pytest.raises(Unsupported):
        Writer(Plan(described, frozenset())).written()


def test_a_short_program_is_generated_pythons() -> None:
    native, (state, surroundings) = Native(machine("riscv64"), QUICK, early=100), small(loop())
    while surroundings.clock < 100:
        native.run(state, surroundings, 60, frozenset())
    assert native.runtime is None and surroundings.clock == 100
    native.run(state, surroundings, 60, frozenset())
    expected, other = small(loop())
    Compiled(native.machine).run(expected, other, 160, frozenset())
    assert native.runtime is not None and native.steps == 60 and (state, 160) == (expected, surroundings.clock)


# ---- a fault in the lowering is found


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Native code that is made for this test alone."""
    known: dict[tuple[int, frozenset[str], frozenset[str]], runtime.Interpreter] = {}
    make: Any = runtime.interpreter

    def made(described: Machine, ports: frozenset[str], cuts: frozenset[str], level: int) -> runtime.Interpreter:
        key = id(described), ports, cuts
        if key not in known:
            known[key] = make.__wrapped__(described, ports, cuts, level)
        return known[key]

    monkeypatch.setattr(engine, "interpreter", made)


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize(
    ("where", "name", "wrong", "subject", "seeds"),
    [
        pytest.param(Values, "_depends", lambda self, leaf: None, "pdp10-ka10", range(4, 6), id="hangs on a register"),
        pytest.param(Code, "_watch", lambda self, leaf: None, "riscv64", range(40), id="change of an interrupt"),
        pytest.param(Body, "reversed", lambda self, width, a: a, "m68000", range(4), id="order of bytes"),
        pytest.param(Mirror, "mark", lambda self, first, count: None, "pg74", range(40), id="store to code"),
    ],
)
def test_a_fault_is_found(
    where: type, name: str, wrong: Any, subject: str, seeds: range, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises(AssertionError):
        agree(subject, seeds)
