"""The world switch on the machine itself: a trap is delivered and the guest's state read back, a return instruction leads to the guest.

All is asked of a binding: the monitor crosses on integers, the proofs on terms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pgcheck.isa.machine.machine import Deployment, Machine
from pgcheck.isa.machine.schemes import Bounds, Entries
from pgcheck.isa.terms import TRUE, mask
from pgcheck.isa.terms.ir import TRANSLATE
from pgcheck.models.reference.cycle import canonical
from pgcheck.models.state import Cells, Exit, Fetched, Oracle, State, Surroundings, cells
from pgcheck.vmm.binding import Binding
from pgcheck.vmm.policy import Copy, Crossing, Recovery, Return


class ResourceControlLost(Exception):
    """Real control state changed while a guest ran, or an entry or a return of the machine did not lead where it is to: the policy does not fit."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """What the monitor has after a trap: the guest's leaves on the processor as they were at the trap; `located` unless PC is not to be had."""

    guest: State
    located: bool


@dataclass(frozen=True, slots=True)
class Gate:
    """Leaves and enters a guest under a crossing; `shared` are the leaves that the guest has on the processor.

    `walked`: the processor walks the monitor's page tables, as they are in memory. Else its pages are where the crossing says.
    """

    machine: Machine
    deployment: Deployment
    crossing: Crossing
    shared: tuple[str, ...]
    binding: Binding
    walked: bool = True

    def delivers(self, exit_: Exit | None) -> bool:
        """Whether the specification says how a trap comes: it need not where only a unit outside the processor refuses an access."""
        return exit_ is None or exit_.function != TRANSLATE or self.crossing.refused is not None

    @property
    def interrupted(self) -> bool:
        """Whether interrupts enter the monitor; where they are the guest's own, the processor takes them when the guest goes on."""
        rule = self.machine.code.interrupt
        return rule is not None and any(name.split()[-1] == rule.deliver for name in self.crossing.recoveries)

    def arrive(self, exit_: Exit | None, state: State, outside: Surroundings) -> Arrived:
        """Deliver a trap (None: the interrupt that is pending) on the processor and read the guest back. Raises ResourceControlLost."""
        if exit_ is not None and exit_.function == TRANSLATE:
            exit_ = self._raised(exit_)
        name, failed = self._delivered(exit_, state, outside)
        recovery = self.crossing.recoveries.get(name)
        if failed is not None or recovery is None:
            raise ResourceControlLost(f"{name} ends in {failed.function}" if failed else f"no way back from {name}")
        if not self.binding.holds(self.machine, self.deployment.monitor, state, outside):
            raise ResourceControlLost(f"{name} does not enter the monitor")
        self._fetches(name, state, outside)
        return self._read(recovery, exit_, state, outside)

    def enter(self, wanted: State, state: State, outside: Surroundings) -> State:
        """Execute the return that leads to a state of the guest's on the processor; the state that it is in then. Raises ResourceControlLost."""
        chosen = next((r for r in self.crossing.returns if self._leads(r, wanted, outside)), None)
        if chosen is None:
            raise ResourceControlLost("no return leads to the guest")
        copies = (*chosen.before, *chosen.left)
        terms = [*(c.value for c in copies), *(t for word in chosen.words for t in word)]
        found = self.binding.values(self.machine, terms, wanted, outside, {})
        count, words = len(chosen.before), found[len(copies) :]
        state.update(placed(wanted, chosen.before, found[:count]))
        for address, value in zip(words[::2], words[1::2], strict=True):
            self.binding.store(self.machine, address, value, state, outside)
        self._fetches(chosen.instruction, state, outside)
        instruction = canonical(self.machine.instruction(chosen.instruction), chosen.operands)
        ended = self._executed(instruction, state, outside)
        if ended is not None:
            raise ResourceControlLost(f"{chosen.instruction} ends in {ended.function} and does not lead to the guest")
        reached = placed(wanted, chosen.left, found[count : len(copies)])
        wrong = [n for n, value in reached.items() if state[n] is not value and state[n] != value]
        if wrong:
            raise ResourceControlLost(f"{chosen.instruction} leads to a guest with another {', '.join(wrong)}")
        return reached

    # ---- steps of the processor, as the monitor has arranged it

    def _delivered(self, exit_: Exit | None, state: State, outside: Surroundings) -> tuple[str, Exit | None]:
        with self._arranged(outside, looks_up=True):
            if exit_ is None:
                return self.binding.interrupt(self.machine, state, outside)
            return self.binding.arrive(self.machine, exit_, state, outside)

    def _executed(self, instruction: Fetched, state: State, outside: Surroundings) -> Exit | None:
        with self._arranged(outside):
            return self.binding.execute(self.machine, instruction, state, outside)[0]

    def _fetches(self, what: str, state: State, outside: Surroundings) -> None:
        """The processor goes on in memory of the monitor's, where its page tables or entries lead there. Raises ResourceControlLost."""
        if not isinstance(self.machine.code.scheme, Entries) and not self.crossing.laid:
            return
        with self._arranged(outside):
            own = self.binding.fetches(self.machine, self.crossing.keep, state, outside)
        if not own:
            raise ResourceControlLost(f"at {what} the processor fetches what is not the monitor's")

    @contextmanager
    def _arranged(self, outside: Surroundings, *, looks_up: bool = False) -> Iterator[None]:
        before = outside.oracle
        outside.oracle = Arranged(self.machine, self.crossing, before, self.walked, looks_up)
        try:
            yield
        finally:
            outside.oracle = before

    def _raised(self, exit_: Exit) -> Exit:
        """What the processor raises where a unit outside it refuses an access."""
        if self.crossing.refused is None:
            return exit_
        name, terms = self.crossing.refused
        assert self.machine.code.translation is not None
        handed = dict(zip((n for n, _ in self.machine.code.translation.parameters), exit_.args, strict=True))
        return Exit(name, tuple(self.binding.values(self.machine, terms, {}, Surroundings(), handed)))

    # ---- copies

    def _leads(self, one: Return, wanted: State, outside: Surroundings) -> bool:
        return one.when is TRUE or bool(self.binding.values(self.machine, [one.when], wanted, outside, {})[0])

    def _read(self, recovery: Recovery, exit_: Exit | None, state: State, outside: Surroundings) -> Arrived:
        handed: Mapping[str, int] = {}
        if exit_ is not None:
            names = [n for n, _ in self.machine.code.functions[exit_.function].parameters]
            handed = dict(zip(names, exit_.args, strict=True))
        terms = [*(c.value for c in recovery.copies), recovery.located]
        *values, located = self.binding.values(self.machine, terms, state, outside, handed)
        guest = placed({n: state[n] for n in self.shared}, recovery.copies, values)
        return Arrived(guest, bool(located))


