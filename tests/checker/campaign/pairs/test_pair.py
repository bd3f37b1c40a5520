"""What two machines differ in is seen: one bit planted in each leaf, in memory and in the clock."""

from __future__ import annotations

import pytest

from pgcheck.checker.campaign.cases.case import Author
from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.pairs.outcome import Ground
from pgcheck.checker.campaign.pairs.pair import Pair, difference
from pgcheck.isa.idl.state import ArrayLeaf
from tests.specifications import machine_of
from tests.vmm import lockstep

pytestmark = pytest.mark.slow


def loaded() -> Pair:
    author = Author(machine_of("pg74"), lockstep.policy_of("pg74"))
    both = Ground(author).pair()
    both.load(author.case(Tape(b"\x5a" * 64)))
    return both


def test_every_leaf_is_compared() -> None:
    both = loaded()
    bare, guest = both.bare, both.guest
    assert difference(both, bare, guest) == ""
    for name, leaf in both.machine.state.leaves.items():
        if name not in guest.state:
            continue
        held = guest.state[name]
        if isinstance(leaf, ArrayLeaf):
            held[leaf.size - 1] ^= 1  # type: ignore[index]  # the cells of an array
            assert difference(both, bare, guest) == name
            held[leaf.size - 1] ^= 1  # type: ignore[index]
        else:
            guest.state[name] = held ^ 1  # type: ignore[operator]  # a number
            assert difference(both, bare, guest) == name
            guest.state[name] = held
    assert difference(both, bare, guest) == ""


def test_memory_and_the_clock_are_compared() -> None:
    both = loaded()
    ram = both.guest.bus.ram
    for address in (ram.base, ram.base + ram.size - 1, ram.base + ram.size // 2):
        before = ram.load(address, 1)
        ram.store(address, 1, before ^ 1)
        assert difference(both, both.bare, both.guest) == both.machine.state.memory
        ram.store(address, 1, before)
    both.guest.surroundings.clock += 1
    assert difference(both, both.bare, both.guest) == "clock"
