"""Terms in which a part of what is free is as in a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pgcheck.checker.solving.model import Model
from pgcheck.isa.terms import Term, conjunction, constant, constant_array, eq, ite, rewrite, store


def pinned(terms: Sequence[Term], model: Model, which: Callable[[Term], bool]) -> list[Term]:
    """The terms with the free variables, arrays and applications that `which` picks as in a model."""

    def replace(term: Term, args: tuple[Term, ...]) -> Term | None:
        if not (term.op == "uf" or term.free is not None) or not which(term):
            return None
        if term.op == "uf":
            return _answered(term, args, model)
        if term.shape is None:
            return constant(term.width, model.leaf(term))
        index, element = term.shape
        cells = constant_array(index, element, 0)
        for place, value in model.cells(term.name).items():
            cells = store(cells, constant(index, place), constant(element, value))
        return cells

    return rewrite(terms, replace)


def _answered(application: Term, args: tuple[Term, ...], model: Model) -> Term:
    result = constant(application.width, 0)
    for (function, given), value in sorted(model.functions.items()):
        if function == application.name:
            same = conjunction(eq(a, constant(a.width, g)) for a, g in zip(args, given, strict=True))
            result = ite(same, constant(application.width, value), result)
    return result
