"""Whole pieces of a specification on terms: a step, a trap's delivery, a predicate."""

from __future__ import annotations

from collections.abc import Mapping

from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.machine.once import once
from pgcheck.isa.terms import Term, constant, extract, mk, node, operand, substitute
from pgcheck.isa.terms.ir import Block, Do, If
from pgcheck.isa.terms.names import LINK
from pgcheck.models.symbolic.execution import Execution
from pgcheck.models.symbolic.path import NEXT_PC, State
from pgcheck.models.symbolic.transition import Transition


def initial(machine: Machine) -> State:
    """The state in which every leaf is free."""
    return dict(_free(machine))


@once
def _free(machine: Machine) -> Mapping[str, Term]:
    return {name: leaf.term for name, leaf in machine.state.leaves.items()}


def transition(machine: Machine, instruction: Instruction, fixed: Mapping[str, int] | None = None) -> Transition:
    """The transition of an instruction over leaves and operands; `fixed` operands are constants. It is kept with the machine."""
    fixed = fixed or {}
    key = (transition, id(instruction), *sorted(fixed.items()))
    if key not in machine.kept:
        operands = {
            name: constant(bits.width, fixed[name]) if name in fixed else operand(bits.width, name)
            for name, bits in instruction.operands.items()
        }
        found = run(machine, instruction.body, operands, instruction.length, instruction.encoding_term)
        machine.kept[key] = instruction, found  # the instruction is held on to, so that no other gets its id
    known: Transition = machine.kept[key][1]
    return known


def run(
    machine: Machine, body: Block, operands: Mapping[str, Term], length: Term, encoding: Term | None = None
) -> Transition:
    """The transition of a body whose instruction is `length` units of PC long."""
    done = performed(machine, body, operands, length, encoding)
    return Transition(done.frame.alive, done.frame.state, tuple(done.exits), tuple(done.accesses))


def performed(
    machine: Machine, body: Block, operands: Mapping[str, Term], length: Term, encoding: Term | None = None
) -> Execution:
    """The execution of a body whose instruction is `length` units of PC long; its frame holds the state afterwards."""
    execution = Execution(machine, initial(machine), operands)
    perform(execution, body, length, encoding)
    return execution


def perform(execution: Execution, body: Block, length: Term, encoding: Term | None = None) -> None:
    """Run a body whose instruction is `length` units of PC long, from the state of the execution."""
    machine, operands = execution.machine, execution.operands
    leaves = {operand(t.width, n): t for n, t in operands.items()}
    given = {"length": length} if encoding is None else {"length": length, "encoding": encoding}
    execution.given = dict(zip(given, substitute(given.values(), leaves), strict=True))
    pc = machine.state.leaves[machine.state.pc]
    here = execution.frame.state[machine.state.pc]
    execution.frame.state[NEXT_PC] = mk("add", pc.width, here, resized(execution.given["length"], pc.width))
    execution.block(body)
    execution.frame.state[machine.state.pc] = execution.frame.state.pop(NEXT_PC)


def resized(term: Term, width: int) -> Term:
    """`term` zero-extended or truncated to `width`."""
    return extract(term, width - 1, 0) if term.width > width else mk("zext", width, term)


@once
def predicate(machine: Machine, term: Term) -> Term:
    """A Boolean (or other) expression of the specification over state, with its calls expanded."""
    execution = Execution(machine, initial(machine), {}, cuts=False)
    return execution.value(term)


def delivered(
    machine: Machine,
    function: str,
    args: tuple[Term, ...],
    state: Mapping[str, Term],
    *,
    cuts: bool = True,
    link: int = 0,
) -> Execution:
    """The execution of a terminator's delivery body on `state`, the step's `link`-th; its frame holds the state afterwards."""
    execution = Execution(machine, dict(state), {}, cuts=cuts)
    execution.first = link * LINK
    execution.frame.state[NEXT_PC] = execution.frame.state[machine.state.pc]
    body = machine.code.functions[function]
    execution.frame.locals = {n: a for (n, _), a in zip(body.parameters, args, strict=True)}
    execution.block(body.body)
    execution.frame.state[machine.state.pc] = execution.frame.state.pop(NEXT_PC)
    return execution


def served(machine: Machine, run: Execution) -> None:
    """After a delivery: what firmware does where that has reached it."""
    firmware, state = machine.platform.firmware, run.frame.state
    if firmware is None:
        return
    state[NEXT_PC] = state[machine.state.pc]
    run.block((If(firmware.when, (Do(node("call", 0, data=firmware.call)),), ()),))
    run.frame.state[machine.state.pc] = run.frame.state.pop(NEXT_PC)
