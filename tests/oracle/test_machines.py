"""Generated machines: small, each with what its plan says, and every feature beside every other."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from pgcheck.isa.machine.build import load
from tests.oracle.machines import features, machine, written
from tests.oracle.plans import FAULTS, FEATURES, PAIRS, STATES, WORDS, Plan, plan

QUOTA = 200
"""The machines that every run of the suite decides."""


def test_every_feature_is_in_a_tenth_of_the_machines_and_beside_every_other() -> None:
    drawn = [features(seed) for seed in range(QUOTA)]
    counted = Counter(f for chosen in drawn for f in chosen)
    assert {f: counted[f] for f in FEATURES if counted[f] < QUOTA / 10} == {}
    together = {pair for chosen in drawn for pair in combinations([f for f in FEATURES if f in chosen], 2)}
    assert set(PAIRS) - together == set()


def test_every_fault_is_drawn() -> None:
    assert set(FAULTS) - {fault for seed in range(20 * QUOTA) for fault in plan(seed).faults} == set()


@pytest.mark.parametrize("seed", range(0, QUOTA, 20))
def test_machines_are_tiny(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "machine.yaml"
    path.write_text(machine(seed), encoding="utf-8")
    found = load(path)
    bits = sum(leaf.width for leaf in found.state.scalars.values())
    assert 1 << bits <= STATES * (4 / 3 if "hybrid" in features(seed) else 1)
    assert found.state.memory_size <= WORDS and len(found.instructions) <= WORDS


def test_a_seed_is_a_machine() -> None:
    assert machine(7) == machine(7) == written(plan(7)) != machine(8)


def test_a_fault_changes_the_text_and_nothing_else() -> None:
    sound = next(
        p for p in map(plan, range(QUOTA)) if not p.faults | p.features & {"delegation", "interrupts", "nested", "same"}
    )
    spoiled = Plan(sound.seed, sound.features, frozenset({"entry spoils a register"}), sound.address, sound.physical)
    before, after = written(sound).splitlines(), written(spoiled).splitlines()
    assert [line for line in after if line not in before and "title" not in line] == [
        line.replace("M = 0;", "A = 0; M = 0;", 1) for line in before if "function trap" in line
    ]
