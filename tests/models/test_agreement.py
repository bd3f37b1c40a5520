"""The two bindings agree: whatever the reference does on integers, the evaluated terms of the symbolic binding do."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pgcheck import shipped
from pgcheck.isa.machine import Instruction, Machine
from pgcheck.isa.terms import ARRAY, Term, constant, mask, mk, substitute, variable
from pgcheck.models import reference, symbolic
from pgcheck.models.reference import Surroundings
from tests.models.compare import Ending, differences, endings, exits
from tests.models.worlds import Key, World, machine, operands

EXAMPLES = 4
CAMPAIGN = 200
PARTS = 4
NAMES = shipped.names()


def prove(examples: int, claim: Callable[[random.Random, Callable[[Key, int], int]], None]) -> None:
    """Run `claim` on `examples` random sources, the same in every run, and shrink the first that refutes it."""

    @settings(
        max_examples=examples, derandomize=True, deadline=None, database=None, phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.integers(0, mask(32)), st.data())
    def run(seed: int, data: st.DataObject) -> None:
        claim(random.Random(seed), lambda key, width: data.draw(bits(width or 1), label=str(key)))

    run()


@cache
def bits(width: int) -> st.SearchStrategy[int]:
    """`width` bits, limits and small values first."""
    top = mask(width)
    return st.one_of(st.sampled_from(sorted({0, 1, 2 & top, top, top - 1, top >> 1, top // 2 + 1})), st.integers(0, top))


def distinct(name: str) -> Iterator[Instruction]:
    """The instructions of a specification but those that mean the same in the one that it is a variant of."""
    yield from machine(name).instructions


def step_differences(
    described: Machine, instruction: Instruction, step: symbolic.Transition, world: World, given_: dict[str, int]
) -> list[str]:
    """How the reference step in `world` and the evaluated `step` differ."""
    state = world.state()
    exit_ = reference.step(described, instruction, given_, state, surroundings(world))
    world.settle(random.Random(0))
    return differences(endings(step), world, given_, exit_, (), state)


def surroundings(world: World) -> Surroundings:
    return Surroundings(world.undefined, world.volatile, world.volatile_write, world)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", NAMES)
def test_step_is_transition(name: str, part: int) -> None:
    steps_agree(name, part, EXAMPLES)


@pytest.mark.campaign
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", NAMES)
def test_step_is_transition_at_length(name: str, part: int) -> None:
    steps_agree(name, part, CAMPAIGN)


def steps_agree(name: str, part: int, examples: int) -> None:
    described = machine(name)
    for instruction in described.instructions[part::PARTS]:
        step = symbolic.transition(described, instruction)

        def claim(rng: random.Random, draw: Callable[[Key, int], int]) -> None:
            assert instruction.encoding is not None
            found = step_differences(
                described, instruction, step, World(described, draw), operands(instruction.encoding, rng)
            )
            assert not found, f"{name} {instruction.id}: {found}"

        prove(examples, claim)
