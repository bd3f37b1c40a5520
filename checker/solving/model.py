"""What a solver answers, as values: a status, and a model under which every term has a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pgcheck.isa.terms import Name, Term, Valuation, constant, eq, evaluate, lnot, walk

Status = Literal["unsat", "sat", "unknown", "error"]


@dataclass(frozen=True, slots=True)
class Model:
    """A finite assignment, else 0: variables by name, elements by (array, index), functions by (name, arguments)."""

    variables: Mapping[Name, int]
    elements: Mapping[tuple[Name, int], int]
    functions: Mapping[tuple[Name, tuple[int, ...]], int]

    def leaf(self, variable: Term) -> int:
        return self.variables.get(variable.name, 0)

    def element(self, array: Term, index: int) -> int:
        return self.elements.get((array.name, index), 0)

    def cells(self, array: Name) -> dict[int, int]:
        """The elements of a free array that are known, in the order of their indices."""
        return {i: v for (a, i), v in sorted(self.elements.items()) if a == array}

    def function(self, name: Name, arguments: tuple[int, ...], width: int) -> int:
        return self.functions.get((name, arguments), 0)

    def values(self, terms: Sequence[Term]) -> list[int]:
        """The values of `terms`, none of them an array."""
        return evaluate(terms, self.leaf, self.element, self.function)

    @property
    def valuation(self) -> Valuation:
        """The values of terms under it, for whoever asks about many that have parts in common."""
        return Valuation(self.leaf, self.element, self.function)

    def satisfies(self, assertions: Sequence[Term]) -> bool:
        """Whether all assertions are true; those behind one that is not are not looked at."""
        return all(map(self.valuation.of, assertions))


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of one obligation.

    `model` is there iff `status` is `sat`, unless the second solver said so, and all assertions are true under it.
    """

    status: Status
    reason: str = ""
    model: Model | None = None
    seconds: float = 0.0
    rlimit: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """A formula that a witness had better satisfy; if it cannot, each bit of `small` a zero, the high ones first."""

    prefer: Term
    small: Term | None = None


def zero(term: Term) -> Wish:
    """That a term is zero, or bits of it are."""
    if term.width == 0:
        return Wish(lnot(term))
    return Wish(eq(term, constant(term.width, 0)), term if term.width > 1 else None)


def completing(assertions: Sequence[Term], wishes: Sequence[Wish]) -> Iterator[Wish]:
    """What leaves nothing open after some wishes: of every variable, read and call that they do not settle, each bit a zero."""
    tried = {w.prefer for w in wishes}
    settled = {w.small for w in wishes}
    for term in walk(assertions):
        if term.op in ("var", "select", "uf"):
            wish = zero(term)
            if wish.small not in settled if wish.small is not None else wish.prefer not in tried:
                yield wish
