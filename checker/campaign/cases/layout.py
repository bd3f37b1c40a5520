"""Where a case puts what: sixteen blocks of a guest's memory, of a page each where the machine has pages."""

from __future__ import annotations

from dataclasses import dataclass

from pgcheck.isa.machine.machine import Machine
from pgcheck.vmm.vmm import page_shift

BLOCKS = 16
ROOMY = 1024


@dataclass(frozen=True, slots=True)
class Layout:
    """RAM of `size` units from `base` on in blocks of `block` units."""

    base: int
    size: int

    @property
    def block(self) -> int:
        return self.size // BLOCKS

    @property
    def inset(self) -> int:
        """How far into its first block code begins: far enough for a page of it to be a page table as well."""
        return self.block // 2 if self.block >= ROOMY else 0

    def at(self, number: int) -> int:
        """The address of a block."""
        return self.base + number * self.block

    @property
    def kernel(self) -> int:
        return self.at(1) + self.inset

    @property
    def user(self) -> int:
        return self.at(3) + self.inset

    @property
    def handler(self) -> int:
        return self.at(5) + self.inset

    @property
    def data(self) -> tuple[int, int]:
        """Data for either mode."""
        return self.at(7), self.at(8)

    @property
    def tables(self) -> tuple[int, ...]:
        """Pages for page tables, the first two for roots."""
        return tuple(self.at(k) for k in range(9, 15))

    @property
    def stack(self) -> int:
        """The middle of the last block, so that stacks may grow either way."""
        return self.at(15) + self.block // 2

    @property
    def places(self) -> tuple[int, ...]:
        """Every address that a pointer should hold."""
        return (*self.data, self.stack, self.kernel, self.user, self.handler, *self.tables, self.base)


class TooSmall(Exception):
    """The machine addresses too little memory for a monitor and its guests; the message says how much."""


def layout(machine: Machine) -> Layout:
    """The memory of a guest of a campaign: small, and several times smaller than what the machine can address. Raises TooSmall."""
    shift = page_shift(machine)
    frames = 16 if machine.state.memory_unit == 8 else 8 if shift < 10 else 4
    units = machine.state.memory_size
    if units < 4 * (frames << shift):
        raise TooSmall(
            f"{machine.identity.name} addresses {units} units of memory; a campaign needs {4 * (frames << shift)}"
        )
    return Layout(machine.platform.ram_base, frames << shift)
