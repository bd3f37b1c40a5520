"""Which kinds an exit may have, and when."""

from __future__ import annotations

from pgcheck.isa.machine.machine import ExitRule, Machine
from pgcheck.isa.terms import FALSE, TRUE, Term, constant, eq, land, lnot, lor
from pgcheck.isa.terms.ir import HALT, TRANSLATE, UNMODELLED, UNPREDICTABLE


def kind_guards(rule: ExitRule, args: tuple[Term, ...]) -> dict[str, Term]:
    """For each kind the exit may have, the condition on its payload."""
    if rule.selector < 0:
        return {rule.kind: TRUE}
    selector = args[rule.selector]
    guards: dict[str, Term] = {}
    rest = TRUE
    for value, kind in rule.kinds:
        here = eq(selector, constant(selector.width, value))
        guards[kind] = lor(guards.get(kind, FALSE), here)
        rest = land(rest, lnot(here))
    guards[rule.kind] = lor(guards.get(rule.kind, FALSE), rest)
    return {kind: guard for kind, guard in guards.items() if guard is not FALSE}


def exit_kinds(machine: Machine, function: str, args: tuple[Term, ...]) -> dict[str, Term]:
    """The kinds of an exit by any function; a built-in one is of a kind of its own, and so is the fault of translation's oracle."""
    if function in (UNPREDICTABLE, UNMODELLED, HALT, TRANSLATE):
        return {function: TRUE}
    return kind_guards(machine.code.exits[function], args)
