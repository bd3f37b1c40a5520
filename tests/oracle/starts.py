"""Where runs start: the states that a specification allows, found by trying values and asking its own predicates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random

from pgcheck.isa.idl.state import ArrayLeaf, Leaf
from pgcheck.isa.machine.choices import MIRROR
from pgcheck.isa.machine.machine import Deployment, Machine
from pgcheck.isa.terms import Term
from pgcheck.models.reference.cycle import holds
from pgcheck.models.state import Cells, State, reset

ENUMERATED = 1 << 12


@dataclass(frozen=True, slots=True)
class Starts:
    """States, and whether they are all that there are."""

    states: tuple[State, ...]
    complete: bool


def holding_all(machine: Machine, terms: Sequence[Term], state: State) -> bool:
    return all(holds(machine, term, state) for term in terms)


def starts(machine: Machine, terms: Sequence[Term], limit: int, seed: int) -> Starts:
    """The states (memory apart) in which all of `terms` hold: all of them, or at most `limit` by chance."""
    leaves = [leaf for leaf in machine.state.leaves.values() if leaf.name != machine.state.memory]
    places = [(leaf, k) for leaf in leaves for k in (range(leaf.size) if isinstance(leaf, ArrayLeaf) else (None,))]
    bits = sum(leaf.element_width for leaf, _ in places)
    found: list[State] = []
    complete = 1 << min(bits, 64) <= ENUMERATED
    for state in _every(machine, places) if complete else _some(machine, places, 64 * limit, seed):
        if holding_all(machine, terms, state):
            found.append(state)
            if not complete and len(found) >= limit:
                break
    return Starts(tuple(found), complete)


Place = tuple[Leaf, "int | None"]


def _every(machine: Machine, places: Sequence[Place]) -> Iterator[State]:
    for values in product(*(range(1 << leaf.element_width) for leaf, _ in places)):
        yield _state(machine, places, values)


def _some(machine: Machine, places: Sequence[Place], tries: int, seed: int) -> Iterator[State]:
    """States by chance, every second one near that after reset: `legal` may leave few others."""
    random = Random(seed)
    normal = reset(machine)
    for number in range(tries):
        values = []
        for leaf, index in places:
            held = normal[leaf.name]
            kept = number % 2 and random.random() < 0.7
            value = (held[index or 0] if isinstance(held, Cells) else held) if kept else _value(random, leaf)
            values.append(value)
        yield _state(machine, places, values)


def _value(random: Random, leaf: Leaf) -> int:
    width = leaf.element_width
    if width <= 4 or random.random() < 0.5:
        return random.getrandbits(width)
    return (
        random.choice((0, 1, (1 << width) - 1, 1 << width - 1, random.getrandbits(3), random.getrandbits(6)))
        & (1 << width) - 1
    )


def _state(machine: Machine, places: Sequence[Place], values: Sequence[int]) -> State:
    state = reset(machine)
    for (leaf, index), value in zip(places, values, strict=True):
        held = state[leaf.name]
        if isinstance(held, Cells):
            if all(index != place for place, _ in getattr(leaf, "hardwired", ())):
                held[index or 0] = value
        else:
            state[leaf.name] = value
    return state


def filled(machine: Machine, given: Mapping[str, int | Mapping[int, int]]) -> State:
    """The state that is 0 but for what is given: arrays by index, with -1 for all others."""
    state: State = {}
    for name, leaf in machine.state.leaves.items():
        value = given.get(name, 0)
        if isinstance(leaf, ArrayLeaf):
            cells = {} if isinstance(value, int) else value
            state[name] = Cells(cells.get(-1, 0), {k: v for k, v in cells.items() if k >= 0})
        else:
            state[name] = value if isinstance(value, int) else 0
    return state


def virtual(machine: Machine, deployment: Deployment, limit: int, seed: int) -> Starts:
    """The states of a guest."""
    return starts(machine, (*machine.legal, deployment.guest), limit, seed)


def real(
    machine: Machine, deployment: Deployment, fixed: Mapping[str, int], limit: int, seed: int
) -> tuple[dict[str, int], ...]:
    """The control leaves of a processor on which a guest may run with some leaves fixed, a few by chance; none where nothing allows that."""
    terms = (*machine.legal, deployment.real)
    given = dict(machine.code.translation.given) if machine.code.translation is not None else {}
    if deployment.real_mode is not None:
        given[machine.modes.leaf] = deployment.real_mode
    given |= fixed
    control = {leaf.name for leaf in machine.state.control if leaf.name in machine.state.scalars}
    found: list[dict[str, int]] = []
    for state in [reset(machine), *starts(machine, (), 64 * limit, seed).states]:
        state |= given
        if holding_all(machine, terms, state):
            found.append({n: v for n, v in state.items() if n in control and isinstance(v, int)})
        if len(found) >= limit:
            break
    return tuple(found)


def configurations(machine: Machine) -> Iterator[tuple[dict[str, int], frozenset[str]]]:
    """Every way to fix or mirror leaves that a specification lets a monitor try: constants, and mirrored leaves."""
    leaves = [(c.leaf, (None, *c.values)) for c in machine.candidates]
    for values in product(*(values for _, values in leaves)):
        chosen = {leaf: v for (leaf, _), v in zip(leaves, values, strict=True) if v is not None}
        yield (
            {n: v for n, v in chosen.items() if isinstance(v, int)},
            frozenset(n for n, v in chosen.items() if v == MIRROR),
        )
