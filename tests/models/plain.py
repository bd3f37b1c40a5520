"""The reference binding once more, as a walk over the trees of lowered code: the yardstick of its closures."""

from __future__ import annotations

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import OPERATORS, Term, mask
from pgcheck.isa.terms.ir import (
    Bind,
    Block,
    Do,
    If,
    Raise,
    Return,
    SetElement,
    SetLeaf,
    SetLocal,
    SetNext,
    Store,
)
from pgcheck.isa.terms.names import LOCAL, OPERAND
from pgcheck.models.reference.step import Step
from pgcheck.models.state import Ended, Exit, Fetched, State, Surroundings


class PlainStep(Step):
    """A step that interprets every term and statement anew."""

    @classmethod
    def run(
        cls,
        machine: Machine,
        fetched: Fetched,
        state: State,
        surroundings: Surroundings,
    ) -> Exit | None:
        """One instruction on `state`, in place; None when it completed."""
        instruction = fetched.instruction
        step = cls(machine, state, fetched.operands, surroundings)
        step.encoding, step.length = instruction.encoding_term, fetched.length
        pc = machine.state.leaves[machine.state.pc]
        step.next = step.scalar(pc.name) + fetched.length & mask(pc.width)
        try:
            step.block(instruction.body)
        except Ended as ended:
            return ended.exit
        state[pc.name] = step.next
        return None

    def value(self, term: Term) -> int:
        match term.op:
            case "const":
                return term.value
            case "var" if term.name.space == LOCAL:
                return self.locals[term.name.text]
            case "var" if term.name.space == OPERAND:
                return self.operands[term.name.text]
            case "var":
                return self.scalar(term.name.text)
            case "select":
                return self.element(term.args[0].name.text, self.value(term.args[1]))
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
                return self.undefined(str(term.data), term.width)
            case "volatile":
                return self.volatile(str(term.data), self.value(term.args[0]) if term.args else None)
            case "length":
                return self.length
            case "encoding":
                assert self.encoding is not None
                return self.value(self.encoding)
            case op:
                values = [self.value(a) for a in term.args]
                return OPERATORS[op].python(term.width, tuple(a.width for a in term.args), term.data, *values)

    def call(self, name: str, args: tuple[int, ...]) -> tuple[int, ...]:
        translation = self.machine.code.translation
        if translation is not None and name == translation.function:
            self.access = args
        answer = self.answer(self.surroundings.oracle, name, args) if self.surroundings.oracle is not None else None
        if answer is None:
            function, outer = self.machine.code.functions[name], self.locals
            self.locals = {n: a for (n, _), a in zip(function.parameters, args, strict=True)}
            results, self.locals = self.block(function.body), outer
            answer = results if results is not None else (0,) * len(function.results)
        if translation is not None and name == translation.function:
            self.access = None
        return answer

    def block(self, block: Block) -> tuple[int, ...] | None:
        for statement in block:
            match statement:
                case SetLocal(name, value):
                    self.locals[name] = self.value(value)
                case SetLeaf(leaf, value):
                    self.state[leaf] = self.value(value)
                case SetElement(leaf, index, value):
                    self.set_element(leaf, self.value(index), self.value(value))
                case SetNext(value):
                    self.next = self.value(value)
                case Store(address, value):
                    self.write(self.value(address), self.value(value), value.width)
                case If(condition, then, orelse):
                    results = self.block(then if self.value(condition) else orelse)
                    if results is not None:
                        return results
                case Do(call):
                    self.value(call)
                case Bind(targets, function, args):
                    bound = self.call(function, tuple(self.value(a) for a in args))
                    self.locals.update({t: r for t, r in zip(targets, bound, strict=True) if t is not None})
                case Return(values):
                    return tuple(self.value(v) for v in values)
                case Raise(function, args, note):
                    self.end(function, tuple(self.value(a) for a in args), note)
        return None
