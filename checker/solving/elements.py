"""Arrays of few elements as their elements: what a solver is asked has a variable for each, and no theory of arrays for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pgcheck.isa.terms import ARRAY, Name, Term, constant, eq, extract, ite, rewrite, variable
from pgcheck.isa.terms.folding import folds
from pgcheck.isa.terms.names import ELEMENT

INDEX_BITS: Final = 4  # of arrays of at most 16 elements
FEW_BITS: Final = 128  # of all elements together


def element_name(array: Name, index: int) -> Name:
    """The variable that stands for an element."""
    return Name(ELEMENT, str(array), index)


def small(array: Term) -> bool:
    """Whether an array has few elements."""
    return array.width == ARRAY and array.array_sort[0] <= INDEX_BITS


def expanded(assertions: Sequence[Term], *, wide: bool) -> Sequence[Term]:
    """`assertions` with the elements of small arrays as variables; a model of either is one of the other.

    Without `wide` only those of arrays of few bits: many wide elements cost a solver more than its theory of arrays does.
    """
    kind = wide, folds()
    return rewrite(assertions, _Expanding(wide, _ELEMENTS.setdefault(kind, {})), _EXPANDED.setdefault(kind, {}))


# Terms live as long as the process, and obligations share most of theirs: what one is made into, by `wide` and
# whether terms are folded.
_EXPANDED: Final[dict[tuple[bool, bool], dict[Term, Term]]] = {}
_ELEMENTS: Final[dict[tuple[bool, bool], dict[Term, tuple[Term, ...]]]] = {}


@dataclass(frozen=True, slots=True)
class _Expanding:
    """What replaces the reads of arrays that are taken apart, and keeps what their elements are."""

    wide: bool
    elements: dict[Term, tuple[Term, ...]]

    def __call__(self, term: Term, args: tuple[Term, ...]) -> Term | None:
        elements = self.elements
        match term.op:
            case "select" if self.apart(term.args[0]):
                return _chosen(elements[term.args[0]], args[1])
            case "array" | "karray" if self.apart(term):
                elements[term] = _free(term)
            case "store" if self.apart(term):
                index, value = args[1:]
                places = (eq(index, constant(index.width, k)) for k in range(1 << index.width))
                old = elements[term.args[0]]
                elements[term] = tuple(ite(here, value, e) for here, e in zip(places, old, strict=True))
            case "ite" if self.apart(term):
                one, other = (elements[a] for a in term.args[1:])
                elements[term] = tuple(ite(args[0], a, b) for a, b in zip(one, other, strict=True))
            case _:
                return None
        return term

    def apart(self, array: Term) -> bool:
        return small(array) and (self.wide or array.array_sort[1] << array.array_sort[0] <= FEW_BITS)


def _free(array: Term) -> tuple[Term, ...]:
    index, width = array.array_sort
    if array.op == "karray":
        return (constant(width, array.value),) * (1 << index)
    return tuple(variable(width, element_name(array.name, k)) for k in range(1 << index))


def _chosen(elements: Sequence[Term], index: Term) -> Term:
    """The element at an index, bit of it by bit."""
    for bit in range(index.width):
        one = eq(extract(index, bit, bit), constant(1, 1))
        elements = [ite(one, b, a) for a, b in zip(elements[::2], elements[1::2], strict=True)]
    return elements[0]
