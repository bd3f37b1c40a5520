"""A symbolic execution that keeps what a state does not show: the accesses to memory in their order, and the access that a fault is about.

Both are leaves of their own, so that they are merged and compared like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Final

from pgcheck.checker.generated.integers import Number, chosen
from pgcheck.isa.terms import FALSE, Term, apply, constant, variable
from pgcheck.isa.terms.names import FREE, Name
from pgcheck.models.symbolic import Execution, Path, State
from pgcheck.models.symbolic.path import merge

TRACE: Final = "$accesses"
ACCESS: Final = "$access"
WIDTH: Final = 64
NO_ACCESS: Final = constant(WIDTH, 0)


def accessed(args: Sequence[Term]) -> Term:
    """An access of virtual memory, by the arguments of its translation."""
    return apply(WIDTH, Name(FREE, f"{ACCESS} of {len(args)}"), *args)


class Traced(Execution):
    """Runs lowered code, cuts and all, from a state with `TRACE` and `ACCESS`."""

    def accessed(self, address: Term, units: int, *, write: bool) -> None:
        state = self.frame.state
        how = constant(WIDTH, 2 * units + write)
        state[TRACE] = apply(WIDTH, Name(FREE, f"{TRACE} at {address.width}"), state[TRACE], how, address)

    def call(self, name: str, args: tuple[Term, ...]) -> tuple[Term, ...]:
        translation = self.machine.code.translation
        if translation is None or name != translation.function:
            return super().call(name, args)
        self.frame.state[ACCESS] = accessed(args)
        results = super().call(name, args)
        self.frame.state[ACCESS] = NO_ACCESS
        return results


def starting(state: State) -> State:
    """A state before any access."""
    return {**state, TRACE: variable(WIDTH, Name(FREE, TRACE)), ACCESS: NO_ACCESS}


@dataclass(slots=True)
class Flow(Path):
    """A path through Python: its variables are numbers."""

    numbers: dict[str, Number] = field(default_factory=dict)

    def copy(self) -> Flow:
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        return Flow(**parts | {"state": dict(self.state), "numbers": dict(self.numbers)})


def met(guard: Term, a: Flow, b: Flow) -> Flow:
    """The flow that is `a` where `guard` holds and `b` elsewhere; a variable that only one has is unbound, if the other goes on."""
    path = merge(guard, a, b)
    going = [side for side in (a, b) if side.alive is not FALSE and side.running is not FALSE]
    if len(going) == 1:
        numbers = going[0].numbers
    else:
        numbers = {n: chosen(guard, v, b.numbers[n]) for n, v in a.numbers.items() if n in b.numbers}
    return Flow(path.state, {}, path.alive, path.running, path.results, numbers)
