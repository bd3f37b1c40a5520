"""Replies of the solver process, read: a status, and a model, whatever the solver; nothing in them is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pgcheck.checker.solving.elements import element_name, small
from pgcheck.checker.solving.model import Model, Status
from pgcheck.checker.solving.smtlib import Script
from pgcheck.isa.terms import Name, Term, evaluate, mask


class Unreadable(Exception):
    """A reply that has not the shape of one."""


def status(reply: Mapping[str, Any]) -> Status:
    """The status of a reply."""
    told = reply.get("status")
    if told not in ("unsat", "sat", "unknown", "error"):
        raise Unreadable(f"the solver process answered {str(told)[:80]!r}")
    return told  # type: ignore[no-any-return]  # one of four literals, as just tested


def model(reply: Mapping[str, Any], text: Script, terms: Sequence[Term]) -> tuple[Model, list[int]]:
    """The model that the values of `text.read` are, in the part that `terms` depend on, and the values of `terms` under it.

    Unreadable if a value is no number, or out of range.
    """
    known = _values(reply.get("values"), text.read)
    cells, calls = _reads(known)
    variables: dict[Name, int] = {}
    elements: dict[tuple[Name, int], int] = {}
    functions: dict[tuple[Name, tuple[int, ...]], int] = {}
    apart = {t.name: v for t, v in known.items() if t.op == "var"}

    def leaf(term: Term) -> int:
        return variables.setdefault(term.name, known.get(term, 0))

    def element(array: Term, index: int) -> int:
        value = apart.get(element_name(array.name, index)) if small(array) else None
        return elements.setdefault((array.name, index), cells.get((array, index), 0) if value is None else value)

    def function(name: Name, arguments: tuple[int, ...], width: int) -> int:
        return functions.setdefault((name, arguments), calls.get((name, arguments), 0))

    values = evaluate(terms, leaf, element, function)
    return Model(variables, elements, functions), values


def _values(given: object, read: Sequence[Term]) -> dict[Term, int]:
    if not isinstance(given, list) or len(given) != len(read):
        raise Unreadable("the solver's model cannot be read: it has not a value for each term that was asked for")
    for term, value in zip(read, given, strict=True):
        if type(value) is not int or not 0 <= value <= mask(max(term.width, 1)):
            raise Unreadable(f"the solver's model gives {str(value)[:80]} for a value of {term.width} bits")
    return dict(zip(read, given, strict=True))


def _reads(known: Mapping[Term, int]) -> tuple[dict[tuple[Term, int], int], dict[tuple[Name, tuple[int, ...]], int]]:
    """The elements of free arrays and the results of functions that the values of terms tell."""
    cells: dict[tuple[Term, int], int] = {}
    calls: dict[tuple[Name, tuple[int, ...]], int] = {}

    def value(term: Term) -> int:
        return term.value if term.is_constant else known[term]

    for term, result in known.items():
        if term.op == "uf":
            calls.setdefault((term.name, tuple(map(value, term.args))), result)
        elif term.op == "select":
            index = value(term.args[1])
            array = term.args[0]
            while array.op in ("store", "ite"):
                if array.op == "ite":
                    array = array.args[1 if value(array.args[0]) else 2]
                elif value(array.args[1]) == index:
                    break
                else:
                    array = array.args[0]
            if array.op == "array":
                cells.setdefault((array, index), result)
    return cells, calls
