"""Which comparisons can hold together: the rows of their truth table that some state has, each group of them that hang together by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, starmap
from typing import Final

from pgcheck.checker.solving.evidence import Evidence
from pgcheck.isa.terms import ARRAY, Term, conjunction, distinct_offsets, lnot, walk

TOGETHER: Final = 6  # comparisons of one group
ROWS: Final = 32  # values that they have
Bits = tuple[object, int, int]
"""What a term hangs on: a name, or an entry of a cut, with its highest and lowest bit."""
WIDE: Final = 1 << 16


class TooMany(Exception):
    """There is no such condition of few atoms, or it was not found."""


def supports(terms: Sequence[Term]) -> list[frozenset[Bits]]:
    """What each term hangs on. Of a function or an array that is asked only at places that differ, its answers: whatever it is asked, they are free."""
    places: dict[object, dict[Term, None]] = {}
    changed: set[object] = set()
    for term in walk(terms):
        if term.op == "uf":
            places.setdefault(term.name, {})[term] = None
        elif term.op == "select":
            places.setdefault(_array(term), {})[term] = None
        elif term.width == ARRAY:
            changed |= {a.name for a in term.args if a.op == "array"}
    once = {name for name, asked in places.items() if all(starmap(_apart, combinations(asked, 2)))} - changed
    return [frozenset(_support(term, once)) for term in terms]


def _apart(a: Term, b: Term) -> bool:
    """Whether two applications are provably of different arguments."""
    return any(starmap(distinct_offsets, zip(a.args, b.args, strict=True)))


def _array(term: Term) -> object:
    return term.args[0].name if term.args[0].op == "array" else term.args[0]


def _support(term: Term, once: set[object]) -> Iterator[Bits]:
    todo: list[tuple[Term, tuple[int, int]]] = [(term, (WIDE, 0))]
    seen: set[tuple[Term, tuple[int, int]]] = set()
    while todo:
        item = todo.pop()
        if item in seen:
            continue
        seen.add(item)
        one, (high, low) = item
        if one.op == "extract" and (high, low) == (WIDE, 0):
            todo.append((one.args[0], one.bounds))
        elif one.op in ("var", "array"):
            yield one.name, high, low
        elif (one.op == "uf" and one.name in once) or (one.op == "select" and _array(one) in once):
            yield one, high, low
        else:
            if one.op == "uf":
                yield one.name, WIDE, 0
            todo += [(a, (WIDE, 0)) for a in one.args]


def _meet(some: frozenset[Bits], others: frozenset[Bits]) -> bool:
    return any(a == b and x >= v and u >= y for a, x, y in some for b, u, v in others)


def free(term: Term) -> bool:
    """Whether a comparison can be either way, as far as its form tells: a function's Boolean, or some bits against a constant."""
    if term.op in ("uf", "var"):
        return True
    if term.op != "eq" or not term.args[1].is_constant:
        return False
    side = term.args[0]
    return (side.args[0] if side.op == "extract" else side).op in ("var", "uf") or (
        side.op == "select" and side.args[0].op == "array"
    )


@dataclass(slots=True)
class Together:
    """Asks which comparisons can hold together, each group once."""

    evidence: Evidence
    kept: dict[tuple[tuple[Term, ...], tuple[Term, ...]], tuple[tuple[bool, ...], ...]] = field(default_factory=dict)

    def groups(
        self, atoms: Sequence[Term], known: Sequence[Term]
    ) -> Iterator[tuple[tuple[int, ...], tuple[Term, ...]]]:
        """The comparisons that hang together, by number, with what is known of them; those that are free are left out."""
        hang = supports([*atoms, *known])
        groups: list[tuple[set[int], frozenset[Bits]]] = []
        for number, on in enumerate(hang):
            apart = [g for g in groups if not _meet(g[1], on)]
            meeting = [g for g in groups if _meet(g[1], on)]
            members = {number}.union(*(g[0] for g in meeting))
            groups = [*apart, (members, on.union(*(g[1] for g in meeting)))]
        for members, _ in groups:
            mine = tuple(sorted(n for n in members if n < len(atoms)))
            about = tuple(known[n - len(atoms)] for n in sorted(members) if n >= len(atoms))
            if mine and not (len(mine) == 1 and not about and free(atoms[mine[0]])):
                yield mine, about

    def possible(
        self, atoms: Sequence[Term], known: Sequence[Term], label: str
    ) -> Iterator[tuple[tuple[int, ...], tuple[tuple[bool, ...], ...]]]:
        """Of groups of comparisons, by number, the values that they have in some state; of a group that is large, pair by pair. Raises Undecided."""
        for members, about in self.groups(atoms, known):
            try:
                yield members, self.rows(tuple(atoms[n] for n in members), about, label)
            except TooMany:
                for pair in combinations(members, 2):
                    yield pair, self.rows(tuple(atoms[n] for n in pair), about, label)

    def rows(self, atoms: tuple[Term, ...], known: tuple[Term, ...], label: str) -> tuple[tuple[bool, ...], ...]:
        """The values that the comparisons have in some state. Raises TooMany and Undecided."""
        key = atoms, known
        if key not in self.kept:
            if len(atoms) > TOGETHER:
                raise TooMany
            found: list[tuple[bool, ...]] = []
            excluded: list[Term] = []
            while (model := self.evidence.model([*known, *excluded], label)) is not None:
                values = tuple(map(bool, model.values(atoms)))
                found.append(values)
                if len(found) > ROWS:
                    raise TooMany
                excluded.append(lnot(_said(atoms, values)))
            self.kept[key] = tuple(found)
        return self.kept[key]


def _said(atoms: Sequence[Term], values: Sequence[bool]) -> Term:
    return conjunction(a if v else lnot(a) for a, v in zip(atoms, values, strict=True))
