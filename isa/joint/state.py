"""The state of two machines as one: leaves match by name and type, and one more says which machine it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from pgcheck.isa.idl.state import GENERAL, Entry, Leaf, Part, ScalarLeaf
from pgcheck.isa.idl.types import Bits
from pgcheck.isa.machine.machine import Machine, StateSpace
from pgcheck.isa.terms import Term, constant, eq

HOST: Final = "HOST"
"""The leaf that is 1 on the real machine and 0 on the virtual one: control state of role identity."""
IS_HOST: Final[Term] = eq(ScalarLeaf(HOST, 1, "identity").term, constant(1, 1))
ALONE: Final = "saved"
"""The role of a general leaf that one machine alone has: a guest's is kept apart, a host's is the monitor's."""


def like(leaf: Leaf) -> Leaf:
    """A leaf without its role and reset: what two machines must agree on."""
    return replace(leaf, role=GENERAL if leaf.role != "device" else leaf.role, reset=0)


def misfits(host: Machine, guest: Machine) -> Iterator[str]:
    """Why the state of two machines cannot be one."""
    a, b = host.state, guest.state
    for what, one, other in (
        ("the program counter", a.pc, b.pc),
        ("memory", a.memory, b.memory),
        ("the unit of memory", a.memory_unit, b.memory_unit),
        ("the order of memory", a.order, b.order),
        ("the mode", host.modes.leaf, guest.modes.leaf),
    ):
        if one != other:
            yield f"{what} is {one} here and {other} there"
    for name in (n for n in a.leaves if n in b.leaves):
        mine, other_ = a.leaves[name], b.leaves[name]
        if like(mine) != like(other_):
            yield f"{name} is of another type there"
        elif mine.control != other_.control:
            general, control = ("here", "there") if other_.control else ("there", "here")
            yield f"{name} is general state {general} and control state {control}"
    if HOST in a.leaves or HOST in b.leaves:
        yield f"{HOST} is the name of what tells the two machines apart"


def together(host: Machine, guest: Machine) -> StateSpace:
    """The state of both: the guest's leaves, the host's own, and which machine it is; after reset it is the host."""
    a, b = host.state, guest.state
    leaves: dict[str, Leaf] = {
        n: replace(leaf, reset=a.leaves[n].reset) if n in a.leaves else _alone(leaf) for n, leaf in b.leaves.items()
    }
    leaves |= {n: _alone(leaf) for n, leaf in a.leaves.items() if n not in b.leaves}
    leaves[HOST] = ScalarLeaf(HOST, 1, "identity", 1)
    entries = {**a.entries, **b.entries, HOST: Entry(HOST, Bits(1), (Part(HOST, 0, 0),))}
    return StateSpace(entries, leaves, b.pc, b.memory, b.memory_unit, b.big_endian)


def start(host: Machine, guest: Machine) -> dict[str, int]:
    """The leaves that a virtual machine starts with, where the host's own reset gives others."""
    a, b = host.state.leaves, guest.state.leaves
    resets = {n: leaf.reset for n, leaf in b.items() if n in a and a[n].reset != leaf.reset}
    return {**resets, **guest.platform.boot, HOST: 0}


def _alone(leaf: Leaf) -> Leaf:
    return leaf if leaf.control else replace(leaf, role=ALONE)
