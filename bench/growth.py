"""What a check costs as an instruction set grows: machines of 100 to 3,000 instructions made from the rows of a shipped one, in one run.

    python bench/growth.py [NAME] [--sizes 100 300 1000 3000]

Each instruction is a shipped one that besides writes a constant of its own to a general register, so that no two have the same obligations.
Figures are processor time of this process and of its solvers; nothing is kept between sizes. What a deployment costs by itself is in all of
them, so that the cost of one more instruction is compared: between the last two sizes it is at most 1.3 times what it is before.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from pgcheck.checker.check import check
from pgcheck.checker.options import Options
from pgcheck.isa.idl.state import ArrayLeaf
from pgcheck.isa.machine.build import load
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import constant, mk
from pgcheck.isa.terms.ir import SetElement, SetLeaf, Statement
from pgcheck.shipped import shipped

SIZES: Final = (100, 300, 1000, 3000)
MOST: Final = 1.3
SEED: Final = 0x9E3779B9


def grown(machine: Machine, size: int) -> Machine:
    """A machine of `size` instructions, each of them one of its own with a constant added."""
    own = machine.instructions
    made = tuple(
        _another(machine, own[k * len(own) // size if size < len(own) else k % len(own)], k) for k in range(size)
    )
    return replace(machine, instructions=made)


def _another(machine: Machine, instruction: Instruction, number: int) -> Instruction:
    state = machine.state
    leaf = next(g for g in state.general if g.name not in (state.pc, state.memory) and g.width > 1)
    value = constant(leaf.width, SEED * (number + 1))
    last: Statement
    if isinstance(leaf, ArrayLeaf):
        last = SetElement(leaf.name, constant(leaf.index_width, leaf.size - 1), value)
    else:
        last = SetLeaf(leaf.name, mk("xor", leaf.width, leaf.term, value))
    return replace(instruction, id=f"{instruction.id}.{number}", body=(*instruction.body, last))


def spent() -> tuple[float, float]:
    """Seconds of processor time of this process, and of those below it that have ended."""
    below = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time(), below.ru_utime + below.ru_stime


def alone(name: str, size: int) -> None:
    """Print the costs of one size: of the checker, of its solvers."""
    path = shipped(name)
    assert path is not None
    machine = grown(load(path, shipped=shipped), size)
    began = spent()
    check(machine, Options(jobs=1, cache=False))
    print(*(after - before for before, after in zip(began, spent(), strict=True)))


def measured(name: str, size: int) -> tuple[float, float]:
    """The costs of one size, in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), name, "--alone", str(size)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    checker, solvers = map(float, done.stdout.split())
    return checker, solvers


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", nargs="?", default="riscv64")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.alone:
        alone(asked.name, asked.alone)
        return 0
    if len(asked.sizes) < 3:
        parser.error("three sizes at least")
    print(f"{asked.name}, load before {os.getloadavg()[0]:.1f}")
    costs = []
    for size in asked.sizes:
        checker, solvers = measured(asked.name, size)
        costs.append(checker)
        print(f"  {size:5d} instructions: checker {checker:.2f} s, solvers {solvers:.2f} s", flush=True)
    pairs = list(zip(asked.sizes, costs, strict=True))
    slopes = [(b - a) / (n - m) for (m, a), (n, b) in zip(pairs, pairs[1:], strict=False)]
    ratio = slopes[-1] * (asked.sizes[-2] - asked.sizes[0]) / (costs[-2] - costs[0])
    each = ", ".join(f"{1000 * s:.1f}" for s in slopes)
    good = ratio <= MOST
    print(
        f"  {'ok  ' if good else 'MISS'} one more instruction, ms of the checker: {each}; the last / those before at most {MOST} / {ratio:.2f}"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
