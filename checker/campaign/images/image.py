"""Refutations meet the machine: a hole's witness as a program that starts at reset, and is noticed under a forced monitor.

The program brings the machine from its reset state into what the witness needs, by instructions found by trying them: loads of registers from
the image, and instructions that move a word of the image into control state. Then it runs the witness's instruction, looks at the state that
differs, and stores all registers; the digest of what it stored is the answer. What cannot be reached so is listed with the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from pgcheck.checker.campaign.cases.inventory import Inventory, Units, cells_of
from pgcheck.checker.campaign.cases.layout import Layout, layout
from pgcheck.checker.campaign.cases.trial import Recorder, Trial
from pgcheck.checker.campaign.images.registers import Registers, stepped
from pgcheck.checker.result import Witness
from pgcheck.isa.idl.state import ArrayLeaf, Leaf, ScalarLeaf
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.schemes import Bounds, Entries
from pgcheck.isa.terms import mask
from pgcheck.isa.words import split
from pgcheck.models.computer.computer import Computer
from pgcheck.models.computer.image import entry
from pgcheck.models.memory import Bus, Ram
from pgcheck.models.state import State, cells, frozen, reset, scalar
from pgcheck.vmm.policy import Policy
from pgcheck.vmm.vmm import Vmm, page_shift

DRAWS = 160
HOST_FRAMES = 192
MARKER = 0x5A3C96E1D2B4870F


class Unreachable(Exception):
    """No program reaches a witness's state; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class BootImage:
    """A program for a row's witness: memory `cells` by address, how many steps it takes, and where it stores what it saw."""

    row: str
    cells: Mapping[int, int]
    steps: int
    dump: range


@dataclass(frozen=True, slots=True)
class Shown:
    """The digests of an image on the bare machine and under the monitor; equal ones say that this program sees no difference."""

    row: str
    bare: str
    monitored: str


@dataclass(slots=True)
class _Draft:
    """A program as far as it is written: the machine's state after it, the image, what of it is taken."""

    state: State
    ram: Ram
    bus: Bus
    cells: dict[int, int] = field(default_factory=dict)
    at: int = 0
    steps: int = 0


