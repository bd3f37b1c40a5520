"""A model run on the reference binding: a `sat` that is used as evidence must be what the machine itself does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgcheck.checker.questions.copies import Copy
from pgcheck.checker.questions.subject import Setting, Subject
from pgcheck.checker.solving.evidence import Contradiction
from pgcheck.checker.solving.model import Model
from pgcheck.isa.idl.state import Leaf, ScalarLeaf
from pgcheck.isa.idl.types import width_of
from pgcheck.isa.machine.machine import Machine
from pgcheck.isa.terms import Name, Term, lor, operand
from pgcheck.isa.terms.names import CHOICE, PROBE, READ, TABLE, Space, Tag
from pgcheck.models.reference.cycle import canonical, deliver, step
from pgcheck.models.state import Cells, Exit, State, Surroundings
from pgcheck.models.symbolic import ADDRESS, FAULT

COMPLETES = "completes"


@dataclass(frozen=True, slots=True)
class _Oracle:
    """The cuts as a model answers them for the machine itself."""

    machine: Machine
    model: Model

    def translate(self, args: tuple[int, ...]) -> tuple[bool, int] | None:
        assert self.machine.code.translation is not None
        (width,) = self.machine.code.functions[self.machine.code.translation.function].results
        return bool(self.model.function(FAULT, args, 0)), self.model.function(ADDRESS, args, width)

    def probe(self, name: str, args: tuple[int, ...]) -> int | None:
        return self.model.function(Name(PROBE, name), args, self.machine.code.functions[name].results[0])

    def table(self, name: str, args: tuple[int, ...]) -> int | None:
        return self.model.function(Name(TABLE, name), args, width_of(self.machine.code.tables[name].type))


def replay_model(setting: Setting, subject: Subject, copy: Copy, model: Model, tag: Tag) -> None:
    """Run the first copy of a model on the reference. Raises Contradiction when it does not end as the model says."""
    machine = setting.machine
    operands = {n: model.leaf(operand(b.width, n)) for n, b in subject.instruction.operands.items()}
    operands |= dict(subject.fixed)
    state = _state(machine, copy.pre, model)
    surroundings = _surroundings(machine, subject, model, tag)
    ended = step(machine, canonical(subject.instruction, operands), state, surroundings)
    while ended is not None and ended.function in setting.continued:
        ended = deliver(machine, ended, state, surroundings)
    said, seen = _said(copy, model), _seen(ended)
    if seen not in said:
        raise Contradiction(f"{subject.id}: the model says {', '.join(sorted(said))}, the reference says {seen}")


def _said(copy: Copy, model: Model) -> set[str]:
    """How the step ends under the model."""
    ends = {COMPLETES: copy.completes}
    for e in copy.exits:
        ends[e.function] = e.guard if e.function not in ends else lor(ends[e.function], e.guard)
    values = model.values(list(ends.values()))
    return {name for name, value in zip(ends, values, strict=True) if value}


def _seen(ended: Exit | None) -> str:
    return COMPLETES if ended is None else ended.function


def _state(machine: Machine, pre: Mapping[str, Term], model: Model) -> State:
    state: State = {}
    for name, leaf in machine.state.leaves.items():
        term = pre[name]
        if isinstance(leaf, ScalarLeaf):
            state[name] = model.values([term])[0]
        elif term.op == "karray":
            state[name] = Cells(term.value)
        else:
            state[name] = Cells(0, {i: v for (a, i), v in model.elements.items() if a == term.name})
    return state


def _surroundings(machine: Machine, subject: Subject, model: Model, tag: Tag) -> Surroundings:
    def asked(space: Space, text: str, instance: int) -> Name:
        name = Name(space, text, instance)
        return name.of(tag) if name in subject.private else name

    def undefined(site: str, instance: int, width: int) -> int:
        return model.variables.get(asked(CHOICE, site, instance), 0)

    def volatile(leaf: Leaf, instance: int, index: int | None) -> int:
        return model.variables.get(asked(READ, leaf.name, instance), 0)

    def changed(leaf: Leaf, instance: int) -> Cells | int:
        name = asked(READ, leaf.name, instance)
        if isinstance(leaf, ScalarLeaf):
            return model.variables.get(name, 0)
        return Cells(0, {i: v for (a, i), v in model.elements.items() if a == name})

    return Surroundings(undefined, volatile, changed, _Oracle(machine, model))
