"""Guests that take turns on a processor, for as long as none of them has anything to ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from pgcheck.models.computer.computer import Computer
from pgcheck.models.native.engine import Native
from pgcheck.models.native.monitored.way import Guided, Turns
from pgcheck.models.native.running import SLICE
from pgcheck.models.state import State, Surroundings
from pgcheck.vmm.mmu import Mmu
from pgcheck.vmm.tlb import Tlb

FEWEST: Final = 2
"""Rounds that are worth it."""


class Dispatcher(Protocol):
    """A guest's dispatcher."""

    @property
    def mmu(self) -> Mmu: ...

    def ready(self, state: State, surroundings: Surroundings) -> Guided | None:
        """What native code runs the guest by, told how it stands; None where the dispatcher has something to do first."""
        ...

    def took(self, state: State, steps: int, own: int) -> None:
        """The guest has taken steps so, some of them on its own state."""
        ...

    def placed(self, state: State) -> State:
        """The processor's state with the guest on it."""
        ...


class Guest(Protocol):
    """A guest and its account, as the monitor has them."""

    @property
    def computer(self) -> Computer: ...

    @property
    def monitor(self) -> Dispatcher: ...

    @property
    def quota(self) -> int | None: ...

    used: int


def rounds(guests: Sequence[Guest], left: Sequence[int], quantum: int) -> int:
    """How many rounds of `quantum` steps each have nothing in them but steps: budgets, quotas and devices see to it."""
    found = SLICE // (quantum * len(guests))
    for guest, most in zip(guests, left, strict=True):
        clock, devices = guest.computer.clock, guest.computer.devices.values()
        ends = [most] if guest.quota is None else [most, guest.quota - guest.used - 1]
        ends += [due - clock for device in devices if (due := device.due()) is not None]
        found = min(found, min(ends) // quantum)
    return found


def taken(host: Computer, tlb: Tlb, guests: Sequence[Guest], left: Sequence[int], quantum: int) -> Sequence[int] | None:
    """Let guests take turns of `quantum` steps of what is `left` to each; how many steps each has taken. None where that has to be done in Python.

    The first that has something to ask ends it, in its turn.
    """
    engine = host.engine
    if not isinstance(engine, Native) or engine.runtime is None or len(guests) < FEWEST:
        return None
    count = rounds(guests, left, quantum)
    if count < FEWEST:
        return None
    ready: list[Guided] = []
    for guest in guests:
        found = guest.monitor.ready(guest.computer.state, guest.computer.surroundings)
        if found is None or found.runtime is not engine.runtime:
            return None
        ready.append(found)
    outside, turns = host.surroundings, Turns(ready, quantum)
    states = [guest.computer.state for guest in guests]
    surroundings = [guest.computer.surroundings for guest in guests]
    if not turns.begin(states, [s.clock for s in surroundings], outside.clock):
        return None
    outside.undefined = lambda site, instance, width: surroundings[turns.at].undefined(site, instance, width)
    first = tlb.used is guests[0].monitor.mmu.walked()
    steps = turns.run(count, host.state, states)
    last = guests[turns.last].monitor
    if last.mmu.walked() is not None:
        tlb.used_in_turn(last.mmu.walked(), turns.begun - first)
    for guest, (all_, own) in zip(guests, steps, strict=True):
        guest.monitor.took(guest.computer.state, all_, own)
        guest.computer.surroundings.clock += all_
        guest.used += all_
    direct = sum(all_ - own for all_, own in steps)
    outside.clock += direct
    engine.steps += direct
    host.state.update(last.placed(guests[turns.last].computer.state))
    return [all_ for all_, _ in steps]
