"""How fast the machine runs, beside the targets of docs: riscv64 on one core, and against the interpreter in the same run.

    python bench/machine.py [--steps N]

The loop mixes arithmetic, loads, stores, branches and calls. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pgcheck.isa.encoding.codec import encode  # noqa: E402
from pgcheck.isa.machine.build import load  # noqa: E402  # a bare checkout runs without installation
from pgcheck.isa.machine.machine import Machine  # noqa: E402
from pgcheck.isa.terms import mask  # noqa: E402
from pgcheck.models.engine import Engine, Interpreter  # noqa: E402
from pgcheck.models.generated.compiled import Compiled  # noqa: E402
from pgcheck.models.memory import Bus, Ram  # noqa: E402
from pgcheck.models.state import Cells, State, Surroundings, reset  # noqa: E402
from pgcheck.shipped import shipped  # noqa: E402

BASE = 0x8000_0000
CODE, STACK, TABLE, DATA = 0x8000_0000, 0x8000_8000, 0x8001_0000, 0x8002_0000
ELEMENTS = 1024

# for (;;) for (i = 0; i < ELEMENTS; i++) table[i] = mix(table[i], i), with a stack frame in mix
PROGRAM: list[tuple[str, dict[str, int]]] = [
    ("addi", {"xd": 9, "xs1": 0, "imm": 0}),  # i = 0
    ("addi", {"xd": 18, "xs1": 8, "imm": 0}),  # p = table
    ("ld", {"xd": 10, "xs1": 18, "imm": 0}),  # loop: a0 = *p
    ("addi", {"xd": 11, "xs1": 9, "imm": 0}),
    ("jal", {"xd": 1, "imm": 24}),  # mix(a0, i)
    ("sd", {"xs1": 18, "xs2": 10, "imm": 0}),
    ("addi", {"xd": 18, "xs1": 18, "imm": 8}),
    ("addi", {"xd": 9, "xs1": 9, "imm": 1}),
    ("blt", {"xs1": 9, "xs2": 19, "imm": -24}),
    ("jal", {"xd": 0, "imm": -36}),
    ("addi", {"xd": 2, "xs1": 2, "imm": -16}),  # mix:
    ("sd", {"xs1": 2, "xs2": 1, "imm": 8}),
    ("slli", {"xd": 12, "xs1": 10, "shamt": 13}),
    ("xor", {"xd": 10, "xs1": 10, "xs2": 12}),
    ("srli", {"xd": 12, "xs1": 10, "shamt": 7}),
    ("xor", {"xd": 10, "xs1": 10, "xs2": 12}),
    ("andi", {"xd": 13, "xs1": 11, "imm": 3}),
    ("bne", {"xs1": 13, "xs2": 0, "imm": 12}),
    ("lw", {"xd": 14, "xs1": 8, "imm": 16}),
    ("mul", {"xd": 10, "xs1": 10, "xs2": 14}),
    ("addw", {"xd": 12, "xs1": 10, "xs2": 11}),
    ("add", {"xd": 10, "xs1": 10, "xs2": 12}),
    ("ld", {"xd": 1, "xs1": 2, "imm": 8}),
    ("addi", {"xd": 2, "xs1": 2, "imm": 16}),
    ("jalr", {"xd": 0, "xs1": 1, "imm": 0}),
]


@dataclass(frozen=True)
class Target:
    """A figure to reach: instructions a second, in a state set up by `prepare`."""

    name: str
    least: int
    prepare: Callable[[Machine, State, Bus], None]


def bare(machine: Machine, state: State, bus: Bus) -> None:
    """M mode, no translation."""
    state["current_mode"] = 3


def paged(machine: Machine, state: State, bus: Bus) -> None:
    """S mode; Sv39 maps RAM to itself in pages of 4 KiB."""
    root, middle, last = (DATA + (k << 12) for k in range(3))
    bus.store(root + 8 * (BASE >> 30), 8, middle >> 12 << 10 | 1)
    bus.store(middle, 8, last >> 12 << 10 | 1)
    for page in range(64):
        bus.store(last + 8 * page, 8, (BASE >> 12) + page << 10 | 0xCF)
    state |= {"current_mode": 1, "satp.MODE": 8, "satp.PPN": root >> 12}


TARGETS = (Target("without translation", 1_000_000, bare), Target("S mode with Sv39", 300_000, paged))


def computer(machine: Machine, target: Target) -> tuple[State, Surroundings]:
    """The machine with the program, before its first instruction."""
    bus = Bus(Ram(BASE, 1 << 20, 8, False), (), 8, False, 64)
    for k, (name, given) in enumerate(PROGRAM):
        encoding = machine.instruction(name).encoding
        assert encoding is not None
        (word,) = encode(encoding, {n: v & mask(encoding.operands[n].width) for n, v in given.items()})
        bus.store(CODE + 4 * k, 4, word)
    for k in range(ELEMENTS):
        bus.store(TABLE + 8 * k, 8, k * 0x9E3779B97F4A7C15 & mask(64))
    state = reset(machine)
    state["X"] = Cells(0, {2: STACK, 8: TABLE, 19: ELEMENTS})
    state["PC"] = CODE
    target.prepare(machine, state, bus)
    return state, Surroundings(memory=bus)


def rate(engine: Engine, machine: Machine, target: Target, steps: int) -> tuple[float, State]:
    """Instructions a second of processor time, after a tenth as many to warm up."""
    state, surroundings = computer(machine, target)
    engine.run(state, surroundings, steps // 10, frozenset())
    start = time.process_time()
    stop = engine.run(state, surroundings, steps, frozenset())
    taken = time.process_time() - start
    assert stop.steps == steps and stop.exit is None, stop
    return steps / taken, state


def first(machine: Machine, target: Target, steps: int) -> float:
    """Seconds for `steps` instructions of a computer that is new to the engine."""
    engine = Compiled(machine)
    engine.run(*computer(machine, target), steps, frozenset())
    state, surroundings = computer(machine, target)
    start = time.process_time()
    engine.run(state, surroundings, steps, frozenset())
    return time.process_time() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=int, default=3_000_000, help="instructions to time")
    steps = parser.parse_args().steps
    path = shipped("riscv64")
    assert path is not None
    machine = load(path, shipped=shipped)
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores; {steps} instructions")
    missed = 0
    for target in TARGETS:
        fast, state = rate(Compiled(machine), machine, target, steps)
        slow, _ = rate(Interpreter(machine), machine, target, steps // 100)
        early = first(machine, target, 30) * 1e6
        met = fast >= target.least
        missed += not met
        print(
            f"{target.name:22} {fast:12,.0f}/s  target {target.least:9,}/s  {'met' if met else 'MISSED'}  "
            f"interpreter {slow:8,.0f}/s  ratio {fast / slow:5.1f}  30 in new RAM: {early:.0f} us"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
