"""Whether something is so against every answer: there is a state, for all answers, there is a rest, such that the formula is true.

It is decided by expansion: copies of the formula over one state, one for each answer that was tried, with a rest of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product

from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.model import Model
from pgcheck.checker.solving.pinning import pinned
from pgcheck.isa.terms import (
    TRUE,
    Name,
    Term,
    apply,
    constant,
    ite,
    lnot,
    renamed,
    rewrite,
    substitute,
    walk,
)

ROUNDS = 40
EXPANDED_BITS = 8
SIMILAR = 3
Values = tuple[Term, ...]


@dataclass(slots=True)
class Expansion:
    """The formula against the `answers` that `own` admits; the names that `rest` picks are chosen after the answer.

    `known` is true of the state besides. `copies` grow with each answer that would have made the formula false.
    """

    formula: Term
    answers: Values
    own: Term
    rest: Callable[[Name], bool]
    known: tuple[Term, ...]
    evidence: Evidence
    label: str
    asked: list[Values] = field(default_factory=list)
    copies: list[Term] = field(default_factory=list)

    def decide(self) -> Model | None:
        """A state that every answer leaves so, or None where each state has an answer that does not. Raises Undecided."""
        for _ in range(ROUNDS):
            model = self.evidence.model([*self.known, *self.copies], self.label)
            if model is None or not self.closed(model):
                return model
        self.expand_all()
        return self.evidence.model([*self.known, *self.copies], self.label)

    def expand_all(self) -> None:
        """Ask the formula for every answer. Raises Undecided where there are too many."""
        if sum(max(a.width, 1) for a in self.answers) > EXPANDED_BITS:
            raise Undecided(self.label, f"more answers than 2**{EXPANDED_BITS}, and {len(self.asked)} do not decide")
        for values in product(*(range(1 << max(a.width, 1)) for a in self.answers)):
            self.expand(tuple(constant(a.width, v) for a, v in zip(self.answers, values, strict=True)))

    def closed(self, model: Model) -> bool:
        """Whether some answer makes the formula false in the state of a model; if so, it is expanded. Raises Undecided."""
        values = self._closing(model)
        if values is not None:
            self.expand(self._generalised(values, model))
        return values is not None

    def expand(self, values: Values) -> None:
        """Ask the formula for these answers too, where they are admitted."""
        number, answered = len(self.asked), dict(zip(self.answers, values, strict=True))

        def replace(term: Term, args: Values) -> Term | None:
            name = term.name if term.op == "uf" else term.free
            if name is None or term in answered or not self.rest(name):
                return answered.get(term)
            return apply(term.width, name.tried(number), *args) if args else renamed(term, name.tried(number))

        formula, own = rewrite([self.formula, self.own], replace)
        self.asked.append(values)
        self.copies.append(ite(own, formula, TRUE))

    def _closing(self, model: Model) -> Values | None:
        """Constants for which the formula is false in the state of a model, whatever the rest; None if none. Raises Undecided."""
        names = {a.name for a in self.answers}
        formula, own = pinned([self.formula, self.own], model, lambda t: t.name not in names and not self.rest(t.name))
        excluded: list[Term] = []
        for _ in range(ROUNDS):
            found = self.evidence.model([own, *excluded], f"{self.label}:answer")
            if found is None:
                return None
            values = tuple(constant(a.width, found.leaf(a)) for a in self.answers)
            (answered,) = substitute([formula], dict(zip(self.answers, values, strict=True)))
            against = self.evidence.model([answered], f"{self.label}:against")
            if against is None:
                return values
            excluded.append(lnot(*pinned([formula], against, lambda t: t.name not in names)))
        raise Undecided(self.label, f"not decided after {ROUNDS} answers")

    def _generalised(self, values: Values, model: Model) -> Values:
        """Terms over the state in the place of constants that they equal under the model, where those were not tried before."""
        mine = self._of_the_state()
        options: list[list[Term]] = []
        for value in values:
            like = [t for t in mine if t.width == value.width]
            equal = [t for t, v in zip(like, model.values(like), strict=True) if v == value.value]
            options.append([*equal[:SIMILAR], value])
        return next((tried for tried in product(*options) if tried not in self.asked), values)

    def _of_the_state(self) -> list[Term]:
        """The parts of the formula that hang neither on the answers nor on the rest, constants apart."""
        apart: set[Term] = set()
        mine: list[Term] = []
        for term in walk([self.formula]):
            name = term.name if term.op == "uf" else term.free
            if term in self.answers or (name is not None and self.rest(name)) or not apart.isdisjoint(term.args):
                apart.add(term)
            elif term.width > 0 and not term.is_constant:
                mine.append(term)
        return mine
