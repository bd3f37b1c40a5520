"""What follows at once where terms are true: the parts of them whose value is settled, by connectives alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from pgcheck.isa.terms.nodes import FALSE, TRUE, Term

_ALL: Final = {"land": True, "lor": False}
"""The value of a connective that settles both its parts."""

Said = tuple[Term, bool]


class _Contradiction(Exception):
    """The terms cannot all be true."""


def settled(terms: Iterable[Term]) -> Mapping[Term, Term] | None:
    """Parts of terms, each with the constant that it is wherever all the terms are true: what `substitute` may put in its place.

    None where they are seen to contradict each other.
    """
    facts: dict[Term, Term] = {}
    try:
        open_ = _noted(facts, [(t, True) for t in terms])
        while open_:
            values = _Values(facts)
            left: list[Said] = []
            found: list[Said] = []
            for term, value in open_:
                follows = [*_following(term, value, [values.of(a) for a in term.args])]
                found += follows
                if not follows:
                    left.append((term, value))
            if not found:
                break
            open_ = left + _noted(facts, found)
    except _Contradiction:
        return None
    return facts


def _noted(facts: dict[Term, Term], said: Iterable[Said]) -> list[Said]:
    """Take what is said apart; what settles no part by itself is left open."""
    open_: list[Said] = []
    stack = list(said)
    while stack:
        term, value = stack.pop()
        said_ = TRUE if value else FALSE
        if term.is_constant or term in facts:
            if facts.get(term, term) is not said_:
                raise _Contradiction
            continue
        if term.op == "lnot":
            stack.append((term.args[0], not value))
            continue
        facts[term] = said_
        if _ALL.get(term.op) == value:
            stack += [(a, value) for a in term.args]
        elif term.op in ("land", "lor", "ite"):
            open_.append((term, value))
        elif value and term.op == "eq" and term.args[1].is_constant:
            if facts.setdefault(term.args[0], term.args[1]) is not term.args[1]:
                raise _Contradiction
    return open_


class _Values:
    """The values that facts give to terms, as far as connectives and comparisons with constants say."""

    def __init__(self, facts: Mapping[Term, Term]) -> None:
        self.facts = facts
        self.known: dict[Term, Term | None] = {}

    def of(self, term: Term) -> Term | None:
        """TRUE, FALSE, or None where it is open."""
        known, stack = self.known, [term]
        while stack:
            top = stack[-1]
            if top in known:
                stack.pop()
                continue
            fact = top if top.is_constant else self.facts.get(top)
            if fact is None and top.width == 0 and top.op in ("lnot", "land", "lor", "ite"):
                missing = [a for a in top.args if a not in known]
                if missing:
                    stack += missing
                    continue
                fact = _combined(top.op, [known[a] for a in top.args])
            elif fact is None and top.op == "eq" and top.args[1].is_constant:
                held = self.facts.get(top.args[0])
                fact = None if held is None else TRUE if held is top.args[1] else FALSE
            known[stack.pop()] = fact
        return known[term]


def _combined(op: str, parts: list[Term | None]) -> Term | None:
    match op, parts:
        case "lnot", [part]:
            return None if part is None else FALSE if part is TRUE else TRUE
        case "ite", [guard, one, other]:
            return (one if guard is TRUE else other) if guard is not None else one if one is other else None
    absorbing = FALSE if op == "land" else TRUE
    return absorbing if absorbing in parts else None if None in parts else parts[0]


def _following(term: Term, value: bool, now: list[Term | None]) -> Iterator[Said]:
    """What follows of a connective's or a choice's parts from what they are `now`."""
    if term.op == "ite":
        guard, *arms = now
        wrong = FALSE if value else TRUE
        if guard is not None:
            yield term.args[1 if guard is TRUE else 2], value
        elif wrong in arms:
            yield term.args[0], arms[0] is not wrong
            yield term.args[2 if arms[0] is wrong else 1], value
        return
    neutral = TRUE if term.op == "land" else FALSE
    for place in (0, 1):
        if now[place] is neutral:
            if now[1 - place] is neutral:
                raise _Contradiction
            yield term.args[1 - place], value
            return
