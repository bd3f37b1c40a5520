"""What happened in cases, counted by event: whether a property met what it is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pgcheck.checker.campaign.cases.rings import MODELS
from pgcheck.checker.campaign.manuals.manual import manuals_of
from pgcheck.checker.campaign.pairs.pair import Pair
from pgcheck.checker.campaign.pairs.recording import Recording
from pgcheck.isa.machine.machine import Machine
from pgcheck.vmm.mmu import mechanism
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.statistics import EVENTS as MAPPINGS
from pgcheck.vmm.statistics import Event as Mapped

Subject = tuple[tuple[str, ...], ...]
"""What a property is about: of each part one event must have come."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that can happen in a case, in words; `where` says on which machines."""

    title: str
    where: Callable[[Machine], bool] = lambda machine: True


def _mapped(name: Mapped) -> Event:
    return Event(MAPPINGS[name], lambda machine: name in mechanism(machine).events)


EVENTS: Final[Mapping[str, Event]] = {
    "direct": Event("a guest took a step on the processor"),
    "exit": Event("the monitor stepped in"),
    "reflect": Event("the monitor handed a trap to a guest"),
    "trap": Event("the bare machine took a trap"),
    "turn": Event("a guest's turn ended, and it had not stopped"),
    "quota": Event("a guest's quota was used up"),
    "guest": Event("a new guest was made"),
    **{name: _mapped(name) for name in MAPPINGS},
    "recall": Event("the processor used a translation that it remembered", lambda m: "drop" in mechanism(m).events),
    "forget": Event("the processor was told to forget translations", lambda m: "drop" in mechanism(m).events),
    "interrupt": Event("an interrupt was delivered to a guest", lambda m: m.code.interrupt is not None),
    "wait": Event("a guest waited for an interrupt, which came", lambda m: bool(m.code.interrupt and m.code.interrupt.waiting)),
    "dma": Event("a device stored to memory"),
    "device": Event("a guest read or wrote a device's registers", lambda m: bool(m.platform.devices)),
    "request": Event("a device served a request from rings in memory", lambda m: any(d.model in MODELS for d in m.platform.devices)),
    "manual": Event("a device was held against its manual", lambda m: bool(manuals_of(m))),
    "block": Event("generated code for several instructions was made"),
    "cross": Event("a guest was entered by the machine's own return instruction"),
    "plain": Event("one of two machines ran a case on the plain evaluator"),
}  # fmt: skip


def account(pairs: Iterable[Pair]) -> Counter[str]:
    """What happened to the guests of some machines since they were cleared."""
    found: Counter[str] = Counter()
    for pair in pairs:
        for guest in pair.guests:
            statistics = guest.monitor.statistics
            found["direct"] += statistics.direct
            found["exit"] += sum(statistics.interventions.values()) + statistics.misses
            found["reflect"] += statistics.count("reflected")
            found["interrupt"] += guest.computer.interrupts
            found["cross"] += statistics.crossings
            found.update(guest.events)
        found.update(pair.events)
        found["block"] += pair.blocks()
        found["plain"] += isinstance(pair.oracle, Recording)
    return +found


def possible(machine: Machine, policy: Policy | None = None) -> tuple[str, ...]:
    """The events that there are on a machine, and under a policy, in the order of the table."""
    crossing = None if policy is None else policy.crossing
    there = {"cross": crossing is not None, "hidden": crossing is not None and bool(crossing.pages)}
    here = (name for name, event in EVENTS.items() if event.where(machine))
    return tuple(name for name in here if policy is None or there.get(name, True))


def absent(subject: Subject, machine: Machine) -> Subject:
    """The parts of a subject that a machine does not have."""
    here = possible(machine)
    return tuple(part for part in subject if not any(name in here for name in part))


def unmet(subject: Subject, seen: Mapping[str, int]) -> Subject:
    """The parts of a subject that never came."""
    return tuple(part for part in subject if not any(seen.get(name) for name in part))


def told(subject: Subject) -> str:
    """A subject in words."""
    return "; ".join(" or ".join(EVENTS[name].title for name in part) for part in subject)
