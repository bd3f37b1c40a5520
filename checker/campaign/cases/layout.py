"""Where a case puts what: sixteen blocks of a guest's memory, of a page each where the machine has pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import Entries
from pgcheck.models.state import holding, reset
from pgcheck.vmm.paging.entries import form
from pgcheck.vmm.paging.pages import NoTables
from pgcheck.vmm.vmm import page_shift

BLOCKS: Final = 16
HOST_FRAMES: Final = 160
"""The most frames of a host with guests that have page tables."""
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
FEW_PAGES: Final[Mapping[tuple[int, bool], Plan]] = {
    (8, False): Plan(kernel=1, user=8, handler=4, end=11, data=(10, 11), tables=(12, 10, 14, 14, 14, 14), stack=11),
    (4, False): Plan(kernel=1, user=8, handler=4, end=10, data=(10, 11), tables=(12, 8, 12, 12, 12, 12), stack=11),
    (4, True): Plan(kernel=1, user=8, handler=4, end=10, data=(10, 11), tables=(12, 12, 12, 12, 8, 8), stack=11),
    (2, False): Plan(kernel=1, user=10, handler=4, end=14, data=(14, 15), tables=(8, 8, 8, 8, 8, 8), stack=14),
}
"""Where a guest has few pages, by their number and whether a walk passes several tables: one page is a table of several levels, or of entries and data."""


@dataclass(frozen=True, slots=True)
class Layout:
    """RAM of `size` units from `base` on in blocks of `block` units; of `pages` pages where the machine has page tables.

    In `deep` page tables a walk passes more than one.
    """

    base: int
    size: int
    pages: int = 0
    deep: bool = False

    @property
    def block(self) -> int:
        return self.size // BLOCKS

    @property
    def plan(self) -> Plan:
        few = FEW_PAGES.get((self.pages, self.deep)) or FEW_PAGES.get((self.pages, False))
        return few or (WIDE if self.pages or self.block >= CRAMPED else NARROW)

    def page(self, address: int) -> int:
        """The address of the page or, without pages, of the block that an address lies in."""
        size = self.size // (self.pages or BLOCKS)
        return address - (address - self.base) % size

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
        return min((start - address for start in starts if start > address), default=0)


class TooSmall(Exception):
    """The machine addresses too little memory for a monitor and its guests; the message says how much."""


def layout(machine: Machine) -> Layout:
    """The memory of a guest of a campaign: small, and a part at most of what the machine can address. Raises TooSmall."""
    translation = machine.code.translation
    if translation is None or not isinstance(machine.code.scheme, Entries):
        return _plain(machine)
    user = {machine.modes.leaf: machine.modes.user.values[0]}
    try:
        shape = form(
            machine, {**reset(machine), **machine.platform.boot, **holding(machine, translation.given), **user}
        )
    except NoTables:  # which is told when guests are made
        return _plain(machine)
    return _paged(machine, shape.levels)


def _plain(machine: Machine) -> Layout:
    shift, units = page_shift(machine), machine.state.memory_size
    frames = 16 if machine.state.memory_unit == 8 and shift >= 10 else 8 if shift < 10 else 4
    while frames > 1 and SHARE * (frames << shift) > units:
        frames //= 2
    size = frames << shift
    needed = SHARE * max(size, BLOCKS)
    if units < needed or size < BLOCKS:
        raise TooSmall(f"{machine.identity.name} addresses {units} units of memory; a campaign needs {needed}")
    return Layout(machine.platform.ram_base, size)


def _paged(machine: Machine, levels: int) -> Layout:
    """As many pages as leave room for two guests with their shadow tables, or for one."""
    shift, deep = page_shift(machine), levels > 1
    frames = host_frames(machine)
    choices = [(guests, pages) for guests in (2, 1) for pages in (BLOCKS, 8, 4, 2)]
    for guests, pages in choices:
        if guests * (pages + levels) < frames and pages << shift >= BLOCKS and pages > deep + 1:
            return Layout(machine.platform.ram_base, pages << shift, pages, deep)
    least = max(4 if deep else 2, BLOCKS >> shift)
    raise TooSmall(
        f"{machine.identity.name} has room for {frames} frames of {1 << shift} units; a campaign needs {least + levels + 1}"
    )


def host_frames(machine: Machine) -> int:
    """The page frames of the machine that monitors run on."""
    reach = (1 << machine.state.address_width) - machine.platform.ram_base
    return min(HOST_FRAMES, min(reach, machine.state.memory_size) >> page_shift(machine))
