"""Best response for shadowed tables: a row is a hole only if it is one against every entry that the monitor could have put there.

The question is: is there a virtual control state and a virtual entry such that for all real entries some general state shows a difference?
It is decided by expansion: copies of the hole query over shared control state, one for each entry tried (docs/definitions.md, A hole).
"""

from __future__ import annotations

from typing import Literal

from pgcheck.checker.questions.copies import has_fields
from pgcheck.checker.questions.hole import Question
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.model import Model
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import (
    FALSE,
    Name,
    Term,
    apply,
    conjunction,
    constant,
    eq,
    land,
    lnot,
    renamed,
    rewrite,
    variable,
    walk,
)
from pgcheck.isa.terms.names import REAL, STATE, TABLE, VIRTUAL

ROUNDS = 40

Answer = Literal["every", "some", "undecided"]


def against(machine: Machine, question: Question, evidence: Evidence, label: str) -> Answer:
    """Whether the hole is there against `every` real entry, or `some` entry closes it; `undecided` beyond one lookup or the rounds.

    The entries are those that have the table's `monitor` fields: the processor reads the monitor's own from the same table.
    """
    whole = conjunction(question.hole)
    lookups = [t for t in walk([whole]) if t.op == "uf" and t.name.space == TABLE]
    guests, reals = ([t for t in lookups if t.name.copy == copy] for copy in ("", REAL))
    if len(guests) != 1 or len(reals) != 1 or guests[0].args != reals[0].args:
        return "undecided"
    return _Expansion(machine, whole, guests[0], reals[0], evidence, label).decide()


class _Expansion:
    """The hole query as a formula over (shared control state, lookup, guest's entry), the real entry, and the rest."""

    def __init__(self, machine: Machine, whole: Term, guest: Term, real: Term, evidence: Evidence, label: str) -> None:
        self.evidence, self.label = evidence, label
        self.entry = variable(real.width, "response")
        held = variable(guest.width, "entry")
        places = [variable(a.width, f"place{k}") for k, a in enumerate(guest.args)]
        swapped = rewrite([whole, *guest.args], lambda t, _: held if t is guest else self.entry if t is real else None)
        self.formula = land(swapped[0], conjunction(eq(a, p) for a, p in zip(swapped[1:], places, strict=True)))
        control = {Name(STATE, leaf.name, copy=VIRTUAL) for leaf in machine.state.control}
        table = machine.code.tables[real.name.text]
        self.own = has_fields(table.type, self.entry, table.monitor)
        self.shared = control | {held.name, *(p.name for p in places)}

    def copy(self, number: int, entry: Term) -> Term:
        """The formula for one real entry, with a rest of its own."""

        def replace(term: Term, args: tuple[Term, ...]) -> Term | None:
            if term is self.entry:
                return entry
            if term.op == "uf":
                return apply(term.width, term.name.tried(number), *args)
            name = term.free
            return None if name is None or name in self.shared else renamed(term, name.tried(number))

        return rewrite([self.formula], replace)[0]

    def decide(self) -> Answer:
        entries: list[Term] = []
        for _ in range(ROUNDS):
            model = self.evidence.model(
                [self.copy(k, e) for k, e in enumerate(entries)] or [self.formula], f"{self.label}:entries"
            )
            if model is None:
                return "some"
            closing = self.closing(self.fixed(model))
            if closing is None:
                return "undecided"
            if closing is FALSE:
                return "every"
            entries.append(closing)
        return "undecided"

    def fixed(self, model: Model) -> Term:
        """The formula with the shared part as in a model."""

        def replace(term: Term, _: tuple[Term, ...]) -> Term | None:
            return constant(term.width, model.leaf(term)) if term.op == "var" and term.name in self.shared else None

        return rewrite([self.formula], replace)[0]

    def closing(self, formula: Term) -> Term | None:
        """A real entry for which the formula has no model; FALSE when there is none, None when the rounds are used up."""
        samples: list[Term] = []
        for _ in range(ROUNDS):
            found = self.evidence.model([self.own, *(lnot(s) for s in samples)], f"{self.label}:response")
            if found is None:
                return FALSE
            entry = constant(self.entry.width, found.leaf(self.entry))
            against = self.evidence.model([self.copy_with(formula, entry)], f"{self.label}:difference")
            if against is None:
                return entry
            sample = self.sampled(formula, against)
            if sample is None:
                return None
            samples.append(sample)
        return None

    def copy_with(self, formula: Term, entry: Term) -> Term:
        return rewrite([formula], lambda t, _: entry if t is self.entry else None)[0]

    def sampled(self, formula: Term, model: Model) -> Term | None:
        """The formula with everything but the real entry as in a model; None when something still depends on that entry."""

        def replace(term: Term, args: tuple[Term, ...]) -> Term | None:
            constants = all(a.op in ("const", "array") for a in args)
            if term.op == "var" and term is not self.entry:
                return constant(term.width, model.leaf(term))
            if term.op == "select" and constants and args[0].op == "array":
                return constant(term.width, model.element(args[0], args[1].value))
            if term.op == "uf" and constants:
                return constant(term.width, model.function(term.name, tuple(a.value for a in args), term.width))
            return None

        (result,) = rewrite([formula], replace)
        closed = all(t is self.entry or t.op not in ("var", "uf", "select") for t in walk([result]))
        return result if closed else None