class Images:
    """Writes boot images for one machine; what registers can be loaded and stored with is found once."""

    def __init__(self, machine: Machine) -> None:
        self.machine = replace(machine, platform=replace(machine.platform, devices=()))
        self.where: Layout = layout(machine)
        where = self.where
        trial = Trial(machine, where.base, where.size, where.kernel, where.stack)
        self.inventory = Inventory(machine, frozenset(), (0, 1, *where.places), trial)
        self.registers = Registers(self.inventory, where)

    def image(self, row: str, witness: Witness, *, inside: bool = False) -> BootImage:
        """The image of a witness; with `inside` registers that it has as 0 point into RAM instead. Raises Unreachable."""
        machine = self.machine
        if witness.virtual_mode not in machine.modes.supervisor.values:
            raise Unreachable("the witness is in virtual user mode, and this writes programs for supervisor mode only")
        draft = self._begin(witness)
        for name, leaf in machine.state.leaves.items():
            wanted = witness.virtual.get(name, 0)
            if leaf.control and isinstance(leaf, ScalarLeaf) and not leaf.volatile and isinstance(wanted, int):
                if wanted and wanted != draft.state[name] and name != machine.modes.leaf and leaf.role != "identity":
                    self._set(draft, leaf, wanted)
        for array in self.registers.arrays:
            self._fill(draft, array, witness, inside)
        units = witness.units
        self._emit(draft, units, run=False)
        for units in self._revealing(draft, witness):
            self._emit(draft, units, run=False)
        place = self.where.at(12)
        first = place
        for (name, index), access in sorted(self.registers.stores.items()):
            count = machine.state.leaves[name].width // machine.state.memory_unit
            self._emit(draft, access.units(place), run=False)
            place += count
            del index
        return BootImage(row, dict(draft.cells), draft.steps, range(first, place))

    # ---- writing

    def _begin(self, witness: Witness) -> _Draft:
        machine, where = self.machine, self.where
        ram = Ram(where.base, where.size, machine.state.memory_unit, machine.state.big_endian)
        bus = Bus(
            ram,
            (),
            machine.state.memory_unit,
            machine.state.big_endian,
            machine.state.address_width,
        )
        state = reset(machine)
        state.update(machine.begins)
        draft = _Draft(state, ram, bus, at=entry(machine))
        state[machine.state.pc] = draft.at
        memory = witness.virtual.get(machine.state.memory, {})
        held = {k: v for k, v in memory.items() if k >= 0} if isinstance(memory, Mapping) else {}
        translation, position = machine.code.translation, 0
        if translation is not None and isinstance(translation.realise, Entries | Bounds):
            position = translation.position(translation.realise.address)
        for args, fault, physical in witness.translations:
            for offset in range(16) if not fault else ():
                value = held.get(physical + offset & mask(machine.state.address_width))
                if value is not None and bus.is_ram(args[position] + offset):
                    self._put(draft, args[position] + offset, value)
        if not witness.translations:
            for address, value in held.items():
                if bus.is_ram(address):
                    self._put(draft, address, value)
        return draft

    def _put(self, draft: _Draft, address: int, value: int) -> None:
        """One unit of the image. Raises Unreachable when something else is there."""
        if draft.cells.get(address, value) != value or not draft.bus.is_ram(address):
            raise Unreachable(f"two things would have to be at {address:#x}")
        draft.cells[address] = value
        draft.bus.store(address, 1, value)

    def _word(self, draft: _Draft, address: int, count: int, value: int) -> None:
        state = self.machine.state
        for k, unit in enumerate(split(value, count, state.memory_unit, state.order)):
            self._put(draft, address + k, unit)

    def _emit(self, draft: _Draft, units: Units, *, run: bool) -> None:
        """An instruction at the end of the program, and what it does to the state."""
        machine = self.machine
        for k, cell in enumerate(cells_of(machine, units)):
            self._put(draft, draft.at + k, cell)
        draft.at += len(units) * (machine.decoding.decode.unit // machine.state.memory_unit)
        draft.steps += 1
        if run:
            after = stepped(self.machine, draft.state, units, draft.bus)
            if after is None:
                raise Unreachable("a step of the way traps")
            draft.state = after[0]

    # ---- control state

    def _set(self, draft: _Draft, leaf: Leaf, wanted: int) -> None:
        """Bring a control leaf to a value by an instruction that takes it from memory or a register. Raises Unreachable."""
        for instruction in self.inventory.groups["control"]:
            if leaf.name not in self.inventory.of[instruction.id].written:
                continue
            for units in self.inventory.pool(instruction):
                for source in self._sources(draft, units, leaf):
                    word = self._word_for(draft, units, source, leaf, wanted)
                    if word is None:
                        continue
                    if isinstance(source, int):
                        self._put(draft, source, word)
                    else:
                        self._load(draft, source, word)
                    self._emit(draft, units, run=True)
                    return
        raise Unreachable(f"no instruction found that takes {leaf.name} = {wanted:#x} from memory or a register")

    def _sources(self, draft: _Draft, units: Units, leaf: Leaf) -> Iterator[int | tuple[str, int]]:
        """Cells and registers that decide what an instruction makes of a leaf."""
        plain = self._with(draft, units, None, 0)
        cells = {x + k for x, count in (plain[1].loads if plain is not None else ()) for k in range(count)}
        unit = mask(self.machine.state.memory_unit)
        free = [c for c in sorted(cells)[:24] if c not in draft.cells and draft.bus.is_ram(c)]
        every: list[int | tuple[str, int]] = [*free, *self.registers.loads]
        for source in every:
            ones = unit if isinstance(source, int) else mask(self.machine.state.leaves[source[0]].width)
            found = [self._with(draft, units, source, value) for value in (0, ones, 1)]
            if len({frozen(after[0][leaf.name]) for after in found if after is not None}) > 1:
                yield source

    def _with(
        self, draft: _Draft, units: Units, source: int | tuple[str, int] | None, word: int
    ) -> tuple[State, Recorder] | None:
        """What an instruction does when a cell or a register holds a word."""
        if isinstance(source, int):
            before = draft.bus.load(source, 1)
            draft.bus.store(source, 1, word)
            after = stepped(self.machine, draft.state, units, draft.bus)
            draft.bus.store(source, 1, before)
            return after
        state = draft.state
        if source is not None:
            changed = cells(state, source[0]).copy()
            changed[source[1]] = word
            state = {**state, source[0]: changed}
        return stepped(self.machine, state, units, draft.bus)

    def _word_for(
        self, draft: _Draft, units: Units, source: int | tuple[str, int], leaf: Leaf, wanted: int
    ) -> int | None:
        """The word of a source under which the leaf gets a value and all other control state stays; None if there is none."""
        width = (
            self.machine.state.memory_unit if isinstance(source, int) else self.machine.state.leaves[source[0]].width
        )
        control = [x.name for x in self.machine.state.control if isinstance(x, ScalarLeaf) and x.name != leaf.name]
        goal = {leaf.name: wanted, **{n: draft.state[n] for n in control}}
        for word in (0, mask(width), 1):
            after = self._with(draft, units, source, word)
            if after is None:
                continue
            for bit in range(width):
                flipped = self._with(draft, units, source, word ^ 1 << bit)
                if flipped is not None and _nearer(flipped[0], after[0], goal):
                    word ^= 1 << bit
                    after = flipped
            if all(after[0][n] == v for n, v in goal.items()):
                return word
        return None

    def _load(self, draft: _Draft, register: tuple[str, int], word: int) -> None:
        """Bring a register to a value from a cell of the image that is free."""
        count = self.machine.state.leaves[register[0]].width // self.machine.state.memory_unit
        where = next(a for a in range(self.where.at(11), self.where.at(12), count) if a not in draft.cells)
        self._word(draft, where, count, word)
        self._emit(draft, self.registers.loads[register].units(where), run=True)

    def _revealing(self, draft: _Draft, witness: Witness) -> Iterator[Units]:
        """Instructions whose result shows the control state that differs."""
        machine = self.machine
        for what in witness.differs:
            name = what.place
            if what.way not in ("virtual", "real") or name not in machine.state.leaves or name in machine.state.arrays:
                continue
            other: State = {**draft.state, name: scalar(draft.state, name) ^ 1}
            for instruction in self.inventory.groups["control"]:
                for units in self.inventory.pool(instruction)[:6]:
                    one, two = (
                        stepped(self.machine, draft.state, units, draft.bus),
                        stepped(self.machine, other, units, draft.bus),
                    )
                    if one is not None and two is not None and self._seen(one) != self._seen(two):
                        yield units
                        return

    def _seen(self, after: tuple[State, Recorder]) -> object:
        general = [after[0][a.name] for a in self.registers.arrays]
        return general, sorted((after[1].pretended or {}).items())

    # ---- registers

    def _fill(self, draft: _Draft, array: ArrayLeaf, witness: Witness, inside: bool) -> None:
        values = witness.virtual.get(array.name, {})
        held = cells(draft.state, array.name)
        for index in range(array.size):
            wanted = values.get(index, values.get(-1, 0)) if isinstance(values, Mapping) else 0
            if inside and not wanted and (array.name, index) in self.registers.loads:
                wanted = self.where.stack
            if wanted == held[index]:
                continue
            load = self.registers.loads.get((array.name, index))
            if load is None and not wanted:
                continue  # nothing in the witness rests on it, or the images would not differ
            if load is None:
                raise Unreachable(f"no instruction found that loads element {index} of {array.name} from an address")
            self._load(draft, (array.name, index), wanted)

    # ---- running

    def shown(self, image: BootImage, policy: Policy) -> Shown:
        """Run an image on the bare machine and under a monitor with this policy."""
        machine, where = self.machine, self.where
        shift = page_shift(machine)
        bare = Computer(
            machine, ram=Ram(where.base, where.size, machine.state.memory_unit, machine.state.big_endian, shift)
        )
        reach = (1 << machine.state.address_width) - where.base
        size = min(HOST_FRAMES << shift, reach)
        vmm = Vmm(
            Computer(machine, ram=Ram(where.base, size, machine.state.memory_unit, machine.state.big_endian, shift)),
            policy,
        )
        guest = vmm.guest("guest", where.size, tables=32).computer
        return Shown(image.row, _digest(bare, image, machine), _digest(guest, image, machine))


def _nearer(one: State, other: State, goal: Mapping[str, object]) -> bool:
    """Whether a state has fewer wrong leaves than another, or fewer wrong bits in as many."""

    def wrong(state: State) -> tuple[int, int]:
        pairs = [(state[n], v) for n, v in goal.items() if state[n] != v]
        return len(pairs), sum((a ^ b).bit_count() for a, b in pairs if isinstance(a, int) and isinstance(b, int))

    return wrong(one) < wrong(other)


def _digest(computer: Computer, image: BootImage, machine: Machine) -> str:
    """What a program stored, and how it ended, in eight digits."""
    for address, value in image.cells.items():
        computer.bus.store(address, 1, value)
    computer.state[machine.state.pc] = entry(machine)
    try:
        stop = computer.run(image.steps)
        end = "" if stop.exit is None else stop.exit.function
    except Exception as error:  # a forced monitor may fail: the program is what shows it
        end = type(error).__name__
    seen = [
        computer.bus.load(a, 1) for a in range(computer.bus.ram.base, computer.bus.ram.base + computer.bus.ram.size)
    ]
    return hashlib.blake2b(repr((seen, end)).encode(), digest_size=4).hexdigest()


class Tried(NamedTuple):
    """What came of a row's witness: its image with what it showed, if there is one, and why not, or why it showed nothing."""

    row: str
    image: BootImage | None
    shown: Shown | None
    reason: str


def images(machine: Machine, policy: Policy, witnesses: Sequence[tuple[str, Witness]]) -> Iterator[Tried]:
    """Each row and witness: the image that shows something, else the last that there is, else why there is none."""
    writer = Images(machine)
    for row, witness in witnesses:
        found: list[Tried] = []
        for inside in (False, True):
            if not found or found[-1].reason:
                found.append(_tried(writer, policy, row, witness, inside=inside))
        yield next((one for one in reversed(found) if one.image is not None), found[0])


def _tried(writer: Images, policy: Policy, row: str, witness: Witness, *, inside: bool) -> Tried:
    try:
        image = writer.image(row, witness, inside=inside)
    except Unreachable as reason:
        return Tried(row, None, None, str(reason))
    seen = writer.shown(image, policy)
    same = seen.bare == seen.monitored
    return Tried(
        row, image, seen, f"this program sees no difference: {', '.join(map(str, witness.differs))}" if same else ""
    )
