"""Lowered code with its functions and leaves called otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pgcheck.isa.terms import Term, node, rewrite
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

Names = Mapping[str, str]


def renamed(block: Block, functions: Names) -> Block:
    """Statements that call, and end in, functions by their new names."""
    return tuple(_statement(s, functions) for s in block)


def renamed_term(term: Term, functions: Names) -> Term:
    """A term of the intermediate form that calls functions by their new names."""

    def named(old: Term, args: tuple[Term, ...]) -> Term | None:
        if old.op == "call" and old.about in functions:
            return node("call", old.width, *args, data=functions[old.about])
        return None

    return rewrite([term], named)[0]


def _statement(statement: Statement, functions: Names) -> Statement:
    def t(term: Term) -> Term:
        return renamed_term(term, functions)

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
            return If(t(condition), renamed(then, functions), renamed(orelse, functions))
        case Bind(targets, function, args):
            return Bind(targets, functions.get(function, function), tuple(map(t, args)))
        case Return(values):
            return Return(tuple(map(t, values)))
        case Raise(function, args, note):
            return Raise(functions.get(function, function), tuple(map(t, args)), note)
