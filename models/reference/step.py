"""The reference binding: lowered code on Python integers. It shares no code with a solver and is the oracle of every other binding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NoReturn, Protocol

from pgcheck.isa.idl.state import Leaf
from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import Term, evaluate, mask
from pgcheck.isa.terms.ir import BUILTIN_EXITS, TRANSLATE, UNMODELLED, UNPREDICTABLE, Block
from pgcheck.models.memory import Bus, Registers, Storage
from pgcheck.models.reference.closures import compiled, expression
from pgcheck.models.reference.journal import Journal


class Cells(dict[int, int]):
    """An array leaf: the elements that differ from `fill` (or were ever written)."""

    __slots__ = ("fill",)

    def __init__(self, fill: int = 0, cells: Mapping[int, int] | None = None) -> None:
        super().__init__(cells or {})
        self.fill = fill

    def __missing__(self, index: int) -> int:
        return self.fill

    def copy(self) -> Cells:
        return Cells(self.fill, self)


State = dict[str, "int | Cells"]


@dataclass(frozen=True, slots=True)
class Exit:
    """How a step ended early: the terminator, its payload and the reason of a built-in exit.

    `access` are the arguments of the call of translation that raised it, if one did; `undo` takes back what an instruction that
    may be left halfway has done before.
    """

    function: str
    args: tuple[int, ...]
    note: str = ""
    access: tuple[int, ...] | None = field(default=None, compare=False)
    undo: Callable[[], None] | None = field(default=None, compare=False, repr=False)


class Oracle(Protocol):
    """Answers in place of the cuts; None lets the cut's own body run."""

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None: ...

    def probe(self, name: str, args: tuple[int, ...]) -> int | None: ...

    def table(self, name: str, args: tuple[int, ...]) -> int | None: ...


@dataclass(slots=True)
class Surroundings:
    """What a step takes from outside.

    Values of nondeterministic sites and of volatile reads, and the oracle of the cuts; in a computer also physical memory, the
    devices behind leaves (`ports`), and the clock: the steps taken so far, which an engine advances, up to the deadline.
    """

    undefined: Callable[[str, int], int] = field(default=lambda name, width: 0)
    volatile: Callable[[str, Leaf, int | None], int] | None = None
    volatile_write: Callable[[str, Leaf], Cells | int | None] | None = None
    oracle: Oracle | None = None
    memory: Storage | None = None
    ports: Mapping[str, Registers] = field(default_factory=dict)
    clock: int = 0
    deadline: int = 0


class Ended(Exception):
    """Unwinds the body that ended in an exit."""

    def __init__(self, exit_: Exit) -> None:
        self.exit = exit_


def reset(machine: Machine) -> State:
    """The state after reset."""
    return {n: Cells(leaf.reset) if leaf.size else leaf.reset for n, leaf in machine.state.leaves.items()}


def copied(state: Mapping[str, int | Cells]) -> State:
    """A state that shares nothing with `state`."""
    return {n: v.copy() if isinstance(v, Cells) else v for n, v in state.items()}


