"""Traps that do not enter the monitor: their deliveries are part of the step that takes them (PDP-10 LUUO, delegated traps)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TypeVar

from pgcheck.checker.values import Payload
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import FALSE, Term, conjunction, constant, disjunction, eq, ite, land, lnot, lor
from pgcheck.isa.terms.ir import BUILTIN_EXITS, HALT, TRANSLATE
from pgcheck.models.reference.cycle import deliver, firmware
from pgcheck.models.state import Exit as Ended
from pgcheck.models.state import State, Surroundings
from pgcheck.models.symbolic import Exit, Transition, delivered, served

Value = TypeVar("Value")


def condition(machine: Machine, payloads: Iterable[Payload], function: str, args: tuple[Term, ...]) -> Term:
    """The condition on which a trap is one of `payloads`."""
    found = []
    for payload in payloads:
        if payload.function == function:
            given, values = _named(machine, function, args), dict(payload.values)
            found.append(conjunction(eq(given[n], constant(given[n].width, v)) for n, v in values.items()))
    return disjunction(found)


def run_on(machine: Machine, payloads: Collection[Payload], step: Transition) -> Transition:
    """The step in which the traps among `payloads` run on through their deliveries, what is nested in these, and firmware."""
    exits: list[Exit] = []
    completes, post = step.completes, dict(step.post)
    pending = [(e, 1) for e in step.exits]
    while pending:
        e, link = pending.pop(0)
        outside = condition(machine, payloads, e.function, e.args)
        enters, goes_on = land(e.guard, lnot(outside)), land(e.guard, outside)
        if enters is not FALSE:
            exits.append(Exit(enters, e.function, e.args, e.note, e.state))
        if goes_on is FALSE:
            continue
        run = delivered(machine, e.function, e.args, e.state, link=link)
        nested = len(run.exits)
        served(machine, run)
        completes = lor(completes, land(goes_on, run.frame.alive))
        post = {k: ite(goes_on, v, post[k]) for k, v in run.frame.state.items()}
        exits += [replace(x, guard=land(goes_on, x.guard)) for x in run.exits[nested:]]
        for x in run.exits[:nested]:
            function, args = _nested(machine, e.function, x.function, x.args)
            pending.append((Exit(land(goes_on, x.guard), function, args, x.note, x.state), link + 1))
    return Transition(completes, post, tuple(exits))


def ran_on(
    machine: Machine,
    payloads: Collection[Payload],
    ended: Ended | None,
    state: State,
    surroundings: Surroundings,
) -> Ended | None:
    """The end of a step on integers, with the traps among `payloads` delivered in place; None when it then completed."""
    link = 0
    while ended is not None and any(_is(machine, p, ended) for p in payloads):
        link += 1
        outer, ended = ended, deliver(machine, ended, state, surroundings, link)
        if ended is not None:
            ended = Ended(*_nested(machine, outer.function, ended.function, ended.args), ended.note)
        else:
            return firmware(machine, state, surroundings)
    return ended


def _is(machine: Machine, payload: Payload, ended: Ended) -> bool:
    if payload.function != ended.function:
        return False
    given = _named(machine, ended.function, ended.args)
    return all(given[n] == v for n, v in payload.values)


def _named(machine: Machine, function: str, args: tuple[Value, ...]) -> dict[str, Value]:
    return dict(zip((n for n, _ in machine.code.functions[function].parameters), args, strict=True))


def _nested(machine: Machine, outer: str, inner: str, args: tuple[Value, ...]) -> tuple[str, tuple[Value, ...]]:
    """What an exit within a delivery is: the one declared as nested; where none is, a miss is still the monitor's, and the machine stops else."""
    if inner in BUILTIN_EXITS:
        return inner, args
    nested = machine.code.exits[outer].nested
    return (nested, ()) if nested else (inner, args) if inner == TRANSLATE else (HALT, ())
