"""A model run on the reference binding: a `sat` that is used as evidence must be what the machine itself does."""

from __future__ import annotations

from pgcheck.checker.questions.answers import Answers, state_under
from pgcheck.checker.questions.copies import Copy
from pgcheck.checker.questions.delegation import ran_on
from pgcheck.checker.questions.subject import Setting, Subject
from pgcheck.checker.solving.evidence import Contradiction
from pgcheck.checker.solving.model import Model
from pgcheck.isa.terms import lor, operand
from pgcheck.isa.terms.names import Tag
from pgcheck.models.reference.cycle import canonical, step
from pgcheck.models.state import Exit

COMPLETES = "completes"


def replay_model(setting: Setting, subject: Subject, copy: Copy, model: Model, tag: Tag) -> None:
    """Run the first copy of a model on the reference. Raises Contradiction when it does not end as the model says."""
    machine = setting.machine
    operands = {n: model.leaf(operand(b.width, n)) for n, b in subject.instruction.operands.items()}
    operands |= dict(subject.fixed)
    state = state_under(machine, copy.pre, model)
    surroundings = Answers(machine, model, tag).surroundings
    ended = step(machine, canonical(subject.instruction, operands), state, surroundings)
    ended = ran_on(machine, setting.continued, ended, state, surroundings)
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
