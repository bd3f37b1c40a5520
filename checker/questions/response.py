"""Best response for shadowed tables: a row is a hole only if it is one against every entry that the monitor could have put there.

The question is: is there a virtual control state and a virtual table such that for all real entries some general state shows a difference?
It is decided by expansion, over the places that are looked up and what the guest has there (docs/definitions.md, A hole).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Literal

from pgcheck.checker.questions.choices import against_choices
from pgcheck.checker.questions.copies import has_fields
from pgcheck.checker.questions.hole import Question
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.expansion import Expansion
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Name, Term, conjunction, eq, lnot, lor, rewrite, variable, walk
from pgcheck.isa.terms.names import REAL, STATE, TABLE, VIRTUAL

Answer = Literal["every", "some", "undecided"]


def against(machine: Machine, question: Question, evidence: Evidence, label: str) -> Answer:
    """Whether the hole is there against `every` real entry, or `some` entries close it; `undecided` when the rounds are used up.

    The entries are those that have the table's `monitor` fields: the processor reads the monitor's own from the same table. Where the
    real machine looks up depends on no other entry of the real table, else it is `undecided`.
    """
    try:
        whole = _against_choices(question, evidence, label)
        lookups = _Lookups(whole)
        if lookups.chained:
            return "undecided"
        control = {Name(STATE, leaf.name, copy=VIRTUAL) for leaf in machine.state.control}
        guests = (lookups.entries[t].name for t in lookups.found if t.name.copy != REAL)
        state = {*control, *guests, *(p.name for p in lookups.places.values())}
        own, answers = lookups.own(machine), tuple(lookups.entries[t] for t in lookups.real)
        rest, known = (lambda name: name not in state), (lookups.formula, own)
        expansion = Expansion(lookups.formula, answers, own, rest, known, evidence, f"{label}:every entry")
        return "some" if expansion.decide() is None else "every"
    except Undecided:
        return "undecided"


def _against_choices(question: Question, evidence: Evidence, label: str) -> Term:
    """The hole whatever the virtual machine chooses. Raises Undecided where it has too many choices."""
    if not question.choices:
        return conjunction(question.hole)
    played = against_choices(question, evidence, label)
    played.expand_all()
    return conjunction([*played.known, *played.copies])


class _Lookups:
    """What the guest and the real machine look up in a formula, each lookup a variable, at places that are variables too."""

    def __init__(self, whole: Term) -> None:
        self.found = [t for t in walk([whole]) if t.op == "uf" and t.name.space == TABLE]
        self.entries = {t: variable(t.width, f"entry {k}") for k, t in enumerate(self.found)}
        args = dict.fromkeys(a for t in self.found for a in t.args)
        self.places = {a: variable(a.width, f"place {k}") for k, a in enumerate(args)}
        held, *at = rewrite([whole, *args], lambda t, _: self.entries.get(t))
        alike = [self.alike(a, b) for a, b in self.pairs() if a.name.copy != REAL]
        there = (eq(a, p) for a, p in zip(at, self.places.values(), strict=True))
        self.formula = conjunction([held, *there, *alike])

    @property
    def real(self) -> list[Term]:
        return [t for t in self.found if t.name.copy == REAL]

    @property
    def chained(self) -> bool:
        """Where the real machine looks hangs on what it found elsewhere."""
        return any(t in self.entries and t.name.copy == REAL for t in walk(a for r in self.real for a in r.args))

    def pairs(self) -> Iterator[tuple[Term, Term]]:
        """Two lookups in one table."""
        return ((a, b) for a, b in combinations(self.found, 2) if a.name == b.name)

    def alike(self, a: Term, b: Term) -> Term:
        """At one place there is one entry."""
        same = conjunction(eq(self.places[x], self.places[y]) for x, y in zip(a.args, b.args, strict=True))
        return lor(lnot(same), eq(self.entries[a], self.entries[b]))

    def own(self, machine: Machine) -> Term:
        """The real entries are such as the monitor can put there."""
        tables = machine.code.tables
        fields = (has_fields(tables[t.name.text].type, self.entries[t], tables[t.name.text].monitor) for t in self.real)
        return conjunction([*fields, *(self.alike(a, b) for a, b in self.pairs() if a.name.copy == REAL)])
