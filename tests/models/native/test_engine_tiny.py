"""Native code, and generated Python, of generated tiny machines, which have everything that the language has, do what the plain interpreter does."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pgcheck.isa.idl.state import Leaf
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import mask
from pgcheck.models.engine import Engine, Interpreter
from pgcheck.models.generated.compiled import Compiled, Heat
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.native.engine import Native
from pgcheck.models.state import Cells, Surroundings, frozen, reset
from tests.oracle import machines

pytest.importorskip("llvmlite", reason="the extra 'native' is not installed")
pytestmark = pytest.mark.slow

MACHINES = 16
CASES = 40


def ran(described: Machine, engine: Engine, bus: Bus, seed: int) -> object:
    """What an engine makes of random state and memory: after a few runs, everything."""
    rng, log = random.Random(seed), list[object]()

    def undefined(site: str, instance: int, width: int) -> int:
        log.append((site, instance, width))
        return (instance + len(log)) & mask(width or 1)

    def volatile(leaf: Leaf, instance: int, index: int | None) -> int:
        log.append((leaf.name, instance, index))
        return 3 * len(log) & mask(leaf.element_width)

    state = reset(described)
    for leaf in described.state.leaves.values():
        held = state[leaf.name]
        if isinstance(held, Cells):
            held.update({i: rng.getrandbits(leaf.element_width) for i in range(described.state.arrays[leaf.name].size)})
        else:
            state[leaf.name] = rng.getrandbits(leaf.width or 1)
    for at in range(bus.ram.size):
        bus.store(at, 1, rng.getrandbits(bus.unit))
    surroundings = Surroundings(undefined, volatile, memory=bus)
    intercept = {e for e in described.code.exits if rng.randrange(3) == 0}
    found: list[object] = []
    for _ in range(3):
        stop = engine.run(state, surroundings, rng.randrange(8), intercept)
        access = None if stop.exit is None else stop.exit.access
        memory = [bus.load(k, 1) for k in range(bus.ram.size)]
        found.append((stop, access, surroundings.clock, {n: frozen(v) for n, v in state.items()}, memory, len(log)))
    return found, log


@pytest.mark.parametrize("seed", range(MACHINES))
def test_a_tiny_machine_runs_alike(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(machines.machine(seed), encoding="utf-8")
    described = load(path)
    space = described.state
    native, plain = Native(described, 0), Interpreter(described)
    generated = Compiled(described, Heat(1, 1, 3))
    buses = [
        Bus(Ram(0, space.memory_size, space.memory_unit, space.big_endian), (), space.memory_unit, space.big_endian, space.address_width)
        for _ in range(3)
    ]  # fmt: skip
    for case in range(CASES):
        expected = ran(described, plain, buses[0], case)
        assert ran(described, native, buses[1], case) == expected, (seed, case)
        assert ran(described, generated, buses[2], case) == expected, (seed, case)
    assert not native.warning
