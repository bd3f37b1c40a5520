"""Steps of copies of a machine on the reference binding, everything about them asked for when it is first read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from pgcheck.isa.idl.state import Leaf
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms.ir import BUILTIN_EXITS, HALT, TRANSLATE
from pgcheck.models.reference import cycle
from pgcheck.models.reference.step import Step
from pgcheck.models.state import Cells, Exit, State, Surroundings
from tests.oracle.runs import Script

Payload = tuple[str, tuple[int, ...]]
COMPLETE: Payload = ("complete", ())
LEFT_OUT, ANYTHING = "unmodelled", "unpredictable"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended: completion or an exit, what it set of leaves and of memory, and where it accessed memory (and stored)."""

    end: Payload
    leaves: Mapping[str, int]
    cells: Mapping[int, int]
    touched: tuple[tuple[int, bool], ...] = ()

    @property
    def completes(self) -> bool:
        return self.end == COMPLETE


class Leaves(dict[str, "int | Cells"]):
    """The scalar leaves of one copy."""

    __slots__ = ("read", "written")

    def __init__(self, read: Callable[[str], int]) -> None:
        super().__init__()
        self.read = read
        self.written: dict[str, int] = {}

    def __missing__(self, name: str) -> int:
        value = self.read(name)
        dict.__setitem__(self, name, value)
        return value

    def __setitem__(self, name: str, value: int | Cells) -> None:
        assert isinstance(value, int)
        dict.__setitem__(self, name, value)
        self.written[name] = value


@dataclass(slots=True)
class Memory:
    """The memory of one copy: what it stored, over what is asked for. `touched` are the addresses of all accesses."""

    script: Script
    machine: Machine
    space: str = "cell"
    stored: dict[int, int] = field(default_factory=dict)
    touched: list[tuple[int, bool]] = field(default_factory=list)

    def load(self, address: int, count: int) -> int:
        unit, total = self.machine.state.memory_unit, 0
        for k in range(count):
            at = (address + k) % self.machine.state.memory_size
            self.touched.append((at, False))
            cell = self.stored.get(at)
            if cell is None:
                cell = self.script.number((self.space, at), 1 << unit)
            place = count - 1 - k if self.machine.state.big_endian else k
            total |= cell << place * unit
        return total

    def store(self, address: int, count: int, value: int) -> None:
        unit = self.machine.state.memory_unit
        for k in range(count):
            at = (address + k) % self.machine.state.memory_size
            self.touched.append((at, True))
            place = count - 1 - k if self.machine.state.big_endian else k
            self.stored[at] = value >> place * unit & (1 << unit) - 1


@dataclass(slots=True)
class Copy:
    """One copy of the machine in a run.

    `control` and `choices` say where its control leaves and its choices are asked for; general leaves are shared, and so are those `tied` to
    the virtual machine's.
    """

    machine: Machine
    script: Script
    control: str
    choices: str
    cuts: object
    fixed: Mapping[str, int] = field(default_factory=dict)
    clocks: str = "volatile"
    tied: frozenset[str] = frozenset()
    state: Leaves = field(init=False)
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.state = Leaves(self.leaf)
        self.memory = Memory(self.script, self.machine)

    def leaf(self, name: str) -> int:
        leaf = self.machine.state.scalars[name]
        if name in self.fixed:
            return self.fixed[name]
        whose = "virtual" if name in self.tied else self.control if leaf.control else "general"
        answer = self.script.ask((whose, name), lawful(self.machine)[leaf.name])
        assert answer is not None
        return answer

    def undefined(self, site: str, instance: int, width: int) -> int:
        return self.script.number((self.choices, site, instance), 1 << (width or 1))

    def volatile(self, leaf: Leaf, instance: int, index: int | None) -> int:
        return self.script.number((self.clocks, leaf.name, instance), 1 << leaf.element_width)

    def surroundings(self) -> Surroundings:
        return Surroundings(undefined=self.undefined, volatile=self.volatile, oracle=self.cuts, memory=self.memory)  # type: ignore[arg-type]

    def ended(self, exit_: Exit | None) -> Outcome:
        end = COMPLETE if exit_ is None else (exit_.function, exit_.args)
        return Outcome(end, dict(self.state.written), dict(self.memory.stored), tuple(self.memory.touched))