class Step:
    """Runs lowered code on a state, which it changes in place; writes before an exit persist."""

    __slots__ = (
        "access",
        "bound",
        "encoding",
        "instances",
        "locals",
        "machine",
        "next",
        "operands",
        "state",
        "surroundings",
    )

    def __init__(
        self, machine: Machine, state: State, operands: Mapping[str, int], surroundings: Surroundings | None = None
    ) -> None:
        self.machine, self.state, self.operands = machine, state, operands
        self.surroundings = surroundings or Surroundings()
        self.locals: dict[str, int] = {}
        self.next = 0
        self.encoding: Term | None = None
        self.access: tuple[int, ...] | None = None
        self.instances: dict[str, int] = {}
        self.bound = mask(machine.state.leaves[machine.state.memory].index_width)

    def value(self, term: Term) -> int:
        """The value of an expression of the intermediate form."""
        return expression(term)(self)

    def block(self, block: Block) -> tuple[int, ...] | None:
        """Run statements; the results when they returned. Raises at an exit."""
        return compiled(block)(self)

    # ---- what expressions and statements ask for

    def instance(self, site: str) -> str:
        count = self.instances.get(site, 0)
        self.instances[site] = count + 1
        return f"{site}#{count}"

    def scalar(self, leaf: str) -> int:
        value = self.state[leaf]
        assert isinstance(value, int)
        return value

    def set_scalar(self, leaf: str, value: int) -> None:
        port = self.surroundings.ports.get(leaf)
        if port is None:
            self.state[leaf] = value
        else:
            port.write(0, 1, value)

    def cells(self, leaf: str) -> Cells:
        value = self.state[leaf]
        assert isinstance(value, Cells)
        return value

    def undefined(self, site: str, width: int) -> int:
        return self.surroundings.undefined(self.instance(site), width)

    def volatile(self, name: str, index: int | None) -> int:
        """A fresh value, by default the stored one; reading a device may change it."""
        leaf, surroundings = self.machine.state.leaves[name], self.surroundings
        port = surroundings.ports.get(name)
        if port is not None:
            return port.read(index or 0, 1) & mask(leaf.element_width)
        instance = self.instance(name)
        held = self.state[name]
        value = held[index or 0] if isinstance(held, Cells) else held
        if surroundings.volatile is not None:
            value = surroundings.volatile(instance, leaf, index)
        if leaf.role == "device":
            after = self.instance(name)
            if surroundings.volatile_write is not None:
                changed = surroundings.volatile_write(after, leaf)
                if changed is not None:
                    self.state[name] = changed
        return value

    def end(self, function: str, args: tuple[int, ...], note: str = "") -> NoReturn:
        """End with an exit."""
        raise Ended(Exit(function, args, note, self.access))

    def in_range(self, leaf: Leaf, index: int) -> None:
        if index >= leaf.size:
            self.end(UNPREDICTABLE, (), f"index beyond {leaf.name}")

    def element(self, name: str, index: int) -> int:
        leaf = self.machine.state.leaves[name]
        self.in_range(leaf, index)
        for place, fixed in leaf.hardwired:
            if index == place:
                return fixed
        return self.cells(name)[index]

    def set_element(self, name: str, index: int, value: int) -> None:
        leaf = self.machine.state.leaves[name]
        self.in_range(leaf, index)
        port = self.surroundings.ports.get(name)
        if port is not None:
            port.write(index, 1, value)
        elif all(index != place for place, _ in leaf.hardwired):
            self.cells(name)[index] = value

    def load(self, address: int, width: int) -> int:
        """`width` bits of physical memory from `address` on."""
        machine, bound = self.machine, self.bound
        unit = machine.state.memory_unit
        count = width // unit
        if self.surroundings.memory is not None:
            return self.surroundings.memory.load(address & bound, count)
        memory = self.cells(machine.state.memory)
        result = 0
        for k in range(count) if machine.state.big_endian else range(count - 1, -1, -1):
            result = result << unit | memory[address + k & bound]
        return result

    def write(self, address: int, value: int, width: int) -> None:
        """Set `width` bits of physical memory from `address` on."""
        machine, bound = self.machine, self.bound
        unit = machine.state.memory_unit
        count, piece = width // unit, mask(unit)
        if self.surroundings.memory is not None:
            self.surroundings.memory.store(address & bound, count, value)
            return
        memory = self.cells(machine.state.memory)
        for k in range(count):
            place = count - 1 - k if machine.state.big_endian else k
            memory[address + k & bound] = value >> unit * place & piece

    def call(self, name: str, args: tuple[int, ...]) -> tuple[int, ...]:
        """The results of a function; a cut asks the oracle first."""
        translation = self.machine.code.translation
        translating = translation is not None and name == translation.function
        if translating:
            self.access = args
        if self.surroundings.oracle is not None:
            answer = self.answer(self.surroundings.oracle, name, args)
            if answer is not None:
                self.access = None
                return answer
        function = self.machine.code.functions[name]
        outer = self.locals
        self.locals = {n: a for (n, _), a in zip(function.parameters, args, strict=True)}
        results = self.block(function.body)
        self.locals = outer
        if translating:
            self.access = None
        return results if results is not None else (0,) * len(function.results)

    def answer(self, oracle: Oracle, name: str, args: tuple[int, ...]) -> tuple[int, ...] | None:
        """What the oracle says in place of a cut; None for all other functions."""
        translation = self.machine.code.translation
        if translation is not None and name == translation.function:
            translated = oracle.translate(args)
            if translated is None:
                return None
            fault, address = translated
            if fault:
                self.end(TRANSLATE, args)
            return (address,)
        if translation is not None and name in translation.probes:
            value = oracle.probe(name, args)
            return None if value is None else (value,)
        if name in self.machine.code.tables:
            value = oracle.table(name, args)
            return None if value is None else (value,)
        return None

    # ---- whole steps

    def body(self, block: Block, length: int) -> Exit | None:
        """Run the body of an instruction of `length` units of PC; None when it completed."""
        pc = self.machine.state.leaves[self.machine.state.pc]
        self.next = self.scalar(pc.name) + length & mask(pc.width)
        try:
            self.block(block)
        except Ended as ended:
            return ended.exit
        self.state[pc.name] = self.next
        return None


