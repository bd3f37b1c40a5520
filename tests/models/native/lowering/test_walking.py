"""The soft TLB holds no longer than what it was filled from: random programs that change tables in use, and a TLB that misses a change."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pgcheck.models.engine import Engine, Interpreter
from pgcheck.models.memory import Bus
from pgcheck.models.native import engine, runtime
from pgcheck.models.native.engine import Native
from pgcheck.models.native.lowering.layout import CONTEXTS, Layout
from pgcheck.models.native.lowering.walking import Walking
from pgcheck.models.native.mirror import Mirror
from pgcheck.models.state import Cells, State, Surroundings
from tests.models.generated.test_compiled import BASE, computer, word
from tests.specifications import machine

pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")
pytestmark = pytest.mark.slow

QUICK = 0
SEEDS = range(8)
ROOTS, MIDDLE, LAST, FRAMES, DATA = (8, 9), (10, 11), (12, 13), 16, 4
SATP, POINTERS, TABLES, ENTRIES, SPACES = 0x180, (5, 6), (7, 8), (20, 21, 22, 23), (24, 25)
TURNS, STEPS = 3, 250


def page(number: int) -> int:
    return BASE + (number << 12)


def entry(frame: int, flags: int = 0xCF) -> int:
    return page(frame) >> 12 << 10 | flags


def program(rng: random.Random) -> list[int]:
    """An endless loop that loads and stores, and changes what the addresses that it uses lead to."""
    words: list[int] = []
    for _ in range(30):
        kind, offset = rng.random(), 8 * rng.randrange(4)
        pointer, value = rng.choice(POINTERS), rng.choice((10, 11))
        if kind < 0.4:
            words += [word("ld", xd=10, xs1=pointer, imm=offset), word("add", xd=11, xs1=11, xs2=10)]
        elif kind < 0.7:
            words += [word("sd", xs1=pointer, xs2=value, imm=offset), word("addi", xd=11, xs1=11, imm=3)]
        elif kind < 0.93:
            words.append(word("sd", xs1=rng.choice(TABLES), xs2=rng.choice(ENTRIES), imm=8 * rng.randrange(2)))
        else:
            words.append(word("csrrw", csr=SATP, xs1=rng.choice(SPACES), xd=0))
    return [*words, word("jal", xd=0, imm=-4 * len(words))]


def paged(seed: int) -> tuple[State, Surroundings, Bus]:
    """Two address spaces with code, tables and two pages of data, in supervisor mode."""
    rng = random.Random(seed)
    state, surroundings = computer(program(rng), 1 << 17)
    bus = surroundings.memory
    assert isinstance(bus, Bus)
    for root, middle, last in zip(ROOTS, MIDDLE, LAST, strict=True):
        bus.store(page(root) + 8 * (BASE >> 30), 8, entry(middle, 1))
        bus.store(page(middle), 8, entry(last, 1))
        for number in (0, *LAST):
            bus.store(page(last) + 8 * number, 8, entry(number))
        for k in range(2):
            bus.store(page(last) + 8 * (DATA + k), 8, entry(FRAMES + rng.randrange(4)))
    for frame in range(4):
        for k in range(4):
            bus.store(page(FRAMES + frame) + 8 * k, 8, rng.getrandbits(64))
    held = {5: page(DATA), 6: page(DATA + 1)} | {r: page(t) + 8 * DATA for r, t in zip(TABLES, LAST, strict=True)}
    held |= {r: entry(FRAMES + k) for k, r in enumerate(ENTRIES)}
    held |= {r: 8 << 60 | page(root) >> 12 for r, root in zip(SPACES, ROOTS, strict=True)}
    state |= {"current_mode": 1, "satp.MODE": 8, "satp.PPN": page(ROOTS[0]) >> 12, "X": Cells(0, held)}
    return state, surroundings, bus


def ran(run_by: Engine, seed: int) -> list[object]:
    """What becomes of a program; between its turns somebody else changes a table."""
    rng, found = random.Random(seed), list[object]()
    state, surroundings, bus = paged(seed)
    for _ in range(TURNS):
        stop = run_by.run(state, surroundings, STEPS, frozenset(machine("riscv64").code.exits))
        found.append((stop, dict(state), [bus.load(BASE + 8 * k, 8) for k in range(1 << 14)]))
        for last in LAST:
            bus.store(page(last) + 8 * (DATA + rng.randrange(2)), 8, entry(FRAMES + rng.randrange(4)))
    return found


def agree(native: Native, seeds: range = SEEDS) -> None:
    plain = Interpreter(machine("riscv64"))
    for seed in seeds:
        assert ran(native, seed) == ran(plain, seed), seed
    assert not native.warning and not native.outside


def test_programs_that_change_tables_in_use_run_alike() -> None:
    agree(Native(machine("riscv64"), QUICK))


@pytest.mark.campaign
def test_many_programs_that_change_tables_in_use_run_alike() -> None:
    agree(Native(machine("riscv64"), QUICK), range(1000, 2000))


def test_entries_are_filled_and_used() -> None:
    native = Native(machine("riscv64"), QUICK)
    ran(native, 0)
    assert native.runtime is not None
    region, memory = native.runtime.plan.layout.tlb, native.runtime.mirror.memory
    assert memory[region.at : region.end].tobytes().strip(b"\xff")


def nothing(self: Walking, *_: Any) -> None:
    """What is left out, in a function that does nothing else."""
    self.b.finish()


@pytest.mark.parametrize(
    ("where", "name", "wrong"),
    [
        pytest.param(Walking, "forget", nothing, id="a store to a table empties nothing"),
        pytest.param(Walking, "_mark", lambda self, line: None, id="what a walk read is not marked"),
        pytest.param(Mirror, "guard", lambda self, number: None, id="others' stores are not told"),
        pytest.param(Layout, "table", lambda self, context: 1 << 15 if context == CONTEXTS else 0, id="another root"),
    ],
)
def test_a_tlb_that_misses_a_change_is_found(
    where: type, name: str, wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, name, wrong)
    make: Any = runtime.interpreter
    made: list[runtime.Interpreter] = []

    def anew(*args: Any) -> runtime.Interpreter:
        made[:] = made or [make.__wrapped__(*args)]
        return made[0]

    monkeypatch.setattr(engine, "interpreter", anew)
    with pytest.raises(AssertionError):
        agree(Native(machine("riscv64"), QUICK))