@dataclass(frozen=True, slots=True, eq=False)
class Word:
    """An instruction with its operands, in a row of the report."""

    instruction: Instruction
    row: str
    operands: tuple[tuple[str, int], ...]

    @property
    def subject(self) -> tuple[str, str]:
        return self.instruction.id, self.row


def words(machine: Machine) -> Iterator[Word]:
    """Every word that is an instruction, by row, and the one that is none."""
    for instruction in (*machine.instructions, machine.code.undefined):
        widths = {name: kind.width for name, kind in instruction.operands.items()}
        for values in product(*(range(1 << w) for w in widths.values())):
            operands = dict(zip(widths, values, strict=True))
            if not cycle.operand_value(instruction.canonical, operands):
                continue
            for row in instruction.rows:
                held = operands.get(row.operand)
                if not row.operand or held == row.value or (row.value is None and held not in row.others):
                    yield Word(instruction, row.label, tuple(operands.items()))


def step(copy: Copy, word: Word, continued: frozenset[Payload] = frozenset()) -> Outcome:
    """One step of a copy; the trap entry is part of it for traps that need not enter the monitor."""
    machine, around, state = copy.machine, copy.surroundings(), copy.state
    if word.instruction is machine.code.undefined:
        exit_ = cycle.body(Step(machine, state, {}, around), word.instruction.body, 0)
    else:
        exit_ = cycle.step(machine, cycle.canonical(word.instruction, dict(word.operands)), state, around)
    while exit_ is not None and (exit_.function, exit_.args) in continued:
        around.oracle, outer = None, exit_.function
        exit_ = cycle.deliver(machine, exit_, state, around)
        if exit_ is None:
            return copy.ended(cycle.firmware(machine, state, around))
        if exit_.function not in BUILTIN_EXITS:
            exit_ = Exit(machine.code.exits[outer].nested or HALT, ())
    return copy.ended(exit_)


def delivery(copy: Copy, payload: Payload, *, served: bool) -> Outcome:
    """A trap entry, or that of an interrupt, from a copy's state, and with `served` to the end of what firmware does there."""
    machine, around = copy.machine, copy.surroundings()
    function, args = payload
    interrupt, exit_ = machine.code.interrupt, None
    if interrupt is not None and function == interrupt.deliver:
        exit_ = cycle.serve(machine, function, copy.state, around)
        if exit_ is None:
            return copy.ended(cycle.firmware(machine, copy.state, around) if served else None)
    exit_ = cycle.arrive(machine, exit_ or Exit(function, args), copy.state, around)[1]
    return copy.ended(cycle.firmware(machine, copy.state, around) if served and exit_ is None else exit_)


def real_copy(machine: Machine, script: Script, cuts: object, mode: int | None) -> Copy:
    """The real machine in a mode; in the virtual one's where that is None."""
    fixed, leaf = {} if mode is None else {machine.modes.leaf: mode}, machine.modes.leaf
    return Copy(machine, script, "real", "real choice", cuts, fixed, "real volatile", frozenset({leaf} - fixed.keys()))


def payloads(machine: Machine) -> Iterator[Payload]:
    """Every payload of every terminator that is a trap."""
    for name, rule in machine.code.exits.items():
        if rule.kind != "execute":
            widths = [w for _, w in machine.code.functions[name].parameters]
            yield from ((name, args) for args in product(*(range(1 << w) for w in widths)))


def lawful(machine: Machine) -> Mapping[str, tuple[int, ...]]:
    """The values that each leaf has in some legal state."""
    known: Mapping[str, tuple[int, ...]] | None = machine.kept.get((lawful,))
    if known is None:
        states = [s for s in scalars(machine) if all(cycle.holds(machine, c, dict(s)) for c in machine.legal)]
        known = {n: tuple(sorted({int(str(s[n])) for s in states})) for n in machine.state.scalars}
        machine.kept[lawful,] = known
    return known


def trap(end: Payload, machine: Machine) -> bool:
    """Whether a step ended in a trap."""
    function = end[0]
    if function == TRANSLATE:
        return True
    return function not in (COMPLETE[0], *BUILTIN_EXITS) and machine.code.exits[function].kind != "execute"


def scalars(machine: Machine) -> Iterator[State]:
    """Every value of the scalar leaves together."""
    leaves = machine.state.scalars
    for values in product(*(range(1 << leaf.width) for leaf in leaves.values())):
        yield dict(zip(leaves, values, strict=True))
