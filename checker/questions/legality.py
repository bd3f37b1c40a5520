"""Whether a machine stays in its legal states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Term, conjunction, disjunction, land, lnot, on_leaves
from pgcheck.isa.terms.ir import BUILTIN_EXITS
from pgcheck.models.symbolic import Exit, predicate


def legal(machine: Machine) -> tuple[Term, ...]:
    """The conjuncts of `legal`, over the state."""
    return tuple(predicate(machine, t) for t in machine.legal)


def leaves_legal(machine: Machine, alive: Term, state: Mapping[str, Term], exits: Sequence[Exit]) -> Term:
    """The run ends in a state that is not legal: in `state` where it is `alive`, or in one of `exits` that is delivered.

    `legal` of the state before, where it is the same term afterwards, is taken to hold.
    """
    before = conjunction(legal(machine))
    ends = [(alive, state), *((e.guard, e.state) for e in exits if e.function not in BUILTIN_EXITS)]
    after = ((g, conjunction(on_leaves(legal(machine), s))) for g, s in ends)
    return disjunction(land(guard, lnot(kept)) for guard, kept in after if kept is not before)
