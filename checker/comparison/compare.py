"""Whether two specifications are the same machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pgcheck.checker.check import solver_for
from pgcheck.checker.comparison.around import acts, alike, facts, lacking
from pgcheck.checker.comparison.judge import judged
from pgcheck.checker.comparison.pairs import Pair, rows
from pgcheck.checker.comparison.result import Comparison, Part
from pgcheck.checker.comparison.sides import Sides
from pgcheck.checker.options import Options
from pgcheck.checker.solving.evidence import Evidence
from pgcheck.checker.solving.pool import Pool
from pgcheck.checker.solving.solver import Solver
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.meaning import meanings

Told = Callable[[int, Part], None]


def compare(
    first: Machine,
    second: Machine,
    options: Options,
    on_part: Told = lambda total, part: None,
    *,
    only: Sequence[str] = (),
) -> Comparison:
    """Every part of two machines compared; of instructions `only` these, by id, if any are named.

    Two machines are the same if all is equal: they start alike, and from states that both call legal they do alike. That each stays in its legal
    states is what a check proves, and is assumed. Raises Undecided, Contradiction; KeyboardInterrupt passes after the workers have ended.
    """
    sides, said = Sides((first, second)), (meanings(first), meanings(second))
    cut_alike = alike(first, second)
    with Pool(lambda: solver_for(options), options.jobs) as pool:
        pairs = list(acts(sides)) if cut_alike and not only else []
        if cut_alike:
            pairs += rows((first, second), said, only, Evidence(pool.solver, options.second))
        found = [] if only and cut_alike else [*facts(sides), *lacking(sides)]

        def one(pair: Pair, solver: Solver) -> Part:
            return judged(sides, pair, Evidence(solver, options.second))

        plain = [p for p in pairs if p.same]
        for pair in plain:
            found.append(one(pair, pool.solver))
        for _, part in pool.each(one, [p for p in pairs if not p.same]):
            found.append(part)
            on_part(len(pairs) - len(plain), part)
    return Comparison(*_names(first, second), tuple(found), _assumed(found), tuple(only))


def _names(first: Machine, second: Machine) -> tuple[str, str]:
    """What the two are called: by their files where their names do not tell them apart."""
    names = first.identity.name, second.identity.name
    return names if names[0] != names[1] else (first.identity.path, second.identity.path)


def _assumed(found: Sequence[Part]) -> tuple[str, ...]:
    return ("each machine stays in the states that it calls legal",) if any(p.how == "solver" for p in found) else ()
