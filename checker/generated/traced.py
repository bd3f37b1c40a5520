"""A symbolic execution that keeps what a state does not show: the accesses to memory in their order, and the access that a fault is about.

Both are leaves of their own, so that they are merged and compared like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, Final

from pgcheck.checker.generated.integers import Number, chosen
from pgcheck.isa.terms import FALSE, TRUE, Term, apply, constant, land, lnot, variable
from pgcheck.isa.terms.ir import Block, If
from pgcheck.isa.terms.names import FREE, Name, Space
from pgcheck.models.symbolic import Execution, Path, State
from pgcheck.models.symbolic.path import merge

TRACE: Final = "$accesses"
ACCESS: Final = "$access"
WIDTH: Final = 64
Run = Callable[[], None]
Join = Callable[[Term, Any, Any], Path]
NO_ACCESS: Final = constant(WIDTH, 0)


def accessed(args: Sequence[Term]) -> Term:
    """An access of virtual memory, by the arguments of its translation."""
    return apply(WIDTH, Name(FREE, f"{ACCESS} of {len(args)}"), *args)


class Traced(Execution):
    """Runs lowered code, cuts and all, from a state with `TRACE` and `ACCESS`; what follows a return runs where there was none."""

    def block(self, block: Block) -> None:
        for position, statement in enumerate(block):
            if self.over:
                return
            if self.frame.running is not TRUE:
                return self.resumed(partial(self.block, block[position:]), merge)
            if not isinstance(statement, If):
                self.statement(statement)
                continue
            guard = self.value(statement.condition)
            if not guard.is_constant:
                sides = (partial(self.block, side) for side in (statement.then, statement.orelse))
                return self.either(guard, *sides, rest=partial(self.block, block[position + 1 :]), join=merge)
            self.block(statement.then if guard is TRUE else statement.orelse)

    @property
    def over(self) -> bool:
        """Nothing goes on here."""
        return self.frame.alive is FALSE or self.frame.running is FALSE

    def resumed(self, rest: Run, join: Join) -> None:
        """Run what follows a conditional return."""
        guard, before = self.frame.running, self.frame
        self.frame = before.copy()
        self.frame.running = TRUE
        self.path.append(guard)
        rest()
        self.path.pop()
        running = FALSE if self.frame.alive is FALSE else land(guard, self.frame.running)
        self.frame = join(guard, self.frame, before)
        self.frame.running = running

    def either(self, guard: Term, first: Run, second: Run, *, rest: Run, join: Join) -> None:
        """Run one of two sides, and the rest: on one side alone, before they are merged, where the other has returned."""
        before, counts = self.frame, dict(self.instances)
        ends: list[tuple[Path, dict[tuple[Space, str], int]]] = []
        sides = (guard, first), (lnot(guard), second)
        for condition, side in sides:
            self.frame, self.instances = before.copy(), dict(counts)
            self._on(condition, side)
            ends.append((self.frame, self.instances))
        returned = [f.alive is not FALSE and f.running is FALSE for f, _ in ends]
        alone = returned[0] is not returned[1] and all(f.alive is not FALSE for f, _ in ends)
        if alone:
            going = returned.index(False)
            self.frame, self.instances = ends[going]
            self._on(sides[going][0], rest)
            ends[going] = self.frame, self.instances
        (one, some), (other, more) = ends
        both = more | {n: max(c, more.get(n, 0)) for n, c in some.items()}
        self.instances = more if one.alive is FALSE else some if other.alive is FALSE else both
        self.frame = join(guard, one, other)
        if not alone:
            rest()

    def _on(self, condition: Term, side: Run) -> None:
        self.path.append(condition)
        side()
        self.path.pop()

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
