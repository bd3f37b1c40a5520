"""What a function of a specification can read, found in its intermediate form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pgcheck.isa.terms import Term, walk
from pgcheck.isa.terms.ir import (
    Bind,
    Block,
    Do,
    Functions,
    If,
    Raise,
    Return,
    SetElement,
    SetLeaf,
    SetLocal,
    SetNext,
    Store,
)


def free_leaves(terms: Iterable[Term]) -> frozenset[str]:
    """The leaves of state among the free terms of `terms`."""
    return frozenset(leaf for term in walk(terms) if (leaf := term.leaf) is not None)


def leaves_read(functions: Functions, name: str, ends: Iterable[str] = ()) -> frozenset[str]:
    """The leaves that a function and the functions it calls can read; the bodies of the terminators `ends` are no part of it."""
    seen, todo, found = set(ends), [name], set[str]()
    while todo:
        current = todo.pop()
        if current in seen:
            continue
        seen.add(current)
        for term in walk(terms_of(functions[current].body)):
            if (leaf := term.leaf) is not None:
                found.add(leaf)
            elif term.op == "volatile":
                found.add(term.about)
            elif term.op == "call":
                todo.append(term.about)
        todo += bound_calls(functions[current].body)
    return frozenset(found)


def left_open(functions: Functions, terms: Iterable[Term]) -> frozenset[str]:
    """The sites and volatile leaves that terms, and the functions that they call, leave open."""
    found, seen, todo, here = set[str](), set[str](), list[str](), list(terms)
    while True:
        for term in walk(here):
            if term.op in ("choice", "undefined", "volatile"):
                found.add(term.about)
            elif term.op == "call":
                todo.append(term.about)
        todo = [name for name in todo if name not in seen]
        if not todo:
            return frozenset(found)
        name = todo.pop()
        seen.add(name)
        here = list(terms_of(functions[name].body))
        todo += bound_calls(functions[name].body)


def terms_of(block: Block) -> Iterator[Term]:
    """The terms of the statements of a block."""
    for statement in block:
        match statement:
            case SetLocal(_, value) | SetLeaf(_, value) | SetNext(value) | Do(value):
                yield value
            case SetElement(_, index, value) | Store(index, value):
                yield from (index, value)
            case If(condition, then, orelse):
                yield condition
                yield from terms_of(then)
                yield from terms_of(orelse)
            case Bind(_, _, args) | Return(args) | Raise(_, args):
                yield from args


def bound_calls(block: Block) -> Iterator[str]:
    """The functions whose several results a block binds."""
    for statement in block:
        match statement:
            case Bind(_, function, _):
                yield function
            case If(_, then, orelse):
                yield from bound_calls(then)
                yield from bound_calls(orelse)
            case _:
                pass


def calls(block: Block) -> Iterator[str]:
    """The functions and terminators that a block itself calls."""
    yield from (term.about for term in walk(terms_of(block)) if term.op == "call")
    yield from bound_calls(block)
    yield from raised(block)


def raised(block: Block) -> Iterator[str]:
    """The exits that a block itself ends in."""
    for statement in block:
        match statement:
            case Raise(function, _, _):
                yield function
            case If(_, then, orelse):
                yield from raised(then)
                yield from raised(orelse)
            case _:
                pass


def touched(block: Block) -> Iterator[str]:
    """The leaves that a block itself reads or writes."""
    for term in walk(terms_of(block)):
        if (leaf := term.leaf) is not None:
            yield leaf
        elif term.op == "volatile":
            yield term.about
    yield from written_leaves(block)


def written_leaves(block: Block) -> Iterator[str]:
    """The leaves that a block itself writes."""
    for statement in block:
        match statement:
            case SetLeaf(leaf, _) | SetElement(leaf, _, _):
                yield leaf
            case If(_, then, orelse):
                yield from written_leaves(then)
                yield from written_leaves(orelse)
            case _:
                pass
