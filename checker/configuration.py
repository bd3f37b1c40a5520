"""P5: ONE machine-wide configuration from the assignments that each row would be content with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from pgcheck.checker.hole import Configuration
from pgcheck.isa.machine import MIRROR

MAX_ASSIGNMENTS = 200_000
Item = tuple[str, object]


@dataclass(frozen=True, slots=True)
class Demand:
    """A row that a configuration must help: any one of `good` does. `exact` demands come before classical ones."""

    id: str
    good: tuple[Configuration, ...]
    exact: bool


def _items(configuration: Configuration) -> frozenset[Item]:
    tables = {(f"@{n}", MIRROR if f is None else tuple(sorted(f.items()))) for n, f in configuration.tables.items()}
    return frozenset({*configuration.leaves.items(), *tables})


def common(demands: Sequence[Demand]) -> Configuration:
    """The assignment that satisfies most exact demands, then most classical ones, then fixes least."""
    wanted = [(d, [_items(c) for c in _smallest(d.good)]) for d in demands if d.good]
    if not wanted:
        return Configuration()
    known: dict[Item, Configuration] = {}
    for d in demands:
        for c in d.good:
            for name, choice in c.leaves.items():
                known[name, choice] = Configuration({name: choice})
            for name, fields in c.tables.items():
                known[next(iter(_items(Configuration({}, {name: fields}))))] = Configuration({}, {name: fields})
    useful: dict[str, list[Item]] = {}
    for _, options in wanted:
        for item in sorted({i for o in options for i in o}, key=repr):
            if item not in useful.setdefault(item[0], []):
                useful[item[0]].append(item)
    best = max(_assignments(useful, wanted), key=lambda a: (*_score(a, wanted), -len(a)))
    result = Configuration()
    for item in sorted(_needed(best, wanted), key=repr):
        result = result | known[item]
    return result


def _smallest(good: Iterable[Configuration]) -> list[Configuration]:
    """The assignments of which no part would do."""
    kept: list[Configuration] = []
    for c in sorted(good, key=lambda c: len(c.leaves) + len(c.tables)):
        if not any(_items(k) <= _items(c) for k in kept):
            kept.append(c)
    return kept


Wanted = list[tuple[Demand, list[frozenset[Item]]]]


def _score(assignment: frozenset[Item], wanted: Wanted) -> tuple[int, int]:
    exact = sum(d.exact and any(o <= assignment for o in options) for d, options in wanted)
    classical = sum(not d.exact and any(o <= assignment for o in options) for d, options in wanted)
    return exact, classical


def _assignments(useful: Mapping[str, list[Item]], wanted: Wanted) -> Iterable[frozenset[Item]]:
    """All assignments when they are few; else one value after another, each the best so far."""
    count = 1
    for values in useful.values():
        count *= len(values) + 1
    if count <= MAX_ASSIGNMENTS:
        for chosen in product(*([None, *values] for values in useful.values())):
            yield frozenset(i for i in chosen if i is not None)
        return
    current: frozenset[Item] = frozenset(values[0] for values in useful.values())
    for name, values in useful.items():
        rest = frozenset(i for i in current if i[0] != name)
        current = max((rest | {v} for v in values), key=lambda a: _score(a, wanted))
    yield current


def _needed(best: frozenset[Item], wanted: Wanted) -> frozenset[Item]:
    """Without the items that no demand misses."""
    kept = best
    for item in sorted(best, key=repr):
        if _score(kept - {item}, wanted) >= _score(kept, wanted):
            kept = kept - {item}
    return kept
