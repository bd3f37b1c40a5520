"""Writing again what has been written: a run from a state that is partly written already ends where the whole run ends, seen in the terms.

Let w be the leaves that have changed at some point of a step, to P(w). If no condition, address or value depends on w, then P(P(w)) = P(w),
by the paths of P: each ends in a value that is none of w's, or leaves w as it was. What is later made of w on top of P is thus the same again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_

from pgcheck.isa.terms import Term

Leaves = Mapping[str, Term]


class Origins:
    """Which of the leaves `before` a term depends on, as a set of bits, each term looked at once."""

    def __init__(self, before: Leaves) -> None:
        self.before = before
        self._known: dict[Term, int] = {leaf: 1 << k for k, leaf in enumerate(before.values())}

    def of(self, term: Term) -> int:
        known, todo = self._known, [term]
        while todo:
            here = todo[-1]
            missing = () if here in known else [a for a in here.args if a not in known]
            if missing:
                todo += missing
                continue
            todo.pop()
            if here not in known:
                known[here] = reduce(or_, (known[a] for a in here.args), 0)
        return known[term]


class Absorption:
    """What a step makes of its leaves when it begins with those in `changed` already written."""

    def __init__(self, origins: Origins, changed: Leaves) -> None:
        self._changed = changed
        self._origins, self._before = origins, origins.before
        self._written = reduce(or_, (origins.of(self._before[n]) for n in changed), 0)
        self._plain = all(self._over(t, None, self._before[n], {}) for n, t in changed.items())
        self._ends: dict[str, dict[Term, bool]] = {n: {} for n in changed}

    def unread(self, terms: Iterable[Term]) -> bool:
        """No term depends on what has changed."""
        return not any(self._mentioned(t) for t in terms)

    def absorbed(self, state: Leaves) -> bool:
        """The state at the end of a run is the same when it begins with what has changed."""
        return self._plain and all(
            self._over(t, self._changed[n], self._before[n], self._ends[n])
            if n in self._changed
            else not self._mentioned(t)
            for n, t in state.items()
        )

    def _mentioned(self, term: Term) -> bool:
        return bool(self._origins.of(term) & self._written)

    def _over(self, term: Term, on: Term | None, base: Term, known: dict[Term, bool]) -> bool:
        """On every path a term is a value that is none of what has changed, or is made on top of `on`; of `base` where that is None."""
        seen, todo = dict[Term, bool](), [term]
        while todo:
            here = todo.pop()
            if here in seen or known.get(here) or here is on or (here is base and on is None):
                continue
            seen[here] = True
            sides, below = _parts(here) if self._mentioned(here) else ((), ())
            if any(self._mentioned(t) for t in sides):
                return False
            todo += below
        known.update(seen)
        return True


def _parts(term: Term) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
    """What decides a path through a term, and where the paths go on."""
    match term.op:
        case "store":
            return term.args[1:], term.args[:1]
        case "ite":
            return term.args[:1], term.args[1:]
    return (term,), ()
