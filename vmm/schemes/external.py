"""A memory management unit outside the processor: it asks the monitor for every access."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import External
from pgcheck.models.state import State, Surroundings, scalar
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.mmu import Audit, Audited, Key, Mechanism, Tenant
from pgcheck.vmm.translate import Args, Inside, Outside, walk, with_argument


class ExternalMmu:
    """Maps each address through the guest's own translation to the frames of its RAM, and refuses all others.

    What the guest's translation would store, or find outside RAM, is refused too: the instruction is emulated then and does it itself.
    A monitor on the guest has a unit of its own, outside the guest's processor, which is asked first.
    Raises ValueError for a machine without translation.
    """

    def __init__(self, machine: Machine, memory: GuestMemory) -> None:
        if machine.code.translation is None:
            raise ValueError(f"{machine.identity.name} has no translation")
        self.machine, self.memory, self.translation = machine, memory, machine.code.translation
        self._inside = Surroundings(memory=Inside(memory))

    def enter(self, virtual: State, surroundings: Surroundings, real: State) -> bool:
        """Nothing of the processor's needs setting."""
        return True

    def miss(self, args: Args, virtual: State, surroundings: Surroundings, real: State) -> bool:
        """A refused access is the guest's fault, or no RAM."""
        return False

    def answer(self, args: Args, virtual: State, surroundings: Surroundings, real: State) -> tuple[bool, int]:
        """(refused, host address) of an access. The rest of its page is RAM of the guest's as well."""
        mode, real_mode = scalar(virtual, self.machine.modes.leaf), real[self.machine.modes.leaf]
        asked = with_argument(args, self.translation.mode, mode) if args[self.translation.mode] == real_mode else args
        inside = self._inside if surroundings.oracle is None else replace(self._inside, oracle=surroundings.oracle)
        try:
            found = walk(self.machine, asked, virtual, inside, pretend=True)
        except Outside:
            return True, 0
        if found.address is None or found.stores or not self.memory.holds(found.address):
            return True, 0
        return False, self.memory.host_address(found.address)

    def frames(self) -> tuple[int, ...]:
        """There are no tables."""
        return ()

    keys: tuple[str, ...] = ()
    placed = held = keys

    def walked(self) -> None:
        """There are no tables."""

    def stands(self) -> bool:
        """Nothing is set."""
        return True

    def settled(self) -> Mapping[Key, Key]:
        """Nothing is set."""
        return {}

    def went(self, chosen: Sequence[Key], moved: int) -> None:
        """Nothing is set."""

    def forget(self) -> None:
        """Nothing is kept."""


def made(tenant: Tenant) -> ExternalMmu:
    return ExternalMmu(tenant.machine, tenant.memory)


def audit(what: Audited) -> Audit:
    """Nothing is kept that could be wrong."""
    return lambda: ()


EXTERNAL = Mechanism(
    scheme=External, made=made, audit=audit, outside=True, does="the unit outside the processor maps", exits="never"
)
