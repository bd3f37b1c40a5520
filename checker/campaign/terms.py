"""Terms in the types of JSON: a list of nodes, each after those that it is made of."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from pgcheck.isa.terms import OPERATORS, Name, Term, walk
from pgcheck.isa.terms.names import read
from pgcheck.isa.terms.nodes import intern

_FREE = frozenset(("const", "var", "array", "karray", "store", "select", "uf", "ite"))


def term_values(terms: Iterable[Term]) -> list[object]:
    """The nodes of some terms, and behind them which of the nodes these are."""
    terms = list(terms)
    places: dict[Term, int] = {}
    nodes: list[object] = []
    for term in walk(terms):
        places[term] = len(nodes)
        shape = None if term.shape is None else list(term.shape)
        nodes.append([term.op, term.width, _data(term.data), shape, [places[a] for a in term.args]])
    return [nodes, [places[t] for t in terms]]


def terms_from(values: Any) -> list[Term]:
    """The terms of which `term_values` gave this. Raises ValueError for what are no terms."""
    try:
        nodes, roots = values
        found: list[Term] = []
        for op, width, data, shape, args in nodes:
            if (op not in _FREE and op not in OPERATORS) or not isinstance(width, int):
                raise ValueError(f"no operator {op!r}")
            below = tuple(_at(found, place) for place in args)
            found.append(intern(op, width, below, _data_from(data), None if shape is None else _pair(shape)))
        return [_at(found, place) for place in roots]
    except (TypeError, AttributeError) as error:
        raise ValueError(f"no terms: {error}") from None


def _at(found: Sequence[Term], place: int) -> Term:
    if not 0 <= place < len(found):
        raise ValueError(f"no node {place}")
    return found[place]


def _pair(values: Sequence[int]) -> tuple[int, int]:
    index, element = values
    return int(index), int(element)


def _data(data: Hashable) -> object:
    if isinstance(data, Name):
        return {"name": str(data)}
    return list(data) if isinstance(data, tuple) else data


def _data_from(data: Any) -> Hashable:
    if isinstance(data, dict):
        return read(data["name"])
    return _pair(data) if isinstance(data, list) else data