def step(
    machine: Machine,
    instruction: Instruction,
    operands: Mapping[str, int],
    state: State,
    surroundings: Surroundings | None = None,
) -> Exit | None:
    """One instruction on `state`, in place; None when it completed."""
    run = Step(machine, state, operands, surroundings)
    run.encoding = instruction.encoding_term
    return run.body(instruction.body, run.value(instruction.length))


def operand_value(term: Term, operands: Mapping[str, int]) -> int:
    """The value of a term over operands."""
    return evaluate([term], lambda t: operands[t.name[2:]], lambda a, i: 0, lambda n, a, w: 0)[0]


def deliver(machine: Machine, exit_: Exit, state: State, surroundings: Surroundings | None = None) -> Exit | None:
    """Trap entry: run the terminator's body on the state at the exit; an exit within it is returned."""
    run = Step(machine, state, {}, surroundings)
    run.next = run.scalar(machine.state.pc)
    function = machine.code.functions[exit_.function]
    run.locals = {n: a for (n, _), a in zip(function.parameters, exit_.args, strict=True)}
    try:
        run.block(function.body)
    except Ended as ended:
        return ended.exit
    state[machine.state.pc] = run.next
    return None


def call(
    machine: Machine, name: str, args: tuple[int, ...], state: State, surroundings: Surroundings | None = None
) -> tuple[int, ...] | Exit:
    """The results of a function of the specification on `state`, or the exit it took."""
    try:
        return Step(machine, state, {}, surroundings).call(name, args)
    except Ended as ended:
        return ended.exit


@dataclass(frozen=True, slots=True)
class Fetched:
    """An instruction as found in memory, or as the word that is executed in place of `link` others before it."""

    instruction: Instruction
    operands: Mapping[str, int]
    link: int = 0


def fetch(machine: Machine, state: State, surroundings: Surroundings | None = None) -> Fetched | Exit | None:
    """The instruction at PC, fetched unit by unit through the specification's `fetch`; None when no encoding accepts the bits."""
    pc = machine.state.leaves[machine.state.pc]
    here = state[machine.state.pc]
    assert isinstance(here, int)
    stride = machine.decoding.decode.unit // machine.decoding.decode.pc_unit

    def unit(k: int) -> int:
        result = call(machine, machine.code.fetch, (here + k * stride & mask(pc.width),), state, surroundings)
        if isinstance(result, Exit):
            raise Ended(result)
        return result[0]

    try:
        return decoded(machine, unit)
    except Ended as ended:
        return ended.exit


def decoded(machine: Machine, unit: Callable[[int], int]) -> Fetched | None:
    """The instruction whose k-th unit is `unit(k)`; None when no encoding accepts it."""
    found = machine.decoding.decoder.decode(unit)
    return None if found is None else Fetched(machine.instruction(found.id), found.operands)


