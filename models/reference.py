"""The reference binding: lowered code on Python integers. It shares no code with a solver and is the oracle of every other binding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pgcheck.isa.ir import (
    UNPREDICTABLE, Bind, Block, Do, If, Raise, Return, SetElement, SetLeaf, SetLocal, SetNext, Store,
)  # fmt: skip
from pgcheck.isa.machine import Instruction, Machine
from pgcheck.isa.state import Leaf
from pgcheck.isa.terms import OPERATORS, Term, evaluate, mask

TRANSLATE = "translation fault"


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
    """How a step ended early: the terminator, its payload and the reason of a built-in exit."""

    function: str
    args: tuple[int, ...]
    note: str = ""


class Oracle(Protocol):
    """Answers in place of the cuts; None lets the cut's own body run."""

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None: ...

    def probe(self, name: str, args: tuple[int, ...]) -> int | None: ...

    def table(self, name: str, args: tuple[int, ...]) -> int | None: ...


@dataclass(slots=True)
class Surroundings:
    """What a step takes from outside: values of nondeterministic sites and of volatile reads, and the oracle of the cuts."""

    undefined: Callable[[str, int], int] = field(default=lambda name, width: 0)
    volatile: Callable[[str, Leaf, int | None], int] | None = None
    volatile_write: Callable[[str, Leaf], Cells | int | None] | None = None
    oracle: Oracle | None = None


class _Ended(Exception):
    """Unwinds the body that ended in an exit."""

    def __init__(self, exit_: Exit) -> None:
        self.exit = exit_


class _Returned(Exception):
    """Unwinds a function that returned."""

    def __init__(self, values: tuple[int, ...]) -> None:
        self.values = values


def reset(machine: Machine) -> State:
    """The state after reset."""
    return {n: Cells(leaf.reset) if leaf.size else leaf.reset for n, leaf in machine.leaves.items()}


def copied(state: Mapping[str, int | Cells]) -> State:
    """A state that shares nothing with `state`."""
    return {n: v.copy() if isinstance(v, Cells) else v for n, v in state.items()}


