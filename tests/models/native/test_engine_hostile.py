"""Guests and hosts that mean no good: whatever stands in memory, wherever PC is, and whatever Python sets between two runs."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import mask
from pgcheck.models.engine import Engine, Interpreter
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.native.engine import Native
from pgcheck.models.state import Cells, State, Surroundings, cells, reset
from tests.specifications import machine

pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")
pytestmark = pytest.mark.slow

SIZE = 1 << 9
PROGRAMS = {"riscv64": 8, "pg74": 30}
BUDGETS = (0, 1, 1, 2, 3, 7, 40, 300)
EDGES = (0, 1, -1, -2, -4, SIZE - 1, SIZE - 4, SIZE, SIZE // 2)


def computer(described: Machine, chance: random.Random) -> tuple[State, Surroundings, Ram]:
    """Memory of anything, some of it instructions; RAM is all that there is."""
    space = described.state
    ram = Ram(described.platform.ram_base, SIZE, space.memory_unit, space.big_endian)
    state = reset(described)
    bus = Bus(ram, (), space.memory_unit, space.big_endian, space.address_width)
    for at in range(SIZE):
        bus.store(ram.base + at, 1, chance.getrandbits(space.memory_unit))
    return state, Surroundings(memory=bus), ram


def changed(described: Machine, state: State, surroundings: Surroundings, ram: Ram, chance: random.Random) -> None:
    """Python sets some of the state, and stores to memory where code may be."""
    space = described.state
    for _ in range(chance.randrange(4)):
        leaf = space.leaves[chance.choice(sorted(space.leaves))]
        near = ram.base + chance.choice(EDGES)
        value = chance.choice((near, chance.getrandbits(64), 0)) & mask(leaf.element_width or 1)
        if leaf.name == space.memory or leaf.volatile:
            continue
        if isinstance(leaf, ArrayLeaf):
            if not dict(leaf.hardwired):
                kept = cells(state, leaf.name)
                state[leaf.name] = Cells(0, {**kept, chance.randrange(leaf.size): value})
        else:
            state[leaf.name] = value
    memory: Any = surroundings.memory
    for _ in range(chance.randrange(3)):
        memory.store(ram.base + chance.randrange(SIZE), 1, chance.getrandbits(space.memory_unit))
    if chance.random() < 0.7:
        state[space.pc] = ram.base + chance.choice(EDGES) & mask(space.leaves[space.pc].width)


def history(name: str, seed: int, engine: Engine) -> list[object]:
    """What there is to see after each of several runs."""
    described, chance = machine(name), random.Random(seed)
    state, surroundings, ram = computer(described, chance)
    seen: list[object] = []
    for _ in range(12):
        changed(described, state, surroundings, ram, chance)
        stop = engine.run(state, surroundings, chance.choice(BUDGETS), frozenset())
        shown = {n: v for n, v in state.items() if n != described.state.memory}
        seen.append((stop, surroundings.clock, shown, bytes(memoryview(ram.cells).cast("B"))))  # type: ignore[arg-type]
    return seen


@pytest.mark.parametrize("name", PROGRAMS)
def test_whatever_stands_in_memory_runs_as_it_should(name: str) -> None:
    for seed in range(PROGRAMS[name]):
        expected = history(name, seed, Interpreter(machine(name)))
        native = Native(machine(name), 0)
        for i, (one, other) in enumerate(zip(expected, history(name, seed, native), strict=True)):
            assert one == other, (name, seed, i)
        assert native.warning == ""
