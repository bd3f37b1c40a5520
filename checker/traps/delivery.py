"""To whom a trap is delivered: the mode in which its delivery leaves the machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgcheck.checker.traps.ways import Cause
from pgcheck.isa.idl.types import Enum
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import FALSE, Term, constant, disjunction, eq, land, parameter, rewrite
from pgcheck.isa.terms.ir import BUILTIN_EXITS, HALT
from pgcheck.models.symbolic import FAULT, delivered, initial


def arrivals(machine: Machine, cause: Cause, mode: int, modes: Sequence[int]) -> Iterator[tuple[int | None, str, Term]]:
    """The modes that a trap from a mode is delivered to, and what an exit within its delivery becomes, each with the condition.

    What the handler's stack and entries are stored to is mapped.
    """
    leaf = machine.state.leaves[machine.modes.leaf]
    rule, members = machine.code.exits[cause.function], iter(cause.members)
    args = tuple(
        constant(t.width, t.members[next(members)]) if isinstance(t, Enum) else parameter(w, n)
        for (_, t), (n, w) in zip(rule.parameters, machine.code.functions[cause.function].parameters, strict=True)
    )
    run = delivered(machine, cause.function, args, {**initial(machine), leaf.name: constant(leaf.width, mode)})
    nested = disjunction(e.guard for e in run.exits if e.function not in BUILTIN_EXITS)
    builtin = {e.function: e.guard for e in run.exits if e.function in BUILTIN_EXITS}
    alive, to, nested, *others = rewrite(
        [run.frame.alive, run.frame.state[leaf.name], nested, *builtin.values()], _mapped
    )
    for value in modes:
        yield value, "", land(alive, eq(to, constant(leaf.width, value)))
    yield None, rule.nested or HALT, nested
    yield from ((None, name, term) for name, term in zip(builtin, others, strict=True))


def _mapped(term: Term, args: tuple[Term, ...]) -> Term | None:
    return FALSE if term.op == "uf" and term.name == FAULT else None
