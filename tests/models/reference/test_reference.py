"""The reference binding: its closures mean what the trees say, and it runs programs."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

import pytest

from pgcheck import shipped
from pgcheck.isa.encoding.assembly import Assembler
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms.ir import HALT
from pgcheck.models.reference.cycle import advance, canonical, deliver, fetch, step
from pgcheck.models.state import Cells, Exit, Fetched, State, Surroundings, reset
from tests.models.plain import PlainStep
from tests.models.worlds import World, biased, operands
from tests.specifications import machine

STATES = 3


def closures_and_trees(
    described: Machine, instruction: Instruction, rng: random.Random, plain: type[PlainStep]
) -> list[tuple[Exit | None, Mapping[str, object]]]:
    """What both evaluators make of one instruction in one world."""
    given = canonical(instruction, operands(instruction, rng))
    world = World(described, lambda key, width: biased(rng, width))
    ends: list[tuple[Exit | None, Mapping[str, object]]] = []
    for one_step in (step, plain.run):
        state = world.state()
        around = Surroundings(world.undefined, world.volatile, world.volatile_write, world)
        exit_ = one_step(described, given, state, around)
        ends.append((exit_, written(state)))
    return ends


def written(state: State) -> dict[str, object]:
    """The state that was touched: scalars, and elements that were written."""
    return {name: dict(value) if isinstance(value, Cells) else value for name, value in sorted(state.items())}


@pytest.mark.parametrize("name", shipped.names())
def test_closures_mean_what_the_trees_say(name: str) -> None:
    described = machine(name)
    rng = random.Random(name)
    for instruction in described.instructions:
        for _ in range(STATES):
            ours, theirs = closures_and_trees(described, instruction, rng, PlainStep)
            assert ours == theirs, instruction.id


class WrongStep(PlainStep):
    """Loads with the lowest bit inverted."""

    def load(self, address: int, width: int) -> int:
        return super().load(address, width) ^ 1


def test_a_wrong_evaluator_is_noticed() -> None:
    described = machine("pg74")
    rng = random.Random(0)
    ends = [closures_and_trees(described, described.instruction("load"), rng, WrongStep) for _ in range(20)]
    assert any(ours != theirs for ours, theirs in ends)


# ---- programs


def loaded(name: str, text: str, origin: int) -> tuple[Machine, State, Mapping[str, int]]:
    """A machine after reset with a program in memory, about to run it; its labels."""
    described = machine(name)
    lines = {i.id: i.line for i in described.instructions if i.line is not None}
    syntax = described.decoding.syntax
    assembler = Assembler(
        lines, described.decoding.decode, comment=syntax.comment, csr_names=described.decoding.csr_names
    )
    image = assembler.program(text, origin)
    state = reset(described)
    memory = state[described.state.memory]
    assert isinstance(memory, Cells)
    for chunk in image.chunks:
        memory.update(enumerate(chunk.cells, chunk.address))
    state[described.state.pc] = origin
    return described, state, image.symbols


def run(described: Machine, state: State, until: Callable[[Exit | None], bool], steps: int = 100) -> int:
    """Advance until an exit; the number of steps it took."""
    for count in range(1, steps + 1):
        if until(advance(described, state)):
            return count
    raise AssertionError(f"still running after {steps} steps")


def cell(state: State, leaf: str, index: int) -> int:
    cells = state[leaf]
    assert isinstance(cells, Cells)
    return cells[index]


def test_a_loop_on_the_third_generation_machine() -> None:
    described, state, labels = loaded(
        "pg74",
        """
              li a1, 0
              li a2, 10
              li a3, 1
        loop: add a1, a2
              sub a2, a3
              jz a2, done
              jump loop
        done: store a1, 100
        call: svc 7
              .org 40
        trap: halt
        """,
        2,
    )
    memory = state["E"]
    assert isinstance(memory, Cells)
    memory[1] = labels["trap"] << 21 | 1024
    steps = run(described, state, lambda e: e is not None and e.function == "trap")
    assert steps == 3 + 4 * 10 - 1 + 2
    assert cell(state, "E", 100) == 55
    assert cell(state, "E", 0) == labels["call"] << 21 | 1024
    assert state["P"] == labels["trap"]
    assert advance(described, state) == Exit(HALT, ())


def test_a_loop_on_riscv() -> None:
    described, state, labels = loaded(
        "riscv64",
        """
              addi a0, zero, 0
              addi a1, zero, 10
        loop: add a0, a0, a1
              addi a1, a1, -1
              bne a1, zero, loop
              sd a0, 0x100(zero)
        call: ecall
        """,
        0x1000,
    )
    steps = run(described, state, lambda e: e is not None and e.function == "raise")
    assert steps == 2 + 3 * 10 + 2
    assert [cell(state, "MEM", 0x100 + i) for i in range(8)] == [55, 0, 0, 0, 0, 0, 0, 0]
    assert state["mcause"] == 9
    assert state["mepc.ADDRESS"] == labels["call"] >> 2


@pytest.mark.parametrize(
    "units", [(0x8B, 0xC0), (0x26, 0x8B, 0xC0), (0x26, 0x2E, 0x8B, 0xC0), (0x66, 0x66, 0x66, 0x8B, 0xC0)]
)
def test_an_instruction_is_as_long_as_what_was_read(units: tuple[int, ...]) -> None:
    """Prefixes that are repeated count too."""
    described, state = holding("i386", 0x1000, units)
    assert advance(described, state) is None and state["EIP"] == 0x1000 + len(units)


def test_a_call_returns_behind_all_that_was_read() -> None:
    described, state = holding("i386", 0x1000, (0x26, 0x2E, 0xFF, 0xD0))
    registers = state["GPR"]
    assert isinstance(registers, Cells)
    registers.update({0: 0x2000, 4: 0x800})
    assert advance(described, state) is None and state["EIP"] == 0x2000
    assert [cell(state, "MEM", 0x7FC + k) for k in range(2)] == [0x04, 0x10]


def holding(name: str, at: int, units: tuple[int, ...]) -> tuple[Machine, State]:
    """A machine after reset, about to run what stands at an address."""
    described = machine(name)
    state = reset(described)
    state[described.state.pc] = at
    memory = state[described.state.memory]
    assert isinstance(memory, Cells)
    memory.update(enumerate(units, at))
    return described, state


def test_an_exit_that_cannot_be_delivered_is_returned() -> None:
    """With no mapped interrupt table the processor shuts down."""
    described = machine("i386")
    state = reset(described)
    state["IDTR.limit"] = 0
    state[described.state.pc] = 0x1000
    memory = state[described.state.memory]
    assert isinstance(memory, Cells)
    memory.update({0x1000: 0x0F, 0x1001: 0x0B})
    undefined = fetch(described, state)
    assert isinstance(undefined, Fetched) and undefined.instruction.id == "ud2"
    assert advance(described, state) == Exit(HALT, (), "in the delivery of shutdown")


def test_a_trap_stores_one_status_word_and_loads_another() -> None:
    described = machine("pg74")
    state = reset(described)
    memory = state["E"]
    assert isinstance(memory, Cells)
    memory[1] = 1 << 31 | 17 << 21 | 3 << 11 | 5
    state["P"] = 9
    assert deliver(described, Exit("trap", (0,)), state) is None
    assert (state["P"], state["M"], state["R.l"], state["R.b"]) == (17, 1, 3, 5)
    assert cell(state, "E", 0) == 9 << 21 | 1024
