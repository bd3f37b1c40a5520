"""The reference binding: whole steps of a machine on Python integers. It shares no code with a solver and is the oracle of every other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from pgcheck.isa.machine.machine import Instruction, Machine
from pgcheck.isa.terms import Term, evaluate, mask
from pgcheck.isa.terms.ir import BUILTIN_EXITS, UNMODELLED, Block
from pgcheck.isa.terms.names import LINK
from pgcheck.models.reference.closures import invoke, perform, value
from pgcheck.models.reference.step import Step
from pgcheck.models.state import Ended, Exit, Fetched, State, Surroundings, scalar


def step(machine: Machine, fetched: Fetched, state: State, surroundings: Surroundings | None = None) -> Exit | None:
    """One instruction on `state`, in place; None when it completed."""
    run = Step(machine, state, fetched.operands, surroundings)
    run.encoding, run.length = fetched.instruction.encoding_term, fetched.length
    return body(run, fetched.instruction.body, fetched.length)


def canonical(instruction: Instruction, operands: Mapping[str, int]) -> Fetched:
    """An instruction as its canonical encoding is found."""
    return Fetched(instruction, operands, operand_value(instruction.length, operands))


def body(run: Step, block: Block, length: int) -> Exit | None:
    """Run the body of an instruction of `length` units of PC; None when it completed."""
    pc = run.machine.state.leaves[run.machine.state.pc]
    run.next = run.scalar(pc.name) + length & mask(pc.width)
    try:
        perform(run, block)
    except Ended as ended:
        return ended.exit
    run.state[pc.name] = run.next
    return None


def operand_value(term: Term, operands: Mapping[str, int]) -> int:
    """The value of a term over operands."""
    return evaluate([term], lambda t: operands[t.name.text], lambda a, i: 0, lambda n, a, w: 0)[0]


def holds(machine: Machine, predicate: Term, state: State, surroundings: Surroundings | None = None) -> bool:
    """Whether a predicate over state is true."""
    return bool(value(Step(machine, state, {}, surroundings), predicate))


def deliver(
    machine: Machine, exit_: Exit, state: State, surroundings: Surroundings | None = None, link: int = 0
) -> Exit | None:
    """Trap entry, the step's `link`-th: run the terminator's body on the state at the exit; an exit within it is returned."""
    run = Step(machine, state, {}, surroundings)
    run.first = link * LINK
    run.next = run.scalar(machine.state.pc)
    function = machine.code.functions[exit_.function]
    run.locals = {n: a for (n, _), a in zip(function.parameters, exit_.args, strict=True)}
    try:
        perform(run, function.body)
    except Ended as ended:
        return ended.exit
    state[machine.state.pc] = run.next
    return None


def call(
    machine: Machine, name: str, args: tuple[int, ...], state: State, surroundings: Surroundings | None = None
) -> tuple[int, ...] | Exit:
    """The results of a function of the specification on `state`, or the exit it took."""
    try:
        return invoke(Step(machine, state, {}, surroundings), name, args)
    except Ended as ended:
        return ended.exit


def fetch(machine: Machine, state: State, surroundings: Surroundings | None = None) -> Fetched | Exit | None:
    """The instruction at PC, fetched unit by unit through the specification's `fetch`; None when no encoding accepts the bits."""
    pc = machine.state.leaves[machine.state.pc]
    here = scalar(state, machine.state.pc)
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
    return None if found is None else Fetched(machine.instruction(found.id), found.operands, found.length)


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
            exit_ = body(Step(machine, state, {}, surroundings), machine.code.undefined.body, 0)
        else:
            exit_ = step(machine, fetched, state, surroundings)
        rule = machine.code.exits.get(exit_.function) if exit_ is not None else None
        if exit_ is None or rule is None or rule.kind != "execute":
            return exit_, fetched
        link += 1
        found = executed(machine, exit_.args[0])
        fetched = found and replace(found, link=link)
    return Exit(UNMODELLED, (), f"a chain of more than {LINKS} executed words"), fetched


Delivery = Callable[[Machine, Exit, State, "Surroundings | None"], "Exit | None"]


def enter(
    machine: Machine, exit_: Exit, state: State, surroundings: Surroundings | None = None, deliver: Delivery = deliver
) -> Exit | None:
    """Trap entry with what is nested in it, and firmware; the exit that could not be delivered, if one could not."""
    failed = arrive(machine, exit_, state, surroundings, deliver)[1]
    return firmware(machine, state, surroundings) if failed is None else failed


def arrive(
    machine: Machine, exit_: Exit, state: State, surroundings: Surroundings | None = None, deliver: Delivery = deliver
) -> tuple[str, Exit | None]:
    """Trap entry with what is nested in it, as far as the first instruction after it.

    Gives the terminators that were delivered, "b in a" for b nested in a, and the exit that could not be delivered, if one could not.
    """
    current, name = exit_, exit_.function
    while current.function not in BUILTIN_EXITS:
        nested = deliver(machine, current, state, surroundings)
        if nested is None:
            return name, None
        rule = machine.code.exits.get(machine.code.exits[current.function].nested)
        if rule is None or nested.function in BUILTIN_EXITS:
            return name, replace(nested, note=nested.note or f"in the delivery of {current.function}")
        current, name = Exit(rule.function, ()), f"{rule.function} in {name}"
    return name, current


def firmware(machine: Machine, state: State, surroundings: Surroundings | None) -> Exit | None:
    """Serve a trap that firmware has taken; the exit that its function took, if it did."""
    above = machine.platform.firmware
    if above is None or not holds(machine, above.when, state, surroundings):
        return None
    return serve(machine, above.call, state, surroundings)


def serve(machine: Machine, name: str, state: State, surroundings: Surroundings | None = None) -> Exit | None:
    """Run a function without arguments that moves the processor, as an interrupt or a firmware call does; the exit it took."""
    run = Step(machine, state, {}, surroundings)
    run.next = run.scalar(machine.state.pc)
    try:
        invoke(run, name, ())
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
