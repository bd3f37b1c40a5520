"""Lowered code as closures over a step of the reference binding, made once per term and once per block."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from pgcheck.isa.terms import OPERATORS, Name, Term, names
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
    Statement,
    Store,
)
from pgcheck.models.reference.step import Step

Expression = Callable[[Step], int]
Action = Callable[[Step], "tuple[int, ...] | None"]


def value(step: Step, term: Term) -> int:
    """The value of an expression of the intermediate form."""
    return expression(term)(step)


def perform(step: Step, block: Block) -> tuple[int, ...] | None:
    """Run statements; the results when they returned. Raises Ended at an exit."""
    known = step.actions.get(id(block))
    if known is None:
        known = step.actions[id(block)] = block, compiled(block)
    return known[1](step)


def invoke(step: Step, name: str, args: tuple[int, ...]) -> tuple[int, ...]:
    """The results of a function; a cut asks the oracle first."""
    translation = step.machine.code.translation
    translating = translation is not None and name == translation.function
    if translating:
        step.access = args
    if step.surroundings.oracle is not None:
        answer = step.answer(step.surroundings.oracle, name, args)
        if answer is not None:
            step.access = None
            return answer
    function = step.machine.code.functions[name]
    outer = step.locals
    step.locals = {n: a for (n, _), a in zip(function.parameters, args, strict=True)}
    results = perform(step, function.body)
    step.locals = outer
    if translating:
        step.access = None
    return results if results is not None else (0,) * len(function.results)


@cache
def expression(term: Term) -> Expression:
    """The function from a step to the value of an expression of the intermediate form."""
    op, width, name = term.op, term.width, str(term.data)
    if op == "var":
        return _variable(term.name)
    if op == "select":
        leaf, index = term.args[0].name.text, expression(term.args[1])
        return lambda s: s.element(leaf, index(s))
    args = tuple(expression(a) for a in term.args)
    match op, args:
        case "const", _:
            fixed = term.value
            return lambda s: fixed
        case "ite", (guard, first, second):
            return lambda s: first(s) if guard(s) else second(s)
        case "land", (first, second):
            return lambda s: second(s) if first(s) else 0
        case "lor", (first, second):
            return lambda s: 1 if first(s) else second(s)
        case "call", _:
            return lambda s: (invoke(s, name, tuple([a(s) for a in args])) or (1,))[0]
        case "load", (address,):
            return lambda s: s.load(address(s), width)
        case (("undefined" | "choice"), _):
            return lambda s: s.undefined(name, width)
        case "volatile", _:
            return lambda s: s.volatile(name, args[0](s) if args else None)
        case "length", _:
            return lambda s: s.length
        case "encoding", _:
            return lambda s: value(s, s.encoding) if s.encoding is not None else 0
    python, widths, data = OPERATORS[op].python, tuple(a.width for a in term.args), term.data
    if len(args) == 1:
        only = args[0]
        return lambda s: python(width, widths, data, only(s))
    left, right = args
    return lambda s: python(width, widths, data, left(s), right(s))


def _variable(name: Name) -> Expression:
    text = name.text
    match name.space:
        case names.LOCAL:
            return lambda s: s.locals[text]
        case names.OPERAND:
            return lambda s: s.operands[text]
        case _:
            return lambda s: s.scalar(text)


def compiled(block: Block) -> Action:
    """The action of a block."""
    return _sequence(tuple(_action(statement) for statement in block))


def _sequence(actions: tuple[Action, ...]) -> Action:
    if len(actions) == 1:
        return actions[0]

    def run(s: Step) -> tuple[int, ...] | None:
        for action in actions:
            results = action(s)
            if results is not None:
                return results
        return None

    return run


def _action(statement: Statement) -> Action:
    """The function that runs a statement and gives the results when it returns from its function."""
    match statement:
        case SetLocal(name, value):
            new = expression(value)
            return lambda s: s.locals.__setitem__(name, new(s))
        case SetLeaf(leaf, value):
            new = expression(value)
            return lambda s: s.set_scalar(leaf, new(s))
        case SetElement(leaf, index, value):
            place, new = expression(index), expression(value)
            return lambda s: s.set_element(leaf, place(s), new(s))
        case SetNext(value):
            new = expression(value)
            return lambda s: setattr(s, "next", new(s))
        case Store(address, value):
            place, new, width = expression(address), expression(value), value.width
            return lambda s: s.write(place(s), new(s), width)
        case If(condition, then, orelse):
            guard, first, second = expression(condition), compiled(then), compiled(orelse)
            return lambda s: first(s) if guard(s) else second(s)
        case Do(call):
            return _do(expression(call))
        case Bind(targets, function, args):
            return _bind(targets, function, tuple(map(expression, args)))
        case Return(values):
            results = tuple(map(expression, values))
            return lambda s: tuple([r(s) for r in results])
        case Raise(function, args, note):
            return _raise(function, tuple(map(expression, args)), note)


def _do(effect: Expression) -> Action:
    def run(s: Step) -> None:
        effect(s)

    return run


def _bind(targets: tuple[str | None, ...], function: str, args: tuple[Expression, ...]) -> Action:
    def run(s: Step) -> None:
        results = invoke(s, function, tuple([a(s) for a in args]))
        s.locals.update({t: r for t, r in zip(targets, results, strict=True) if t is not None})

    return run


def _raise(function: str, args: tuple[Expression, ...], note: str) -> Action:
    def run(s: Step) -> None:
        s.end(function, tuple([a(s) for a in args]), note)

    return run
