"""The fast engine does what the interpreter does: state, memory, clock, stops, and what devices see at every access."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import Any
from zlib import crc32

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pgcheck import shipped
from pgcheck.isa.encoding.codec import completed, encode, is_canonical
from pgcheck.isa.idl.state import ArrayLeaf, Leaf, ScalarLeaf
from pgcheck.isa.machine.machine import Instruction, Interrupt, Machine
from pgcheck.isa.terms import constant, eq, land, mask
from pgcheck.isa.terms.ir import Function, Return
from pgcheck.models.engine import Engine, Interpreter, VmExit
from pgcheck.models.generated import compiled, lines, source
from pgcheck.models.generated import memory as compiled_memory
from pgcheck.models.generated.compiled import Compiled, Heat
from pgcheck.models.generated.facts import Facts, PageLinear
from pgcheck.models.generated.program import Program
from pgcheck.models.memory import Bus, Ram, Window
from pgcheck.models.state import Cells, Ended, Exit, State, Surroundings, copied, frozen, holding, reset
from tests.models.worlds import biased, operands
from tests.specifications import machine

pytestmark = pytest.mark.slow

NAMES = shipped.names()
EXAMPLES = 60
CAMPAIGN = 40
PAGE = 12
HEATS = [Heat(1, 1, 1), Heat(1, 1, 3), Heat(1, 1, 12), Heat(1, 2, 4), Heat(2, 4, 2)]


@cache
def interrupted(name: str, first: str, second: str) -> Machine:
    """A shipped machine whose interrupt is pending while two leaves are 1."""
    plain = machine(name)
    leaves = [plain.state.leaves[n] for n in (first, second)]
    pending = land(*(eq(leaf.term, constant(leaf.width, 1)) for leaf in leaves))
    function = Function("test pending", (), (0,), (Return((pending,)),))
    functions = {**plain.code.functions, function.name: function}
    return replace(plain, code=replace(plain.code, functions=functions, interrupt=Interrupt(function.name, "")))


def elements(state: State, leaves: dict[str, Leaf]) -> dict[str, object]:
    """The values of a state, whichever elements it holds explicitly."""
    return {
        name: frozen(value)
        for name, value in state.items()
        if not (isinstance(leaf := leaves[name], ArrayLeaf) and leaf.size > 1 << 17)
    }


class Device:
    """Registers that log what they see, with state and clock, and answer with what depends on all that."""

    def __init__(self, case: Case, name: str) -> None:
        self.case, self.name = case, name

    def read(self, offset: int, count: int) -> int:
        return self.case.seen("read", self.name, offset, count) & mask(self.case.machine.state.memory_unit * count)

    def write(self, offset: int, count: int, value: int) -> None:
        self.case.seen("write", self.name, offset, count, value)


class Case:
    """A computer in a random state, with everything that it is asked."""

    def __init__(self, machine: Machine, rng: random.Random) -> None:
        self.machine, self.rng = machine, rng
        self.log: list[object] = []
        self.places: list[int] = []
        width = machine.state.address_width
        wide = width > 20
        self.base = rng.choice([0, 0x8000_0000, 0x10000]) if width > 32 else rng.choice([0, 0x4000]) if wide else 0
        self.size = 1 << 15 if wide else min(1 << width, 1 << 12)
        self.ram = Ram(self.base, self.size, machine.state.memory_unit, machine.state.big_endian, PAGE if wide else 6)
        self.bus = Bus(
            self.ram,
            (Window(self.base + self.size + 64, 1 << 12, Device(self, "window")),),
            machine.state.memory_unit,
            machine.state.big_endian,
            width,
        )
        self.surroundings = Surroundings(self.undefined, self.volatile, memory=self.bus)
        self.state = reset(machine)
        self.toggles = toggles_of(machine)
        if rng.randrange(2):
            ports = [leaf.name for leaf in machine.state.leaves.values() if leaf.volatile or leaf.role == "device"]
            self.surroundings.ports = {n: Device(self, n) for n in ports}

    def seen(self, *what: object) -> int:
        state, leaves = self.state, self.machine.state.leaves
        record = (self.surroundings.clock, *what, repr(sorted(elements(state, dict(leaves)).items())))
        self.log.append(record)
        answer = crc32(repr(record[:-1]).encode()) * 0x9E3779B97F4A7C15 >> 16 & mask(64)
        if self.toggles and answer & 7 == 0:
            state[self.toggles[answer % len(self.toggles)]] = answer >> 8 & 1
        if answer & 63 == 9:
            self.surroundings.deadline = min(
                self.surroundings.deadline, self.surroundings.clock + (answer >> 8 & 7) + 1
            )
        if answer & 127 == 17:
            raise Ended(Exit("halt", (), "switched off"))
        return answer >> 3

    def undefined(self, site: str, instance: int, width: int) -> int:
        self.log.append((site, instance, width))
        return crc32(f"{site} {instance} {len(self.log)}".encode()) & mask(width or 1)

    def volatile(self, leaf: Leaf, instance: int, index: int | None) -> int:
        return self.seen("volatile", instance, leaf.name, index) & mask(leaf.element_width)


def filled(case: Case, program: int) -> list[int]:
    """Random RAM and state, and code of `program` instructions; their addresses. Some registers point to the code."""
    rng, machine, state = case.rng, case.machine, case.state
    translation = machine.code.translation
    unit, stride = (
        machine.decoding.decode.unit // machine.state.memory_unit,
        machine.decoding.decode.unit // machine.decoding.decode.pc_unit,
    )
    at = case.base + rng.randrange(case.size // 2) & -16
    addresses = [case.base + rng.randrange(case.size) & -8 for _ in range(4)]
    addresses += [at + stride * rng.randrange(program) for _ in range(3)]
    addresses += [case.base + case.size - rng.choice([0, 1, 2, 3, 4, 8, 16]), case.base - rng.choice([0, 1, 2, 8])]
    for leaf in machine.state.leaves.values():
        if leaf.name == machine.state.memory:
            continue
        common = 0.7 if not leaf.control else 0.08
        if isinstance(leaf, ArrayLeaf):
            cells = state[leaf.name]
            assert isinstance(cells, Cells)
            for index in range(min(leaf.size, 64)):
                if rng.random() < common:
                    close = rng.choice(addresses) + rng.choice([0, 0, 0, 1, 2, 4])
                    cells[index] = (close if rng.random() < 0.6 else biased(rng, leaf.element_width)) & mask(
                        leaf.element_width
                    )
        elif rng.random() < common:
            state[leaf.name] = biased(rng, leaf.width)
    if translation is not None and rng.random() < 0.9:
        state.update(holding(machine, translation.replay))
    state[machine.state.pc] = at & mask(machine.state.leaves[machine.state.pc].width)
    for place in range(0, case.size, 8):
        if rng.random() < 0.2:
            case.bus.store(case.base + place, 1, biased(rng, machine.state.memory_unit))
    chosen = [rng.choice(machine.instructions) for _ in range(rng.randrange(1, 12))]
    for special in storing(machine.identity.name), turning(machine.identity.name):
        chosen += [rng.choice(special) for _ in range(rng.randrange(3))]
    starts: list[int] = []
    for _ in range(program):
        starts.append(at)
        instruction = rng.choice(chosen)
        assert instruction.encoding is not None
        found = operands(instruction, rng)
        if rng.randrange(2):
            small = completed(instruction.encoding, {n: v & 7 if n in ("imm", "disp") else v for n, v in found.items()})
            found = small if is_canonical(instruction.encoding, small) else found
        for word in encode(instruction.encoding, found):
            case.bus.store(at & case.bus.bound, unit, word)
            at += stride
    return starts


@cache
def storing(name: str) -> tuple[Instruction, ...]:
    """The instructions of a shipped machine that can store."""
    facts = Facts(machine(name))
    return tuple(i for i in machine(name).instructions if facts.block(i.body).stores)


@cache
def turning(name: str) -> tuple[Instruction, ...]:
    """The instructions of a shipped machine that can change how addresses are translated, or whether an interrupt is pending."""
    plain = machine(name)
    changing = {*Program(plain, frozenset()).context, *toggles_of(plain)[:2]}
    facts = Facts(plain)
    return tuple(i for i in plain.instructions if facts.block(i.body).writes & changing)


def toggles_of(machine: Machine) -> list[str]:
    """The control state that is a bit."""
    return [
        leaf.name
        for leaf in machine.state.control
        if isinstance(leaf, ScalarLeaf) and leaf.width <= 1 and not leaf.volatile
    ]


def paged(case: Case, starts: list[int]) -> list[int]:
    """Sv39 on, in S or U mode, mostly: pages of all sizes, tables among what they map, and mistakes; the code's virtual addresses.

    Most instructions load and store.
    """
    rng, state, base = case.rng, case.state, case.base
    first, pages = base >> PAGE, case.size >> PAGE
    code = starts[0] - base >> PAGE
    mode = rng.randrange(2)
    good = 0xCF if mode else 0xDF
    root, middle, last = rng.sample([p for p in range(pages) if p not in (code, code + 1)], 3)

    def entry(table: int, index: int, page: int, flags: int) -> None:
        if rng.random() < 0.05:
            flags ^= 1 << rng.randrange(10)
        case.bus.store(base + (table << PAGE) + 8 * index, 8, page << 10 | flags)

    for index in range(16):
        page = rng.choice([*range(pages), code, pages + 1])
        entry(last, index, first + page, rng.choice([good, good, good, good ^ 0x10, good ^ 0x80, good ^ 4]))
    places = [i for i in range(0, 16, 2) if rng.randrange(2)] or [4]
    for index in places:
        entry(last, index, first + code, good)
        entry(last, index + 1, first + code + 1, good)
    entry(last, 7, first + last, good)
    entry(middle, 0, first + last, 1)
    entry(middle, 1, first & -512, good)
    entry(root, 0, first + middle, 1)
    entry(root, 2, first & -(1 << 18), good)
    case.places += [base + (last << PAGE) + 8 * index + byte for index in range(16) for byte in (0, 1, 1)]
    x = state["X"]
    assert isinstance(x, Cells)
    for number in range(32):
        if rng.random() < 0.7:
            inside = base + rng.randrange(case.size) & mask(30)
            x[number] = (
                rng.choice(
                    [
                        rng.randrange(1 << 16),
                        rng.choice(places) << PAGE | starts[0] & mask(PAGE),
                        7 << PAGE | 8 * rng.choice(places),
                        1 << 21 | inside & mask(21),
                        2 << 30 | inside,
                        inside,
                    ]
                )
                & -8
            )
    for at in starts:
        if rng.randrange(4):
            name, other = rng.choice(["ld", "ld", "lw", "lbu", "sd", "sd", "sw", "sb"]), rng.randrange(32)
            given = {"xs1": rng.randrange(8), "imm": rng.choice([0, 0, 8]), "xs2" if name[0] == "s" else "xd": other}
            case.bus.store(at, 4, word(name, **given))
    state |= {
        "satp.MODE": 8,
        "satp.PPN": first + root,
        "current_mode": mode,
        "mstatus.MPRV": 0,
        "mstatus.SUM": rng.getrandbits(1),
        "mstatus.MXR": rng.getrandbits(1),
    }
    virtual = rng.choice(
        [
            rng.choice(places) << PAGE,
            1 << 21 | base + (code << PAGE) & mask(21),
            2 << 30 | base + (code << PAGE) & mask(30),
        ]
    )
    starts = [virtual + (s - base - (code << PAGE)) for s in starts]
    state["PC"] = starts[0]
    return starts


Change = Callable[[Case, list[int]], list[int]]


def run(name: str, seed: int, engines: Callable[[Machine], Engine], change: Change | None = None) -> list[object]:
    """What an engine makes of the random case `seed`."""
    rng = random.Random(seed)
    plain = machine(name)
    used = plain
    toggles = toggles_of(plain)
    if toggles and rng.randrange(3) == 0:
        used = interrupted(name, toggles[0], rng.choice(toggles[:2]))
    case = Case(used, rng)
    starts = filled(case, rng.randrange(1, 30))
    case.places = [starts[0] + k for k in range(16)]
    if change is not None:
        starts = change(case, starts)
    engine = engines(used)
    intercept = {e for e in used.code.exits if rng.randrange(20)} if rng.randrange(8) else set[str]()
    found: list[object] = []
    for _ in range(rng.randrange(4, 16)):
        stop = engine.run(case.state, case.surroundings, rng.choice([0, 1, 3, 10, 40, 100]), intercept)
        found.append((told(stop), case.surroundings.clock, elements(case.state, dict(used.state.leaves))))
        if rng.randrange(8):
            case.state[used.state.pc] = rng.choice(starts[: 1 + rng.randrange(len(starts))]) & mask(
                used.state.leaves[used.state.pc].width
            )
        if case.toggles and (stop.interrupted or rng.randrange(6) == 0):
            case.state[rng.choice(case.toggles)] = rng.getrandbits(1)
        if rng.randrange(4) == 0:
            place = rng.choice([case.base + rng.randrange(case.size), *case.places])
            case.bus.store(place & case.bus.bound, 1, biased(rng, used.state.memory_unit))
    return [
        *found,
        bytes(case.ram.cells) if isinstance(case.ram.cells, bytearray) else tuple(case.ram.cells),
        case.ram.clean(),
        case.log,
    ]


def told(stop: VmExit) -> object:
    """All that a stop says."""
    exit_, fetched = stop.exit, stop.fetched
    return (
        stop.steps,
        exit_ and (exit_.function, exit_.args, exit_.note, exit_.access),
        fetched and (fetched.instruction.id, dict(fetched.operands)),
        stop.fetching,
        stop.interrupted,
    )


def agree(name: str, seed: int, change: Change | None, heat: Heat) -> None:
    expected, found = run(name, seed, Interpreter, change), run(name, seed, partial(Compiled, heat=heat), change)
    for i, (one, other) in enumerate(zip(expected, found, strict=True)):
        assert one == other, (name, seed, i)


def prove(
    name: str, examples: int, change: Change | None = None, phases: tuple[Phase, ...] = (Phase.generate,)
) -> None:
    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example),
    )
    @given(st.integers(0, mask(32)), st.sampled_from(HEATS))
    def claim(seed: int, heat: Heat) -> None:
        agree(name, seed, change, heat)

    claim()


@pytest.mark.parametrize("name", NAMES)
def test_random_programs_run_alike(name: str) -> None:
    prove(name, EXAMPLES if len(machine(name).instructions) < 400 else EXAMPLES // 3)


def test_programs_under_page_tables_run_alike() -> None:
    prove("riscv64", 2 * EXAMPLES, paged)


@pytest.mark.campaign
@pytest.mark.parametrize("name", NAMES)
def test_many_random_programs_run_alike(name: str) -> None:
    prove(name, CAMPAIGN * EXAMPLES)
    if name == "riscv64":
        prove(name, CAMPAIGN * EXAMPLES, paged)


def test_a_wrong_operator_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(source.TEMPLATES, "xor", lambda w, ws, d, a, b: f"({a} | {b})")
    with pytest.raises(AssertionError):
        prove("riscv64", 10 * EXAMPLES)


def test_forgotten_stores_to_code_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_memory.Runtime, "_forget_code", lambda self, number, page: None)
    with pytest.raises(AssertionError):
        prove("riscv64", 10 * EXAMPLES)


def test_forgotten_stores_to_page_tables_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_memory.Runtime, "_forget_walks", lambda self: None)
    with pytest.raises(AssertionError):
        prove("riscv64", 10 * EXAMPLES, paged)


def test_a_wrong_clock_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    synchronize = lines.Lines.synchronize

    def wrong(self: lines.Lines, deeper: int = 0) -> None:
        self.k += 1
        synchronize(self, deeper)
        self.k -= 1

    monkeypatch.setattr(lines.Lines, "synchronize", wrong)
    with pytest.raises(AssertionError):
        prove("riscv64", 10 * EXAMPLES)


def test_the_property_runs_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = 0
    linked = Compiled.linked

    def counting(*args: Any) -> Any:
        function = linked(*args)

        def counted(state: State, runtime: Any, clock: int, end: int) -> int:
            nonlocal taken
            after: int = function(state, runtime, clock, end)
            taken += after - clock
            return after

        return counted

    monkeypatch.setattr(Compiled, "linked", counting)
    prove("pg74", EXAMPLES)
    assert taken > EXAMPLES


def test_translation_is_known_to_carry_the_offset_of_its_pages_and_no_more() -> None:
    facts = Facts(machine("riscv64"))
    assert [PageLinear(facts, "translate", 0, shift).holds for shift in (3, 12, 13)] == [True, True, False]
    # A segment may begin anywhere and end anywhere in a page.
    assert not PageLinear(Facts(machine("i386")), "translate", 1, PAGE).holds


# ---- programs written for one purpose


BASE = 0x8000_0000


def word(id_: str, **given_: int) -> int:
    """The word of a riscv64 instruction; negative operands are taken modulo their width."""
    encoding = machine("riscv64").instruction(id_).encoding
    assert encoding is not None
    return encode(encoding, {n: v & mask(encoding.operands[n].width) for n, v in given_.items()})[0]


def computer(words: list[int], size: int = 1 << 16) -> tuple[State, Surroundings]:
    """A riscv64 machine with a program at `BASE`, x2 pointing to the second page."""
    plain = machine("riscv64")
    bus = Bus(Ram(BASE, size, 8, False), (), 8, False, 64)
    for k, value in enumerate(words):
        bus.store(BASE + 4 * k, 4, value)
    state = reset(plain)
    state["PC"], state["X"] = BASE, Cells(0, {2: BASE + 0x1000})
    return state, Surroundings(memory=bus)


def x(state: State, number: int) -> int:
    cells = state["X"]
    assert isinstance(cells, Cells)
    return cells[number]


ROUND = 8


@cache
def loop() -> list[int]:
    """A loop that stores, loads, adds and calls."""
    return [
        word("addi", xd=5, xs1=5, imm=1), word("sd", xs1=2, xs2=5, imm=8), word("ld", xd=6, xs1=2, imm=8),
        word("add", xd=7, xs1=7, xs2=6), word("jal", xd=1, imm=8), word("jal", xd=0, imm=-20),
        word("xor", xd=8, xs1=8, xs2=7), word("jalr", xd=0, xs1=1, imm=0),
    ]  # fmt: skip


def test_a_loop_of_many_rounds_has_the_sum_of_its_rounds() -> None:
    state, surroundings = computer(loop())
    rounds = 10_000
    stop = Compiled(machine("riscv64")).run(state, surroundings, rounds * ROUND, set())
    assert stop == VmExit(rounds * ROUND) and surroundings.clock == rounds * ROUND and state["PC"] == BASE
    assert (x(state, 5), x(state, 7)) == (rounds, rounds * (rounds + 1) // 2)


def test_every_budget_is_kept_exactly() -> None:
    engine = Compiled(machine("riscv64"))
    state, surroundings = computer(loop())
    engine.run(state, surroundings, 100 * ROUND, set())
    expected, other = copied(state), replace(surroundings)
    for budget in range(3 * ROUND):
        taken, step = copied(state), replace(surroundings, clock=0)
        assert engine.run(taken, step, budget, set()) == VmExit(budget) and step.clock == budget
        if budget:
            Interpreter(machine("riscv64")).run(expected, other, 1, set())
        assert x(taken, 5) == x(expected, 5) and taken["PC"] == expected["PC"]


def test_a_store_to_the_next_instruction_takes_effect_at_once() -> None:
    # x6 alternates between two instructions; sw puts one of them right after itself.
    one, two = word("addi", xd=7, xs1=7, imm=1), word("addi", xd=7, xs1=7, imm=100)
    words = [
        word("xor", xd=6, xs1=6, xs2=9),
        word("sw", xs1=8, xs2=6, imm=8),
        one,
        word("jal", xd=0, imm=-12),
    ]
    state, surroundings = computer(words)
    cells = state["X"]
    assert isinstance(cells, Cells)
    cells.update({6: one, 8: BASE, 9: one ^ two})
    stop = Compiled(machine("riscv64"), Heat(1, 1, 32)).run(state, surroundings, 400, set())
    assert stop.steps == 400 and x(state, 7) == 50 * 101


def test_a_page_table_entry_that_changes_takes_effect_at_once() -> None:
    # Page 1 of the virtual space is frame 4 or frame 5; the program, in page 0, exchanges them and sums what it reads.
    words = [
        word("xor", xd=6, xs1=6, xs2=9),
        word("sd", xs1=8, xs2=6, imm=8),
        word("ld", xd=10, xs1=2, imm=0),
        word("add", xd=7, xs1=7, xs2=10),
        word("jal", xd=0, imm=-16),
    ]
    state, surroundings = computer(words)
    memory = surroundings.memory
    assert memory is not None
    frame = BASE >> PAGE
    for table, index, page, flags in (1, 0, 2, 1), (2, 0, 3, 1), (3, 0, 0, 0xCF), (3, 1, 4, 0xCF), (3, 2, 3, 0xCF):
        memory.store(BASE + (table << PAGE) + 8 * index, 8, frame + page << 10 | flags)
    memory.store(BASE + (4 << PAGE), 8, 1)
    memory.store(BASE + (5 << PAGE), 8, 1000)
    state |= {"satp.MODE": 8, "satp.PPN": frame + 1, "current_mode": 1, "PC": 0}
    entries = [frame + page << 10 | 0xCF for page in (4, 5)]
    state["X"] = Cells(0, {2: 1 << PAGE, 6: entries[0], 8: 2 << PAGE, 9: entries[0] ^ entries[1]})
    stop = Compiled(machine("riscv64")).run(state, surroundings, 1000, set())
    assert stop == VmExit(1000) and x(state, 7) == 100 * 1001


def test_code_that_rewrites_itself_for_ever_keeps_the_caches_small(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each round stores another `addi` over the one that it runs, and the program moves through memory.
    monkeypatch.setattr(compiled_memory, "MOST_ENTRIES", 50)
    monkeypatch.setattr(compiled, "MOST_MADE", 40)
    monkeypatch.setattr(compiled, "MOST_HEAT", 60)
    monkeypatch.setattr(compiled, "MOST_ENTRIES", 50)
    engine = Compiled(machine("riscv64"), Heat(1, 1, 4))
    _, surroundings = computer(loop(), 1 << 14)
    memory = surroundings.memory
    assert memory is not None
    for k in range(300):
        state, _ = computer(loop(), 1 << 14)
        at = BASE + 4 * (k % 200)
        for i, value in enumerate([word("addi", xd=5, xs1=5, imm=k), *loop()[1:]]):
            memory.store(at + 4 * i, 4, value)
        state["PC"] = at
        engine.run(state, replace(surroundings, clock=0), 5 * ROUND, set())
        assert x(state, 5) == 5 * k
    runtime = engine.runtime
    assert runtime is not None
    assert runtime.entries <= 51 and len(runtime.program.made) <= 40
    assert sum(len(c.entries) for c in runtime.contexts.values()) <= 51 and all(
        len(c.heat) <= 60 for c in runtime.contexts.values()
    )


def test_other_memory_is_interpreted() -> None:
    state, surroundings = computer(loop())
    plain = replace(surroundings, memory=None)
    state["MEM"] = Cells(0, {BASE + i: byte for i, byte in enumerate(surroundings.memory.ram.page(0)[:64])})  # type: ignore[union-attr]
    assert Compiled(machine("riscv64")).run(state, plain, 80, set()) == VmExit(80) and x(state, 5) == 10


def test_repeated_prefixes_count_in_blocks_as_in_single_steps() -> None:
    """`mov eax, [ebx]` behind two segment prefixes, an increment behind two of the operand's size, and a jump back over all that was read."""
    plain = machine("i386")
    code = bytes.fromhex("26 3e 8b 03  66 66 40  eb f7")
    ends: list[tuple[VmExit, object, list[int]]] = []
    for engine in (Interpreter(plain), Compiled(plain)):
        bus = Bus(Ram(0, 1 << 16, 8, False), (), 8, False, 32)
        for at, byte in enumerate(code):
            bus.store(0x1000 + at, 1, byte)
        bus.store(0x2000, 4, 0x1234_5678)
        state = reset(plain)
        state["EIP"], state["GPR"] = 0x1000, Cells(0, {3: 0x2000})
        surroundings = Surroundings(memory=bus)
        stop = engine.run(state, surroundings, 3 * 400 + 1, set())
        registers = state["GPR"]
        assert isinstance(registers, Cells)
        ends.append((stop, state["EIP"], [registers[k] for k in range(8)]))
    assert ends[0] == ends[1] and ends[0][0].exit is None
    assert ends[0][1] == 0x1004 and ends[0][2][0] == 0x1234_5678


@pytest.mark.parametrize("hot", [False, True])
@pytest.mark.parametrize("made", [Interpreter, Compiled])
def test_an_instruction_that_lets_interrupts_in_is_the_last_before_one(
    made: Callable[[Machine], Engine], hot: bool
) -> None:
    """`sti` sets the mask of a request that waits, be it interpreted or as a function made of it."""
    spec = machine("soundness/sound_timer")
    engine, ram = made(spec), Ram(0, 16, 8, False, 4)
    around = Surroundings(memory=Bus(ram, (), 8, False, spec.state.address_width))
    state = reset(spec)
    for address in range(16):
        ram.store(address, 1, 5)
    state["A"][0] = 1  # type: ignore[index]  # an array
    for _ in range(8 if hot else 0):
        state.update({"IE": 0, "LINE": 0, "P": 2})
        engine.run(state, around, 3, frozenset())
    state.update({"IE": 0, "LINE": 1, "P": 2})
    stop = engine.run(state, around, 3, frozenset())
    assert (stop.steps, stop.interrupted, state["P"]) == (1, True, 3)
