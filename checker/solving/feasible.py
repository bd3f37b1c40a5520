"""Whether a path through code can be taken: one condition more on what is known to be possible."""

from __future__ import annotations

from collections.abc import Sequence

from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.model import Model
from pgcheck.isa.terms import Term, Valuation

MODELS = 64


class Feasible:
    """Whether a path can be taken: a model of an earlier path may show it, else the solver says. Raises Undecided.

    All conditions of a path but the last can hold together. So the solver is asked of the last one with those that have to do with it; the
    rest keeps what a model gives it.
    """

    def __init__(self, evidence: Evidence, label: str) -> None:
        self.evidence, self.label = evidence, label
        self.models: list[tuple[Model, Valuation]] = []

    def __call__(self, conditions: list[Term]) -> bool:
        return self.model(conditions) is not None

    def model(self, conditions: Sequence[Term]) -> Model | None:
        """Numbers that lead along the path."""
        known = self._known(conditions)
        if known is not None:
            return known
        about = connected(conditions)
        found = self.evidence.model(about, self.label)
        if found is None:
            return None
        rest = None if len(about) == len(conditions) else self._known(conditions[:-1])
        if rest is not None:
            both = Model(
                {**rest.variables, **found.variables},
                {**rest.elements, **found.elements},
                {**rest.functions, **found.functions},
            )
            found = both if both.satisfies(conditions) else None
        elif len(about) < len(conditions):
            found = None
        if found is None:
            found = self.evidence.model(conditions, self.label)
        if found is not None:
            self.models.insert(0, (found, found.valuation))
            del self.models[MODELS:]
        return found

    def _known(self, conditions: Sequence[Term]) -> Model | None:
        newest_first = conditions[::-1]
        for place, (known, valuation) in enumerate(self.models):
            if all(valuation.of(c) for c in newest_first):
                self.models.insert(0, self.models.pop(place))
                return known
        return None


def connected(conditions: Sequence[Term]) -> list[Term]:
    """The last condition and those that share a name with it, or with one that does, and so on; in order."""
    last = len(conditions) - 1
    chosen, about = {last}, conditions[last].mentions
    found = True
    while found:
        found = False
        for place, condition in enumerate(conditions):
            if place not in chosen and condition.mentions & about:
                chosen.add(place)
                about |= condition.mentions
                found = True
    return [conditions[place] for place in sorted(chosen)]
