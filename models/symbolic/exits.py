"""Which kinds an exit may have, and when."""

from __future__ import annotations

from collections.abc import Mapping

from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.machine.once import once
from pgcheck.isa.terms import FALSE, TRUE, Term, constant, eq, land, lnot, lor
from pgcheck.isa.terms.ir import HALT, TRANSLATE, UNMODELLED, UNPREDICTABLE


def exit_kinds(machine: Machine, function: str, args: tuple[Term, ...]) -> Mapping[str, Term]:
    """For each kind that an exit by a function may have, the condition on its payload.

    A built-in exit is of a kind of its own, and so is the fault of translation's oracle.
    """
    if function in (UNPREDICTABLE, UNMODELLED, HALT, TRANSLATE):
        return {function: TRUE}
    selector = machine.code.exits[function].selector
    return {machine.code.exits[function].kind: TRUE} if selector < 0 else _kinds(machine, function, args[selector])


@once
def _kinds(machine: Machine, function: str, selector: Term) -> Mapping[str, Term]:
    rule = machine.code.exits[function]
    guards: dict[str, Term] = {}
    rest = TRUE
    for value, kind in rule.kinds:
        here = eq(selector, constant(selector.width, value))
        guards[kind] = lor(guards.get(kind, FALSE), here)
        rest = land(rest, lnot(here))
    guards[rule.kind] = lor(guards.get(rule.kind, FALSE), rest)
    return {kind: guard for kind, guard in guards.items() if guard is not FALSE}
