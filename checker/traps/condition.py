"""A condition written with as few of its own comparisons as it takes, and the same condition: alternatives of literals.

Its truth table is taken over the rows that some state has (`together`). The alternatives are prime implicants of that, none of which can be left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pgcheck.checker.solving.evidence import Contradiction
from pgcheck.checker.traps.together import Together, TooMany
from pgcheck.isa.terms import FALSE, TRUE, Term, conjunction, disjunction, land, lnot, lor, walk
from pgcheck.isa.terms.reads import free_leaves

MOST: Final = 12  # atoms of a condition
CANDIDATES: Final = 18  # atoms that are looked at
ALTERNATIVES: Final = 12


@dataclass(frozen=True, slots=True)
class Literal:
    """An atom, or that it does not hold."""

    atom: Term
    holds: bool

    @property
    def term(self) -> Term:
        return self.atom if self.holds else lnot(self.atom)


Alternative = tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """One of the alternatives holds, or with `opposite` none of them."""

    alternatives: tuple[Alternative, ...]
    opposite: bool = False

    @property
    def term(self) -> Term:
        found = disjunction(conjunction(one.term for one in alternative) for alternative in self.alternatives)
        return lnot(found) if self.opposite else found

    @property
    def atoms(self) -> tuple[Term, ...]:
        return tuple(dict.fromkeys(one.atom for alternative in self.alternatives for one in alternative))

    @property
    def leaves(self) -> frozenset[str]:
        """The leaves that it is about."""
        return free_leaves(self.atoms)

    @property
    def size(self) -> int:
        return sum(map(len, self.alternatives))


ALWAYS: Final = Condition(((),))
NEVER: Final = Condition(())


def atoms(condition: Term) -> tuple[Term, ...]:
    """The comparisons that a condition is made of, in a fixed order."""
    found: dict[Term, None] = {}
    seen: set[Term] = set()
    todo = [condition]
    while todo:
        term = todo.pop()
        if term in seen:
            continue
        seen.add(term)
        parts = _parts(term)
        if parts:
            todo += reversed(parts)
        elif not term.is_constant:
            found[term] = None
    return tuple(found)


def _parts(term: Term) -> tuple[Term, ...]:
    """What a connective connects; () for an atom."""
    connects = term.op in ("land", "lor", "lnot", "ite") or (term.op == "eq" and term.args[0].width == 0)
    return term.args if connects and term.width == 0 else ()


@dataclass(frozen=True, slots=True)
class Table:
    """Truth tables over some atoms: sets of rows as numbers, in which bit r stands for the row where atom k is bit k of r."""

    atoms: tuple[Term, ...]
    every: int
    columns: tuple[int, ...]

    @staticmethod
    def over(found: tuple[Term, ...]) -> Table:
        rows = 1 << len(found)
        every = (1 << rows) - 1
        columns = tuple(every // ((1 << (1 << k)) + 1) << (1 << k) for k in range(len(found)))
        return Table(found, every, columns)

    def of(self, condition: Term) -> int:
        """The rows in which a condition is true."""
        rows: dict[Term, int] = dict(zip(self.atoms, self.columns, strict=True))
        every = self.every
        for term in walk([condition]):
            if term.width != 0 or term in rows:
                continue
            if term.is_constant:
                rows[term] = every if term.value else 0
                continue
            parts = [rows.get(a, 0) for a in _parts(term)]
            match term.op, parts:
                case "lnot", [a]:
                    rows[term] = every & ~a
                case "land", [a, b]:
                    rows[term] = a & b
                case "lor", [a, b]:
                    rows[term] = a | b
                case "ite", [g, a, b]:
                    rows[term] = g & a | every & ~g & b
                case "eq", [a, b]:
                    rows[term] = every & ~(a ^ b)
        return rows[condition]

    def literal(self, number: int, *, holds: bool) -> int:
        return self.columns[number] if holds else self.every & ~self.columns[number]

    def feasible(self, known: Sequence[Term], together: Together, label: str) -> int:
        """Rows among which are those that some state has. Raises Undecided."""
        found = self.every
        for members, possible in together.possible(self.atoms, known, label):
            some = 0
            for values in possible:
                row = self.every
                for n, value in zip(members, values, strict=True):
                    row &= self.literal(n, holds=value)
                some |= row
            found &= some
        return found

    def implicants(self, rows: int, against: int, order: Sequence[int]) -> list[dict[int, bool]]:
        """Prime implicants that cover `rows` and none of the rows `against`. Raises TooMany."""
        found: list[dict[int, bool]] = []
        left = rows
        while left:
            row = (left & -left).bit_length() - 1
            one = self.prime({n: bool(row >> n & 1) for n in order}, against)
            found.append(one)
            left &= ~self.covered(one)
            if len(found) > ALTERNATIVES or len({n for each in found for n in each}) > MOST:
                raise TooMany
        for one in tuple(found):
            others = [each for each in found if each is not one]
            rest = 0
            for each in others:
                rest |= self.covered(each)
            if not rows & ~rest:
                found = others
        return found

    def prime(self, values: dict[int, bool], against: int) -> dict[int, bool]:
        """The least part of these literals that no row `against` satisfies."""
        left = dict(values)
        for number in values:
            fewer = {n: v for n, v in left.items() if n != number}
            if not self.covered(fewer) & against:
                left = fewer
        return left

    def covered(self, literals: dict[int, bool]) -> int:
        rows = self.every
        for number, holds in literals.items():
            rows &= self.literal(number, holds=holds)
        return rows


@dataclass(frozen=True, slots=True)
class Question:
    """What is known of a state, besides which the leaves in `control` are what conditions had better speak of; and whom to ask."""

    known: tuple[Term, ...]
    control: frozenset[str]
    together: Together
    label: str


def minimal(condition: Term, question: Question, *, plain: bool = False) -> Condition:
    """The condition that says the same wherever what is known holds, which some state satisfies; NEVER where it is never true.

    A `plain` one is not the opposite of another. Raises TooMany, Undecided and Contradiction.
    """
    known, together, label = question.known, question.together, question.label
    if condition is TRUE or condition is FALSE:
        return ALWAYS if condition is TRUE else NEVER
    candidates = atoms(condition)
    if len(candidates) > CANDIDATES:
        if together.evidence.possible([*known, condition], label):
            raise TooMany
        return NEVER
    table = Table.over(candidates)
    feasible = table.feasible(known, together, label)
    true = table.of(condition) & feasible
    if not true or true == feasible:
        return ALWAYS if true else NEVER
    order = sorted(
        range(len(candidates)),
        key=lambda n: (bool(free_leaves([candidates[n]]) & question.control), -candidates[n].height),
    )
    written = [c for c in _written(table, true, feasible & ~true, order) if not (plain and c.opposite)]
    found = min(written, key=lambda c: (c.size, c.opposite), default=None)
    if found is None:
        raise TooMany
    if feasible != table.every:
        if not together.evidence.possible([*known, condition], label):
            return NEVER
        confirm(condition, found, question)
    return found


def _written(table: Table, true: int, false: int, order: Sequence[int]) -> Iterator[Condition]:
    """The condition by its alternatives, and by those of its opposite, where few do."""
    for rows, against, opposite in ((true, false, False), (false, true, True)):
        try:
            found = table.implicants(rows, against, order)
        except TooMany:
            continue
        alternatives = [tuple(Literal(table.atoms[n], v) for n, v in reversed(one.items())) for one in found]
        yield Condition(tuple(sorted(alternatives, key=lambda a: (len(a), [x.atom.height for x in a]))), opposite)


def confirm(condition: Term, found: Condition, question: Question) -> None:
    """Ask a solver whether both say the same. Raises Contradiction where they do not, and Undecided."""
    term = found.term
    differs = lor(land(condition, lnot(term)), land(term, lnot(condition)))
    if differs is not FALSE and question.together.evidence.possible(
        [*question.known, differs], f"{question.label}:same"
    ):
        raise Contradiction(f"{question.label}: the condition found says something else")
