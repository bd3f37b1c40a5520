"""What the dispatcher asks of a binding: decode, run and deliver an instruction, on integers or on the values of a proof."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Name, Term, evaluate
from pgcheck.isa.terms.names import PARAMETER
from pgcheck.models.engine import pending, waiting
from pgcheck.models.reference.cycle import arrive, call, enter, execute, fetch, holds, serve
from pgcheck.models.state import Exit, Fetched, State, Surroundings, cells, scalar
from pgcheck.vmm.translate import Held, Recorder

Values = Callable[[Machine, Sequence[Term], State, Surroundings, Mapping[str, int]], list[int]]


def values(
    machine: Machine, terms: Sequence[Term], state: State, surroundings: Surroundings, handed: Mapping[str, int]
) -> list[int]:
    """The values of terms over leaves, units of memory and what a trap hands over."""

    def leaf(term: Term) -> int:
        name = term.name
        return handed[name.text] if name.space == PARAMETER else scalar(state, name.text)

    def element(array: Term, index: int) -> int:
        name = array.name.text
        if name == machine.state.memory and surroundings.memory is not None:
            return surroundings.memory.load(index, 1)
        return cells(state, name)[index]

    def function(name: Name, args: tuple[int, ...], width: int) -> int:
        raise ValueError(f"{name} is not to be had")

    return evaluate(terms, leaf, element, function)


def store(machine: Machine, address: int, value: int, state: State, surroundings: Surroundings) -> None:
    """Store a unit of physical memory."""
    if surroundings.memory is not None:
        surroundings.memory.store(address, 1, value)
    else:
        cells(state, machine.state.memory)[address] = value


def interrupt(machine: Machine, state: State, surroundings: Surroundings) -> tuple[str, Exit | None]:
    """Deliver the interrupt that is pending, as `arrive` does a trap. Raises ValueError for a machine without interrupts."""
    rule = machine.code.interrupt
    if rule is None:
        raise ValueError(f"{machine.identity.name} has no interrupts")
    nested = serve(machine, rule.deliver, state, surroundings)
    if nested is None:
        return rule.deliver, None
    name, failed = arrive(machine, nested, state, surroundings)
    return f"{name} in {rule.deliver}", failed


def refused(machine: Machine, args: tuple[int, ...], state: State, surroundings: Surroundings) -> Exit | None:
    """How the guest's own translation ends an access; None where it admits it."""
    translation = machine.code.translation
    if translation is None:
        return None
    found = call(machine, translation.function, args, state, surroundings)
    return found if isinstance(found, Exit) else None


def fetches(machine: Machine, keep: int, state: State, surroundings: Surroundings) -> bool:
    """Whether the instruction at PC can be fetched, from among the first `keep` units of RAM."""
    memory = surroundings.memory or Held(cells(state, machine.state.memory), machine)
    seen = Recorder(memory, pretend=True)
    asked = replace(surroundings, memory=seen)
    if isinstance(call(machine, machine.code.fetch, (scalar(state, machine.state.pc),), state, asked), Exit):
        return False
    base = machine.platform.ram_base
    address, count = seen.loads[-1] if seen.loads else (base - 1, 1)
    return base <= address and address + count <= base + keep


@dataclass(frozen=True, slots=True)
class Binding:
    """The questions; the reference binding's answers by default.

    A proof gives the same dispatcher a binding on terms, so that the code that runs is the code that is proved.
    """

    pending: Callable[[Machine, State, Surroundings], bool] = pending
    waiting: Callable[[Machine, State, Surroundings], bool] = waiting
    holds: Callable[[Machine, Term, State, Surroundings], bool] = holds
    fetch: Callable[[Machine, State, Surroundings], Fetched | Exit | None] = fetch
    execute: Callable[[Machine, Fetched | None, State, Surroundings], tuple[Exit | None, Fetched | None]] = execute
    enter: Callable[[Machine, Exit, State, Surroundings], Exit | None] = enter
    arrive: Callable[[Machine, Exit, State, Surroundings], tuple[str, Exit | None]] = arrive
    interrupt: Callable[[Machine, State, Surroundings], tuple[str, Exit | None]] = interrupt
    refused: Callable[[Machine, tuple[int, ...], State, Surroundings], Exit | None] = refused
    fetches: Callable[[Machine, int, State, Surroundings], bool] = fetches
    values: Values = values
    store: Callable[[Machine, int, int, State, Surroundings], None] = store


REFERENCE = Binding()
