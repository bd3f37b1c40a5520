"""Where a case puts what: sixteen blocks of a guest's memory, of a page each where the machine has pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import Entries
from pgcheck.vmm.vmm import page_shift

BLOCKS: Final = 16
ROOMY: Final = 1024
CRAMPED: Final = 16
SHARE: Final = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """The numbers of the blocks at which something begins; `end` is that of the first behind a program's last."""

    kernel: int
    user: int
    handler: int
    end: int
    data: tuple[int, int]
    tables: tuple[int, ...]
    stack: int


WIDE: Final = Plan(kernel=1, user=3, handler=5, end=7, data=(7, 8), tables=tuple(range(9, 15)), stack=15)
NARROW: Final = Plan(kernel=1, user=5, handler=9, end=12, data=(12, 13), tables=(), stack=15)
"""Where a block has few units, programs get more of them."""


@dataclass(frozen=True, slots=True)
class Layout:
    """RAM of `size` units from `base` on in blocks of `block` units."""

    base: int
    size: int

    @property
    def block(self) -> int:
        return self.size // BLOCKS

    @property
    def plan(self) -> Plan:
        return WIDE if self.block >= CRAMPED else NARROW

    @property
    def inset(self) -> int:
        """How far into its first block code begins: far enough for a page of it to be a page table as well."""
        return self.block // 2 if self.block >= ROOMY else 0

    @property
    def end(self) -> int:
        """The first address behind RAM."""
        return self.base + self.size

    def at(self, number: int) -> int:
        """The address of a block."""
        return self.base + number * self.block

    @property
    def kernel(self) -> int:
        return self.at(self.plan.kernel) + self.inset

    @property
    def user(self) -> int:
        return self.at(self.plan.user) + self.inset

    @property
    def handler(self) -> int:
        return self.at(self.plan.handler) + self.inset

    @property
    def data(self) -> tuple[int, int]:
        """Data for either mode."""
        return self.at(self.plan.data[0]), self.at(self.plan.data[1])

    @property
    def tables(self) -> tuple[int, ...]:
        """Pages for page tables, the first two for roots."""
        return tuple(self.at(k) for k in self.plan.tables)

    @property
    def stack(self) -> int:
        """The middle of the last block, so that stacks may grow either way."""
        return self.at(self.plan.stack) + self.block // 2

    @property
    def places(self) -> tuple[int, ...]:
        """Every address that a pointer should hold."""
        return (*self.data, self.stack, self.kernel, self.user, self.handler, *self.tables, self.base)

    def room(self, address: int) -> int:
        """The units from an address on that a program may take: to where the next one begins, or to the end of memory."""
        starts = (self.kernel, self.user, self.handler, self.at(self.plan.end), self.end)
        return next((start - address for start in starts if start > address), 0)


class TooSmall(Exception):
    """The machine addresses too little memory for a monitor and its guests; the message says how much."""


def layout(machine: Machine) -> Layout:
    """The memory of a guest of a campaign: small, and a quarter at most of what the machine can address. Raises TooSmall."""
    shift, units = page_shift(machine), machine.state.memory_size
    frames = 16 if machine.state.memory_unit == 8 and shift >= 10 else 8 if shift < 10 else 4
    while frames > 1 and not isinstance(machine.code.scheme, Entries) and SHARE * (frames << shift) > units:
        frames //= 2
    size = frames << shift
    needed = SHARE * max(size, BLOCKS)
    if units < needed or size < BLOCKS:
        raise TooSmall(f"{machine.identity.name} addresses {units} units of memory; a campaign needs {needed}")
    return Layout(machine.platform.ram_base, size)
