"""Relocation by a base and a limit: the guest's own relocation composed with the monitor's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pgcheck.isa.idl.types import width_of
from pgcheck.isa.machine import schemes
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import mask
from pgcheck.isa.terms.reads import leaves_read
from pgcheck.models.generated.facts import Facts
from pgcheck.models.memory import Bus
from pgcheck.models.reference.cycle import call, holds
from pgcheck.models.state import State, Surroundings, holding, reset, scalar
from pgcheck.vmm.guest_memory import GuestMemory
from pgcheck.vmm.mmu import Audit, Audited, Finding, Key, Mechanism, Tenant
from pgcheck.vmm.statistics import Event
from pgcheck.vmm.translate import Args, Unmappable, accesses, walk

MAX_KNOWN = 64


class NoBounds(Unmappable):
    """A base and a limit cannot confine guests of this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The values of base and limit under which the guest runs, and how many addresses from 0 on the processor then accepts."""

    base: int
    limit: int
    size: int


class Bounds:
    """A guest's memory in one run of host frames, reached through the processor's base and limit registers.

    The limit is the largest under which every address the processor accepts is one that the guest's own relocation accepts and that
    is RAM of the guest's; all others trap, and the monitor finds out whose fault it is. Where bounds have to fit it admits all that the
    guest's own relocation accepts, or the guest does not run. `shared` are the leaves that the guest
    changes on the processor without a trap. Raises NoBounds, and ValueError for frames that are no run.
    """

    def __init__(
        self,
        machine: Machine,
        host: Bus,
        memory: GuestMemory,
        shared: Collection[str] = (),
        events: Counter[Event] | None = None,
    ) -> None:
        found = machine.code.confined_by(schemes.Bounds)
        if found is None:
            raise NoBounds(f"{machine.identity.name} has no base and limit registers")
        self.machine, self.host, self.memory = machine, host, memory
        self.translation, self.realise = translation, _ = found
        self.position = translation.position(self.realise.address)
        self.width = width_of(translation.parameters[self.position][1])
        effects = Facts(machine).function(translation.function)
        if {*range(len(translation.parameters))} != {self.position, translation.mode, translation.access}:
            raise NoBounds(f"{translation.function} depends on more than an address, an access and a mode")
        if effects.volatile or effects.free or effects.writes or effects.loads or effects.stores:
            raise NoBounds(f"{translation.function} does more than read state")
        depends = leaves_read(machine.code.functions, translation.function, machine.code.exits) | {machine.modes.leaf}
        if depends & set(shared) or any(n in machine.state.arrays for n in depends):
            raise NoBounds(f"{translation.function} depends on what a guest changes without a trap, or on an array")
        if any(b != a + 1 for a, b in zip(memory.frames, memory.frames[1:], strict=False)):
            raise ValueError("the frames of a guest under base and limit are one run")
        self.keys = self.depends = tuple(sorted(depends))
        self.placed, self.held = (self.realise.base, self.realise.limit), ()
        self.origin, self.step = leading(machine)
        self.known: dict[tuple[int, ...], Extent | None] = {}
        self.events: Counter[Event] = Counter() if events is None else events
        self._last: Extent | None = None

    def enter(self, virtual: State, surroundings: Surroundings, real: State) -> bool:
        """Set base and limit; False when no pair gives the guest only what is its own."""
        key: tuple[int, ...] = tuple([virtual[n] for n in self.depends])  # type: ignore[misc]
        if key not in self.known:
            if len(self.known) >= MAX_KNOWN:
                self.known.pop(next(iter(self.known)))
            self.known[key] = self.extent(virtual, real)
        extent = self.known[key]
        if extent is None:
            return False
        self.events["bound"] += extent != self._last or not self.events["bound"]
        self._last = extent
        real[self.realise.base], real[self.realise.limit] = extent.base, extent.limit
        return True

    def walked(self) -> None:
        """There are no tables."""

    def stands(self) -> bool:
        """Nothing is given up."""
        return True

    def settled(self) -> Mapping[Key, Key]:
        """The extents that were found."""
        return {key: (found.base, found.limit) for key, found in self.known.items() if found is not None}

    def went(self, chosen: Sequence[Key], moved: int) -> None:
        """Other extents were set."""
        self.events["bound"] += moved
        self._last = self.known[chosen[-1]]

    def miss(self, args: Args, virtual: State, surroundings: Surroundings, real: State) -> bool:
        """Nothing can be added: the limit is as large as it may be."""
        return False

    def answer(self, args: Args, virtual: State, surroundings: Surroundings, real: State) -> None:
        """The processor relocates by itself."""
        return

    def frames(self) -> tuple[int, ...]:
        """There are no tables."""
        return ()

    def forget(self) -> None:
        """Find all extents anew."""
        self.known.clear()
        self._last = None

    def extent(self, virtual: State, real: State) -> Extent | None:
        """The extent of a virtual state, found by trying the walk of both machines and confirmed at its ends; None if there is none."""
        guest = self.reach(virtual)
        start = guest(0)
        if start is None or not self.memory.holds(start):
            return None
        end = min(1 << self.width, self.memory.base + self.memory.size - start)
        size = first(end, lambda a: guest(a) != start + a)
        fits = self.machine.bounds_fit
        if fits and size < 1 << self.width and self.answers(virtual, size) != {None}:
            return None
        place = self.memory.host_address(start)
        base, beside = divmod(place - self.origin, self.step)
        if beside or not 0 <= base <= mask(self.machine.state.leaves[self.realise.base].width):
            return None
        for limit in self._limits(base, size, real):
            state: State = {**real, self.realise.base: base, self.realise.limit: limit}
            processor = self.reach(state)
            accepted = first(min(size + 1, 1 << self.width), lambda a, p=processor: p(a) is None)  # type: ignore[misc]
            if (
                0 < accepted <= size
                and (accepted == size or not fits)
                and self._legal(state)
                and processor(0) == place
                and processor(accepted - 1) == place + accepted - 1
            ):
                return Extent(base, limit, accepted)
        return None

    def _limits(self, base: int, size: int, real: State) -> Iterator[int]:
        """Limits that admit no address from `size` on, the largest first, then ones that end in ever more zeros or ones."""
        widest = mask(self.machine.state.leaves[self.realise.limit].width)
        if size >= 1 << self.width:
            yield widest
            return

        def allows(limit: int) -> bool:
            return self.reach({**real, self.realise.base: base, self.realise.limit: limit})(size) is not None

        largest = first(widest + 1, allows) - 1
        rounded = {v for k in range(widest.bit_length()) for v in (largest >> k << k, (largest + 1 >> k << k) - 1)}
        yield from sorted((v for v in {largest, *rounded} if v >= 0), reverse=True)

    def reach(self, state: State) -> Callable[[int], int | None]:
        """Where an address leads under a state, whatever the access; None when it faults, or for some access only."""

        def reach(address: int) -> int | None:
            found = self.answers(state, address)
            return found.pop() if len(found) == 1 else None

        return reach

    def answers(self, state: State, address: int) -> set[int | None]:
        """Where an address leads under a state, for whatever access; None for one that faults."""
        mode, inside, found = scalar(state, self.machine.modes.leaf), Surroundings(memory=self.host), set[int | None]()
        for op in accesses(self.translation):
            given = {self.translation.mode: mode, self.translation.access: op, self.position: address}
            args: Args = tuple(given[i] for i in range(len(given)))
            found.add(walk(self.machine, args, state, inside, pretend=True).address)
        return found

    def _legal(self, state: State) -> bool:
        return all(holds(self.machine, term, state, Surroundings(memory=self.host)) for term in self.machine.legal)


def first(end: int, holds: Callable[[int], bool]) -> int:
    """The least number below `end` from which on `holds`, which is monotone; `end` if there is none."""
    low, high = 0, end
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def made(tenant: Tenant) -> Bounds:
    return Bounds(tenant.machine, tenant.host, tenant.memory, tenant.shared, tenant.events)


def audit(what: Audited) -> Audit:
    """FOOTPRINT of every extent that was not looked at before."""
    bounds: Bounds = what.mmu
    seen: set[tuple[tuple[int, ...], Extent]] = set()

    def found() -> Iterator[Finding]:
        for key, extent in bounds.known.items():
            if extent is not None and (key, extent) not in seen:
                seen.add((key, extent))
                yield from footprint(what, key, extent)

    return found


def footprint(what: Audited, key: tuple[int, ...], extent: Extent) -> Iterator[Finding]:
    """FOOTPRINT: under an extent, the processor accepts what the guest's relocation accepts, and finds it in the guest's frames.

    Checked at the first and last address of every page, at the ends of the extent and at the ends of the address space.
    """
    bounds: Bounds = what.mmu
    machine = bounds.machine
    base = reset(machine)
    virtual = bounds.reach({**base, **dict(zip(bounds.depends, key, strict=True))})
    real: State = {**base, **holding(machine, what.own)}
    processor = bounds.reach({**real, bounds.realise.base: extent.base, bounds.realise.limit: extent.limit})
    memory, page, last = bounds.memory, 1 << bounds.memory.page_shift, mask(bounds.width)
    ends = {0, extent.size - 1, extent.size, extent.size + 1, last, last - 1, *(1 << k for k in range(bounds.width))}
    for at in range(0, min(last, 2 * mask(machine.state.address_width)), page):
        ends |= {at, at + page - 1}
    for address in sorted(e for e in ends if 0 <= e <= last):
        reached = processor(address)
        if reached is None:
            continue
        if what.allocator.owner.get(reached >> memory.page_shift) != what.guest:
            yield Finding(
                "FOOTPRINT", what.guest, address, f"the processor reaches {reached:#x}, which is not the guest's"
            )
        meant = virtual(address)
        if meant is None or not memory.holds(meant) or memory.host_address(meant) != reached:
            yield Finding(
                "FOOTPRINT", what.guest, address, f"the processor reaches {reached:#x}, the guest means something else"
            )


def leading(machine: Machine) -> tuple[int, int]:
    """Where the base 0 leads, and how much farther the base 1; (0, 1) where the processor refuses to say."""
    found = machine.code.confined_by(schemes.Bounds)
    assert found is not None
    translation, realise = found
    limit, mode = mask(machine.state.leaves[realise.limit].width), machine.modes.user.values[0]
    given = {translation.mode: mode, translation.access: accesses(translation)[0]}
    args = tuple(given.get(i, 0) for i in range(len(translation.parameters)))
    state: State = {**reset(machine), **realise.given, machine.modes.leaf: mode, realise.limit: limit}
    ends = [call(machine, translation.function, args, {**state, realise.base: base}) for base in (0, 1)]
    first, second = [end[0] if isinstance(end, tuple) else -1 for end in ends]
    return (first, second - first) if 0 <= first < second else (0, 1)


def frame(machine: Machine, wanted: int) -> int:
    """Frames are no smaller than what lies between the places to which two bases lead."""
    return max(wanted, leading(machine)[1].bit_length() - 1) if machine.code.confined_by(schemes.Bounds) else wanted


BOUNDS = Mechanism(
    scheme=schemes.Bounds,
    made=made,
    audit=audit,
    frame=frame,
    events=("bound",),
    does="base and limit lead to the guest's own memory",
    exits="never",
)
