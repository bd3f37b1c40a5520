"""The states of a machine under a deployment: legal ones, those of guests, those of the real machine, and which are related."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product

from pgcheck.isa.machine.choices import MIRROR, Choice, Fields
from pgcheck.isa.machine.machine import Deployment, Machine
from pgcheck.isa.terms import Term
from pgcheck.models.reference import cycle
from pgcheck.models.state import Cells, State
from tests.oracle.steps import scalars

Values = Mapping[str, "int | Cells"]


@dataclass(frozen=True, slots=True)
class Fixed:
    """What a monitor fixes for the whole machine: leaves to constants or mirrored, and of each table the number of one response."""

    leaves: Mapping[str, Choice] = field(default_factory=dict)
    tables: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        return ", ".join(f"{n} = {v}" for n, v in [*self.leaves.items(), *self.tables.items()])


def every(machine: Machine) -> Iterator[Fixed]:
    """Every configuration that the specification offers, that of nothing first."""
    leaves: dict[str, list[Choice | None]] = defaultdict(lambda: [None])
    for candidate in machine.candidates:
        leaves[candidate.leaf] += candidate.values
    tables = [(name, range(len(table.respond))) for name, table in machine.code.tables.items()]
    for chosen in product(*leaves.values()):
        fixed: dict[str, Choice] = {n: c for n, c in zip(leaves, chosen, strict=True) if c is not None}
        for responses in product(*(numbers for _, numbers in tables)):
            yield Fixed(fixed, dict(zip((n for n, _ in tables), responses, strict=True)))


def responses(machine: Machine, fixed: Mapping[str, Fields | None]) -> Mapping[str, int]:
    """The numbers of responses of tables."""
    return {name: machine.code.tables[name].respond.index(r) for name, r in fixed.items()}


class Space:
    """All states of a machine under one deployment, memory left out."""

    def __init__(self, machine: Machine, deployment: Deployment) -> None:
        self.machine, self.deployment = machine, deployment
        self.states = tuple(scalars(machine))
        self.bit = {tuple(s.values()): 1 << place for place, s in enumerate(self.states)}
        self.holding: dict[tuple[object, object], int] = {}
        for place, state in enumerate(self.states):
            for item in state.items():
                self.holding[item] = self.holding.get(item, 0) | 1 << place
        self.legal = tuple(s for s in self.states if self.lawful(s))
        self.guests = tuple(s for s in self.legal if self.true(deployment.guest, s))
        self.user = self.of(self.guests, deployment.modes.user.when)
        self.supervisor = self.of(self.guests, deployment.modes.supervisor.when)
        modes = deployment.modes
        mode = deployment.real_mode
        self.modes = {*modes.supervisor.values, *modes.user.values} if mode is None else {mode}
        self.allowed = {tuple(s.values()) for s in self.states if self.true(deployment.real, s)}
        held = (s for s in self.legal if tuple(s.values()) in self.allowed)
        self.real = tuple(s for s in held if s[machine.modes.leaf] in self.modes)
        self.decides = frozenset(n for n in machine.state.scalars if self.matters(n))
        self.general = tuple(n for n, leaf in machine.state.scalars.items() if not leaf.control)
        self.control = tuple(n for n, leaf in machine.state.scalars.items() if leaf.control)

    def true(self, predicate: Term, state: Values) -> bool:
        return cycle.holds(self.machine, predicate, dict(state))

    def lawful(self, state: Values) -> bool:
        return all(self.true(clause, state) for clause in self.machine.legal)

    def set_of(self, states: Iterable[State]) -> int:
        """States as a set: bit n stands for the n-th of all."""
        found = 0
        for state in states:
            found |= self.bit[tuple(state.values())]
        return found

    def agreeing(self, known: Iterable[tuple[tuple[object, ...], object]], control: str) -> int:
        """The set of states with the values of leaves that are known of one copy."""
        found = -1
        for key, value in known:
            if key[0] == "general" or key[0] == control:
                found &= self.holding[key[1], value]
        return found

    def members(self, states: int) -> Iterator[State]:
        """The states of a set."""
        while states:
            low = states & -states
            yield self.states[low.bit_length() - 1]
            states ^= low

    def matters(self, name: str) -> bool:
        """Whether `real` depends on a leaf."""
        order = list(self.machine.state.scalars)
        place, values = order.index(name), range(1 << self.machine.state.scalars[name].width)
        return any((*s[:place], v, *s[place + 1 :]) not in self.allowed for s in self.allowed for v in values)

    def of(self, states: Iterable[State], predicate: Term) -> tuple[State, ...]:
        return tuple(s for s in states if self.true(predicate, s))


class Relation:
    """Which real states a virtual state is related to, under what a monitor fixes."""

    def __init__(self, space: Space, fixed: Fixed) -> None:
        self.space, self.fixed = space, fixed
        mirrored = {n for n, c in fixed.leaves.items() if c == MIRROR}
        mirrored |= {space.machine.modes.leaf} if space.deployment.real_mode is None else set()
        self.mirrored = tuple(n for n in space.control if n in mirrored | space.deployment.mirror)
        self.constants = {n: c for n, c in fixed.leaves.items() if isinstance(c, int)}
        self.shared = (*space.general, *self.mirrored)
        self.own = tuple(n for n in space.control if n not in self.mirrored)
        self.groups: dict[tuple[object, ...], list[State]] = defaultdict(list)
        for state in space.real:
            if all(state[n] == value for n, value in self.constants.items()):
                self.groups[self.key(state)].append(state)

    def key(self, state: State) -> tuple[object, ...]:
        return tuple([state[n] for n in self.shared])

    def related(self, state: State) -> list[State]:
        """The real states of a virtual one."""
        return self.groups.get(self.key(state), [])

    def reached(self) -> list[State]:
        """The real states that some virtual one is related to."""
        keys = {self.key(s) for s in self.space.guests}
        return [s for k, states in self.groups.items() if k in keys for s in states]