class Step:
    """Runs lowered code on a state, which it changes in place; writes before an exit persist."""

    def __init__(
        self, machine: Machine, state: State, operands: Mapping[str, int], surroundings: Surroundings | None = None
    ) -> None:
        self.machine, self.state, self.operands = machine, state, operands
        self.surroundings = surroundings or Surroundings()
        self.locals: dict[str, int] = {}
        self.next = 0
        self.encoding = 0
        self.instances: dict[str, int] = {}

    def instance(self, site: str) -> str:
        count = self.instances.get(site, 0)
        self.instances[site] = count + 1
        return f"{site}#{count}"

    # ---- expressions

    def value(self, term: Term) -> int:
        """The value of an expression of the intermediate form."""
        match term.op:
            case "const":
                return term.value
            case "var":
                name = term.name
                if name[0] == "l":
                    return self.locals[name[2:]]
                if name[0] == "o":
                    return self.operands[name[2:]]
                value = self.state[name[2:]]
                assert isinstance(value, int)
                return value
            case "select":
                return self.element(term)
            case "ite":
                return self.value(term.args[1] if self.value(term.args[0]) else term.args[2])
            case "land":
                return self.value(term.args[1]) if self.value(term.args[0]) else 0
            case "lor":
                return 1 if self.value(term.args[0]) else self.value(term.args[1])
            case "call":
                results = self.call(str(term.data), tuple(self.value(a) for a in term.args))
                return results[0] if results else 1
            case "load":
                return self.load(self.value(term.args[0]), term.width)
            case "undefined" | "choice":
                return self.surroundings.undefined(self.instance(str(term.data)), term.width)
            case "volatile":
                index = self.value(term.args[0]) if term.args else None
                return self.volatile(self.machine.leaves[str(term.data)], index)
            case "encoding":
                return self.encoding
            case op:
                values = [self.value(a) for a in term.args]
                return OPERATORS[op].python(term.width, tuple(a.width for a in term.args), term.data, *values)

    def cells(self, leaf: str) -> Cells:
        value = self.state[leaf]
        assert isinstance(value, Cells)
        return value

    def volatile(self, leaf: Leaf, index: int | None) -> int:
        """A fresh value, by default the stored one; reading a device may change it."""
        name = self.instance(leaf.name)
        held = self.state[leaf.name]
        value = held[index or 0] if isinstance(held, Cells) else held
        if self.surroundings.volatile is not None:
            value = self.surroundings.volatile(name, leaf, index)
        if leaf.role == "device":
            after = self.instance(leaf.name)
            if self.surroundings.volatile_write is not None:
                changed = self.surroundings.volatile_write(after, leaf)
                if changed is not None:
                    self.state[leaf.name] = changed
        return value

    def in_range(self, leaf: Leaf, index: int) -> None:
        if index >= leaf.size:
            raise _Ended(Exit(UNPREDICTABLE, (), f"index beyond {leaf.name}"))

    def element(self, term: Term) -> int:
        leaf = self.machine.leaves[term.args[0].name[2:]]
        index = self.value(term.args[1])
        self.in_range(leaf, index)
        for place, fixed in leaf.hardwired:
            if index == place:
                return fixed
        return self.cells(leaf.name)[index]

    def load(self, address: int, width: int) -> int:
        """`width` bits of physical memory from `address` on."""
        machine = self.machine
        memory, unit = self.cells(machine.memory), machine.memory_unit
        bound = mask(machine.leaves[machine.memory].index_width)
        count = width // unit
        order = range(count) if machine.big_endian else range(count - 1, -1, -1)
        result = 0
        for k in order:
            result = result << unit | memory[address + k & bound]
        return result

    def write(self, address: int, value: int, width: int) -> None:
        machine = self.machine
        memory, unit = self.cells(machine.memory), machine.memory_unit
        bound = mask(machine.leaves[machine.memory].index_width)
        count = width // unit
        for k in range(count):
            place = count - 1 - k if machine.big_endian else k
            memory[address + k & bound] = value >> unit * place & mask(unit)

    # ---- calls

    def call(self, name: str, args: tuple[int, ...]) -> tuple[int, ...]:
        """The results of a function; a cut asks the oracle first."""
        answer = self.answer(name, args)
        if answer is not None:
            return answer
        function = self.machine.functions[name]
        outer = self.locals
        self.locals = {n: a for (n, _), a in zip(function.parameters, args, strict=True)}
        try:
            self.block(function.body)
        except _Returned as returned:
            return returned.values
        finally:
            self.locals = outer
        return (0,) * len(function.results)

    def answer(self, name: str, args: tuple[int, ...]) -> tuple[int, ...] | None:
        oracle, translation = self.surroundings.oracle, self.machine.translation
        if oracle is None:
            return None
        if translation is not None and name == translation.function:
            translated = oracle.translate(args)
            if translated is None:
                return None
            fault, address = translated
            if fault:
                raise _Ended(Exit(TRANSLATE, args))
            return (address,)
        if translation is not None and name in translation.probes:
            value = oracle.probe(name, args)
            return None if value is None else (value,)
        if name in self.machine.tables:
            value = oracle.table(name, args)
            return None if value is None else (value,)
        return None

    # ---- statements

    def block(self, block: Block) -> None:
        for statement in block:
            match statement:
                case SetLocal(name, value):
                    self.locals[name] = self.value(value)
                case SetLeaf(leaf, value):
                    self.state[leaf] = self.value(value)
                case SetElement(leaf, index, value):
                    self.set_element(self.machine.leaves[leaf], self.value(index), self.value(value))
                case SetNext(value):
                    self.next = self.value(value)
                case Store(address, value):
                    self.write(self.value(address), self.value(value), value.width)
                case If(condition, then, orelse):
                    self.block(then if self.value(condition) else orelse)
                case Do(call):
                    self.value(call)
                case Bind(targets, function, args):
                    results = self.call(function, tuple(self.value(a) for a in args))
                    self.locals.update({t: r for t, r in zip(targets, results, strict=True) if t is not None})
                case Return(values):
                    raise _Returned(tuple(self.value(v) for v in values))
                case Raise(function, args, note):
                    raise _Ended(Exit(function, tuple(self.value(a) for a in args), note))

    def set_element(self, leaf: Leaf, index: int, value: int) -> None:
        self.in_range(leaf, index)
        if all(index != place for place, _ in leaf.hardwired):
            self.cells(leaf.name)[index] = value

    # ---- whole steps

    def body(self, block: Block, length: int) -> Exit | None:
        """Run the body of an instruction of `length` units of PC; None when it completed."""
        pc = self.machine.leaves[self.machine.pc]
        here = self.state[pc.name]
        assert isinstance(here, int)
        self.next = here + length & mask(pc.width)
        try:
            self.block(block)
        except _Ended as ended:
            return ended.exit
        except _Returned:
            pass
        self.state[pc.name] = self.next
        return None


