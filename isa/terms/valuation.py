"""The values of terms without a solver."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from pgcheck.isa.terms.names import Name
from pgcheck.isa.terms.nodes import ARRAY, Term
from pgcheck.isa.terms.operators import OPERATORS

ArrayValue: TypeAlias = tuple[Term, Mapping[int, int]]


class Valuation:
    """One assignment, and the values under it of all terms that were asked for and of all below: each is found once.

    `leaf` gives variables, `element(array, index)` the elements of free arrays, `function(name, arguments, width)` uninterpreted functions.
    """

    __slots__ = ("_arrays", "_element", "_function", "_leaf", "_values")

    def __init__(
        self,
        leaf: Callable[[Term], int],
        element: Callable[[Term, int], int],
        function: Callable[[Name, tuple[int, ...], int], int],
    ) -> None:
        self._leaf, self._element, self._function = leaf, element, function
        self._values: dict[Term, int] = {}
        self._arrays: dict[Term, ArrayValue] = {}

    def of(self, root: Term) -> int:
        """The value of a term that is no array."""
        values, arrays, stack = self._values, self._arrays, [root]
        while stack:
            term = stack[-1]
            if term in values or term in arrays:
                stack.pop()
                continue
            missing = [a for a in term.args if a not in values and a not in arrays]
            if missing:
                stack += missing[::-1]
                continue
            stack.pop()
            if term.width == ARRAY:
                arrays[term] = self._array(term)
            else:
                values[term] = self._value(term)
        return values[root]

    def _value(self, term: Term) -> int:
        op, args, values = term.op, term.args, self._values
        match op:
            case "const":
                return term.value
            case "var":
                return self._leaf(term)
            case "select":
                base, overlay = self._arrays[args[0]]
                index = values[args[1]]
                if index in overlay:
                    return overlay[index]
                return base.value if base.op == "karray" else self._element(base, index)
            case "uf":
                return self._function(term.name, tuple([values[a] for a in args]), term.width)
        widths = tuple([a.width for a in args])
        return OPERATORS[op].python(term.width, widths, term.data, *[values[a] for a in args])

    def _array(self, term: Term) -> ArrayValue:
        args = term.args
        match term.op:
            case "store":
                base, overlay = self._arrays[args[0]]
                return base, {**overlay, self._values[args[1]]: self._values[args[2]]}
            case "ite":
                return self._arrays[args[1] if self._values[args[0]] else args[2]]
        return term, {}


def evaluate(
    roots: Iterable[Term],
    leaf: Callable[[Term], int],
    element: Callable[[Term, int], int],
    function: Callable[[Name, tuple[int, ...], int], int],
) -> list[int]:
    """The values of `roots` (no array among them) under one assignment, as of `Valuation`."""
    valuation = Valuation(leaf, element, function)
    return [valuation.of(root) for root in roots]
