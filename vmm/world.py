"""The world switch: which part of the processor's state is the guest's while it runs, and which the monitor's.

The functions here take values of any binding: the monitor runs them on integers, the proofs on terms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TypeVar

from pgcheck.isa.machine.machine import Machine
from pgcheck.vmm.policy import Policy

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class World:
    """The relation f of Popek and Goldberg, leaf by leaf.

    `shared` leaves are the guest's, on the processor as in the virtual state; `own` leaves hold the monitor's value (those in
    `arrays` are filled with it). Physical memory and volatile leaves are neither: they belong to the computer.
    """

    shared: tuple[str, ...]
    own: Mapping[str, int]
    arrays: tuple[str, ...] = ()
    mine: Callable[[Mapping[str, object]], object] = field(init=False, compare=False, repr=False)
    """The values of `own` leaves."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "mine", itemgetter(*self.own) if self.own else lambda state: ())


def world(machine: Machine, policy: Policy) -> World:
    """The division of state under a policy."""
    deployment = next(d for d in machine.deployments if d.name == policy.deployment)
    apart = {machine.state.memory, *(n for n, leaf in machine.state.leaves.items() if leaf.volatile)}
    mirrored = policy.mirrored | ({machine.modes.leaf} if deployment.real_mode is None else frozenset())
    shared = tuple(
        n for n, leaf in machine.state.leaves.items() if n not in apart and (not leaf.control or n in mirrored)
    )
    own = {
        n: policy.fixed.get(n, policy.real.get(n, leaf.reset))
        for n, leaf in machine.state.leaves.items()
        if n not in apart and n not in shared
    }
    if deployment.real_mode is not None:
        own[machine.modes.leaf] = deployment.real_mode
    return World(shared, own, tuple(n for n in own if n in machine.state.arrays))


def load_guest(division: World, virtual: Mapping[str, V], own: Mapping[str, V]) -> dict[str, V]:
    """The processor's state in which the guest goes on; `own` are the values of the monitor's leaves."""
    return {**own, **{name: virtual[name] for name in division.shared}}


def save_guest(division: World, real: Mapping[str, V]) -> dict[str, V]:
    """What changes in the virtual state when the guest has stopped: what it shares with the processor. Its control state stays."""
    return {name: real[name] for name in division.shared}


def lost(division: World, real: Mapping[str, V], expected: Mapping[str, V]) -> tuple[str, ...]:
    """The monitor's leaves that changed while a guest ran: none, if the monitor is in control (Popek and Goldberg, resource control)."""
    if not division.arrays and division.mine(real) == division.mine(expected):
        return ()
    return tuple([n for n in division.own if real[n] is not expected[n] and real[n] != expected[n]])