def placed(state: Mapping[str, int | Cells], copies: tuple[Copy, ...], values: list[int]) -> State:
    """A state with copies made in it; arrays that get none are shared with it."""
    found: State = dict(state)
    for copy, value in zip(copies, values, strict=True):
        if copy.index is None:
            found[copy.leaf] = value
            continue
        if found[copy.leaf] is state[copy.leaf]:
            found[copy.leaf] = cells(found, copy.leaf).copy()
        cells(found, copy.leaf)[copy.index] = value
    return found


@dataclass(frozen=True, slots=True)
class Arranged:
    """What the monitor has arranged for itself where the processor does not look into memory for it; else as before.

    A unit outside the processor maps the monitor's addresses in order. What a delivery looks up in tables (`looks_up`) is in memory; for
    anything else they have its own entries.
    """

    machine: Machine
    crossing: Crossing
    outside: Oracle | None
    walked: bool
    looks_up: bool

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None:
        translation = self.machine.code.translation
        assert translation is not None
        if isinstance(translation.realise, Bounds):
            return None
        if args[translation.mode] in self.crossing.modes:
            return None if self.outside is None else self.outside.translate(args)
        if isinstance(translation.realise, Entries):
            return None if self.walked else self._mapped(translation.realise, args)
        width = self.machine.code.functions[translation.function].results[0]
        return False, args[self._address] & mask(width)

    @property
    def _address(self) -> int:
        assert self.machine.code.translation is not None
        return self.machine.code.translation.address

    def _mapped(self, realise: Entries, args: tuple[int, ...]) -> tuple[bool, int] | None:
        """Where an address lies by the monitor's pages; None where translation gives it as it is."""
        address = args[self._address]
        offset = address & mask(realise.shift)
        page = self.crossing.pages.get(address - offset)
        return None if page is None else (False, self.machine.platform.ram_base + page + offset)

    def probe(self, name: str, args: tuple[int, ...]) -> int | None:
        return None

    def table(self, name: str, args: tuple[int, ...]) -> int | None:
        table = self.machine.code.tables[name]
        return None if self.looks_up else table.responded(0, table.monitor)
