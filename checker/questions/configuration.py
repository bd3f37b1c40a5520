"""ONE machine-wide configuration from the assignments that each row would be content with, and which a monitor can really make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from pgcheck.checker.questions.hole import Related, related, virtual_modes
from pgcheck.checker.questions.subject import Setting
from pgcheck.checker.questions.translated import leading
from pgcheck.checker.solving.evidence import Evidence, Undecided
from pgcheck.checker.solving.pinning import pinned
from pgcheck.checker.values import Configuration
from pgcheck.isa.machine.choices import MIRROR
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import (
    FALSE,
    TRUE,
    Term,
    conjunction,
    eq,
    land,
    lnot,
    substitute,
    walk,
)
from pgcheck.isa.terms.names import REAL, STATE, VIRTUAL, Tag

MAX_ASSIGNMENTS = 200_000
ROUNDS = 16


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is fixed: a leaf, or a table's response, as `choice` says."""

    name: str
    choice: object
    table: bool = False

    @property
    def place(self) -> tuple[bool, str]:
        """What is fixed, tables first."""
        return not self.table, self.name

    def __lt__(self, other: Item) -> bool:
        return (self.place, repr(self.choice)) < (other.place, repr(other.choice))


@dataclass(frozen=True, slots=True)
class Demand:
    """A row that a configuration must help: any one of `good` does. `exact` demands come before classical ones."""

    id: str
    good: tuple[Configuration, ...]
    exact: bool


def _items(configuration: Configuration) -> frozenset[Item]:
    leaves = (Item(n, v) for n, v in configuration.leaves.items())
    tables = (
        Item(n, MIRROR if f is None else tuple(sorted(f.items())), table=True) for n, f in configuration.tables.items()
    )
    return frozenset((*leaves, *tables))


def common(demands: Sequence[Demand], vetoed: Sequence[Configuration] = ()) -> Configuration:
    """The assignment that satisfies most exact demands, then most classical ones, then fixes least; it includes nothing vetoed."""
    wanted = [(d, [_items(c) for c in _smallest(d.good)]) for d in demands if d.good]
    if not wanted:
        return Configuration()
    known: dict[Item, Configuration] = {}
    for d in demands:
        for c in d.good:
            for name, choice in c.leaves.items():
                known[Item(name, choice)] = Configuration({name: choice})
            for name, fields in c.tables.items():
                known[next(iter(_items(Configuration({}, {name: fields}))))] = Configuration({}, {name: fields})
    found = _assignments(_useful(wanted), wanted, [_items(c) for c in vetoed])
    best = max(found, key=lambda a: (*_score(a, wanted), -len(a)))
    result = Configuration()
    for item in sorted(_needed(best, wanted)):
        result = result | known[item]
    return result


def exhaustive(demands: Sequence[Demand]) -> bool:
    """Whether `common` tries every assignment, so that a demand it leaves out is one that no better assignment meets besides."""
    useful = _useful([(d, [_items(c) for c in _smallest(d.good)]) for d in demands if d.good])
    return _count(useful) <= MAX_ASSIGNMENTS


def _smallest(good: Iterable[Configuration]) -> list[Configuration]:
    """The assignments of which no part would do."""
    kept: list[Configuration] = []
    for c in sorted(good, key=lambda c: len(c.leaves) + len(c.tables)):
        if not any(_items(k) <= _items(c) for k in kept):
            kept.append(c)
    return kept


Place = tuple[bool, str]
Wanted = list[tuple[Demand, list[frozenset[Item]]]]


def _useful(wanted: Wanted) -> dict[Place, list[Item]]:
    """By what they fix, the choices that some demand mentions."""
    useful: dict[Place, list[Item]] = {}
    for _, options in wanted:
        for item in sorted({i for o in options for i in o}):
            if item not in useful.setdefault(item.place, []):
                useful[item.place].append(item)
    return useful


def _count(useful: Mapping[Place, list[Item]]) -> int:
    count = 1
    for values in useful.values():
        count *= len(values) + 1
    return count


def _score(assignment: frozenset[Item], wanted: Wanted) -> tuple[int, int]:
    exact = sum(d.exact and any(o <= assignment for o in options) for d, options in wanted)
    classical = sum(not d.exact and any(o <= assignment for o in options) for d, options in wanted)
    return exact, classical


