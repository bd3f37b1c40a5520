"""Lowered code with its functions, or operands, called otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from pgcheck.isa.terms import Term, node, operand, rewrite
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
from pgcheck.isa.terms.names import OPERAND

Names = Mapping[str, str]


def renamed(block: Block, functions: Names) -> Block:
    """Statements that call, and end in, functions by their new names."""
    return _block(block, functions, lambda term: renamed_term(term, functions))


def with_operands(block: Block, names: Names) -> Block:
    """Statements with operands by their new names."""

    def named(old: Term, args: tuple[Term, ...]) -> Term | None:
        known = old.op == "var" and old.name.space == OPERAND and old.name.text in names
        return operand(old.width, names[old.name.text]) if known else None

    return _block(block, {}, lambda term: rewrite([term], named)[0])


def renamed_term(term: Term, functions: Names) -> Term:
    """A term of the intermediate form that calls functions by their new names."""

    def named(old: Term, args: tuple[Term, ...]) -> Term | None:
        if old.op == "call" and old.about in functions:
            return node("call", old.width, *args, data=functions[old.about])
        return None

    return rewrite([term], named)[0]


def _block(block: Block, functions: Names, t: Callable[[Term], Term]) -> Block:
    return tuple(_statement(s, functions, t) for s in block)


def _statement(statement: Statement, functions: Names, t: Callable[[Term], Term]) -> Statement:
    """The statement with functions by their new names, and terms as `t` has them."""
    match statement:
        case SetLocal(_, value) | SetLeaf(_, value) | SetNext(value):
            return replace(statement, value=t(value))
        case Do(call):
            return Do(t(call))
        case SetElement(leaf, index, value):
            return SetElement(leaf, t(index), t(value))
        case Store(address, value):
            return Store(t(address), t(value))
        case If(condition, then, orelse):
            return If(t(condition), _block(then, functions, t), _block(orelse, functions, t))
        case Bind(targets, function, args):
            return Bind(targets, functions.get(function, function), tuple(map(t, args)))
        case Return(values):
            return Return(tuple(map(t, values)))
        case Raise(function, args, note):
            return Raise(functions.get(function, function), tuple(map(t, args)), note)
