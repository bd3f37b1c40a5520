"""For which values of a term something is so, as patterns of bits that a reader takes in at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.terms import Term, constant, eq, lnot, mask, mk

MOST = 4


@dataclass(frozen=True, slots=True)
class Pattern:
    """The values of `width` bits that agree with `value` where `care` has a one."""

    width: int
    value: int
    care: int

    def matches(self, term: Term) -> Term:
        """The term has one of the values."""
        care = constant(self.width, self.care)
        return eq(mk("and", self.width, term, care), constant(self.width, self.value & self.care))

    def told(self, name: str) -> str:
        """The pattern as an expression over a name, run by run: `a[7] == 1 && a[3:0] == 0`."""
        runs: list[str] = []
        high = self.width - 1
        while high >= 0:
            low = high
            while low and self.care >> high & 1 and self.care >> low - 1 & 1:
                low -= 1
            if self.care >> high & 1:
                place = "" if high - low + 1 == self.width else f"[{high}]" if low == high else f"[{high}:{low}]"
                held = self.value >> low & mask(high - low + 1)
                runs.append(f"{name}{place} == {held if held < 10 else hex(held)}")
            high = low - 1
        return " && ".join(runs) or "true"


@dataclass(frozen=True, slots=True)
class Covering:
    """Patterns for the values of `term` with which `wanted` can be true.

    A pattern holds more than one value only as far as `spared` cannot be true in it.
    """

    term: Term
    wanted: Sequence[Term]
    spared: Sequence[Term]
    evidence: Evidence
    label: str

    def patterns(self) -> tuple[tuple[Pattern, ...], bool]:
        """Some patterns, and whether they hold all the values. Raises Undecided."""
        found: list[Pattern] = []
        while True:
            model = self.evidence.model([*self.wanted, *(lnot(p.matches(self.term)) for p in found)], self.label)
            if model is None or len(found) == MOST:
                return tuple(found), model is None
            width = self.term.width
            found.append(self._grown(Pattern(width, model.values([self.term])[0], mask(width)), 0, width))

    def _grown(self, pattern: Pattern, low: int, high: int) -> Pattern:
        """The pattern without the bits from `low` to below `high` that it need not care for, halves at a time."""
        wider = Pattern(pattern.width, pattern.value, pattern.care & ~(mask(high - low) << low))
        if not self.evidence.possible([*self.spared, wider.matches(self.term)], self.label):
            return wider
        if high - low == 1:
            return pattern
        middle = (low + high) // 2
        return self._grown(self._grown(pattern, low, middle), middle, high)
