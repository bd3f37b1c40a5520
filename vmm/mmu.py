"""How the addresses of a directly running guest reach the frames that are its own."""

from __future__ import annotations

from typing import Protocol

from pgcheck.models.state import State, Surroundings
from pgcheck.vmm.translate import Args


class Mmu(Protocol):
    """One guest's memory management; virtual states and surroundings are the guest's, `real` is the processor's state."""

    def enter(self, virtual: State, surroundings: Surroundings, real: State) -> bool:
        """Set the relocation that the guest runs under; False when this virtual state cannot run directly."""
        ...

    def miss(self, args: Args, virtual: State, surroundings: Surroundings, real: State) -> bool:
        """Whether a translation that faulted on the processor can now be made: the monitor's fault and not the guest's."""
        ...

    def answer(self, args: Args, virtual: State, surroundings: Surroundings, real: State) -> tuple[bool, int] | None:
        """What a memory management unit outside the processor answers, (fault, address); None when the processor has its own."""
        ...

    def forget(self) -> None:
        """Give up all that was derived from the guest's state and memory: it can be derived again."""
        ...
