"""Cases: a guest's programs, memory, start state and schedule, decoded from a tape."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from pgcheck.checker.campaign.cases.inventory import Inventory, Units, cells_of
from pgcheck.checker.campaign.cases.layout import Layout, layout
from pgcheck.checker.campaign.cases.tables import Tables, tables
from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.cases.trial import Trial
from pgcheck.checker.campaign.cases.vectors import Caught, InLeaf, Vectors, aim, vectors
from pgcheck.checker.campaign.cases.words import Meaning, Words
from pgcheck.isa.idl.state import ArrayLeaf, Leaf, ScalarLeaf
from pgcheck.isa.machine.machine import Deployment, Machine
from pgcheck.isa.machine.schemes import Bounds
from pgcheck.isa.terms import Term, conjunction, mask
from pgcheck.isa.terms.reads import free_leaves
from pgcheck.isa.words import joined
from pgcheck.models.reference.cycle import holds
from pgcheck.models.state import Cells, State, cells, copied, holding, reset
from pgcheck.vmm.policy import Policy

TAPE = 768
STRIDES = (1, 1, 2, 3, 5, 8, 16, 64)
Placed = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Case:
    """What both machines start from: a virtual state, stores (address, units, value) into zeroed memory, and what happens then.

    They take `steps` steps and are compared after every `stride`. `site` seeds the values of nondeterministic sites; `events` are
    (step, leaf, level) of interrupt lines; `turns` the lengths of a guest's turns where there are several.
    """

    state: State
    stores: tuple[Placed, ...]
    steps: int
    stride: int
    site: int
    events: tuple[tuple[int, str, int], ...]
    turns: tuple[int, ...]


def sites(seed: int) -> Callable[[str, int, int], int]:
    """Values of nondeterministic sites: the same for an instance of a site wherever it is asked, all 0 for seed 0."""
    if not seed:
        return lambda site, instance, width: 0
    known: dict[tuple[str, int, int], int] = {}

    def value(site: str, instance: int, width: int) -> int:
        found = known.get((site, instance, width))
        if found is None:
            digest = hashlib.blake2b(f"{seed} {site}#{instance}".encode(), digest_size=max(1, width + 7 >> 3)).digest()
            found = known[site, instance, width] = int.from_bytes(digest, "little") & mask(width or 1)
        return found

    return value


class Author:
    """Decodes tapes into cases for one machine and policy; all that does not depend on the tape is found once."""

    def __init__(self, machine: Machine, policy: Policy) -> None:
        self.machine, self.policy = machine, policy
        self.layout: Layout = layout(machine)
        where = self.layout
        trial = Trial(machine, where.base, where.size, where.kernel, where.stack)
        self.inventory = Inventory(machine, policy.traps, self._operand_places(), trial)
        self.start = reset(machine)
        self.start.update(machine.platform.boot)
        self.deployment: Deployment = next(d for d in machine.deployments if d.name == policy.deployment)
        self.condition: Term = conjunction([*machine.legal, self.deployment.guest])
        self._bound = free_leaves([self.condition])
        self._units_per_code = machine.decoding.decode.unit // machine.state.memory_unit
        self._aligned = machine.decoding.decode.unit // machine.decoding.decode.pc_unit
        self._words = self._widest()
        self._lines = tuple(d.line for d in machine.platform.devices if d.line in machine.state.leaves)

    @cached_property
    def vectors(self) -> Vectors:
        return vectors(self.inventory, self.layout.base, self.layout.size, self.layout.user, self.layout.stack)

    @cached_property
    def redirects(self) -> tuple[tuple[Units, str, int], ...]:
        return self.inventory.redirects(self.inventory.trial.origins())

    @cached_property
    def meaning(self) -> Meaning:
        control = (
            e
            for e in self.machine.state.entries.values()
            if not e.size and any(self.machine.state.leaves[n].control for n in e.leaves)
        )
        windows = tuple(d.base for d in self.machine.platform.devices if d.base and not d.leaves)
        return Meaning(
            self.machine, self.layout, tuple(control), self.vectors.sources, self.tables, self._aligned, windows
        )

    @cached_property
    def tables(self) -> Tables | None:
        return tables(self.machine, self.layout, self.start)

    def cases(self, data: bytes, count: int) -> tuple[Case, ...]:
        """The cases of a tape, each from an equal part of it."""
        part = -(-len(data) // count)
        return tuple(self.case(Tape(data[k * part : (k + 1) * part])) for k in range(count))

    def case(self, tape: Tape) -> Case:
        """The case of a tape."""
        steps = 8 + tape.below(57)
        stride = tape.choose(STRIDES)
        site = tape.byte()
        turns = tuple(1 + tape.below(24) for _ in range(4))
        events = self.events(tape, steps)
        stores: list[Placed] = []
        state = self._control(tape)
        self._aim(tape, state, stores)
        words = Words(self.meaning, tape, state)
        self._general(tape, state, words)
        calm = tape.chance(110)
        stores += self._code(self.layout.kernel, self.program(tape, 6 + tape.below(18), kernel=True, calm=calm))
        stores += self._code(self.layout.user, self.program(tape, 6 + tape.below(12), kernel=False, calm=calm))
        stores += self._code(self.layout.handler, self.handler(tape, state))
        stores += self._data(tape, words)
        if self.tables is not None:
            stores += self.tables.draw(tape)
        return Case(state, tuple(stores), steps, stride, site, events, turns)

    # ---- state

    def _control(self, tape: Tape) -> State:
        """A legal virtual state that the deployment's guest may be in; what cannot be so is as after reset."""
        machine, layout = self.machine, self.layout
        state: State = dict(self.start)
        user = tape.chance(100)
        modes = self.deployment.modes
        state[machine.modes.leaf] = tape.choose((modes.user if user else modes.supervisor).values)
        paging = self.tables is not None and tape.chance(150)
        given = self.tables.shape.realise.given if paging and self.tables is not None else {}
        if paging and self.tables is not None:
            state.update(holding(machine, given))
            state[self.tables.shape.root] = layout.tables[tape.below(2)] >> self.tables.shape.root_shift
        drawn: list[str] = []
        for name, leaf in machine.state.leaves.items():
            fixed = name == machine.modes.leaf or leaf.role in ("vector", "identity") or name in given
            if (
                not leaf.control
                or isinstance(leaf, ArrayLeaf)
                or fixed
                or (paging and self.tables is not None and name == self.tables.shape.root)
            ):
                continue
            if tape.chance(self._often(leaf)):
                state[name] = self._drawn(tape, leaf)
                drawn.append(name)
        start = layout.user if user else layout.kernel
        scheme = machine.code.scheme
        if isinstance(scheme, Bounds):
            base = tape.choose((0, 0, 0, layout.block, 2 * layout.block)) if tape.chance(100) else 0
            limits = (layout.size - base, layout.size - base - 1, layout.size, layout.size // 2, layout.user, 1)
            state[scheme.base], state[scheme.limit] = base, tape.choose(limits) if tape.chance(80) else limits[0]
            start -= base
        state[machine.state.pc] = self._near(start, machine.state.leaves[machine.state.pc])
        self._repair(state, drawn)
        return state

    def _often(self, leaf: Leaf) -> int:
        """How often, of 256, a control leaf is not as after reset."""
        if leaf.role == "saved":
            return 240 if leaf.width > 16 else 128
        if self.tables is not None and leaf.name in self.tables.shape.realise.given:
            return 8
        return {"run": 8, "mode": 30, "interrupt": 60}.get(leaf.role, 90)

    def _drawn(self, tape: Tape, leaf: Leaf) -> int:
        """A value of a control leaf."""
        layout = self.layout
        if leaf.width <= 4:
            return tape.below(1 << (leaf.width or 1))
        if leaf.role == "relocation":
            values = (
                0,
                layout.size,
                layout.block,
                layout.size // 2,
                layout.size - 1,
                layout.kernel,
                mask(leaf.width),
                leaf.reset,
            )
            return (tape.choose(values) + tape.below(3)) & mask(leaf.width)
        if leaf.role == "saved":
            places = (layout.user, layout.stack, layout.kernel, layout.user, layout.data[0])
            return self._near(tape.choose(places) + self._aligned * tape.below(6), leaf)
        return tape.bits(leaf.width) if tape.chance(128) else tape.below(4) & mask(leaf.width)

    def _near(self, address: int, leaf: Leaf) -> int:
        """An address as a leaf holds it, also one that leaves out low bits which are always 0."""
        pc = self.machine.state.leaves[self.machine.state.pc]
        if leaf.width < pc.width and leaf.role == "saved" and pc.width - leaf.width <= 4:
            return address >> pc.width - leaf.width & mask(leaf.width)
        return address & mask(leaf.width)

    def _repair(self, state: State, drawn: list[str]) -> None:
        """Take back draws that make the state illegal."""
        if self._legal(state):
            return
        for name in drawn:
            if name in self._bound:
                state[name] = self.start[name]
        if not self._legal(state):
            for name in self._bound:
                state[name] = self.start[name]

    def _legal(self, state: State) -> bool:
        return holds(self.machine, self.condition, state)

    def _aim(self, tape: Tape, state: State, stores: list[Placed]) -> None:
        """Make traps go to the handler, except a few that go where nobody knows."""
        machine = self.machine
        target = self.layout.handler if not tape.chance(16) else tape.choose(self.layout.places)
        catch = Caught()
        places = [source.place for source in self.vectors.sources]
        before = {p.leaf: state[p.leaf] for p in places if isinstance(p, InLeaf)}
        aim(machine, self.vectors.sources, state, catch, target)
        if not self._legal(state):
            state.update(before)
        stores += catch.made

    def _general(self, tape: Tape, state: State, words: Words) -> None:
        machine = self.machine
        for name, leaf in machine.state.leaves.items():
            if leaf.control or name in (machine.state.memory, machine.state.pc):
                continue
            if isinstance(leaf, ScalarLeaf):
                state[name] = tape.below(2) if leaf.width <= 1 else words.draw(leaf.width)
            elif leaf.size <= 64 and leaf.width:
                drawn = {k: words.draw(leaf.width) for k in range(leaf.size)}
                state[name] = Cells(leaf.reset, {**drawn, **dict(leaf.hardwired)})

    # ---- memory

    def start_state(self) -> State:
        """The state after reset."""
        return copied(self.start)

    def program(self, tape: Tape, length: int, *, kernel: bool, calm: bool = False) -> Iterator[Units]:
        """Instructions for a mode; in a `calm` program hardly any traps."""
        modes = self.deployment.modes
        mode = (modes.supervisor if kernel else modes.user).values[0]
        often = 3 if calm else 72 if kernel else 20
        rest = 170 if calm else 90
        for _ in range(length):
            kind = tape.byte()
            group = (
                "plain"
                if kind < rest
                else "control"
                if kind >= 256 - often
                else "jump"
                if kind < rest + 20
                else "memory"
            )
            yield self._one(tape, group, mode, 3 if calm else 20)

    def _one(self, tape: Tape, group: str, mode: int, strange: int = 20) -> Units:
        """An encoding from a group, mostly one that completes in the mode if its operands are as they should be."""
        inventory = self.inventory
        instruction = tape.choose(inventory.groups[group])
        odd = tape.chance(strange)
        pool = inventory.pool(instruction) if odd else inventory.smooth(instruction, mode)
        return tape.choose(pool or inventory.some)

    def handler(self, tape: Tape, state: State) -> Iterator[Units]:
        """A trap handler: it does something, then returns to where the trap was or to user code elsewhere, or never."""
        mode = self.deployment.modes.supervisor.values[0]
        if self.redirects and tape.chance(225):
            units, array, index = tape.choose(self.redirects)
            code = self.layout.user if tape.chance(90) else self.layout.kernel
            cells(state, array)[index] = code + self._aligned * tape.below(10)
            yield units
        for _ in range(tape.below(6)):
            yield self._one(
                tape, tape.choose(("plain", "saved", "control", "memory" if tape.chance(40) else "saved")), mode
            )
        if self.vectors.returns and not tape.chance(50):
            yield tape.choose(self.vectors.returns)
        for _ in range(6):
            yield self._one(tape, tape.choose(("plain", "memory", "control", "plain")), mode)

    def _code(self, address: int, program: Iterator[Units]) -> Iterator[Placed]:
        """Stores that place a program, cut off at the end of its two blocks."""
        each, unit = self._units_per_code, self.machine.state.memory_unit
        units = [u for instruction in program for u in instruction]
        units = units[: 2 * self.layout.block // each]
        page = max(1, self.layout.block // each)
        for first in range(0, len(units), page if unit == 8 else 1):
            piece = units[first : first + (page if unit == 8 else 1)]
            cells = cells_of(self.machine, piece)
            yield address + first * each, len(cells), joined(cells, unit, self.machine.state.order)

    def _data(self, tape: Tape, words: Words) -> Iterator[Placed]:
        width = self._words
        count = width // self.machine.state.memory_unit
        for start in (*self.layout.data, self.layout.stack):
            room = min(8, self.layout.block // (2 * count) or 1)
            for k in range(room):
                yield start + k * count, count, words.draw(width)

    def _widest(self) -> int:
        """The width of the words that programs load: the widest general registers, in whole memory units."""
        unit = self.machine.state.memory_unit
        widths = [array.width for array in self.machine.state.registers]
        return max([w - w % unit for w in widths] or [unit]) or unit

    def events(self, tape: Tape, steps: int) -> tuple[tuple[int, str, int], ...]:
        """What interrupt lines do within `steps`: (step, leaf, level)."""
        if not self._lines or not tape.chance(128):
            return ()
        found = [(tape.below(steps), tape.choose(self._lines), tape.below(2) ^ 1) for _ in range(1 + tape.below(4))]
        return tuple(sorted(found))

    def _operand_places(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys((0, 1, *self.layout.places)))
