"""A difference run again on integers: the emitted code, and the reference binding, from one state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgcheck.checker.generated.routines import Library, Routine
from pgcheck.checker.questions.answers import Answers, state_under
from pgcheck.checker.solving.model import Model
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import OPERATORS, operand, parameter, variable
from pgcheck.isa.terms.names import FREE, Name
from pgcheck.isa.words import joined, split
from pgcheck.models.reference.closures import invoke
from pgcheck.models.reference.cycle import body, canonical
from pgcheck.models.reference.step import Step
from pgcheck.models.state import Cells, Ended, Exit, State, Surroundings, copied
from pgcheck.models.symbolic import NEXT_PC, initial


@dataclass(slots=True)
class Memory:
    """Physical memory that notes every access."""

    machine: Machine
    cells: Cells
    log: list[tuple[int, int, *tuple[int, ...]]] = field(default_factory=list)

    def load(self, address: int, count: int) -> int:
        self.log.append((address, count))
        space = self.machine.state
        return joined([self.cells[at] for at in self._places(address, count)], space.memory_unit, space.order)

    def store(self, address: int, count: int, value: int) -> None:
        self.log.append((address, count, value))
        space = self.machine.state
        for at, piece in zip(
            self._places(address, count), split(value, count, space.memory_unit, space.order), strict=True
        ):
            self.cells[at] = piece

    def _places(self, address: int, count: int) -> list[int]:
        return [address + k & (1 << self.machine.state.address_width) - 1 for k in range(count)]


@dataclass(slots=True)
class Hardware:
    """What emitted code calls its runtime."""

    step: Step
    next: int = 0
    access: tuple[int, ...] | None = None

    def load(self, address: int, count: int) -> int:
        return self.step.load(address, count * self.step.machine.state.memory_unit)

    def store(self, address: int, count: int, value: int) -> None:
        width = count * self.step.machine.state.memory_unit
        if not 0 <= value < 1 << width:
            raise OverflowError
        self.step.write(address, value, width)


@dataclass(frozen=True, slots=True)
class End:
    """Where one side ended: its results or its exit, the state, and the accesses to memory."""

    how: str
    values: tuple[int, ...]
    access: tuple[int, ...] | None
    state: State
    log: list[tuple[int, int, *tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class Replay:
    """A state from which a routine and its meaning end differently: `differs` says in what, first what the routine gives."""

    operands: Mapping[str, int]
    before: State
    differs: tuple[str, ...]


def replayed(library: Library, routine: Routine, model: Model) -> Replay:
    """Both sides from the state of a model."""
    machine, instruction = library.machine, routine.instruction
    before = state_under(machine, initial(machine), model)
    if instruction is None:
        names = {n: parameter(w, n) for n, w in machine.code.functions[routine.name].parameters}
    else:
        names = {n: operand(b.width, n) for n, b in instruction.operands.items()}
    operands = {n: model.leaf(t) for n, t in names.items()}
    pc = machine.state.leaves[machine.state.pc]
    following = model.leaf(variable(pc.width, Name(FREE, NEXT_PC)))
    found = _ended(machine, before, model, lambda step: _generated(library, routine, step, operands, following))
    right = _ended(machine, before, model, lambda step: _specified(routine, step, operands, following))
    return Replay(operands, before, tuple(_differences(found, right)))


Outcome = tuple[str, tuple[int, ...], tuple[int, ...] | None]


def _ended(machine: Machine, before: State, model: Model, run: Callable[[Step], Outcome]) -> End:
    state, answers = copied(before), Answers(machine, model, "")
    surroundings = Surroundings(answers.undefined, answers.volatile, answers.changed)
    cells = state[machine.state.memory]
    assert isinstance(cells, Cells)
    memory = surroundings.memory = Memory(machine, cells)
    return End(*run(Step(machine, state, {}, surroundings)), state, memory.log)


def _specified(routine: Routine, step: Step, operands: Mapping[str, int], following: int) -> Outcome:
    step.operands = operands
    if routine.instruction is not None:
        fetched = canonical(routine.instruction, operands)
        step.encoding, step.length = routine.instruction.encoding_term, fetched.length
        return _exit(body(step, routine.instruction.body, fetched.length))
    step.next = following
    try:
        found = invoke(step, routine.name, tuple(operands.values()))
    except Ended as ended:
        return _exit(ended.exit)
    return "returns", (*found, step.next), None


def _exit(exit_: Exit | None) -> Outcome:
    return ("completes", (), None) if exit_ is None else (exit_.function, tuple(map(int, exit_.args)), exit_.access)


def _generated(library: Library, routine: Routine, step: Step, operands: Mapping[str, int], following: int) -> Outcome:
    machine, given = step.machine, list(operands.values())
    hardware = Hardware(step, following)
    translation = machine.code.translation
    if translation is not None and routine.name == translation.function:
        hardware.access = tuple(given)
    if routine.instruction is not None:
        given.insert(0, canonical(routine.instruction, operands).length)
    try:
        found = _function(library, routine)(hardware, step.state, *given)
    except Ended as ended:
        return _exit(ended.exit)
    except (ArithmeticError, ValueError, NameError, TypeError, LookupError) as error:
        return f"raises {type(error).__name__}", (), None
    if routine.instruction is not None:
        step.state[machine.state.pc] = hardware.next
        return "completes", (), None
    results = found if isinstance(found, tuple) else () if found is None else (found,)
    return "returns", (*map(int, results), hardware.next), None


def _function(library: Library, routine: Routine) -> Callable[..., Any]:
    """The emitted code as a function."""
    known: dict[str, Any] = {"Ended": Ended, "Exit": Exit, "OPERATORS": OPERATORS}
    for python, other in library.functions.items():
        known[python] = _defined(other.text, known)
    return _defined(routine.text, known)


def _defined(text: str, known: dict[str, Any]) -> Callable[..., Any]:
    made: dict[str, Callable[..., Any]] = {}
    exec(compile(text, "<generated>", "exec"), known, made)  # our own output, as the engine runs it
    return made["made"]


def _differences(found: End, right: End) -> Sequence[str]:
    if found.how != right.how:
        return [f"{found.how} for {right.how}"]
    differs = []
    if (found.values, found.access) != (right.values, right.access):
        differs.append(f"{_shown(found)} for {_shown(right)}")
    for name, wanted in right.state.items():
        given = found.state[name]
        if given == wanted:
            continue
        if isinstance(given, Cells) and isinstance(wanted, Cells):
            at = given.difference(wanted)
            differs.append(f"{name}[{at:#x}]: {given[at]:#x} for {wanted[at]:#x}")
        else:
            differs.append(f"{name}: {given:#x} for {wanted:#x}")
    if found.log != right.log:
        differs.append(f"accesses to memory: {_accesses(found)} for {_accesses(right)}")
    return differs


def _shown(end: End) -> str:
    about = "" if end.access is None else f" about {', '.join(map(hex, end.access))}"
    return f"{end.how} {', '.join(map(hex, end.values))}{about}"


def _accesses(end: End) -> str:
    shown = [f"{'stores' if value else 'loads'} {count} at {address:#x}" for address, count, *value in end.log]
    return "; ".join(shown) or "none"
