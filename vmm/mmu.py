"""How the addresses of a directly running guest reach the frames that are its own: what every mapping scheme of a processor is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import External
from pgcheck.isa.rows import rows
from pgcheck.models.computer.computer import Computer
from pgcheck.models.memory import Bus
from pgcheck.models.state import State, Surroundings
from pgcheck.vmm.allocator import Allocator
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.statistics import Event
from pgcheck.vmm.tlb import Tlb
from pgcheck.vmm.translate import Args

Key = tuple[int, ...]


class Mmu(Protocol):
    """One guest's memory management; virtual states and surroundings are the guest's, `real` is the processor's state."""

    @property
    def memory(self) -> GuestMemory:
        """The guest's RAM."""
        ...

    def frames(self) -> Iterable[int]:
        """The frames of the tables that are kept for the guest now."""
        ...

    def enter(self, virtual: State, surroundings: Surroundings, real: State) -> bool:
        """Set the relocation that the guest runs under; False when this virtual state cannot run directly."""
        ...

    def miss(self, args: Args, virtual: State, surroundings: Surroundings, real: State) -> bool:
        """Whether a translation that faulted on the processor can now be made: the monitor's fault and not the guest's."""
        ...

    def answer(self, args: Args, virtual: State, surroundings: Surroundings, real: State) -> tuple[bool, int] | None:
        """What a memory management unit outside the processor answers, (fault, address); None when the processor has its own."""
        ...

    @property
    def keys(self) -> tuple[str, ...]:
        """The leaves of the virtual state by which `placed`, leaves of the processor, are set; `held` are others that it looks at."""
        ...

    @property
    def placed(self) -> tuple[str, ...]: ...

    @property
    def held(self) -> tuple[str, ...]: ...

    def walked(self) -> object:
        """The tables that the processor walks for the guest; None where there are none."""
        ...

    def stands(self) -> bool:
        """Whether what was set for the guest when it was entered is what it goes on under."""
        ...

    def settled(self) -> Mapping[Key, Key]:
        """What `placed` is by what `keys` are, as far as that is known."""
        ...

    def went(self, chosen: Sequence[Key], moved: int) -> None:
        """The guest has gone on under these, each named where it was chosen last; so often what is placed has changed."""
        ...

    def forget(self) -> None:
        """Give up all that was derived from the guest's state and memory: it can be derived again."""
        ...


@dataclass(frozen=True, slots=True)
class Tenant:
    """A guest as a mapping scheme is given it: its memory on a host, and what the monitor lends it.

    `real` is the monitor's own control state, `shared` are the leaves that the guest changes on the processor without a trap, and `pool`
    gives the frames for its tables, which belong to `tables`; it raises OutOfMemory. What becomes of the guest's mappings is counted
    in `events`. `private` are the pages that the monitor has mapped for itself while the guest runs: the host's address by the one at which
    the processor reaches it.
    """

    name: str
    machine: Machine
    host: Bus
    memory: GuestMemory
    real: State
    pool: Callable[[], Allocator]
    shared: frozenset[str] = frozenset()
    tlb: Tlb = field(default_factory=Tlb)
    events: Counter[Event] = field(default_factory=Counter)
    private: Mapping[int, int] = field(default_factory=dict)

    @property
    def tables(self) -> str:
        """Who owns the frames of the guest's tables."""
        return tables_of(self.name)


def tables_of(guest: str) -> str:
    """Who owns the frames of the tables that are kept for a guest."""
    return f"{guest}:tables"


@dataclass(frozen=True, slots=True)
class Finding:
    """A law that does not hold: for which guest, at which place (a host address, a frame or a virtual address) and how."""

    law: str
    guest: str
    place: int
    message: str


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit of one guest's memory management looks at: it, the processor, who owns frames, and the monitor's values."""

    guest: str
    mmu: Any
    host: Computer
    allocator: Allocator
    own: Mapping[str, int]


Audit = Callable[[], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Mechanism:
    """What a monitor does on processors of one mapping scheme: a guest's memory management, and what does not hold of it since last asked.

    `frame` gives the binary logarithm of a frame's units, from the one that is wanted. `outside`: the processor asks for every access, as
    a unit outside it would answer. `events` are those that can come. `does` says in words what the monitor does, and `exits` what that costs.
    """

    scheme: type[object]
    made: Callable[[Tenant], Mmu]
    audit: Callable[[Audited], Audit]
    frame: Callable[[Machine, int], int] = lambda machine, wanted: wanted
    outside: bool = False
    events: tuple[Event, ...] = ()
    does: str = ""
    exits: str = ""


@cache
def mechanisms() -> Mapping[type[object], Mechanism]:
    """Every mechanism by the scheme that it is for."""
    return {mechanism.scheme: mechanism for mechanism in rows("pgcheck.vmm.schemes", Mechanism)}


def mechanism(machine: Machine) -> Mechanism:
    """The mechanism for a machine; one that declares no scheme has no unit of its own."""
    return mechanisms()[External if machine.code.scheme is None else type(machine.code.scheme)]


def asked(machine: Machine) -> bool:
    """Whether the processor asks the monitor for every access."""
    return machine.code.scheme is not None and mechanism(machine).outside