def executed(machine: Machine, word: int) -> Fetched | None:
    """The instruction that a word to be executed in place of another is; None when no encoding accepts it."""
    return decoded(machine, lambda k: word if k == 0 else 0)


LINKS = 64


def execute(
    machine: Machine, fetched: Fetched | None, state: State, surroundings: Surroundings | None = None
) -> tuple[Exit | None, Fetched | None]:
    """Run an instruction (None: bits that no encoding accepts), and the words that it has executed in its place.

    Gives the exit it ended in and the instruction that took it. More than LINKS words in a row are an `unmodelled` exit; a chain
    goes on from an instruction that it has reached (`link`).
    """
    link = 0 if fetched is None else fetched.link
    while link < LINKS:
        if fetched is None:
            exit_ = Step(machine, state, {}, surroundings).body(machine.code.undefined, 0)
        elif fetched.instruction.partial and surroundings is not None and isinstance(surroundings.memory, Bus):
            exit_ = _journalled(machine, fetched, state, surroundings, surroundings.memory)
        else:
            exit_ = step(machine, fetched.instruction, fetched.operands, state, surroundings)
        rule = machine.code.exits.get(exit_.function) if exit_ is not None else None
        if exit_ is None or rule is None or rule.kind != "execute":
            return exit_, fetched
        link += 1
        found = executed(machine, exit_.args[0])
        fetched = found and replace(found, link=link)
    return Exit(UNMODELLED, (), f"a chain of more than {LINKS} executed words"), fetched


def _journalled(machine: Machine, fetched: Fetched, state: State, surroundings: Surroundings, bus: Bus) -> Exit | None:
    """One instruction whose exit can take back what it did."""
    journal = Journal(state, machine.state.memory, bus)
    surroundings.memory = journal
    try:
        exit_ = step(machine, fetched.instruction, fetched.operands, state, surroundings)
    finally:
        surroundings.memory = bus
    return exit_ and replace(exit_, undo=journal.undo)


Delivery = Callable[[Machine, Exit, State, "Surroundings | None"], "Exit | None"]


def enter(
    machine: Machine, exit_: Exit, state: State, surroundings: Surroundings | None = None, deliver: Delivery = deliver
) -> Exit | None:
    """Trap entry with what is nested in it; the exit that could not be delivered, if one could not."""
    current = exit_
    while current.function not in BUILTIN_EXITS:
        nested = deliver(machine, current, state, surroundings)
        if nested is None:
            return _firmware(machine, state, surroundings)
        rule = machine.code.exits.get(machine.code.exits[current.function].nested)
        if rule is None or nested.function in BUILTIN_EXITS:
            return replace(nested, note=nested.note or f"in the delivery of {current.function}")
        current = Exit(rule.function, ())
    return current


def _firmware(machine: Machine, state: State, surroundings: Surroundings | None) -> Exit | None:
    """Serve a trap that firmware has taken; the exit that its function took, if it did."""
    firmware = machine.platform.firmware
    if firmware is None or not Step(machine, state, {}, surroundings).value(firmware.when):
        return None
    return serve(machine, firmware.call, state, surroundings)


def serve(machine: Machine, name: str, state: State, surroundings: Surroundings | None = None) -> Exit | None:
    """Run a function without arguments that moves the processor, as an interrupt or a firmware call does; the exit it took."""
    run = Step(machine, state, {}, surroundings)
    run.next = run.scalar(machine.state.pc)
    try:
        run.call(name, ())
    except Ended as ended:
        return ended.exit
    state[machine.state.pc] = run.next
    return None


def advance(machine: Machine, state: State, surroundings: Surroundings | None = None) -> Exit | None:
    """Fetch, execute and, at an exit, deliver: one step of the bare machine.

    The exit is returned for whoever watches: the one that was delivered, or the one that could not be.
    """
    fetched = fetch(machine, state, surroundings)
    exit_ = fetched if isinstance(fetched, Exit) else execute(machine, fetched, state, surroundings)[0]
    return exit_ and (enter(machine, exit_, state, surroundings) or exit_)
