"""Cases: a guest's programs, memory, start state and schedule, decoded from a tape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from pgcheck.checker.campaign.cases.accesses import Accesses, accesses, aimed
from pgcheck.checker.campaign.cases.changes import Change, Changes
from pgcheck.checker.campaign.cases.interrupts import Interrupts, Unmask, interrupts
from pgcheck.checker.campaign.cases.inventory import Inventory, Units, cells_of
from pgcheck.checker.campaign.cases.layout import Layout, layout
from pgcheck.checker.campaign.cases.loops import Jumps
from pgcheck.checker.campaign.cases.rings import NOTHING, Command, Outside
from pgcheck.checker.campaign.cases.states import States
from pgcheck.checker.campaign.cases.tables import Drawn, Tables, tables
from pgcheck.checker.campaign.cases.tape import Tape
from pgcheck.checker.campaign.cases.trial import Trial
from pgcheck.checker.campaign.cases.vectors import Caught, InLeaf, Vectors, aim, vectors
from pgcheck.checker.campaign.cases.words import Meaning, Words
from pgcheck.isa.machine.machine import Deployment, Machine
from pgcheck.isa.words import joined
from pgcheck.models.state import State, cells, copied, scalar
from pgcheck.vmm.policy import Policy

TAPE = 768
LONG = 48
"""The steps from which on the end of a case is as worth while as its beginning."""
STRIDES = (1, 1, 2, 3, 5, 8, 16, 64)
Placed = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Case:
    """What both machines start from: a virtual state, stores (address, units, value) into zeroed memory, and what happens then.

    They take `steps` steps and are compared after every `stride`. `site` seeds the values of nondeterministic sites; `events` are
    (step, leaf, level) of interrupt lines, `writes` (step, address, units, value) of stores that devices make, and `commands` (step, device,
    offset, units, value) what another master writes to devices' registers; `script` are the choices of drivers of devices that stand alone.
    `turns` are the lengths of a guest's turns where there are several. The monitor has no more frames for shadow tables than it needs if it is `tight`, what a
    `hot` case executes a few times is compiled, and in a `plain` one the plain evaluator runs one side of EQ2.
    """

    state: State
    stores: tuple[Placed, ...]
    steps: int
    stride: int
    site: int
    events: tuple[tuple[int, str, int], ...]
    turns: tuple[int, ...]
    writes: tuple[tuple[int, int, int, int], ...] = ()
    tight: bool = False
    hot: bool = False
    plain: bool = False
    commands: tuple[Command, ...] = ()
    script: bytes = b""


class Author:
    """Decodes tapes into cases for one machine and policy; all that does not depend on the tape is found once."""

    def __init__(self, machine: Machine, policy: Policy) -> None:
        self.machine, self.policy = machine, policy
        self.layout: Layout = layout(machine)
        where = self.layout
        trial = Trial(machine, where.base, where.size, where.kernel, where.stack)
        self.inventory = Inventory(machine, policy.traps, self._operand_places(), trial)
        self.deployment: Deployment = next(d for d in machine.deployments if d.name == policy.deployment)
        self._units_per_code = machine.decoding.decode.unit // machine.state.memory_unit
        self._aligned = machine.decoding.decode.unit // machine.decoding.decode.pc_unit
        self.states = States(self.inventory, self.deployment, self.layout, self._aligned)
        self.start = self.states.start
        self.words = self._widest()
        self.outside = Outside(machine, self.layout, self.words)
        self.hidden = () if policy.crossing is None else tuple(sorted(policy.crossing.pages))

    @cached_property
    def vectors(self) -> Vectors:
        return vectors(self.inventory, self.layout, self.interrupts)

    @cached_property
    def interrupts(self) -> Interrupts:
        return interrupts(self.inventory)

    @cached_property
    def redirects(self) -> tuple[tuple[Units, str, int], ...]:
        return self.inventory.redirects(self.inventory.trial.origins())

    @cached_property
    def jumps(self) -> Jumps:
        return Jumps(self.inventory)

    @cached_property
    def changes(self) -> Changes | None:
        return None if self.tables is None else Changes(self.tables, self.accesses)

    @cached_property
    def accesses(self) -> Accesses:
        wanted = self.tables is not None or self.windows
        return accesses(self.inventory) if wanted else Accesses((), ())

    @cached_property
    def windows(self) -> tuple[int, ...]:
        """The addresses of devices."""
        return tuple(d.base for d in self.machine.platform.devices if d.base and not d.leaves)

    @cached_property
    def meaning(self) -> Meaning:
        control = (
            e
            for e in self.machine.state.entries.values()
            if not e.size and any(self.machine.state.leaves[n].control for n in e.leaves)
        )
        return Meaning(
            self.machine, self.layout, tuple(control), self.vectors.sources, self.tables, self._aligned, self.windows
        )

    @cached_property
    def tables(self) -> Tables | None:
        return tables(self.machine, self.layout, self.start)

    def cases(self, data: bytes, count: int, *, devices: bool = False, paged: bool = False) -> tuple[Case, ...]:
        """The cases of a tape, each from an equal part of it.

        With `devices` their programs access registers of devices; `paged`, they change translations in use.
        """
        part = -(-len(data) // count)
        tapes = (Tape(data[k * part : (k + 1) * part]) for k in range(count))
        return tuple(self.case(tape, devices=devices, paged=paged) for tape in tapes)

    def case(self, tape: Tape, *, devices: bool = False, paged: bool = False) -> Case:
        """The case of a tape."""
        hot, length = tape.chance(26), tape.below(57)
        stride = tape.choose(STRIDES[-2:] if hot else STRIDES)
        site, plain, tight = tape.byte(), tape.below(8) == 7, tape.chance(14) and not hot
        steps = 8 + length + (40 if hot else 0)
        turns = tuple(1 + tape.below(24) for _ in range(4))
        walked = self.tables if tape.chance(150) or paged else None
        spaces = walked or (self.tables if tape.chance(100) else None)
        windows = self.windows if devices or tape.chance(64) else ()
        drawn = spaces.draw(tape, windows, self.hidden) if spaces is not None else Drawn({}, ())
        root = tape.choose(self.layout.tables[:2] or (0,))
        state = self.states.control(tape, walked, root)
        events, unmask = self._events(tape, steps, state)
        stores: list[Placed] = []
        self._aim(tape, state, stores)
        words = Words(self.meaning, tape, state, (*drawn.elsewhere, *self.hidden))
        self.states.general(tape, state, words)
        self._tabled(tape, state, stores)
        kernel = state[self.machine.modes.leaf] in self.deployment.modes.supervisor.values
        changes = self.changes if walked is not None else None
        change = changes.change(tape, root, drawn.entries, kernel=kernel) if changes is not None else None
        hidden = tape.choose(self.hidden) if changes is not None and self.hidden and tape.chance(50) else None
        lead = self._lead(tape, state, drawn, change, kernel=kernel, always=paged)
        lead = self._waiting(tape, lead) if kernel and events else lead
        if walked is not None and changes is not None and hidden is not None:
            walked.elsewhere(root, drawn.entries, hidden, self.layout.data[0], kernel=kernel)
            lead = changes.around(tape, state, hidden)
        lead[:0] = [] if unmask is None else [unmask.units]
        requests = self.outside.requests(tape, steps, change) if devices else NOTHING
        if changes is not None and change is not None and requests.commands and tape.chance(128):
            lead = changes.told(tape, state, change[0], self.outside.rings[0].notify)
        elif windows and (devices or tape.chance(64)):
            lead[:0] = self._device(tape, state, told=bool(requests.commands))
        begin, calm = self._entry(tape, kernel=kernel), tape.chance(110)
        shown = begin
        if walked is not None and hidden is not None and tape.chance(128):
            shown = walked.elsewhere(root, drawn.entries, hidden, begin, kernel=kernel)
        self.states.begin(state, shown)
        here = scalar(state, self.machine.state.pc) if hot else None
        lead += self._rest(tape, here, lead, unmask, kernel=kernel, calm=calm)
        others = self._others(tape, state, kernel=kernel, calm=calm)
        stores += [*self._code(begin, lead), *others, *self._data(tape, words)]
        if spaces is not None:
            stores += [(at, spaces.shape.units, held) for at, held in drawn.entries.items()]
        return Case(
            state=state,
            stores=(*stores, *requests.stores),
            steps=steps,
            stride=stride,
            site=site,
            events=events,
            turns=turns,
            writes=self.outside.writes(tape, steps, words, change),
            tight=tight,
            hot=hot,
            plain=plain,
            commands=requests.commands,
            script=tape.data if devices else b"",
        )

    # ---- what happens from outside

    def events(self, tape: Tape, steps: int) -> tuple[tuple[int, str, int], ...]:
        """What interrupt lines do within `steps`: (step, leaf, level)."""
        lines = self.interrupts.lines
        if not lines or not tape.chance(128):
            return ()
        early = min(steps, 24) if steps < LONG else steps
        found = [(tape.below(early), tape.choose(lines), int(not tape.chance(64))) for _ in range(1 + tape.below(4))]
        return tuple(sorted(found))

    def _events(self, tape: Tape, steps: int, state: State) -> tuple[tuple[tuple[int, str, int], ...], Unmask | None]:
        """What interrupt lines do, and what lets them in at the beginning; the state mostly does."""
        events = self.events(tape, steps)
        mode = scalar(state, self.machine.modes.leaf)
        if (
            events
            and mode == self.deployment.modes.supervisor.values[0]
            and self.interrupts.unmasks
            and tape.chance(90)
        ):
            chosen = tape.choose(self.interrupts.unmasks)
            self.states.opened(state, chosen.values)
            if steps >= LONG:
                return ((tape.below(steps), chosen.line, 1),), chosen
            return ((0, chosen.line, 1), *events), chosen
        if events:
            choices = self.interrupts.open.get(mode, ())
            if choices and not tape.chance(64):
                self.states.opened(state, tape.choose(choices))
        return events, None

    def _aim(self, tape: Tape, state: State, stores: list[Placed]) -> None:
        """Make traps go to the handler, except a few that go where nobody knows."""
        machine = self.machine
        target = self.layout.handler if not tape.chance(16) else tape.choose(self.layout.places)
        catch = Caught()
        places = [source.place for source in self.vectors.sources]
        before = {p.leaf: state[p.leaf] for p in places if isinstance(p, InLeaf)}
        aim(machine, self.vectors.sources, state, catch, target)
        if not self.states.legal(state):
            state.update(before)
        stores += catch.made

    def _tabled(self, tape: Tape, state: State, stores: list[Placed]) -> None:
        """The tables that traps and returns look up, where there are any; mostly registers lead to them, and sometimes an entry is odd."""
        tables = self.vectors.lookups
        if not tables.entries or tape.chance(12):
            return
        user = scalar(state, self.machine.modes.leaf) in self.deployment.modes.user.values
        names = {name: value if user else scalar(self.start, name) for name, value in tables.user.items()}
        self.states.opened(state, {**tables.leaves, **(names if not tape.chance(12) else {})})
        held = {(address, count): value for address, count, value in stores}
        entries = {place: held.get(place, value) for place, value in tables.entries.items()}
        places = list(entries)
        for place in [tape.choose(places)] if tape.chance(24) else ():
            entries[place] ^= 1 << tape.below(place[1] * self.machine.state.memory_unit)
        stores[:] = [(address, count, value) for (address, count), value in {**held, **entries}.items()]

    # ---- memory

    def start_state(self) -> State:
        """The state after reset."""
        return copied(self.start)

    def _entry(self, tape: Tape, *, kernel: bool) -> int:
        """Where the program begins: in its block, before the end of its first page, or before the end of memory."""
        layout, each = self.layout, self._units_per_code
        start = layout.kernel if kernel else layout.user
        kind = tape.byte()
        if kind < 216:
            found = start
        elif kind < 242:
            found = start - layout.inset + layout.block - each * (1 + tape.below(4))
        else:
            found = layout.end - each * (1 + tape.below(8))
        for target in self.vectors.fixed:
            if target <= found < target + self._handled:
                found = target + self._handled
        return found

    @property
    def _handled(self) -> int:
        """The units of a handler that begins where traps go whatever memory and registers hold."""
        return min(6 * self._units_per_code, *(b - a for a, b in pairwise(self.vectors.fixed)), self.layout.size // 4)

    def _lead(
        self, tape: Tape, state: State, drawn: Drawn, change: tuple[int, Change] | None, *, kernel: bool, always: bool
    ) -> list[Units]:
        """What a program begins with: mostly, or always, a change of a translation between two uses of it."""
        if change is None or self.changes is None or not (tape.chance(170) or always):
            return []
        return list(self.changes.lead(tape, state, drawn, change, kernel=kernel))

    def _waiting(self, tape: Tape, lead: list[Units]) -> list[Units]:
        """The beginning of a program that gets an interrupt, perhaps with a wait for it."""
        if self.interrupts.waits and tape.chance(110):
            lead.insert(tape.below(len(lead) + 1), tape.choose(self.interrupts.waits))
        return lead

    def _device(self, tape: Tape, state: State, *, told: bool) -> Iterator[Units]:
        """Two accesses to a device's registers; where it is `told`, mostly that there are requests for it."""
        either = self.accesses.stores if tape.chance(100) else self.accesses.loads
        address = tape.choose(self.windows) + tape.below(16)
        if told and tape.chance(140):
            notify = self.outside.rings[0].notify
            either, address = tuple(a for a in self.accesses.stores if a.count == 4), notify
        if either:
            units = aimed(self.machine, state, tape.choose(either), address, 0 if told else None)
            yield from (units, units)

    def _rest(
        self, tape: Tape, here: int | None, lead: Sequence[Units], unmask: Unmask | None, *, kernel: bool, calm: bool
    ) -> Iterator[Units]:
        """What follows the beginning of a program: the rest of a short loop back to `here`, which masks what it has let in, or anything."""
        if here is None:
            yield from self.program(tape, 6 + tape.below(18), kernel=kernel, calm=calm)
            return
        body = [] if unmask is None or not unmask.masks else [tape.choose(unmask.masks)]
        body += self.program(tape, 2 + tape.below(5), kernel=kernel, calm=True)
        yield from body
        back = self.jumps.between(here + sum(map(len, (*lead, *body))) * self._aligned, here)
        if back:
            yield tape.choose(back)

    def _others(self, tape: Tape, state: State, *, kernel: bool, calm: bool) -> Iterator[Placed]:
        """The program of the other mode, and the handlers of traps."""
        other = self.layout.user if kernel else self.layout.kernel
        yield from self._code(other, self.program(tape, 6 + tape.below(12), kernel=not kernel, calm=calm))
        yield from self._code(self.layout.handler, self.handler(tape, state))
        for target in self.vectors.fixed:
            units = [u for instruction in self.handler(tape, state) for u in instruction]
            yield from self._code(target, [tuple(units[: max(1, self._handled // self._units_per_code)])])

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

    def _code(self, address: int, program: Iterable[Units]) -> Iterator[Placed]:
        """Stores that place a program, cut off at the end of its two blocks."""
        each, unit = self._units_per_code, self.machine.state.memory_unit
        units = [u for instruction in program for u in instruction]
        units = units[: self.layout.room(address) // each]
        page = max(1, self.layout.block // each)
        for first in range(0, len(units), page if unit == 8 else 1):
            piece = units[first : first + (page if unit == 8 else 1)]
            cells = cells_of(self.machine, piece)
            yield address + first * each, len(cells), joined(cells, unit, self.machine.state.order)

    def _data(self, tape: Tape, words: Words) -> Iterator[Placed]:
        width = self.words
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

    def _operand_places(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys((0, 1, *self.layout.places)))
