"""Blocks of generated code: what each instruction's part of a block has to do, and what the block around them.

A part starts in any state that has the block's setting, whatever was before it, and ends as its instruction does: it goes on to the part that
follows it, back to the start of the block, out of it, or into an exit. So a block is right if all its parts are, in any order and number, and each
can be asked alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pgcheck.checker.generated import integers
from pgcheck.checker.generated.around import COUNT, LEAVES, LOOKS, MUST, OWED, Cut, Place, outside
from pgcheck.checker.generated.integers import Number, known
from pgcheck.checker.generated.normal import narrowed, normal, where
from pgcheck.checker.generated.parts import PartEvaluator
from pgcheck.checker.generated.routines import Comparer, Library
from pgcheck.checker.generated.traced import Flow, starting
from pgcheck.checker.questions.answers import state_under
from pgcheck.checker.questions.copies import differ
from pgcheck.checker.solving.model import Model
from pgcheck.isa.terms import FALSE, TRUE, Term, constant, disjunction, eq, land, lnot, store, variable
from pgcheck.isa.terms.names import FREE, Name
from pgcheck.models.generated.lines import Setting
from pgcheck.models.generated.program import Written
from pgcheck.models.state import Cells
from pgcheck.models.state import State as MachineState
from pgcheck.models.symbolic import NEXT_PC, State, initial, perform

NOT_LOOKED: Final = "that the engine does not look"
CLOCKS: Final = COUNT - 2
START = Number(variable(CLOCKS, Name(FREE, "$c")), 0, (1 << CLOCKS) - 1)
MOST = Number(variable(CLOCKS, Name(FREE, "$most")), 0, (1 << CLOCKS) - 1)


@dataclass(frozen=True)
class Block:
    """A block that was written for a setting, from `start` on."""

    library: Library
    written: Written
    setting: Setting

    @cached_property
    def tree(self) -> ast.FunctionDef:
        (tree,) = ast.parse(self.written.text).body
        assert isinstance(tree, ast.FunctionDef)
        return tree

    @property
    def pcs(self) -> tuple[int, ...]:
        return tuple(self.written.trace)

    def part(self, k: int) -> list[ast.stmt]:
        """The statements of the instruction of that number."""
        marks = (*self.written.marks, len(self.written.lines))
        loop = self.tree.body[-1]
        assert isinstance(loop, ast.While)
        return [s for s in loop.body if marks[k] <= s.lineno - 1 < marks[k + 1]]

    @cached_property
    def before(self) -> State:
        """Any state that the block is for; its PC aside."""
        state = starting(initial(self.library.machine))
        for name, value in self.setting.context.items():
            leaf = self.library.machine.state.leaves[name]
            if isinstance(value, int):
                state[name] = constant(leaf.width, value)
            else:
                index = self.library.machine.state.arrays[name].index_width
                for at, element in enumerate(value):
                    state[name] = store(state[name], constant(index, at), constant(leaf.width, element))
        return state


def framed(block: Block) -> str:
    """What is wrong with what stands around the parts of a block; "" if nothing is.

    The budget is asked for before the first part, which no two instructions are before; every statement in the loop is some part's.
    """
    written = block.written
    head = [
        f"most = end - {len(written.trace)}",
        "if c > most:\n    return c",
        *(f"A{i} = S[{name!r}]" for i, name in enumerate(written.arrays)),
        "q = False",
    ]
    *found, loop = block.tree.body
    if [ast.unparse(s) for s in found] != head:
        return "what is done before the first instruction"
    if not isinstance(loop, ast.While) or ast.unparse(loop.test) != "True" or loop.orelse:
        return "the loop around the instructions"
    parts = [s for k in range(len(written.marks)) for s in block.part(k)]
    return "" if parts == loop.body else "the parts are not all that the loop has"


def state_before(block: Block, k: int, model: Model) -> MachineState:
    """The state of a model before part number `k`."""
    machine = block.library.machine
    held = {n: v for n, v in block.setting.context.items() if isinstance(v, int)} | {machine.state.pc: block.pcs[k]}
    fixed = {n: constant(machine.state.leaves[n].width, v) for n, v in held.items()}
    found = state_under(machine, initial(machine) | fixed, model)
    return found | {n: Cells(0, dict(enumerate(v))) for n, v in block.setting.context.items() if isinstance(v, tuple)}


@dataclass(frozen=True, slots=True)
class Compared:
    """A part beside its instruction: what differs and when, none of which may be possible, and leaves after both."""

    differs: Mapping[str, Term]
    after: Mapping[str, tuple[Term, Term]]


def compared(block: Block, k: int) -> Compared:
    """Part number `k` of a block beside its instruction. Raises Unknown for Python that is not known."""
    machine = block.library.machine
    pc, right = machine.state.pc, meant(block, k)
    ends = Ends(block, k, right.frame.state[pc])
    done, evaluator = emitted(block, k, ends)
    flow = evaluator.flow
    falls = land(flow.alive, flow.running)
    wrong = [(what, land(falls, where((flow.alive, flow.running), when))) for what, when in ends.falls(flow.state)]
    wrong.append(("a translation that is not made", land(flow.alive, flow.state[OWED])))
    flow.state[pc] = right.frame.state[pc]
    found: dict[str, list[Term]] = {}
    comparer = Comparer(machine)
    for what, when in (*comparer.differences(right, done), *evaluator.escapes, *wrong):
        left = narrowed(*normal((when,), comparer.memos)) if when is not FALSE else FALSE
        if left is not FALSE and not comparer.contexts.impossible(left):
            found.setdefault(what, []).append(left)
    after = {n: (flow.state[n], t) for n, t in right.frame.state.items() if n in machine.state.scalars}
    return Compared({what: disjunction(whens) for what, whens in found.items()}, after)


def meant(block: Block, k: int) -> Cut:
    """The terms of the instruction."""
    machine, pc = block.library.machine, block.pcs[k]
    fetched = block.written.trace[pc]
    operands = {n: constant(b.width, fetched.operands[n]) for n, b in fetched.instruction.operands.items()}
    state = block.before | {machine.state.pc: constant(machine.state.leaves[machine.state.pc].width, pc)}
    done = Cut(machine, state, operands, (block.setting, block.written.tables))
    perform(done, fetched.instruction.body, fetched.instruction.length, fetched.instruction.encoding_term)
    return done


def emitted(block: Block, k: int, ends: Ends) -> tuple[Cut, PartEvaluator]:
    """What the part does; the PC before it is any. Raises Unknown."""
    machine, written = block.library.machine, block.written
    pc = machine.state.leaves[machine.state.pc]
    stale = {name: variable(pc.width, Name(FREE, f"$stale {name}")) for name in (pc.name, NEXT_PC)}
    done = Cut(machine, {}, {}, (block.setting, written.tables))
    done.frame = Flow(block.before | stale | outside(), {}, numbers={"c": START, "most": MOST, "q": known(0)})
    place = Place(block.setting, k, block.pcs[k], written.arrays, written.tables)
    evaluator = PartEvaluator(
        machine=machine, done=done, called=block.library.called, place=place, start=START, ending=ends
    )
    evaluator.block(block.part(k), ())
    return done, evaluator


@dataclass(frozen=True, slots=True)
class Ends:
    """What is wrong with where part `k` of a block leads, and when; its instruction leads to `after`."""

    block: Block
    k: int
    after: Term

    def __call__(self, how: str, state: State, count: Number) -> Iterator[tuple[str, Term]]:
        """With its return, or its way back to the start, after so many steps."""
        right = integers.add(START, known(self.k + 1))
        yield "how many steps it counts", lnot(eq(count.modulo(COUNT), right.modulo(COUNT)))
        must = disjunction((state[MUST], *self.turned(state)))
        if how == LEAVES:
            yield "the PC that it leaves", lnot(eq(state[self.block.library.machine.state.pc], self.after))
            yield NOT_LOOKED, land(must, lnot(state[LOOKS]))
        else:
            yield "where it leads", lnot(self.goes(0))
            yield "more steps than the budget has", integers.compared("lt", MOST, right)
            yield NOT_LOOKED, disjunction((state[LOOKS], must))

    def falls(self, state: State) -> Iterator[tuple[str, Term]]:
        """By running into what follows."""
        last = self.k + 1 == len(self.block.written.trace)
        yield "where it leads", TRUE if last else lnot(self.goes(self.k + 1))
        yield NOT_LOOKED, disjunction((state[LOOKS], state[MUST], *self.turned(state)))

    def goes(self, k: int) -> Term:
        return eq(self.after, constant(self.after.width, self.block.pcs[k]))

    def turned(self, state: State) -> Iterator[Term]:
        """What the engine has to look after: leaves that other code was made for, and those that make interrupts pending."""
        program = self.block.library.program
        for name in sorted({*program.context, *program.pending}):
            before, after = self.block.before[name], state[name]
            if before is not after:
                yield differ(self.block.library.machine.state.leaves[name], before, after)