def _assignments(
    useful: Mapping[Place, list[Item]], wanted: Wanted, vetoed: Sequence[frozenset[Item]]
) -> Iterable[frozenset[Item]]:
    """All assignments when they are few; else one value after another, each the best so far. The empty one is always among them."""

    def allowed(assignment: frozenset[Item]) -> bool:
        return not any(v <= assignment for v in vetoed)

    if _count(useful) <= MAX_ASSIGNMENTS:
        for chosen in product(*([None, *values] for values in useful.values())):
            assignment = frozenset(i for i in chosen if i is not None)
            if not assignment or allowed(assignment):
                yield assignment
        return
    current: frozenset[Item] = frozenset(values[0] for values in useful.values())
    if not allowed(current):
        current = frozenset()
    for place, values in useful.items():
        rest = frozenset(i for i in current if i.place != place)
        current = max(
            [current, *(a for a in (rest | {v} for v in values) if allowed(a))], key=lambda a: _score(a, wanted)
        )
    yield current


def _needed(best: frozenset[Item], wanted: Wanted) -> frozenset[Item]:
    """Without the items that no demand misses."""
    kept = best
    for item in sorted(best):
        if _score(kept - {item}, wanted) >= _score(kept, wanted):
            kept = kept - {item}
    return kept


# ---- what a monitor can make


def admissible(setting: Setting, configuration: Configuration, evidence: Evidence) -> bool:
    """Whether a configuration excludes nothing that `legal` and `real` allow without it; else its proofs would be about fewer states, or none.

    Every virtual state has a real one that is related to it, in which translation is set up as `realise` says and stays the
    monitor's, and every user start mode has a legal state. Raises Undecided.
    """
    return (
        _leaves_mapping(setting.machine, configuration)
        and _every_user_mode(setting, configuration, evidence)
        and _every_virtual_state(setting, configuration, evidence)
    )


def _leaves_mapping(machine: Machine, configuration: Configuration) -> bool:
    """What the monitor translates with is neither mirrored nor fixed to another value than is given."""
    given = {} if machine.code.translation is None else machine.code.translation.given
    chosen = {n: v for n, v in configuration.leaves.items() if n in leading(machine)}
    return all(given.get(n) == v for n, v in chosen.items())


def _every_user_mode(setting: Setting, configuration: Configuration, evidence: Evidence) -> bool:
    """The user modes in which classical steps start have a legal state with the constants, if they have one at all."""
    machine, label = setting.machine, f"{setting.deployment.name}:start"
    mode = machine.state.leaves[machine.modes.leaf].term
    constants = {
        machine.state.leaves[n].term: machine.state.leaves[n].holding(v) for n, v in configuration.constants.items()
    }
    for value in setting.deployment.modes.user.values:
        free = conjunction(substitute(setting.legal, {mode: setting.mode(value)}))
        fixed = conjunction(substitute(setting.legal, {**constants, mode: setting.mode(value)}))
        if fixed is not free and evidence.possible([free], label) and not evidence.possible([fixed], label):
            return False
    return True


def _every_virtual_state(setting: Setting, configuration: Configuration, evidence: Evidence) -> bool:
    modes = setting.deployment.modes
    for mode_class in (modes.supervisor, modes.user):
        for mode in virtual_modes(setting, mode_class):
            states = related(setting, mode_class, mode, configuration)
            of_real = confining(setting.machine, states)
            if not _represented(states.of_virtual, of_real, evidence, f"{setting.deployment.name}:real state@{mode}"):
                return False
    return True


def confining(machine: Machine, states: Related) -> Term:
    """The real state is one in which translation is set up as `realise` says: what is given of control state."""
    translation, leaves = machine.code.translation, machine.state.leaves
    given = {} if translation is None else translation.given
    held = {states.real[n]: leaves[n].holding(v) for n, v in given.items() if leaves[n].control}
    scalars = conjunction(eq(real, value) for real, value in held.items() if real.shape is None)
    return land(*substitute([states.of_real, scalars], {r: v for r, v in held.items() if r.shape is not None}))


def _represented(of_virtual: Term, of_real: Term, evidence: Evidence, label: str) -> bool:
    """For every virtual state there is a real one, by expansion over real states that will do for many."""
    if of_real is TRUE or of_virtual is FALSE:
        return True
    if not any(_is_leaf(t, VIRTUAL) for t in walk([of_real])):
        return evidence.possible([of_real], label) or not evidence.possible([of_virtual], label)
    covered: list[Term] = []
    for _ in range(ROUNDS):
        virtual = evidence.model([of_virtual, *map(lnot, covered)], label)
        if virtual is None:
            return True
        real = evidence.model(pinned([of_real], virtual, lambda t: _is_leaf(t, VIRTUAL)), label)
        if real is None:
            return False
        covered += pinned([of_real], real, lambda t: _is_leaf(t, REAL))
    raise Undecided(label, "whether every virtual state has a real one is open")


def _is_leaf(term: Term, copy: Tag) -> bool:
    name = term.free
    return name is not None and (name.space, name.copy) == (STATE, copy)
