"""The specification's own functions, run from every state: what they ask for, give, set and access."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

from pgcheck.isa.machine.machine import Machine
from pgcheck.models.reference import cycle
from pgcheck.models.state import Exit
from tests.oracle.classical import ends
from tests.oracle.runs import Answer, Key, Script, explore
from tests.oracle.steps import Copy, Outcome, lawful

ACCESSES = 3
Known: TypeAlias = Mapping[Key, Answer]


@dataclass(frozen=True, slots=True)
class Called:
    """How a function's body ended: what it gave or its exit, what it set, and where it accessed memory."""

    args: tuple[int, ...]
    known: Known
    given: tuple[int, ...] | Exit
    outcome: Outcome

    @property
    def answers(self) -> bool:
        return not isinstance(self.given, Exit)

    def changed(self) -> set[str]:
        """The leaves that hold something else afterwards, from some state."""
        return {n for n, v in self.outcome.leaves.items() if _before(self.known, n) != v}


def _before(known: Known, name: str) -> Answer:
    return known.get(("general", name), known.get(("first", name)))


def called(machine: Machine, name: str) -> Sequence[Called]:
    """Every run of a function by its own body."""
    found: Sequence[Called] | None = machine.kept.get((called, name))
    if found is None:
        found = [c for args in product(*_values(machine, name)) for c in _called(machine, name, args)]
        machine.kept[called, name] = found
    return found


def _values(machine: Machine, name: str) -> Iterator[Sequence[int]]:
    """The values of each parameter; of the kind of access and the mode to be translated under those that there are."""
    found = machine.code.translation
    assert found is not None
    cut = name in (found.function, *found.probes)
    for place, (_, width) in enumerate(machine.code.functions[name].parameters):
        lawfully = {found.access: range(ACCESSES), found.mode: lawful(machine)[machine.modes.leaf]} if cut else {}
        yield lawfully.get(place, range(1 << width))


def _called(machine: Machine, name: str, args: tuple[int, ...]) -> Iterator[Called]:
    def run(script: Script) -> tuple[tuple[int, ...] | Exit, Outcome]:
        copy = Copy(machine, script, "first", "choice", None)
        given = cycle.call(machine, name, args, copy.state, copy.surroundings())
        return given, copy.ended(None)

    for known, ended in ends(explore(run)):
        assert isinstance(ended, tuple)
        yield Called(args, known, *ended)


def translation(machine: Machine) -> Sequence[Called]:
    """Every translation by its own body, in every mode."""
    found = machine.code.translation
    assert found is not None
    return called(machine, found.function)
