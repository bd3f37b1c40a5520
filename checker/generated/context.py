"""Terms made small by what holds where they are used: within one side of a choice its condition is known."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Final

from pgcheck.checker.generated.normal import replaced
from pgcheck.isa.terms import FALSE, TRUE, Term, constant, lnot, walk

MOST: Final = 20_000
CASES: Final = 5000
CONNECTIVES: Final = frozenset({"land", "lor", "lnot", "ite", "const"})
Steps = Generator["tuple[Term, int, int]", Term, Term]


@dataclass(slots=True)
class Contexts:
    """Simplifies terms under conditions; a condition is a Boolean that is no connective, and has a bit in the sets `yes` and `no`.

    Where a condition says that a term has a value, it does; `values` are the conditions that say so.
    A term in a context is looked at once for what the context says of the conditions in it, and no more than `MOST` in all.
    """

    bits: dict[Term, int] = field(default_factory=dict)
    values: dict[Term, list[tuple[int, Term]]] = field(default_factory=dict)
    within: dict[Term, int] = field(default_factory=dict)
    memo: dict[tuple[Term, int, int], Term] = field(default_factory=dict)
    looked: int = 0

    def left(self, term: Term, holds: Term = TRUE) -> Term:
        """What is left of a term where `holds` does; the term itself where that is too much to find out."""
        self.looked, found = 0, None
        stack = [self._under(term, *self._known(holds, 0, 0))]
        while stack and self.looked <= MOST:
            try:
                wanted = next(stack[-1]) if found is None else stack[-1].send(found)
            except StopIteration as done:
                stack.pop()
                found = done.value
                continue
            found = self.memo.get(self._key(*wanted))
            if found is None:
                stack.append(self._under(*wanted))
        return term if stack or found is None else found

    def impossible(self, term: Term) -> bool:
        """Whether a term is false in every case of the conditions in it; not, where that takes more than `CASES`."""
        open_, cases = [term], 0
        while open_ and cases < CASES:
            case, cases = self.left(open_.pop()), cases + 1
            if case is TRUE:
                return False
            if case is not FALSE:
                self._within(case)
                condition = min((t for t in walk([case]) if t in self.bits), key=lambda t: self.within[t].bit_count())
                open_ += self.left(case, lnot(condition)), self.left(case, condition)
        return not open_

    def _key(self, term: Term, yes: int, no: int) -> tuple[Term, int, int]:
        inside = self._within(term)
        return term, yes & inside, no & inside

    def _under(self, term: Term, yes: int, no: int) -> Steps:
        key = self._key(term, yes, no)
        _, yes, no = key
        self.looked += 1
        found = (yield from self._found(*key)) if self._within(term) else term
        self.memo[key] = found
        return found

    def _found(self, term: Term, yes: int, no: int) -> Steps:
        bit = self.bits.get(term, 0)
        if bit & (yes | no):
            return TRUE if bit & yes else FALSE
        for bit, value in self.values.get(term, ()):
            if bit & yes:
                return value
            if bit & no and term.width == 1:
                return constant(1, 1 - value.value)
        args, known, sides = [], (yes, no), (yes, no)
        for at, arg in enumerate(term.args):
            new = yield (arg, *(known if at != 2 else sides))
            args.append(new)
            if at == 0 and term.op == "ite":
                known, sides = self._known(new, yes, no), self._refuted(new, yes, no)
            elif term.op == "land":
                known = self._known(new, *known)
            elif term.op == "lor":
                known = self._refuted(new, *known)
        return replaced(term, tuple(args))

    def _within(self, term: Term) -> int:
        """The conditions in a term."""
        found = self.within.get(term)
        if found is None:
            nodes = [n for n in walk([term]) if n not in self.within]
            for node in nodes:
                if not node.width and node.op not in CONNECTIVES and node not in self.bits:
                    bit = self.bits[node] = 1 << len(self.bits)
                    if node.op == "eq" and node.args[1].is_constant:
                        self.values.setdefault(node.args[0], []).append((bit, node.args[1]))
            for node in nodes:
                inside = self.bits.get(node, 0)
                for bit, _ in self.values.get(node, ()):
                    inside |= bit
                for arg in node.args:
                    inside |= self.within[arg]
                self.within[node] = inside
            found = self.within[term]
        return found

    def _known(self, holds: Term, yes: int, no: int) -> tuple[int, int]:
        """What is known where a term holds, too."""
        match holds.op:
            case "land":
                for part in holds.args:
                    yes, no = self._known(part, yes, no)
            case "lnot":
                return self._refuted(holds.args[0], yes, no)
            case _ if bit := self._bit(holds):
                yes |= bit
        return yes, no

    def _refuted(self, fails: Term, yes: int, no: int) -> tuple[int, int]:
        """What is known where a term does not hold, too."""
        match fails.op:
            case "lor":
                for part in fails.args:
                    yes, no = self._refuted(part, yes, no)
            case "lnot":
                return self._known(fails.args[0], yes, no)
            case _ if bit := self._bit(fails):
                no |= bit
        return yes, no

    def _bit(self, condition: Term) -> int:
        self._within(condition)
        return self.bits.get(condition, 0)
