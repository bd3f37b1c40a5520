"""Where a symbolic execution is: what changes along a path, and how two paths become one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgcheck.isa.terms import FALSE, TRUE, Term, ite

NEXT_PC = "$next"
State = dict[str, Term]


@dataclass(slots=True)
class Path:
    """What changes along a path: state, locals, whether it is alive, whether the current function still runs, its results."""

    state: State
    locals: dict[str, Term]
    alive: Term = TRUE
    running: Term = TRUE
    results: tuple[Term, ...] | None = None

    def copy(self) -> Path:
        return Path(dict(self.state), dict(self.locals), self.alive, self.running, self.results)


def merge(guard: Term, a: Path, b: Path) -> Path:
    """The path that is `a` where `guard` holds and `b` elsewhere; a dead side contributes nothing."""
    alive = ite(guard, a.alive, b.alive)
    if a.alive is FALSE or b.alive is FALSE:
        live = b if a.alive is FALSE else a
        return Path(live.state, live.locals, alive, live.running, live.results)
    running = ite(guard, a.running, b.running)
    results = a.results
    if a.results is None or a.running is TRUE:
        results = b.results if b.results is not None else a.results
    elif b.results is not None and b.running is not TRUE:
        results = tuple(ite(guard, x, y) for x, y in zip(a.results, b.results, strict=True))
    return Path(_merged(guard, a.state, b.state), _merged(guard, a.locals, b.locals), alive, running, results)


def _merged(guard: Term, a: Mapping[str, Term], b: Mapping[str, Term]) -> dict[str, Term]:
    merged = dict(b)
    for name, value in a.items():
        other = b.get(name)
        merged[name] = value if other is None or other is value else ite(guard, value, other)
    return merged