def step(
    machine: Machine, instruction: Instruction, operands: Mapping[str, int], state: State,
    surroundings: Surroundings | None = None,
) -> Exit | None:  # fmt: skip
    """One instruction on `state`, in place; None when it completed."""
    run = Step(machine, state, operands, surroundings)
    if instruction.encoding_term is not None:
        run.encoding = operand_value(instruction.encoding_term, operands)
    return run.body(instruction.body, operand_value(instruction.length, operands))


def operand_value(term: Term, operands: Mapping[str, int]) -> int:
    """The value of a term over operands."""
    return evaluate([term], lambda t: operands[t.name[2:]], lambda a, i: 0, lambda n, a, w: 0)[0]


def deliver(machine: Machine, exit_: Exit, state: State, surroundings: Surroundings | None = None) -> Exit | None:
    """Trap entry: run the terminator's body on the state at the exit; an exit within it is returned."""
    run = Step(machine, state, {}, surroundings)
    here = state[machine.pc]
    assert isinstance(here, int)
    run.next = here
    function = machine.functions[exit_.function]
    run.locals = {n: a for (n, _), a in zip(function.parameters, exit_.args, strict=True)}
    try:
        run.block(function.body)
    except _Ended as ended:
        return ended.exit
    except _Returned:
        pass
    state[machine.pc] = run.next
    return None


def call(machine: Machine, name: str, args: tuple[int, ...], state: State, surroundings: Surroundings | None = None) -> tuple[int, ...] | Exit:
    """The results of a function of the specification on `state`, or the exit it took."""
    try:
        return Step(machine, state, {}, surroundings).call(name, args)
    except _Ended as ended:
        return ended.exit


@dataclass(frozen=True, slots=True)
class Fetched:
    """An instruction as found in memory."""

    instruction: Instruction
    operands: Mapping[str, int]


def fetch(machine: Machine, state: State, surroundings: Surroundings | None = None) -> Fetched | Exit | None:
    """The instruction at PC, fetched unit by unit through the specification's `fetch`; None when no encoding accepts the bits."""
    pc = machine.leaves[machine.pc]
    here = state[machine.pc]
    assert isinstance(here, int)
    stride = machine.decode.unit // machine.decode.pc_unit

    def unit(k: int) -> int:
        result = call(machine, machine.fetch, (here + k * stride & mask(pc.width),), state, surroundings)
        if isinstance(result, Exit):
            raise _Ended(result)
        return result[0]

    try:
        decoded = machine.decoder.decode(unit)
    except _Ended as ended:
        return ended.exit
    if decoded is None:
        return None
    return Fetched(machine.instruction(decoded.id), decoded.operands)


def advance(machine: Machine, state: State, surroundings: Surroundings | None = None) -> Exit | None:
    """Fetch, execute and, at an exit, deliver: one step of the bare machine; the exit is returned for whoever watches."""
    fetched = fetch(machine, state, surroundings)
    if fetched is None:
        exit_ = Step(machine, state, {}, surroundings).body(machine.undefined, 0)
    elif isinstance(fetched, Exit):
        exit_ = fetched
    else:
        exit_ = step(machine, fetched.instruction, fetched.operands, state, surroundings)
    current, rule = exit_, machine.exits.get(exit_.function) if exit_ is not None else None
    while current is not None and rule is not None and rule.kind != "execute":
        nested = deliver(machine, current, state, surroundings)
        if nested is None:
            break
        following = machine.exits.get(rule.nested)
        current = Exit(rule.nested, ()) if following is not None else None
        rule = following
    return exit_
