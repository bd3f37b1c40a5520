"""Choices of the virtual machine: an instruction is a hole only if none of them does what the real machine did.

What the virtual machine may do, the real one may do. What one choice leaves out of the specification excuses no other.
"""

from __future__ import annotations

from collections.abc import Callable

from pgcheck.checker.questions.hole import Question
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.expansion import Expansion
from pgcheck.checker.solving.model import Model
from pgcheck.isa.terms import TRUE, Name, disjunction, lor, renamed, walk
from pgcheck.isa.terms.names import INDEX, READ, REAL, VIRTUAL


def against_choices(question: Question, evidence: Evidence, label: str) -> Expansion:
    """The question against every choice of the virtual machine, the real machine's own choice expanded already."""
    return _expansion(question, evidence, label, lambda name: name.space == INDEX)


def hole_of(question: Question, played: Expansion) -> Model | None:
    """A hole against every choice, or None. Raises Undecided, also where it hangs on whether a read answers to a choice."""
    model = played.decide()
    if model is not None or not any(_read(n) for t in walk(question.apart) if (n := t.free) is not None):
        return model
    later = _expansion(question, played.evidence, played.label, lambda name: name.space == INDEX or _read(name))
    if later.decide() is None:
        return None
    raise Undecided(
        played.label, "whether it is a hole hangs on whether what a volatile entry gives answers to a choice"
    )


def _read(name: Name) -> bool:
    return (name.space, name.copy) == (READ, VIRTUAL)


def _expansion(question: Question, evidence: Evidence, label: str, rest: Callable[[Name], bool]) -> Expansion:
    formula = lor(question.left_out, disjunction(question.mismatches.values()))
    known, label = tuple(question.apart), f"{label}:every choice"
    expansion = Expansion(formula, question.choices, TRUE, rest, known, evidence, label)
    expansion.expand(tuple(renamed(t, t.name.of(REAL)) for t in question.choices))
    return expansion
