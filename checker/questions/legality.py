"""Whether a machine stays in its legal states, and in what else is assumed of every state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import TRUE, Term, conjunction, disjunction, land, lnot, node, on_leaves, parameter
from pgcheck.isa.terms.ir import BUILTIN_EXITS, Block, Do, If
from pgcheck.isa.terms.names import SECOND
from pgcheck.models.symbolic import NEXT_PC, Execution, Exit, delivered, initial, predicate


@dataclass(frozen=True, slots=True)
class Move:
    """Something that moves the processor between two instructions: it ends in `state` where it is `alive`, else in an exit."""

    name: str
    alive: Term
    state: Mapping[str, Term]
    exits: tuple[Exit, ...]
    what: str = "the delivery"


def legal(machine: Machine) -> tuple[Term, ...]:
    """The conjuncts of `legal`, over the state."""
    return tuple(predicate(machine, t) for t in machine.legal)


def leaves(kept: Sequence[Term], alive: Term, state: Mapping[str, Term], exits: Sequence[Exit]) -> Term:
    """The run ends where `kept` does not hold: in `state` where it is `alive`, or in one of `exits` that is delivered.

    `kept` of the state before, where it is the same term afterwards, is taken to hold.
    """
    before = conjunction(kept)
    ends = [(alive, state), *((e.guard, e.state) for e in exits if e.function not in BUILTIN_EXITS)]
    after = ((g, conjunction(on_leaves(kept, s))) for g, s in ends)
    return disjunction(land(guard, lnot(holds)) for guard, holds in after if holds is not before)


def leaves_legal(machine: Machine, alive: Term, state: Mapping[str, Term], exits: Sequence[Exit]) -> Term:
    """The run ends in a state that is not legal."""
    return leaves(legal(machine), alive, state, exits)


def moves(machine: Machine, *, served: bool = False) -> Iterator[Move]:
    """A request that a device shows or takes back; the delivery of every trap, whatever its payload; an interrupt: awaited, asked for, delivered.

    With `served` a delivery that reaches the firmware ends when that has served it.
    """
    interrupt, firmware = machine.code.interrupt, machine.platform.firmware
    after = () if firmware is None or not served else (If(firmware.when, _called(firmware.call), ()),)
    for name in machine.platform.lines:
        line = machine.state.leaves[name].copied(SECOND)
        yield Move(name, TRUE, {**initial(machine), name: line}, (), "a device")
    for name in machine.code.exits:
        args = tuple(parameter(w, n) for n, w in machine.code.functions[name].parameters)
        yield _move(name, delivered(machine, name, args, initial(machine)), after)
    if interrupt is None:
        return
    for name in filter(None, (interrupt.waiting, interrupt.pending)):
        yield _move(name, Execution(machine, initial(machine), {}), _called(name))
    taken = Execution(machine, initial(machine), {})
    pending = taken.value(node("call", 0, data=interrupt.pending))
    move = _move(interrupt.deliver, taken, (*_called(interrupt.deliver), *after))
    exits = tuple(replace(e, guard=land(pending, e.guard)) for e in move.exits)
    yield replace(move, alive=land(pending, move.alive), exits=exits)


def _called(function: str) -> Block:
    return (Do(node("call", 0, data=function)),)


def _move(name: str, run: Execution, code: Block) -> Move:
    """What has been run, and after it each statement of `code` at the program counter that the one before left."""
    pc = run.machine.state.pc
    for statement in code:
        run.frame.state[NEXT_PC] = run.frame.state[pc]
        run.block((statement,))
        run.frame.state[pc] = run.frame.state.pop(NEXT_PC)
    return Move(name, run.frame.alive, run.frame.state, tuple(run.exits))
